// Visits pages with a browser that has kept nothing. Arguments: the server's origin, a token, how many visits of each page. Prints one
// line of JSON: for each page the visits, with milliseconds from the start of the navigation, requests, and bytes as they came.
import { launch } from '../../tests/web/packages.mjs';

const [origin, token, visits] = process.argv.slice(2);
const PAGES = {
  'a few words': { path: '/livez', isThere: () => document.body?.textContent.length > 0 },
  console: { path: `/#token=${token}`, isThere: () => document.querySelector('article') !== null },
};
const browser = await launch();

async function visit({ path, isThere }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  let requests = 0;
  page.on('request', () => {
    requests += 1;
  });
  // Looked at whenever a frame is drawn, so that what counts is what a person could have seen.
  await page.addInitScript(`
    const look = () => (${isThere})() ? (globalThis.seenAt = performance.now()) : requestAnimationFrame(look);
    requestAnimationFrame(look);
  `);
  await page.goto(origin + path);
  const ms = await (await page.waitForFunction(() => globalThis.seenAt)).jsonValue();
  const bytes = await page.evaluate(() =>
    ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type)).reduce((sum, entry) => sum + entry.transferSize, 0),
  );
  await context.close();
  return { ms, requests, bytes };
}

const found = {};
for (let round = 0; round <= Number(visits); round += 1) {
  for (const [name, page] of Object.entries(PAGES)) {
    const visited = await visit(page);
    if (round > 0) (found[name] ??= []).push(visited); // the first of a browser that has just started does not count
  }
}
await browser.close();
console.log(JSON.stringify(found));
