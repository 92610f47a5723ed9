// Sign-in at an identity provider on loopback, which enforces PKCE and rotates its refresh tokens.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import test from 'node:test';

import { startGateway, startProvider } from './oidc.mjs';
import { openPage, visit } from './support.mjs';

/** How long a token is good, in seconds: less than the console renews ahead, so that each request renews. */
const SHORT = 50;

/** A request with any headers, which `fetch` does not send. */
function request(url, headers = {}) {
  return new Promise((resolve, reject) => {
    http.get(url, { headers }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => (body += chunk)).on('end', () => resolve({ status: answer.statusCode, body }));
    }).on('error', reject);
  });
}

export function signIn(shared) {
  test('sign-in ends on the page that was opened, with tokens in memory only', async () => {
    const { slipway, browser } = shared;
    const provider = await startProvider();
    const gateway = await startGateway(slipway.url, provider);
    const page = await openPage(browser);
    await visit(page, `${gateway.url}/console/blueprints?from=link`);
    await page.waitForSelector('html[data-ready=blueprints]');
    assert.equal(page.url(), `${gateway.url}/console/blueprints?from=link`);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    for (const token of provider.access) assert.ok(!kept.includes(token));
    assert.equal(kept, '[{},{},""]');
    assert.deepEqual(page.wrong, []);

    // Tokens near their end are renewed, once however many requests need them; the rotation is kept to.
    provider.state.lifetime = SHORT;
    const before = provider.state.exchanges;
    await visit(page, gateway.url);
    await page.waitForSelector('html[data-ready=home]');
    assert.ok(provider.state.exchanges > before);
    assert.deepEqual(provider.state.refused, []);
    assert.deepEqual(page.wrong, []);

    // A token that the API no longer takes leads to another sign-in, and back.
    provider.state.lifetime = 3_600;
    await visit(page, `${gateway.url}/console/stacks`);
    provider.access.clear();
    await page.getByRole('link', { name: 'Environments' }).click();
    await page.waitForSelector('html[data-ready=environments]');
    assert.equal(page.url(), `${gateway.url}/console/environments`);
    await page.context().close();
    gateway.close();
    provider.close();
  });

  test('the key of slipway console is kept for its tab, and out of the address', async () => {
    const { slipway, browser } = shared;
    const key = crypto.randomBytes(32).toString('hex');
    const gateway = await startGateway(slipway.url, { access: new Set([key]), url: '' }, { sign_in: null, key: true });
    const page = await openPage(browser, { allowed: [/401/] });
    await visit(page, `${gateway.url}/#key=${key}`);
    await page.waitForSelector('html[data-ready=home]');
    assert.equal(page.url(), `${gateway.url}/`);
    await page.reload();
    await page.waitForSelector('html[data-ready=home]');
    await page.context().close();
    const other = await openPage(browser, { allowed: [/401/] });
    await visit(other, gateway.url);
    await other.getByRole('heading', { name: 'Not signed in' }).waitFor();
    await other.context().close();
    gateway.close();
  });

  test('slipway console forwards its own page, and rejects others', async () => {
    const { slipway, browser } = shared;
    const proxy = await slipway.console();
    const [address, key] = proxy.url.split('/#key=');
    const status = async (path, headers = {}) => (await request(address + path, headers)).status;
    const bearer = { authorization: `Bearer ${key}` };
    assert.equal(await status('/console/stacks'), 200);
    assert.equal(await status('/v1/stacks'), 401);
    assert.equal(await status('/v1/stacks', { authorization: 'Bearer 00' }), 401);
    assert.equal(await status('/v1/stacks', { ...bearer, origin: 'https://evil.example' }), 403);
    assert.equal(await status('/', { host: 'evil.example' }), 403);
    assert.equal(await status('/v1/stacks?limit=1', bearer), 200);
    assert.deepEqual(await request(`${address}/console/config.json`).then(({ body }) => [JSON.parse(body).key, JSON.parse(body).sign_in]), [true, null]);
    const page = await openPage(browser);
    await visit(page, proxy.url);
    await page.waitForSelector('html[data-ready=home]');
    assert.equal(page.url(), `${address}/`);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    proxy.stop();
  });

  test('a sign-in that was refused, or that answers another request, says so', async () => {
    const { slipway, browser } = shared;
    const provider = await startProvider();
    const gateway = await startGateway(slipway.url, provider);
    provider.state.denies = true;
    const page = await openPage(browser);
    await visit(page, gateway.url);
    await page.getByText('The identity provider refused the sign-in: access_denied.').waitFor();
    await page.evaluate(() => sessionStorage.setItem('slipway-sign-in', JSON.stringify({ verifier: 'x', state: 'mine', page: '/' })));
    await visit(page, `${gateway.url}/console/callback?code=stolen&state=other&iss=${encodeURIComponent(provider.url)}`);
    await page.getByText('The answer belongs to another sign-in.').waitFor();
    assert.equal(provider.state.exchanges, 0);
    assert.equal(await page.evaluate(() => location.search), '');
    await page.context().close();
    gateway.close();
    provider.close();
  });
}
