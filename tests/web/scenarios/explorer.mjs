// GraphiQL: the shelf, subscriptions, and what it keeps.
import { axe } from '../packages.mjs';

async function opened(site, credential) {
  const page = await site.open('/explorer');
  const note = await page.locator('.shelf [role="status"]').textContent();
  await page.evaluate((token) => sessionStorage.setItem('trailcast.session', JSON.stringify({ credential: token })), credential);
  await page.reload();
  await page.locator('.graphiql-response').waitFor();
  await page.locator('.graphiql-editor .view-lines').first().waitFor();
  return { page, note };
}

const answer = (page) => page.evaluate(() => globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.includes('response')).getValue());

async function answered(page, pattern) {
  await page.waitForFunction(
    (text) => new RegExp(text).test(globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.includes('response')).getValue()),
    pattern,
  );
  return answer(page);
}

/** Each question of the shelf, run as it is: the title and the answer. */
export async function shelf(site, { credential, headers }) {
  const { page, note } = await opened(site, credential);
  const questions = page.locator('.shelf button');
  const titles = await page.locator('.shelf strong').allTextContents();
  const answers = {};
  for (const [place, title] of titles.entries()) {
    await questions.nth(place).click();
    await page.waitForFunction((count) => document.querySelectorAll('.graphiql-tab').length === count, place + 2);
    await page.waitForFunction(() => globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.includes('variables')).getValue().startsWith('{'));
    await page.getByRole('button', { name: /Execute query/ }).click();
    answers[title] = await answered(page, '"data"|"errors"');
    const stop = page.getByRole('button', { name: /Stop query/ });
    if (await stop.isVisible()) await stop.click();
  }
  // The explorer shows the query of each tab, and understands it: what it does not, it says in the console.
  await page.getByRole('button', { name: /GraphiQL Explorer/ }).click();
  for (const place of titles.keys()) {
    await page.locator('.graphiql-tab').nth(place).locator('button').first().click();
    await page.locator('.graphiql-explorer-root').first().waitFor();
  }
  const stored = await page.evaluate(() => ({ local: JSON.stringify(localStorage), plugins: [...document.querySelectorAll('.graphiql-sidebar button')].map((one) => one.getAttribute('aria-label')) }));
  // A subscription with these headers: they are what its socket begins with.
  const setHeaders = (text) =>
    page.evaluate((value) => globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.includes('headers')).setValue(value), text);
  await setHeaders(JSON.stringify(headers));
  await page.getByRole('button', { name: /Audit questions/ }).first().click();
  await questions.last().click();
  await page.waitForFunction((count) => document.querySelectorAll('.graphiql-tab').length === count, titles.length + 2);
  await page.getByRole('button', { name: /Execute query/ }).click();
  const followed = await answered(page, '"author"');
  await page.getByRole('button', { name: /Stop query/ }).click();
  const begun = page.told.map((frame) => JSON.parse(frame)).findLast(({ type }) => type === 'connection_init').payload;
  // The editor of headers knows the three that the server reads.
  await setHeaders('{"X-Workspace": 5}');
  const marked = await page.waitForFunction(() => {
    const all = globalThis.__MONACO.editor.getModelMarkers({}).filter(({ resource }) => resource.path.includes('headers'));
    return all.length > 0 && all.map(({ message }) => message);
  });
  const markers = await marked.jsonValue();
  // What is ours of the page, to people who do not see it.
  await page.locator('.shelf').waitFor();
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ['.shelf', '.home'] }, { resultTypes: ['violations'] }));
  // Whoever signs out at the console has signed out here.
  await page.goto(site.origin);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token or JWT').waitFor();
  const kept = await page.evaluate(() => JSON.stringify(sessionStorage));
  await page.context().close();
  return { answers, followed, begun, note, kept, violations: violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}`), markers, ...stored };
}
