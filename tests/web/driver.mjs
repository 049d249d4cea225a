// One Chromium for all tests of the pages. Reads a line of JSON for each step, {step, given}, and answers with a line: {value} or
// {error}, and {noise}: whatever since the last answer the console complained about, and every request that went elsewhere.
//
// Steps are the functions of scenarios/*.mjs. They are given `site`, below; pages that they open under a name stay open.
import readline from 'node:readline';
import * as explorer from './scenarios/explorer.mjs';
import * as feed from './scenarios/feed.mjs';
import * as looks from './scenarios/looks.mjs';
import * as searching from './scenarios/searching.mjs';
import { launch } from './packages.mjs';

const STEPS = { ...feed, ...searching, ...looks, ...explorer };
const [origin] = process.argv.slice(2);
const browser = await launch();
const noise = [];
const isOwn = (url) => [origin, origin.replace('http', 'ws'), `blob:${origin}`, 'data:'].some((start) => url.startsWith(start));

const site = {
  origin,
  pages: new Map(),

  /** A page of a browser that nobody has used before. */
  async open(path = '/', { name, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && noise.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => noise.push(`page error: ${error.stack}`));
    const look = (url) => isOwn(url) || noise.push(`request: ${url}`);
    page.asked = []; // where to, and from where, as far as a server hears of it
    page.heard = []; // what came over its sockets, and what was said there
    page.told = [];
    page.on('request', (request) => {
      look(request.url());
      page.asked.push(`${request.url()} ${request.headers().referer ?? ''}`);
    });
    page.on('websocket', (socket) => {
      look(socket.url());
      socket.on('framereceived', ({ payload }) => page.heard.push(String(payload)));
      socket.on('framesent', ({ payload }) => page.told.push(String(payload)));
    });
    await page.goto(origin + path);
    if (name) site.pages.set(name, page);
    return page;
  },

  /** The console, signed in with this credential, at this place. */
  async signedIn(credential, place = '#/', options = {}) {
    const page = await site.open(`/${place}`, options);
    await page.getByLabel('Token or JWT').fill(credential);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    return page;
  },
};

/** The numbers of the events that are shown, as they stand. */
site.sequences = (page) => page.locator('article').evaluateAll((items) => items.map((item) => Number(item.dataset.sequence)));

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { step, given } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await STEPS[step](site, given)) ?? null };
  } catch (error) {
    answer = { error: `${error.stack}` };
  }
  console.log(JSON.stringify({ ...answer, noise: noise.splice(0) }));
}
await browser.close();
