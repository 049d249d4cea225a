// Signing in, the live feed, comments.

const items = (page) => page.locator('article');

/** What somebody sees who signs in: name, boards to choose from, the beginning of the feed, whether one may write. */
export async function whatIsSeen(site, { credential }) {
  const page = await site.signedIn(credential);
  await page.locator('article, .note').first().waitFor();
  const seen = {
    name: await page.locator('.self strong').textContent(),
    workspace: await page.locator('.workspace').textContent(),
    boards: await page.getByLabel('Board').locator('option').allTextContents(),
    sequences: await site.sequences(page),
    mayWrite: await page.getByRole('button', { name: 'Add a comment…' }).isVisible(),
    note: (await page.locator('.note h2').allTextContents()).join(),
    stored: await page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage))),
  };
  await page.context().close();
  return seen;
}

export async function refused(site, { credential }) {
  const page = await site.open();
  await page.getByLabel('Token or JWT').fill(credential);
  await page.keyboard.press('Enter');
  const said = await page.getByRole('alert').textContent();
  const kept = await page.evaluate(() => sessionStorage.length);
  await page.context().close();
  return { said, kept };
}

const whoIsIn = (page, name) => page.locator('.self strong', { hasText: name }).waitFor();

/** By a link with a token in it; then by another one in the same tab, which loads nothing; and what is left of both. */
export async function signedInByLink(site, { credential, name, other, otherName }) {
  const page = await site.open(`/#token=${credential}`);
  await whoIsIn(page, name);
  const hashes = [await page.evaluate(() => location.hash)];
  await page.goto(`${site.origin}/#/search`);
  await page.locator('.total').filter({ hasText: /event/ }).waitFor();
  await page.evaluate((token) => location.assign(`/#token=${token}`), other);
  await whoIsIn(page, otherName);
  hashes.push(await page.evaluate(() => location.hash));
  await page.reload();
  await whoIsIn(page, otherName);
  await page.goBack();
  await page.locator('.total').filter({ hasText: /event/ }).waitFor();
  hashes.push(await page.evaluate(() => location.hash));
  await page.goBack();
  await page.locator('article').first().waitFor();
  hashes.push(await page.evaluate(() => location.hash));
  const kept = await page.evaluate(() => ({ here: JSON.stringify(sessionStorage), elsewhere: JSON.stringify(localStorage) + document.cookie }));
  const { asked } = page;
  await page.context().close();
  return { hashes, asked, ...kept };
}

/** A link that is not taken: what is said, and what is left of it. */
export async function linkNotTaken(site, { credential, host }) {
  const page = await site.open('/favicon.svg');
  await page.goto(`${site.origin.replace('127.0.0.1', host)}/#token=${credential}`);
  const said = await page.getByRole('alert').textContent();
  const left = await page.evaluate(() => ({ hash: location.hash, kept: sessionStorage.length }));
  await page.context().close();
  return { said, ...left };
}

/** Signs out as soon as the socket is open, before the server has acknowledged it: the feed has asked for its subscription by then. */
export async function signedOutEarly(site, { credential }) {
  const page = await site.open();
  await page.addInitScript(() => {
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        const button = () => [...document.querySelectorAll('button')].find((one) => /Sign out/.test(`${one.ariaLabel} ${one.title} ${one.textContent}`));
        this.addEventListener('open', () => button().click());
        this.addEventListener('close', () => (globalThis.isClosed = true));
      }
    };
  });
  await page.reload();
  await page.getByLabel('Token or JWT').fill(credential);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForFunction(() => globalThis.isClosed);
  const asks = await page.getByLabel('Token or JWT').isVisible();
  await page.context().close();
  return { asks };
}

