// Forms after a mistake: the field that is wrong has the focus, and what was typed is not lost.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerWith, blueprint, environment, operation, release, stack } from './fake.mjs';
import { openPage, visit } from './support.mjs';

const IMAGE = `shop@sha256:${'0'.repeat(64)}`;

async function fakedPage(browser) {
  const page = await openPage(browser, { allowed: [/40[04]/] });
  await answerWith(page, () => 'text');
  const variable = { ...blueprint('shop').variables[0], validations: [], default: null, required: false };
  const shop = { ...blueprint('shop'), draft: false, history: [{ version: '1.0.0', published_at: '2026-11-28T10:00:00Z', draft: false, deprecated: null }],
    variables: [variable, { ...variable, name: 'secret', sensitive: true }] };
  await page.route(/\/v1\/blueprints(\?|$)/, (route) => route.fulfill({ json: { items: [shop], next: null } }));
  await page.route(/\/v1\/blueprints\/shop(\/versions\/1\.0\.0)?$/, (route) => route.fulfill({ json: shop }));
  await page.route(/\/v1\/environments(\?|$)/, (route) => route.fulfill({ json: { items: [{ ...environment('local'), variables: {} }], next: null } }));
  return page;
}

export function again(shared) {
  test('a wrong image in a folded section gets the focus', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    await visit(page, `${slipway.url}/console/new?blueprint=shop&name=mine`);
    await page.getByRole('heading', { name: 'First release' }).click();
    await page.getByLabel('Service 1').fill('web');
    await page.getByLabel('Image 1').fill('guestbook:v1');
    await page.getByRole('heading', { name: 'First release' }).click();
    assert.equal(await page.getByLabel('Image 1').isVisible(), false);
    await page.getByRole('button', { name: 'Create stack' }).click();
    await page.getByText('Name a service, and its image by digest').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'image-0');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a stack that was not created is created again from its values', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    await page.route(/\/v1\/operations\/op-1$/, (route) => route.fulfill({ json: { ...operation('text'), id: 'op-1', kind: 'provision', steps: [{ name: 'Plan', started_at: '2026-11-28T10:00:00Z', ended_at: '2026-11-28T10:01:00Z', status: 'failed' }] } }));
    await page.route(/\/v1\/stacks\/lusab-babad$/, (route) => route.fulfill({ json: { ...stack(1, 'mine'), environment: 'local', status: 'destroyed', blueprint: { name: 'shop', version: '1.0.0' }, variables: { plain: 'typed', secret: '(sensitive)' } } }));
    await page.route(/\/releases(\?|$)/, (route) => route.fulfill({ json: { items: [{ ...release('text'), images: { web: IMAGE } }], next: null } }));
    await visit(page, `${slipway.url}/console/operations/op-1`);
    await page.getByRole('link', { name: 'Create again' }).click();
    await page.waitForSelector('html[data-ready=new]');
    await page.getByLabel(/^plain/).waitFor();
    const request = JSON.parse((await page.locator('#tab-panel').textContent()) ?? '');
    assert.deepEqual(request, { name: 'mine', blueprint: 'shop', version: '1.0.0', environment: 'local', variables: { plain: 'typed' }, images: { web: IMAGE } });
    assert.equal(await page.getByLabel(/^secret/).inputValue(), '');
    // As it was made, it may be left; what was typed asks first.
    const asked = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      return dialog.accept();
    });
    await page.reload();
    await page.getByLabel(/^plain/).waitFor();
    assert.deepEqual(asked, []);
    await page.getByLabel(/^plain/).click();
    await page.keyboard.type('!');
    await page.reload();
    await page.getByLabel(/^plain/).waitFor();
    assert.deepEqual(asked, ['beforeunload']);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a page says one duration, and one status of a cancelled release', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    await page.route(/\/v1\/operations\/op-1$/, (route) => route.fulfill({ json: { ...operation('text'), id: 'op-1', started_at: '2026-11-28T09:59:57Z' } }));
    await visit(page, `${slipway.url}/console/operations/op-1`);
    assert.match(await page.locator('.facts').innerText(), /2 min 3 s/);
    assert.match(await page.locator('[data-key=card-timeline]').innerText(), /2 min 3 s in all/);
    await page.route(/\/stacks\/[^/]+\/releases(\?|$)/, (route) => route.fulfill({ json: { items: [{ ...release('text'), number: 4, status: 'failed', last_operation: 'op-4' }], next: null } }));
    await page.route(/\/stacks\/[^/]+\/operations(\?|$)/, (route) => route.fulfill({ json: { items: [{ ...operation('text', undefined, 'cancelled'), id: 'op-4' }], next: null } }));
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    assert.equal(await page.locator('[data-key=release-4] .badge').innerText(), 'Cancelled');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
