// Search, an event, the trail, health, export.
import { readFile } from 'node:fs/promises';

const PAGE = 50; // items that a list shows at first

async function results(site, page) {
  await page.locator('.loading').waitFor({ state: 'detached' });
  await page.locator('article, .note').first().waitFor();
  const found = await page.locator('.total').textContent();
  return { sequences: await site.sequences(page), total: found, hash: await page.evaluate(() => location.hash) };
}

/** Until the list is the one of this number of events: the counts come by themselves. */
async function settled(site, page, total) {
  await page.waitForFunction((expected) => document.querySelector('.total')?.textContent === expected, total);
  // The list comes by itself too, and shows the former one until it is there.
  await page.waitForFunction(
    (count) =>
      !document.querySelector('.loading, [role="feed"][aria-busy="true"]') && document.querySelectorAll('article').length === count,
    Math.min(Number.parseInt(total.replaceAll(',', ''), 10), PAGE),
  );
  return results(site, page);
}

/** Choose by the pickers, the outcome, the text: each by itself, with everything taken back in between. */
export async function searchBy(site, { credential, choices }) {
  const page = await site.signedIn(credential, '#/search');
  const other = await site.signedIn(credential, '#/search');
  const answers = [];
  for (const { picker, option, outcome, text, range, between, total } of choices) {
    await page.goto(`${site.origin}/#/search`);
    await page.locator('article').first().waitFor();
    let counted = null;
    if (picker) {
      await page.getByRole('button', { name: picker, exact: false }).first().click();
      const box = page.getByRole('checkbox', { name: option });
      counted = await page.locator('.option', { has: box }).locator('.number').textContent();
      await box.check();
      await page.keyboard.press('Escape');
    }
    if (range) {
      await page.getByRole('button', { name: /^Time/ }).click();
      await page.getByRole('radio', { name: range }).check();
      await page.keyboard.press('Escape');
    }
    if (between) {
      await page.getByRole('button', { name: /^Time/ }).click();
      await page.getByLabel('From').fill(between[0]);
      await page.getByLabel('Before').fill(between[1]);
      await page.keyboard.press('Escape');
    }
    if (outcome) await page.getByRole('link', { name: outcome }).click();
    if (text) await page.getByLabel('Text in the message').fill(text);
    const found = await settled(site, page, total);
    // Whoever is given the address sees the same.
    await other.goto(`${site.origin}/${found.hash}`);
    if (answers.length === 0) await other.reload();
    const again = await settled(site, other, total);
    answers.push({ ...found, counted, again: again.sequences });
  }
  await other.context().close();
  await page.context().close();
  return answers;
}

/** What the address says of a time that is typed in, as a beginning and as an end. */
export async function typedTimes(site, { credential, zone, walls }) {
  const page = await site.signedIn(credential, '#/search');
  await page.getByLabel('Time zone').selectOption(zone);
  await page.getByRole('button', { name: /^Time/ }).click();
  const found = [];
  for (const wall of walls) {
    const said = {};
    for (const [label, name] of [['From', 'from'], ['Before', 'to']]) {
      const before = await page.evaluate(() => location.hash);
      await page.getByLabel(label).fill(wall);
      await page.waitForFunction((old) => location.hash !== old, before);
      said[name] = await page.evaluate((key) => new URLSearchParams(location.hash.split('?')[1]).get(key), name);
    }
    found.push([said.from, said.to]);
  }
  await page.context().close();
  return found;
}

/** What is said at places that have nothing to show to this caller, and of the connection. */
export async function saidAt(site, { credential, places }) {
  const page = await site.signedIn(credential, '#/trail');
  const said = [];
  for (const place of places) {
    await page.goto('about:blank'); // each is opened anew, as from a message
    await page.goto(`${site.origin}/${place}`);
    await page.waitForFunction(
      () => document.querySelector('.note h2') && !document.querySelector('.loading') && !document.querySelector('.badge.waiting'),
    );
    said.push({
      notes: await page.locator('.note h2').allTextContents(),
      badge: (await page.locator('.badge').innerText()).trim(),
      links: await page.locator('.note a').evaluateAll((all) => all.map((link) => link.getAttribute('href'))),
    });
  }
  await page.context().close();
  return said;
}