/** Somebody with two workspaces chooses one, and then the other. */
export async function chosenWorkspaces(site, { credential, first, second }) {
  const page = await site.open();
  await page.getByLabel('Token or JWT').fill(credential);
  await page.keyboard.press('Enter');
  await page.locator('.choice').first().waitFor();
  const offered = await page.locator('.choice').allTextContents();
  await page.getByRole('button', { name: first }).click();
  const picker = page.getByLabel('Workspace');
  await picker.waitFor();
  const chosen = [await picker.locator('option:checked').textContent()];
  await picker.selectOption({ label: second });
  await page.waitForFunction((name) => document.querySelector('.workspace option:checked')?.textContent === name, second);
  chosen.push(await picker.locator('option:checked').textContent());
  await page.reload();
  await picker.waitFor();
  chosen.push(await picker.locator('option:checked').textContent());
  await page.context().close();
  return { offered, chosen };
}

/** The feed stays open under a name. */
export async function openFeed(site, { credential, place, name, options }) {
  const page = await site.signedIn(credential, place, { ...options, name });
  await items(page).first().waitFor();
  await page.locator('.badge.live').waitFor();
  await page.evaluate(() => {
    window.isSamePage = true; // gone, should the page be loaded again
  });
}

export async function waitForEvent(site, { name, sequence }) {
  const page = site.pages.get(name);
  const item = page.locator(`article[data-sequence="${sequence}"]`);
  await item.waitFor();
  const looks = await item.evaluate((one) => ({
    directions: [...one.querySelectorAll('[dir="auto"]')].map((part) => getComputedStyle(part).direction),
    height: one.offsetHeight,
    overflow: one.scrollWidth - one.clientWidth,
    when: one.querySelector('time').title,
  }));
  return { ...looks, html: await item.innerHTML(), text: await item.innerText(), isSamePage: await page.evaluate(() => window.isSamePage === true) };
}

/** What it takes from a link that signs in to the first event that is shown, with nothing kept from before. */
export async function firstFeed(site, { credential }) {
  const page = await site.open(`/#token=${credential}`);
  await page.waitForFunction(() => document.querySelector('article'));
  const { asked, told } = page;
  const types = told.map((frame) => JSON.parse(frame).type);
  await page.context().close();
  return { asked: asked.map((line) => line.split(' ')[0]), told: types };
}

/** A view that asks for nothing, so that the server may go. */
export async function openTrail(site, { credential, name }) {
  const page = await site.signedIn(credential, '#/trail', { name });
  await page.locator('.group').first().waitFor();
}

/** The feed is opened for the first time while the server is away. */
export async function openFeedInVain(site, { name }) {
  const page = site.pages.get(name);
  await page.getByRole('link', { name: /^Feed/ }).click();
  return page.locator('.note h2').textContent();
}

export async function shownSequences(site, { name, last }) {
  const page = site.pages.get(name);
  if (last) await page.locator(`article[data-sequence="${last}"]`).waitFor();
  return site.sequences(page);
}

export async function waitForBadge(site, { name, kind }) {
  await site.pages.get(name).locator(`.badge.${kind}`).waitFor();
}

export async function endedSession(site, { name }) {
  const page = site.pages.get(name);
  await page.getByLabel('Token or JWT').waitFor();
  const ended = {
    said: await page.getByRole('alert').textContent(),
    kept: await page.evaluate(() => sessionStorage.length),
    articles: await items(page).count(),
  };
  await closePage(site, { name });
  return ended;
}

/** What the feed shows is chosen by a preset, then by the picker; the way back from another view leads to it. */
export async function chooseInFeed(site, { name, preset, leaveOut }) {
  const page = site.pages.get(name);
  await page.getByRole('link', { name: preset, exact: true }).click();
  await page.getByRole('button', { name: /^Category/ }).click();
  await page.getByRole('checkbox', { name: leaveOut }).uncheck();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Trail', exact: true }).click();
  await page.locator('#search-text').waitFor();
  await page.getByRole('link', { name: /^Feed/ }).click();
  await items(page).first().waitFor();
  await page.locator('.badge.live').waitFor();
  page.heard.splice(0);
  return page.evaluate(() => location.hash);
}

/** What came over the socket since, and what is shown. */
export async function heardInFeed(site, { name, last }) {
  const page = site.pages.get(name);
  await page.locator(`article[data-sequence="${last}"]`).waitFor();
  return { heard: page.heard.join('\n'), shown: await site.sequences(page) };
}

