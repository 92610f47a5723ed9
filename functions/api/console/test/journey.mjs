// The main job, by keyboard alone: sign in, create a stack from the form, watch it, approve an update that replaces a resource, release,
// see a migration fail, roll back, destroy.

import assert from 'node:assert/strict';
import test from 'node:test';

import net from 'node:net';

import { startGateway, startProvider } from './oidc.mjs';
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

/** Waits for the approval sheet, and approves the plan. */
async function approve(page) {
  await page.locator('.title .badge', { hasText: 'Waiting for approval' }).waitFor({ timeout: 90_000 });
  await page.locator('.sheet-body').waitFor();
  await press(page, 'Approve…');
  await page.waitForSelector('dialog[open]');
  assert.equal(await focused(page), 'Comment, if any');
  await press(page, 'Approve');
  await page.waitForSelector('dialog[open]', { state: 'detached' });
}

/** A port of this machine that is free now. */
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function journey(shared) {
  test('the main job works by keyboard alone', async () => {
    const { slipway, browser } = shared;
    const images = (shared.images ??= publishGuestbook(slipway));
    const { variables } = await slipway.json('GET', '/v1/environments/local');
    await slipway.json('PUT', '/v1/environments/reviewed', { account: '000000000000', region: 'us-east-1', approval: 'always', self_approval: true, variables });
    const provider = await startProvider();
    provider.state.asks = true;
    const gateway = await startGateway(slipway.url, provider);
    const page = await openPage(browser);
    await page.goto(gateway.url);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await focused(page), 'User');
    await page.keyboard.type('ann');
    await page.keyboard.press('Enter');
    await page.waitForSelector('html[data-ready=home]');

    await press(page, 'New stack');
    await page.waitForSelector('html[data-ready=new]');
    await tabTo(page, /^Name/);
    await page.keyboard.type('guestbook');
    await tabTo(page, /^Environment/);
    await page.keyboard.type('reviewed');
    await page.getByText('Every plan needs an approval.').waitFor();
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
    await approve(page);
    await ends(page, 'Succeeded');
    await page.getByText('the database has the schema of release 1').waitFor();

    await press(page, 'guestbook');
    await page.waitForSelector('html[data-ready=stack]');
    await press(page, 'Update');
    await page.waitForSelector('html[data-ready=update]');
    await tabTo(page, /^port/);
    await page.keyboard.type(String(await freePort()));
    await press(page, 'Update stack');
    await page.waitForSelector('html[data-ready=operation]');
    // What the approver reads: the attribute that forces the replacement, with its values.
    const replaced = page.locator('.changes > li', { hasText: 'terraform_data.service' });
    await replaced.locator('.attributes li', { hasText: 'forces replacement' }).waitFor({ timeout: 90_000 });
    assert.match((await replaced.textContent()).replace(/\s+/g, ' '), /terraform_data\.service ?replace.*triggers_replace\[0\] ?\d+ →becomes \d+ forces replacement/);
    assert.match(await page.locator('.sheet-body').textContent(), /Destructive[^]*1 resource is destroyed/);
    await approve(page);
    await ends(page, 'Succeeded');

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
    await page.waitForSelector('html[data-ready=operation]');
    await approve(page);
    await ends(page, 'Succeeded');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    gateway.close();
    provider.close();
  });

  test('a first stack takes at most twelve clicks', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    let clicks = 0;
    const began = performance.now();
    const click = async (locator) => {
      clicks += 1;
      await locator.click();
    };
    await visit(page, slipway.url);
    await click(page.getByRole('link', { name: 'New stack' }));
    await click(page.getByLabel('Name', { exact: false }).first());
    await page.keyboard.type('clicked');
    // No environment is chosen for the user where there are several. A choice in a list takes two clicks.
    clicks += 2;
    assert.equal(await page.locator('#environment').inputValue(), '');
    await page.locator('#environment').selectOption('local');
    await click(page.getByRole('button', { name: 'Create stack' }));
    await ends(page, 'Succeeded');
    const { items } = await slipway.json('GET', '/v1/stacks?name=clicked');
    assert.equal(items[0].status, 'ready');
    console.log(`a first stack: ${clicks} clicks, ${((performance.now() - began) / 1_000).toFixed(1)} s`);
    assert.ok(clicks <= 12, `${clicks} clicks`);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