/** A search while a proxy has nobody behind it, and once more when it has. */
export async function askedAgain(site, { credential, place }) {
  const page = await site.signedIn(credential, '#/trail');
  await page.locator('.group').first().waitFor();
  await page.route('**/graphql', (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<html></html>' }));
  await page.goto(`${site.origin}/${place}`);
  const said = await page.locator('.note h2').textContent();
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
  const total = await page.locator('.total').filter({ hasText: /event/ }).textContent();
  const { sequences } = await results(site, page);
  await page.context().close();
  return { said, total, sequences };
}

/** What a place shows, scrolled to its end. */
export async function everythingAt(site, { credential, place }) {
  const page = await site.signedIn(credential, place);
  const seen = [];
  await page.locator('article, .note').first().waitFor();
  for (;;) {
    const more = page.getByRole('button', { name: /Show more|Loading…/ });
    for (const sequence of await site.sequences(page)) if (!seen.includes(sequence)) seen.push(sequence);
    if (await page.locator('.end-of-list').isVisible() || !(await more.isVisible())) break;
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.waitForFunction((last) => [...document.querySelectorAll('article')].some((item) => Number(item.dataset.sequence) < last) || document.querySelector('.end-of-list'), seen.at(-1));
  }
  for (const sequence of await site.sequences(page)) if (!seen.includes(sequence)) seen.push(sequence);
  await page.context().close();
  return { sequences: seen };
}

/** An event that was opened from its line, as it is shown; and what a step back leaves. */
export async function openedEvent(site, { credential, place, id }) {
  const page = await site.signedIn(credential, place);
  await page.locator(`[data-open="${id}"]`).click();
  const panel = page.locator('.panel');
  await panel.locator('.facts').waitFor();
  const shown = {
    title: await panel.locator('h2').innerText(),
    actors: await panel.locator('.actors').innerText(),
    changes: await panel.locator('.compared tbody tr').evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))),
    facts: await panel.locator('.facts').innerText(),
    metadata: (await panel.locator('.json').allTextContents()).join(''),
    focus: await page.evaluate(() => document.activeElement?.id),
  };
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  await page.waitForFunction((open) => document.activeElement?.dataset.open === open, id);
  await page.context().close();
  return shown;
}

export async function trail(site, { credential, place }) {
  const page = await site.signedIn(credential, place);
  await page.locator('.timeline article').first().waitFor();
  const told = {
    title: await page.locator('h1').textContent(),
    lead: await page.locator('.lead').innerText(),
    sequences: await site.sequences(page),
    contributors: await page.locator('.contributors li').evaluateAll((rows) => rows.map((row) => [row.querySelector('.name').textContent, Number(row.querySelector('.number').textContent)])),
    changes: await page.locator('.changes').allInnerTexts(),
  };
  await page.getByRole('link', { name: 'Oldest first' }).click();
  await page.waitForFunction((first) => Number(document.querySelector('article')?.dataset.sequence) === first, told.sequences.at(-1));
  told.oldestFirst = await site.sequences(page);
  await page.context().close();
  return told;
}

/** Whether something is drawn: the colours of the canvas, and what a click on the last bar opens. */
export async function health(site, { credential }) {
  const page = await site.signedIn(credential, '#/health?span=day');
  await page.locator('.u-over').nth(1).waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('canvas')].length === 2);
  const colours = await page.locator('canvas').evaluateAll((all) =>
    all.map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }),
  );
  const tiles = await page.locator('.tile-value').allTextContents();
  const rankings = await page.locator('.ranking').evaluateAll((all) =>
    all.map((one) => [...one.querySelectorAll('li')].map((row) => [row.querySelector('.ranking-name').textContent, Number(row.querySelector('.number').textContent.replaceAll(',', ''))])),
  );
  await page.getByText('Show as a table').first().click();
  const table = await page.locator('.chart-table').first().locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
  const box = await page.locator('.u-over').first().boundingBox();
  await page.mouse.move(box.x + box.width - 12, box.y + box.height - 10);
  await page.mouse.click(box.x + box.width - 12, box.y + box.height - 10);
  await page.waitForFunction(() => location.hash.startsWith('#/search'));
  const searched = new URLSearchParams((await page.evaluate(() => location.hash)).split('?')[1]);
  await page.locator('.total').filter({ hasText: /event/ }).waitFor();
  const total = await page.locator('.total').textContent();
  await page.context().close();
  return { colours, tiles, rankings, table, total, from: searched.get('from'), to: searched.get('to') };
}

export async function exported(site, { credential, place, formats }) {
  const page = await site.signedIn(credential, place);
  const files = {};
  await page.locator('article').first().waitFor();
  for (const format of formats) {
    await page.getByRole('button', { name: 'Export' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: new RegExp(`^${format}`) }).click()]);
    files[format] = { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
    files[format].said = await page.getByRole('dialog').getByRole('status').textContent();
    await page.getByRole('button', { name: 'Close' }).click();
  }
  await page.context().close();
  return files;
}

/** Pages are held back until it is cancelled: nothing is saved. */
export async function cancelledExport(site, { credential, place }) {
  const page = await site.signedIn(credential, place);
  await page.locator('article').first().waitFor();
  let downloads = 0;
  page.on('download', () => (downloads += 1));
  let asked = 0;
  let release = () => {};
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('query Export')) return route.continue();
    asked += 1;
    if (asked === 2) await new Promise((done) => (release = done));
    return route.continue().catch(() => {});
  });
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('button', { name: /^CSV/ }).click();
  await page.getByRole('progressbar').waitFor();
  await page.getByText(/^200 of /).waitFor();
  const progress = await page.getByRole('dialog').getByRole('status').textContent();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: /^CSV/ }).waitFor();
  release();
  await page.context().close();
  return { asked, downloads, progress };
}
