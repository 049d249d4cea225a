// Takes docs/images/*.png. Arguments: the demo.json of a running server, the folder. Names are VIEW-SCHEME.png.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { launch } from './packages.mjs';

const [handout, folder] = process.argv.slice(2);
const { http, workspaces } = JSON.parse(readFileSync(handout, 'utf8'));
const origin = new URL(http).origin;
const [{ tokens }] = workspaces;
const BUSIEST = '{ activityMetrics(since: "1970-01-01T00:00:00Z", bucket: MONTH) { breakdown(by: TASK, first: 1) { key } } }';
const asked = await fetch(http, {
  method: 'POST',
  headers: { authorization: `Bearer ${tokens.owner}`, 'content-type': 'application/json' },
  body: JSON.stringify({ query: BUSIEST }),
});
const [{ key: task }] = (await asked.json()).data.activityMetrics.breakdown;
const browser = await launch();

/** Without the heartbeats, as somebody reads it. */
async function work(page) {
  await page.getByRole('link', { name: 'Work', exact: true }).click();
  await page.locator('.badge.live').waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading') && document.querySelector('article.comment'));
}

const VIEWS = {
  feed: async (page) => {
    await page.goto(`${origin}/#/`);
    await work(page);
  },
  search: async (page) => {
    await page.goto(`${origin}/#/search?outcome=FAILURE&range=7d`);
    await page.locator('.filters').waitFor();
    await page.getByRole('button', { name: /^Type/ }).click();
    await page.locator('.option .number').first().waitFor();
  },
  event: async (page) => {
    await page.goto(`${origin}/#/search?type=approval.reviewed&outcome=DENIED`);
    await page.locator('article').first().waitFor();
    await page.locator('[data-open]').first().click();
    await page.locator('.panel .facts').waitFor();
  },
  trail: async (page) => {
    await page.goto(`${origin}/#/trail/task/${task}`);
    await page.locator('.timeline article').first().waitFor();
  },
  health: async (page) => {
    await page.goto(`${origin}/#/health?span=month`);
    await page.locator('.u-over').nth(1).waitFor();
  },
};

async function take(page, name) {
  await page.evaluate(() => document.fonts.ready);
  await page.waitForFunction(() => !document.querySelector('.loading, .graphiql-is-loading'));
  await page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled', caret: 'hide' });
  console.log(`${name}.png`);
}

async function signedIn(colorScheme, viewport) {
  const context = await browser.newContext({ colorScheme, viewport, timezoneId: 'Europe/Berlin', reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(origin);
  await page.getByLabel('Token or JWT').waitFor();
  return page;
}

async function enter(page) {
  await page.getByLabel('Token or JWT').fill(tokens.owner);
  await page.keyboard.press('Enter');
  await page.locator('article').first().waitFor();
  await page.locator('.badge.live').waitFor();
}

for (const scheme of ['light', 'dark']) {
  const page = await signedIn(scheme, { width: 1440, height: 900 });
  await take(page, `sign-in-${scheme}`);
  await enter(page);
  for (const [name, show] of Object.entries(VIEWS)) {
    await show(page);
    await take(page, `${name}-${scheme}`);
  }
  await page.goto(`${origin}/explorer`);
  await page.locator('.graphiql-editor .view-lines').first().waitFor();
  await page.getByRole('button', { name: /^Error rate per day/ }).click();
  await page.waitForFunction(() => document.querySelectorAll('.graphiql-tab').length === 2);
  await page.getByRole('button', { name: /Execute query/ }).click();
  await page.locator('.result-window', { hasText: 'errorRatePct' }).waitFor();
  await page.getByRole('button', { name: 'Variables', exact: true }).click(); // instead of the headers, with a token in them
  await take(page, `explorer-${scheme}`);
  const phone = await signedIn(scheme, { width: 390, height: 844 });
  await enter(phone);
  await work(phone);
  await take(phone, `phone-${scheme}`);
}
await browser.close();
