// The main job, by keyboard alone: create a stack from the form, watch it, release, see a migration fail, roll back, destroy.

import assert from 'node:assert/strict';
import test from 'node:test';

import { openPage, publishGuestbook, visit } from './support.mjs';

/** The name of what has the focus, as assistive technology reads it. */
const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const labels = [...(element?.labels ?? [])].map((label) => label.textContent);
  return (element?.getAttribute('aria-label') ?? (labels.length ? labels.join(' ') : element?.textContent) ?? '').replace(/\s+/g, ' ').trim();
});

/** Presses Tab until what is called like this has the focus; how often that was. */
async function tabTo(page, name) {
  const seen = [];
  for (let presses = 1; presses <= 80; presses += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (typeof name === 'string' ? now === name : name.test(now)) return presses;
    seen.push(now);
  }
  throw new Error(`no ${name} within 80 tabs of ${seen.slice(0, 40).join(' | ')}`);
}

async function press(page, name, key = 'Enter') {
  await tabTo(page, name);
  await page.keyboard.press(key);
}

/** Waits until the operation on the page has this status. */
async function ends(page, status) {
  await page.waitForSelector('html[data-ready=operation]');
  await page.locator('.title .badge', { hasText: status }).waitFor({ timeout: 90_000 });
}

export function journey(shared) {
  test('the main job works by keyboard alone', async () => {
    const { slipway, browser } = shared;
    const images = publishGuestbook(slipway);
    const page = await openPage(browser);
    await visit(page, slipway.url);

    await press(page, 'New stack');
    await page.waitForSelector('html[data-ready=new]');
    await tabTo(page, /^Name/);
    await page.keyboard.type('guestbook');
    await tabTo(page, /^copies/);
    await page.keyboard.type('0');
    await page.getByText('A guestbook is served by 1 to 10 tasks.').waitFor();
    await page.keyboard.press('Backspace');
    await page.keyboard.type('1');
    assert.match(await page.locator('#tab-panel').textContent(), /"copies": 1/);
    await press(page, /^First release/);
    await tabTo(page, 'Service 1');
    await page.keyboard.type('web');
    await tabTo(page, 'Image 1');
    await page.keyboard.type(images[0]);
    await press(page, 'Create stack');
    await ends(page, 'Succeeded');
    await page.getByText('the database has the schema of release 1').waitFor();

    await press(page, 'guestbook');
    await page.waitForSelector('html[data-ready=stack]');
    const endpoint = await page.locator('.card a[href^="http://127.0.0.1"]').getAttribute('href');
    // A visitor writes a line: the migration of the third release fails where there is one.
    const written = await fetch(`${endpoint}/entries`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ author: 'Ada', text: 'Hello' }) });
    assert.ok(written.ok, `${written.status}`);

    for (const [image, status] of [[images[1], 'Succeeded'], [images[2], 'Failed']]) {
      await press(page, 'Release…');
      await page.waitForSelector('dialog[open]');
      assert.equal(await focused(page), 'Image of web');
      await page.keyboard.type(image);
      await page.keyboard.press('Enter');
      await ends(page, status);
      if (status === 'Failed') break;
      await press(page, 'guestbook');
      await page.waitForSelector('html[data-ready=stack]');
    }
    const cause = await page.locator('.cause').textContent();
    assert.match(cause, /exited with code .*stars/s, 'the last line of the migration is in the cause');

    await press(page, 'guestbook');
    await page.waitForSelector('html[data-ready=stack]');
    await press(page, 'Roll back…');
    await page.waitForSelector('dialog[open]');
    assert.equal(await focused(page), 'Release');
    await page.keyboard.press('Tab');
    await press(page, 'Roll back');
    await ends(page, 'Succeeded');

    await press(page, 'guestbook');
    await page.waitForSelector('html[data-ready=stack]');
    await press(page, 'Destroy…');
    await page.waitForSelector('dialog[open]');
    await page.keyboard.type('guest');
    await page.keyboard.press('Enter');
    await page.getByText('Type the name of the stack: guestbook').waitFor();
    await page.keyboard.type('book');
    await page.keyboard.press('Enter');
    await ends(page, 'Succeeded');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a first stack takes at most twelve clicks', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    let clicks = 0;
    const click = async (locator) => {
      clicks += 1;
      await locator.click();
    };
    await visit(page, slipway.url);
    await click(page.getByRole('link', { name: 'New stack' }));
    await click(page.getByLabel('Name', { exact: false }).first());
    await page.keyboard.type('clicked');
    await click(page.getByRole('button', { name: 'Create stack' }));
    await ends(page, 'Succeeded');
    const { items } = await slipway.json('GET', '/v1/stacks?name=clicked');
    assert.equal(items[0].status, 'ready');
    assert.ok(clicks <= 12, `${clicks} clicks`);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