export async function closePage(site, { name }) {
  await site.pages.get(name).context().close();
  site.pages.delete(name);
}

/** Scrolled away, new events are counted and not put in; the button brings them. */
export async function scrollAway(site, { name }) {
  const page = site.pages.get(name);
  await page.evaluate(() => scrollTo(0, 900));
  await page.waitForFunction(() => scrollY > 500);
  return { first: (await site.sequences(page))[0] };
}

export async function bringNew(site, { name, count }) {
  const page = site.pages.get(name);
  const button = page.getByRole('button', { name: `${count} new` });
  await button.waitFor();
  const before = await site.sequences(page);
  await button.click();
  await page.waitForFunction(() => scrollY === 0 && !document.querySelector('.missed'));
  return { before: before[0], after: await site.sequences(page) };
}

/** A comment by the form: the task is found by a part of its title. */
export async function writeComment(site, { name, task, message }) {
  const page = site.pages.get(name);
  await page.getByRole('button', { name: 'Add a comment…' }).click();
  await page.getByLabel('Task to comment on').fill(task);
  const offered = page.getByRole('list', { name: 'Tasks' }).getByRole('button');
  await offered.first().waitFor();
  const titles = await offered.allTextContents();
  await offered.first().click();
  await page.getByRole('textbox', { name: 'Comment', exact: true }).fill(message);
  await page.locator('form').getByRole('button', { name: 'Comment', exact: true }).click();
  await page.getByRole('button', { name: 'Add a comment…' }).waitFor();
  await page.locator('article').filter({ hasText: message }).first().waitFor();
  return { titles };
}

/** All the way down a long feed: how many elements there are at most, and that every event was shown once, in order. */
export async function readToTheEnd(site, { name }) {
  const page = site.pages.get(name);
  const seen = [];
  let most = 0;
  for (;;) {
    const { shown, count, isEnd } = await page.evaluate(() => ({
      shown: [...document.querySelectorAll('article')].map((item) => Number(item.dataset.sequence)),
      count: document.querySelectorAll('article').length,
      isEnd: Boolean(document.querySelector('.end-of-list')) && innerHeight + scrollY >= document.documentElement.scrollHeight - 4,
    }));
    seen.push(...shown.filter((sequence) => !seen.includes(sequence)));
    most = Math.max(most, count);
    if (isEnd) return { seen, most };
    await page.evaluate(() => {
      scrollBy(0, 3000);
      return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    });
    await page.waitForFunction(() =>
      [...document.querySelectorAll('.chunk')].every((chunk) => {
        const { top, bottom } = chunk.getBoundingClientRect();
        return chunk.childElementCount > 0 || bottom < 0 || top > innerHeight;
      }),
    );
  }
}

/** The page comes to nothing until `wake`, as on a slow device, and counts which events it draws from then on. */
export async function stun(site, { name }) {
  const page = site.pages.get(name);
  await page.evaluate(() => {
    window.drawn = new Set();
    const take = (node) => node.matches?.('article') && window.drawn.add(node.dataset.sequence);
    const look = ({ addedNodes }) => addedNodes.forEach((node) => [node, ...(node.querySelectorAll?.('article') ?? [])].forEach(take));
    new MutationObserver((changes) => changes.forEach(look)).observe(document.body, { childList: true, subtree: true });
  });
  page.held = await page.context().newCDPSession(page);
  await page.held.send('Debugger.enable');
  const paused = new Promise((done) => page.held.once('Debugger.paused', done));
  await page.held.send('Debugger.pause');
  page.evaluate(() => 0); // it pauses at the next statement
  await paused;
}

/** It goes on. What is at the top once the last event is there, and how many were drawn for that. */
export async function wake(site, { name, last }) {
  const page = site.pages.get(name);
  await page.held.send('Debugger.disable');
  await page.locator(`article[data-sequence="${last}"]`).waitFor();
  return { shown: await site.sequences(page), drawn: await page.evaluate(() => window.drawn.size) };
}
