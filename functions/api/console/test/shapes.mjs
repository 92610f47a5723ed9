// Answers of the wrong shape: each view says that the answer is incomplete and offers another attempt, and no view shows what
// JavaScript says of it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerAt, answerWith, operation, sheet } from './fake.mjs';
import { openPage, visit } from './support.mjs';

/** What each view reads. */
const OPERATION = '/v1/operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a';
const READS = [
  ['/', '/console/config.json', '/v1/caller', '/v1/stacks', '/v1/operations', '/v1/environments'],
  ['/console/stacks', '/v1/stacks'],
  ['/console/stacks/lusab-babad', '/v1/permissions', '/v1/stacks/lusab-babad', '/v1/stacks/lusab-babad/releases', '/v1/stacks/lusab-babad/operations'],
  ['/console/stacks/lusab-babad/update', '/v1/stacks/lusab-babad', '/v1/environments', '/v1/blueprints/text'],
  ['/console/operations/op-waiting', '/v1/permissions', '/v1/operations/op-waiting', `${OPERATION}/plan`, `${OPERATION}/sheet`, `${OPERATION}/logs`],
  ['/console/new?blueprint=text', '/v1/environments', '/v1/blueprints', '/v1/blueprints/text'],
  ['/console/blueprints', '/v1/blueprints'],
  ['/console/blueprints/text', '/v1/permissions', '/v1/stacks', '/v1/blueprints/text', '/v1/blueprints/text/versions/1.0.0/readme'],
  ['/console/environments', '/v1/environments'],
  ['/console/policies', '/v1/policies'],
  ['/console/source-accounts', '/v1/source-accounts'],
  ['/console/dead-letters', '/v1/permissions', '/v1/dead-letters'],
  ['/console/audit', '/v1/audit'],
];
const BODIES = ['{}', '[]', 'null', '{"items":null}', '{"items":[{}]}'];

/** A page that does not wait between its attempts. */
async function quickPage(browser, options = {}) {
  const page = await openPage(browser, options);
  await page.addInitScript(() => {
    const wait = globalThis.setTimeout;
    Reflect.set(globalThis, 'setTimeout', (/** @type {() => void} */ act, /** @type {number} */ after) => wait(act, Math.min(after ?? 0, 5)));
  });
  await answerWith(page, () => 'text');
  return page;
}

