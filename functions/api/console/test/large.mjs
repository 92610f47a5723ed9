// Long lists stay light: only what is in sight is in the document.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerWith, operation, planItem, stack } from './fake.mjs';
import { openPage, visit } from './support.mjs';

const STACKS = 5_000;
const RESOURCES = 1_500;
const LINES = 100_000;

export function large(shared) {
  test('5,000 stacks are listed, filtered and walked through by keyboard', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    await answerWith(page, () => 'text');
    const all = Array.from({ length: STACKS }, (_, index) => ({ ...stack(index, `shop-${index}`), environment: `env-${index % 4}`, owner: `team-${index % 40}`, blueprint: { name: `web-${index % 6}`, version: '1.0.0' } }));
    await page.route('**/v1/stacks?*', (route) => {
      const query = new URL(route.request().url()).searchParams;
      const from = Number(query.get('cursor') ?? 0);
      const to = from + Number(query.get('limit') ?? 50);
      return route.fulfill({ json: { items: all.slice(from, to), next: to < all.length ? String(to) : null } });
    });
    await visit(page, `${slipway.url}/console/stacks`);
    await page.getByText('5,000 stacks', { exact: true }).waitFor();
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    console.log(`first paint with ${STACKS} stacks after ${Math.round(paint ?? 0)} ms`);
    assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 900);
    const took = await page.evaluate(async () => {
      const began = performance.now();
      const filter = /** @type {HTMLInputElement} */ (document.querySelector('#stack-filter'));
      filter.value = 'shop-49';
      filter.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(() => resolve(undefined)));
      return performance.now() - began;
    });
    console.log(`one key in the filter of ${STACKS} stacks: ${Math.round(took)} ms`);
    await page.getByText('111 of 5,000 stacks').waitFor();
    assert.match(page.url(), /\?q=shop-49$/);
    await page.locator('.stack-row a').first().focus();
    for (let row = 0; row < 40; row += 1) await page.keyboard.press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement?.closest('[data-row]')?.getAttribute('data-row')), '40');
    await page.keyboard.press('Enter');
    await page.waitForSelector('html[data-ready=stack]');
    await page.goBack();
    await page.getByText('111 of 5,000 stacks').waitFor();
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a plan of 1,500 resources and a log of 100,000 lines can be searched', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    await answerWith(page, () => 'text');
    const resources = Array.from({ length: RESOURCES }, (_, index) => ({ address: `module.part[${index % 4}].aws_thing.one[${index}]`, action: ['create', 'update', 'delete'][index % 3] }));
    const items = resources.map((one, index) => planItem(one.address, { action: one.action, deposed: '', attributes: [{ path: 'input', before: index, after: index + 1 }] }));
    await page.route(/\/v1\/operations\/[^/]+\/plan/, (route) => {
      const from = Number(new URL(route.request().url()).searchParams.get('after') ?? 0);
      return route.fulfill({ json: { items: items.slice(from, from + 100), total: items.length, next: from + 100 < items.length ? String(from + 100) : null } });
    });
    await page.route(/\/v1\/operations\/op-1(\?|$)/, (route) => route.fulfill({ json: operation('text', resources) }));
    let sent = 0;
    await page.route('**/v1/operations/*/logs*', (route) => {
      const lines = Array.from({ length: 5_000 }, (_, index) => ({ time: '2026-11-28T10:00:00Z', step: 'Apply', message: `line ${sent + index} of the log` }));
      sent += lines.length;
      return route.fulfill({ json: { lines, after: String(sent), ended: sent >= LINES } });
    });
    await visit(page, `${slipway.url}/console/operations/op-1`);
    await page.locator('.log-head [role=status]', { hasText: '100,000 lines' }).waitFor();
    assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 4_000);
    const first = await page.locator('.changes li').first().textContent();
    assert.match(first ?? '', /delete/, 'deletes come first');
    await page.getByText('Reading the plan…').waitFor({ state: 'detached' });
    await page.getByLabel('Filter resources').fill('one[1499]');
    const found = page.locator('.plan-pane .changes > li');
    await page.getByText('1 of 1,500').waitFor();
    assert.equal(await found.count(), 1);
    await found.locator('summary').click();
    assert.match((await found.locator('.attributes').textContent()) ?? '', /input\s*1499\s*→becomes\s*1500/);
    await page.getByLabel('Filter lines').fill('line 77777 ');
    await page.getByText('1 of 100,000 lines').waitFor();
    await page.locator('.log-line', { hasText: 'line 77777 of the log' }).waitFor();
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
