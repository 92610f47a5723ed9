// What goes wrong outside of the console: each has a message that says what happened, and a next step.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerWith, blueprint, deadLetter, operation, release, stack } from './fake.mjs';
import { startGateway, startProvider } from './oidc.mjs';
import { axe, openPage, publish, visit } from './support.mjs';

const json = (status, body, headers = {}) => (route) => route.fulfill({ status, headers, json: body });

/** A page with errors of every kind allowed, on which the API answers what `fake.mjs` says. */
async function fakedPage(browser, options = {}) {
  const page = await openPage(browser, { allowed: [/40\d|42\d|5\d\d|ERR_|policy: connect-src/], ...options });
  await answerWith(page, () => 'text');
  return page;
}

export function problems(shared) {
  test('each status has its message and its next step', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const gateway = { message: 'x' };
    const cases = [
      [json(403, { title: 'The caller may not do this', detail: 'The policy `no-reading` forbids it.' }), /The policy `no-reading` forbids it.*Ask the owner of the stack, or an administrator/s],
      [json(403, gateway), /You may not do this.*Ask the owner/s],
      [json(404, { title: 'Not found', detail: 'There is no blueprint `x`.' }), /There is no blueprint `x`.*Go to all stacks/s],
      [json(404, { title: 'Not found', detail: 'List them with GET /v1/policies.', missing: { kind: 'source_account', name: 'x' } }), /There is no source account “x”.\s+It may have been deleted/],
      [json(429, gateway, { 'retry-after': '1' }), /Too many requests.*Try again in 1 second\./s],
      [json(500, { title: 'The service failed', detail: 'Reference 4711.' }), /Reference 4711.*give an administrator the reference/s],
      [json(503, gateway), /The service is busy.*could not handle the request now\.\s*Try again in a minute/s],
      [(route) => route.fulfill({ status: 504, body: '<html>gateway</html>' }), /did not answer in time\s*It may be busy\.\s*Try again in a minute/s],
      [(route) => route.abort(), /The server cannot be reached.*Check the network/s],
    ];
    for (const [answer, expected] of cases) {
      await page.route('**/v1/blueprints/x', answer);
      await visit(page, `${slipway.url}/console/blueprints/x`);
      const text = (await page.locator('main [role=alert]').textContent()).replace(/\s+/g, ' ');
      assert.match(text, expected);
      await page.unroute('**/v1/blueprints/x', answer);
    }
    assert.deepEqual(await axe(page), []);
    // The last one was a lost connection: the same page recovers by its button.
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('h1', { hasText: 'text' }).waitFor();
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a release that may have arrived is sent again under its key', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const keys = [];
    let lost = true;
    await page.route('**/v1/stacks/*/releases', (route) => {
      if (route.request().method() === 'GET') return route.fallback();
      keys.push(route.request().headers()['idempotency-key']);
      return lost ? route.abort() : route.fulfill({ status: 202, json: { ...operation('text'), id: 'op-new' } });
    });
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    await page.getByRole('button', { name: 'Release…' }).click();
    await page.getByLabel('Image of web').fill(`shop@sha256:${'0'.repeat(64)}`);
    await page.locator('dialog').getByRole('button', { name: 'Release' }).click();
    await page.locator('dialog').getByText('The server cannot be reached').waitFor();
    assert.equal(await page.getByLabel('Image of web').inputValue(), `shop@sha256:${'0'.repeat(64)}`);
    lost = false;
    await page.locator('dialog').getByRole('button', { name: 'Release' }).click();
    await page.waitForSelector('html[data-ready=operation]');
    assert.ok(keys.length > 2, `${keys.length} attempts`);
    assert.equal(new Set(keys).size, 1, 'one key for all attempts');
    // What was answered is over: the next release is another request.
    await page.goBack();
    await page.getByRole('button', { name: 'Release…' }).click();
    await page.getByLabel('Image of web').fill(`shop@sha256:${'0'.repeat(64)}`);
    await page.locator('dialog').getByRole('button', { name: 'Release' }).click();
    await page.waitForSelector('html[data-ready=operation]');
    assert.equal(new Set(keys).size, 2);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a fault while the log is drawn loses no line', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const faults = [];
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.addInitScript(() => {
      const replace = Element.prototype.replaceChildren;
      let failed = false;
      Element.prototype.replaceChildren = function replaceChildren(...nodes) {
        if (!failed && this.closest('.log-pane') && nodes.some((node) => node.textContent?.includes('line 1'))) {
          failed = true;
          throw new RangeError('a fault of the page');
        }
        return replace.apply(this, nodes);
      };
    });
    const asked = [];
    await page.route(/\/v1\/operations\/op-1$/, (route) => route.fulfill({ json: { ...operation('text', undefined, 'running'), id: 'op-1' } }));
    await page.route(/\/v1\/operations\/op-1\/logs/, (route) => {
      const after = new URL(route.request().url()).searchParams.get('after');
      asked.push(after);
      const lines = (after ? [3, 4] : [1, 2]).map((number) => ({ time: '2026-11-28T10:00:00Z', step: 'Apply', message: `line ${number}` }));
      return route.fulfill({ json: { lines, after: after ? 'b' : 'a', ended: after !== null } });
    });
    await visit(page, `${slipway.url}/console/operations/op-1`);
    await page.locator('.log-head [role=status]', { hasText: /^4 lines$/ }).waitFor();
    assert.deepEqual(await page.locator('.log-line .text').allInnerTexts(), ['line 1', 'line 2', 'line 3', 'line 4']);
    assert.deepEqual(asked, [null, 'a']);
    assert.ok(faults.some((fault) => fault.includes('a fault of the page')), faults.join('; '));
    await page.context().close();
  });

  test('an operation or a stack that no longer exists ends its page', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    let deleted = false;
    const gone = (what, live) => (route) => (deleted ? json(404, { title: 'Not found', detail: `There is no ${what}.` })(route) : route.fulfill({ json: live }));
    await page.route(/\/v1\/operations\/op-1\?/, gone('operation `op-1`', operation('text', undefined, 'running')));
    await page.route(/\/v1\/operations\/op-1$/, gone('operation `op-1`', operation('text', undefined, 'running')));
    await page.route(/\/v1\/stacks\/lusab-babad$/, gone('stack `lusab-babad`', stack(1, 'text')));
    for (const [address, what] of [['/console/operations/op-1', 'operation `op-1`'], ['/console/stacks/lusab-babad', 'stack `lusab-babad`']]) {
      deleted = false;
      await visit(page, slipway.url + address);
      await page.locator('.title .badge').first().waitFor();
      deleted = true;
      await page.getByRole('heading', { name: 'Not found' }).waitFor();
      await page.getByText(`There is no ${what}.`).waitFor();
      await page.getByRole('link', { name: 'Go to all stacks' }).waitFor();
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a version that is not available leads to the others', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    await page.route('**/v1/blueprints', json(200, { items: [blueprint('shop')], next: null }));
    await page.route('**/v1/blueprints?*', json(200, { items: [blueprint('shop')], next: null }));
    await page.route('**/v1/blueprints/shop', json(200, { ...blueprint('shop'), draft: false, deprecation: null, history: [{ version: '1.0.0', published_at: '2026-11-28T10:00:00Z', draft: false, deprecated: null }] }));
    await page.route('**/v1/blueprints/shop/versions/0.9.0', json(404, { title: 'Not found', detail: 'no' }));
    const note = page.getByText('Version 0.9.0 of shop is not available');
    await visit(page, `${slipway.url}/console/new?blueprint=shop&version=0.9.0`);
    await note.waitFor();
    await page.getByLabel(/^Name/).fill('mine');
    await page.getByRole('button', { name: 'Create stack' }).click();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'version', 'the next step has the focus');
    await page.getByLabel('Version').selectOption('');
    await page.getByLabel(/^plain/).waitFor();
    await note.waitFor({ state: 'detached' });

    await page.route(/\/v1\/stacks\/lusab-babad$/, json(200, { ...stack(1, 'text'), blueprint: { name: 'shop', version: '0.9.0' }, variables: { plain: 'kept' } }));
    await visit(page, `${slipway.url}/console/stacks/lusab-babad/update`);
    await note.waitFor();
    await page.getByLabel('Version of shop').selectOption('1.0.0');
    assert.equal(await page.getByLabel(/^plain/).inputValue(), 'kept');
    await visit(page, `${slipway.url}/console/blueprints/shop?version=0.9.0`);
    await note.waitFor();
    assert.equal(await page.getByRole('link', { name: 'New stack' }).count(), 0);
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a stack that the caller may only list says so and asks for nothing more', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.route(/\/v1\/stacks\/lusab-babad$/, json(200, { ...stack(1, 'shop'), variables: null, applied: null }));
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    await page.getByText('You may list this stack, and not read it').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Destroy…' }).count(), 0);
    assert.deepEqual(asked.filter((path) => /releases|operations/.test(path)), []);
    assert.deepEqual(await axe(page), []);
    await visit(page, `${slipway.url}/console/stacks/lusab-babad/update`);
    await page.getByRole('heading', { name: 'No access' }).waitFor();
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a dead-lettered event is redriven after a confirmation', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const letters = [{ ...deadLetter('Slipway.EventRefused'), id: 'one', type: 'Slipway Request' }];
    const asked = [];
    await page.route('**/v1/dead-letters', (route) => route.fulfill({ json: { items: letters, more: letters.length ? 207 : 0 } }));
    await page.route('**/v1/dead-letters/one/redrive', (route) => {
      asked.push(route.request().method());
      return route.fulfill({ status: 202, json: letters.pop() });
    });
    await visit(page, `${slipway.url}/console/dead-letters`);
    await page.getByText('About 207 further events in the queues').waitFor();
    await page.getByRole('button', { name: 'Redrive one' }).click();
    await page.getByRole('button', { name: 'Keep as it is' }).click();
    assert.deepEqual(asked, []);
    await page.getByRole('button', { name: 'Redrive one' }).click();
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: 'Redrive', exact: true }).click();
    await page.getByText('There are no dead-lettered events.').waitFor();
    assert.deepEqual(asked, ['POST']);

    const before = asked.length;
    await page.route('**/v1/permissions*', json(200, { actions: ['list', 'read'] }));
    await page.route('**/v1/dead-letters', (route) => {
      asked.push('list');
      return route.fulfill({ json: { items: [], more: 0 } });
    });
    await visit(page, `${slipway.url}/console/dead-letters`);
    await page.getByText('a policy does not permit you').waitFor();
    assert.equal(asked.length, before, 'what a policy denies is not requested');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a stack shows what is applied, what is pending, unsettled and stopped', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const images = (digit) => ({ web: `shop@sha256:${digit.repeat(64)}` });
    await page.route(/\/v1\/stacks\/lusab-babad$/, json(200, {
      ...stack(0, 'shop'), blueprint: { name: 'shop', version: '2.0.0' }, variables: { size: 'large', colour: 'red' }, applied: { version: '1.0.0', variables: { size: 'small', colour: 'red' } },
    }));
    await page.route('**/v1/blueprints/shop/versions/2.0.0', json(200, { ...blueprint('shop'), version: '2.0.0' }));
    await page.route('**/v1/stacks/*/releases?*', json(200, { items: [{ ...release('ben'), number: 2, status: 'releasing', images: images('2') }, { ...release('ann'), images: images('1') }], next: null }));
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    const text = async (selector) => (await page.locator(selector).textContent()).replace(/\s+/g, ' ');
    assert.match(await text('[data-key=card-variables]'), /The version: the resources have 1\.0\.0; 1 variable: the applied value is on the left\..*size ?small →should be large.*colour ?red/);
    assert.match(await text('[data-key=card-pending]'), /Release 2 is pending.*web shop@1{12} →becomes shop@2{12}.*Requested by ben/);
    assert.match(await text('.facts'), /Runs ?release 1 by ann/);
    await page.getByText('Unsettled since release 1').waitFor();
    await page.getByText('Version 2.0.0 of shop is deprecated').waitFor();
    assert.match(await text('[data-key=quiesced]'), /Stopped for migrations.*shop.*this operation/);
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('an ended session keeps what was typed until the user signs in again', async () => {
    const { slipway, browser } = shared;
    publish(slipway, 'session@1.0.0', 'output "slipway" { value = {} }\n');
    const provider = await startProvider();
    provider.state.renews = false;
    const gateway = await startGateway(slipway.url, provider);
    const page = await openPage(browser, { allowed: [/401/] });
    await visit(page, `${gateway.url}/console/new?blueprint=session&environment=local`);
    await page.getByText('This version has no variables.').waitFor();
    await page.getByLabel(/^Name/).fill('typed-for-long');
    provider.access.clear();
    const before = provider.state.logins;
    await page.getByRole('button', { name: 'Create stack' }).click();
    await page.getByText('Your session has ended').waitFor();
    assert.equal(await page.getByLabel(/^Name/).inputValue(), 'typed-for-long');
    assert.equal(provider.state.logins, before, 'the page did not leave by itself');
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.waitForFunction(() => document.querySelector('#name')?.value === '');
    assert.equal(page.url(), `${gateway.url}/console/new?blueprint=session&environment=local`);
    assert.equal(provider.state.logins, before + 1);
    await page.context().close();
    gateway.close();
    provider.close();
  });

  test('tokens that the API never accepts do not redirect without end', async () => {
    const { slipway, browser } = shared;
    const provider = await startProvider();
    const gateway = await startGateway(slipway.url, { ...provider, access: new Set() });
    const page = await openPage(browser, { allowed: [/401/] });
    await visit(page, gateway.url);
    await page.getByText('The API does not accept this sign-in').waitFor();
    await page.getByText(/compares OidcAudience, OidcScopes and OidcUserClaim/).waitFor();
    assert.equal(provider.state.logins, 1);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    gateway.close();
    provider.close();
  });
}