export function shapes(shared) {
  test('an answer of the wrong shape is called incomplete in each view', async () => {
    const work = READS.flatMap(([address, ...paths]) => paths.map((path) => [address, path])).values();
    // Each is in a page of its own, and a few at a time.
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (const [address, path] of work) await incomplete(shared, address, path);
    }));
  });

  test('a field that is missing or of another type is named', async () => {
    const { slipway, browser } = shared;
    for (const [address, path, change, field] of [
      ['/console/stacks/lusab-babad', '/v1/stacks/lusab-babad', { notes: null }, 'notes'],
      ['/console/stacks/lusab-babad', '/v1/stacks/lusab-babad', { drift: { count: 1, resources: ['a', 7], looked_at: '', operation: '' } }, 'drift.resources[1]'],
      ['/console/stacks/lusab-babad/update', '/v1/stacks/lusab-babad', { variables: [] }, 'variables'],
      ['/console/operations/op-1', '/v1/operations/op-1', { steps: {} }, 'steps'],
      ['/console/blueprints/x', '/v1/blueprints/x', { variables: [{ ...answerAt('/v1/blueprints/x', () => 'text').variables[0], type: { list: { map: 7 } } }] }, 'variables[0].type.list.map'],
    ]) {
      const page = await quickPage(browser);
      await page.route(new RegExp(`${path}$`), (route) => route.fulfill({ json: { ...answerAt(path, () => 'text'), ...change } }));
      await visit(page, slipway.url + address);
      await page.getByText(`Its field ${field} is missing, or of another type.`).waitFor();
      assert.deepEqual(page.wrong, []);
      await page.context().close();
    }
  });

  test('a change whose answer has the wrong shape is sent again under its key', async () => {
    const { slipway, browser } = shared;
    const page = await quickPage(browser);
    const keys = [];
    await page.route('**/v1/stacks/*/drift', (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      return route.fulfill(keys.length < 3 ? { status: 202, json: {} } : { status: 202, json: { ...operation('text'), id: 'op-new' } });
    });
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    await page.getByRole('button', { name: 'Check drift' }).click();
    await page.waitForSelector('html[data-ready=operation]');
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a plan and a log that are denied lead on', async () => {
    const { slipway, browser } = shared;
    const page = await quickPage(browser, { allowed: [/403/] });
    let logs = 0;
    await page.route(/\/(plan|logs)(\?|$)/, (route) => {
      logs += route.request().url().includes('/logs') ? 1 : 0;
      return route.fulfill({ status: 403, json: { title: 'The caller may not do this', detail: 'A policy forbids it.' } });
    });
    await visit(page, `${slipway.url}/console/operations/op-1`);
    for (const pane of ['.plan-pane', '.log-pane']) await page.locator(pane).getByText('Ask the owner of the stack, or an administrator.').waitFor();
    assert.equal(logs, 1, 'a denial is recorded each time');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('warnings keep their lines, and an empty one is seen', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    await answerWith(page, () => 'text');
    await page.route(/\/sheet$/, (route) => route.fulfill({ json: { ...sheet('text'), plan: { ...sheet('text').plan, warnings: ['Deprecated\n  use "b"\nin main.tf', ''] } } }));
    await visit(page, `${slipway.url}/console/operations/op-waiting`);
    const warnings = page.locator('.warning');
    assert.deepEqual(await warnings.allInnerTexts(), ['Deprecated\n  use "b"\nin main.tf', '(empty)']);
    await page.context().close();
  });

  test('a stack shows what is in progress behind its newest operations', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    await answerWith(page, () => 'text');
    await page.route(/\/v1\/stacks\/lusab-babad$/, (route) => route.fulfill({ json: { ...answerAt('/v1/stacks/x', () => 'text'), active_operation: 'op-old', operation_beside: 'op-beside' } }));
    await page.route(/\/v1\/operations\/op-old$/, (route) => route.fulfill({ json: { ...operation('text', undefined, 'waiting_for_approval'), id: 'op-old' } }));
    await page.route(/\/v1\/operations\/op-beside$/, (route) => route.fulfill({ json: { ...operation('text', undefined, 'running'), id: 'op-beside' } }));
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    assert.deepEqual(await page.locator('[data-key=active] a').evaluateAll((links) => links.map((link) => link.pathname)), ['/console/operations/op-old', '/console/operations/op-beside']);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a stack is shown to those who may not read its operation in progress', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser, { allowed: [/403/] });
    await answerWith(page, () => 'text');
    let denials = 0;
    await page.route(/\/v1\/stacks\/lusab-babad$/, (route) => route.fulfill({ json: { ...answerAt('/v1/stacks/x', () => 'text'), active_operation: 'op-old' } }));
    await page.route(/\/v1\/operations\/op-old$/, (route) => {
      denials += 1;
      return route.fulfill({ status: 403, contentType: 'application/problem+json', json: { status: 403, title: 'Not allowed', detail: 'No policy permits it.' } });
    });
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    assert.equal(await page.locator('h1').innerText(), 'text');
    for (let poll = 0; poll < 2; poll += 1) await page.waitForResponse(/\/v1\/stacks\/lusab-babad\/operations/);
    assert.equal(denials, 1, 'each denial is recorded');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}

/** Opens a view one of whose answers has each of the wrong shapes. */
async function incomplete({ slipway, browser }, address, path) {
  const page = await quickPage(browser);
  let body = '';
  await page.route((url) => url.pathname === path, (route) => (body ? route.fulfill({ contentType: 'application/json', body }) : route.fallback()));
  for (body of BODIES) {
    await page.goto(slipway.url + address);
    await page.getByText('The answer is incomplete').first().waitFor().catch(() => assert.fail(`${address}: ${body} of ${path}`));
    assert.doesNotMatch(await page.locator('main').innerText(), /undefined|Cannot read|is not|iterable|NaN|\[object/, `${address}: ${body} of ${path}`);
  }
  const again = page.getByRole('button', { name: 'Try again' });
  // The log asks again by itself; a field of a form is chosen again.
  if (!path.endsWith('/logs') && !/new|update/.test(address)) await again.waitFor();
  body = '';
  if (await again.count()) await again.click();
  if (!address.includes('/new')) await page.getByText('The answer is incomplete').waitFor({ state: 'detached' });
  assert.deepEqual(page.wrong, [], `${address}: ${path}`);
  await page.context().close();
}
