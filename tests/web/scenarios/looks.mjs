// How the pages are to people who do not see them, or have a keyboard only, or a phone.
import { axe } from '../packages.mjs';

/** What axe finds, in this scheme and at this width, place by place; and what does not fit into the width. */
export async function audit(site, { credential, places, scheme, width }) {
  const page = await site.open('/', { colorScheme: scheme, viewport: { width, height: 850 }, reducedMotion: 'reduce' });
  const found = {};
  const look = async (place) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    found[place] = {
      violations: violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | ')}`),
      overflow,
      background,
    };
  };
  // axe is put into the page by the test's own hands, which the page's policy does not concern.
  await page.getByLabel('Token or JWT').waitFor();
  await look('sign in');
  await page.getByLabel('Token or JWT').fill(credential);
  await page.getByRole('button', { name: 'Sign in' }).click();
  for (const [place, ready] of places) {
    await page.goto(`${site.origin}/${place}`);
    await page.locator(ready).first().waitFor();
    await look(place);
  }
  await page.goto(`${site.origin}/#/`);
  await page.getByRole('button', { name: 'Add a comment…' }).click();
  await page.locator('.option').first().waitFor();
  await look('composer');
  await page.goto(`${site.origin}/#/search`);
  await page.getByRole('button', { name: /^Type/ }).click();
  await page.locator('.option .number').first().waitFor();
  await look('picker');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('dialog').waitFor();
  await look('export');
  await page.context().close();
  return found;
}

/** Everything by keys alone: what has the focus after each step. */
export async function keyboardOnly(site, { credential, viewport }) {
  const page = await site.open('/', { viewport });
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim().slice(0, 40) || document.activeElement?.id);
  const tabTo = async (test) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(test)) return;
    }
    throw new Error(`Tab does not lead to ${test}`);
  };
  const steps = {};
  await page.getByLabel('Token or JWT').waitFor();
  await tabTo(`document.activeElement.name === 'credential'`);
  await page.keyboard.insertText(credential);
  await page.keyboard.press('Enter');
  await page.locator('article').first().waitFor();
  await page.keyboard.press('Tab');
  steps.skip = await focused();
  await page.keyboard.press('Enter');
  steps.main = await page.evaluate(() => document.activeElement.id);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  const place = await page.evaluate(() => [...document.querySelectorAll('article')].findIndex((item) => item.contains(document.activeElement)));
  steps.place = place;
  await page.keyboard.press('Enter');
  await page.locator('.panel .facts').waitFor();
  steps.panel = await page.evaluate(() => document.activeElement.id);
  await tabTo(`document.activeElement.textContent === 'Copy the link'`);
  steps.behind = false;
  for (let presses = 0; presses < 3; presses += 1) {
    await page.keyboard.press('Tab');
    steps.behind ||= await page.evaluate(() => document.activeElement?.matches('.side *, article *, .skip') ?? false);
  }
  await page.keyboard.press('Escape');
  await page.locator('.panel').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement?.dataset.open !== undefined);
  steps.back = await page.evaluate(() => [...document.querySelectorAll('article')].findIndex((item) => item.contains(document.activeElement)));
  await page.keyboard.press('/');
  await page.locator('#search-text').waitFor();
  await page.locator('article').first().waitFor();
  await tabTo(`document.activeElement.getAttribute('aria-expanded') === 'false' && document.activeElement.textContent.startsWith('Type')`);
  await page.keyboard.press('Enter');
  await page.locator('.option .number').first().waitFor();
  await page.keyboard.insertText('task.comment');
  await tabTo(`document.activeElement.type === 'checkbox'`);
  await page.keyboard.press('Space');
  await page.waitForFunction(() => location.hash.includes('type=task.comment'));
  await page.keyboard.press('Escape');
  steps.picker = await page.evaluate(() => document.activeElement.textContent.startsWith('Type'));
  await page.keyboard.press('Escape');
  // A comment: from the button to the task, the text, and back.
  await page.goto(`${site.origin}/#/`);
  await page.locator('article').first().waitFor();
  await tabTo(`document.activeElement.textContent.includes('Add a comment')`);
  await page.keyboard.press('Enter');
  await page.locator('.option').first().waitFor();
  await tabTo(`document.activeElement.matches('.option')`);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA' && !document.activeElement.disabled);
  await page.keyboard.insertText('By keys alone');
  await page.keyboard.press('Control+Enter');
  await page.locator('article', { hasText: 'By keys alone' }).first().waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('Add a comment'));
  await page.context().close();
  return steps;
}
