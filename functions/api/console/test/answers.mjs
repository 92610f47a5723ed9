// Answers that are cut off, empty or late: a change is sent again under its key, and what the page shows stays.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerWith, operation } from './fake.mjs';
import { openPage, visit } from './support.mjs';

async function fakedPage(browser) {
  const page = await openPage(browser, { allowed: [/5\d\d|TypeError|ERR_/] });
  await answerWith(page, () => 'text');
  return page;
}

const cut = { status: 202, contentType: 'application/json', body: '{"id":"op-01m8' };

export function answers(shared) {
  test('a change whose answer is cut off is sent again under its key', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    for (const answer of [cut, { status: 200, body: '' }, { status: 200, contentType: 'text/html', body: '<html>sign in</html>' }, { status: 200, contentType: 'application/json', body: 'null' }]) {
      const keys = [];
      let broken = true;
      await page.route('**/v1/stacks/*/releases', (route) => {
        if (route.request().method() === 'GET') return route.fallback();
        keys.push(route.request().headers()['idempotency-key']);
        return route.fulfill(broken ? answer : { status: 202, json: { ...operation('text'), id: 'op-new' } });
      });
      await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
      const release = page.locator('dialog').getByRole('button', { name: 'Release' });
      await page.getByRole('button', { name: 'Release…' }).click();
      await page.getByLabel('Image of web').fill(`shop@sha256:${'0'.repeat(64)}`);
      await release.click();
      await page.locator('dialog').getByText(/The answer is incomplete.*the same request again has no further effect/s).waitFor();
      broken = false;
      await release.click();
      await page.waitForSelector('html[data-ready=operation]');
      assert.ok(keys.length > 1, `${keys.length} attempts`);
      assert.equal(new Set(keys).size, 1, 'one key for all attempts');
      await page.goBack();
      await page.getByRole('button', { name: 'Release…' }).click();
      await page.getByLabel('Image of web').fill(`shop@sha256:${'0'.repeat(64)}`);
      await release.click();
      await page.waitForSelector('html[data-ready=operation]');
      assert.equal(new Set(keys).size, 2, 'what was answered is over');
      await page.unroute('**/v1/stacks/*/releases');
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a bad answer does not replace a live view', async () => {
    const { slipway, browser } = shared;
    const page = await fakedPage(browser);
    const running = { ...operation('text', undefined, 'running'), id: 'op-1', error: null };
    const bad = [cut, { status: 200, body: '' }, { status: 200, json: {} }, { status: 500, json: { title: 'The service failed' } }];
    let left = bad.length;
    await page.route(/\/v1\/operations\/op-1(\?|$)/, (route) => {
      if (!route.request().url().includes('seen=')) return route.fulfill({ json: running });
      left -= 1;
      return route.fulfill(bad[left] ?? { json: { ...running, revision: 6, status: 'succeeded', ended_at: '2026-11-28T10:02:00Z' } });
    });
    await visit(page, `${slipway.url}/console/operations/op-1`);
    await page.getByText('The server is busy: what is here may be old.').waitFor();
    await page.locator('.title .badge', { hasText: 'Running' }).waitFor();
    await page.locator('.title .badge', { hasText: 'Succeeded' }).waitFor();
    await page.locator('#lost').waitFor({ state: 'hidden' });

    let answered = 0;
    left = bad.length;
    await page.route(/\/v1\/stacks\/lusab-babad$/, (route) => {
      answered += 1;
      if (answered === 1) return route.fallback();
      left -= 1;
      return bad[left] ? route.fulfill(bad[left]) : route.fallback();
    });
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    await page.locator('.title .badge').first().waitFor();
    await page.waitForFunction(() => !(/** @type {HTMLElement} */ (document.querySelector('#lost')).hidden));
    assert.equal(await page.getByRole('heading', { name: 'This page cannot be shown' }).count(), 0);
    while (left >= 0) await page.waitForResponse(/\/v1\/stacks\/lusab-babad$/);
    await page.locator('#lost').waitFor({ state: 'hidden' });
    assert.equal(await page.getByRole('heading', { name: 'This page cannot be shown' }).count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('the start without a server says so', async () => {
    const { slipway, browser } = shared;
    for (const answer of [{ status: 200, body: '' }, cut, { status: 503, json: { message: 'x' } }]) {
      const page = await fakedPage(browser);
      let broken = true;
      for (const path of ['**/v1/caller', '**/console/config.json']) {
        await page.route(path, (route) => (broken ? route.fulfill(answer) : route.fallback()));
        await page.goto(slipway.url);
        await page.getByText('Loading…').waitFor();
        await page.getByRole('heading', { name: 'The console cannot start' }).waitFor();
        assert.doesNotMatch(await page.locator('main').innerText(), /JSON|null|undefined/);
        await page.unroute(path);
      }
      broken = false;
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.waitForSelector('html[data-ready=home]');
      assert.deepEqual(page.wrong, []);
      await page.context().close();
    }
  });
}
