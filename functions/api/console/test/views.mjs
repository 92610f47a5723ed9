// Every view, light, dark and on a phone: no violation of axe's rules, no sideways scrolling, nothing refused; and the budget.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { axe, openPage, publish, publishGuestbook, visit } from './support.mjs';

/** Each look, with the rules of axe that may find something there that they do not find in the first. */
const LOOKS = {
  light: { options: {}, rules: null },
  dark: { options: { dark: true }, rules: ['color-contrast'] },
  phone: { options: { width: 390, height: 844 }, rules: ['color-contrast', 'target-size', 'scrollable-region-focusable'] },
};
/** What the first view may weigh on the wire, in bytes. */
const BUDGET = 60 * 1024;

const REPLACED = `
variable "size" {
  description = "How much there is of it."
  type        = string
  default     = "small"
}
resource "terraform_data" "disk" {
  input            = var.size
  triggers_replace = [var.size]
}
module "part" {
  source = "./part"
}
output "slipway" { value = { notes = { hint = "Read \${var.size}" } } }
`;

const README = `# disk

A disk that is **replaced** to be resized. See [Terraform](https://developer.hashicorp.com/terraform) and [the module](../disk).

## Sizes

| size | GiB |
| --- | ---: |
| \`small\` | 8 |

1. Choose a size.
   - \`small\`
   - \`large\`
2. Run

\`\`\`sh
slipway stack update disk --var size=large
\`\`\`

> The data is lost.
`;

/** Stacks and operations in the states that views have something to show for, once for all tests. */
function prepare(shared) {
  shared.prepared ??= make(shared);
  return shared.prepared;
}

/** Approves a plan as it is shown. */
async function approve(slipway, id) {
  const sheet = await fetch(`${slipway.api}/v1/operations/${id}/sheet`);
  await slipway.json('POST', `/v1/operations/${id}/approve`, sheet.ok ? { sheet: (await sheet.json()).hash } : {});
}

async function make(shared) {
  const { slipway } = shared;
  const images = (shared.images ??= publishGuestbook(slipway));
  publish(slipway, 'disk@1.0.0', REPLACED.replace(/module[^]*?}\n/, ''), 'A disk that is replaced to be resized', README);
  const { variables } = await slipway.json('GET', '/v1/environments/local');
  await slipway.json('PUT', '/v1/environments/guarded', { account: '000000000000', region: 'us-east-1', approval: 'always', self_approval: true, variables });
  await slipway.json('PUT', '/v1/source-accounts/111122223333', { description: 'the shop', actions: ['release'], blueprints: ['disk'], environments: ['guarded'] });
  const created = await slipway.json('POST', '/v1/stacks', { name: 'disk', blueprint: 'disk', environment: 'guarded' });
  const first = await slipway.until(created.id, 'waiting_for_approval');
  await approve(slipway, first.id);
  await slipway.until(first.id, 'succeeded');
  const change = await slipway.json('PATCH', `/v1/stacks/${first.stack.id}`, { variables: { size: 'large' } });
  const waiting = await slipway.until(change.id, 'waiting_for_approval');
  return { stack: first.stack.id, done: first.id, waiting: waiting.id, ...(await release(slipway, images)) };
}

/** A stack with two releases, of which the third fails in its migration, because a visitor has written something. */
async function release(slipway, images) {
  const ended = async (operation, status) => slipway.until((await operation).id, status);
  const first = await ended(slipway.json('POST', '/v1/stacks', { name: 'visitors', blueprint: 'guestbook', environment: 'local', variables: { copies: 1 }, images: { web: images[0] } }), 'succeeded');
  const { endpoints } = await slipway.json('GET', `/v1/stacks/${first.stack.id}`);
  await fetch(`${endpoints.web}/entries`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ author: 'Ada', text: 'Hello' }) });
  const releases = `/v1/stacks/${first.stack.id}/releases`;
  await ended(slipway.json('POST', releases, { images: { web: images[1] } }), 'succeeded');
  const failed = await ended(slipway.json('POST', releases, { images: { web: images[2] } }), 'failed');
  return { running: first.stack.id, failed: failed.id };
}

export function views(shared) {
  test('every view passes axe in every look', async () => {
    const { slipway, browser } = shared;
    const ids = await prepare(shared);
    const addresses = {
      home: '/',
      stacks: '/console/stacks',
      stack: `/console/stacks/${ids.stack}`,
      operation: `/console/operations/${ids.done}`,
      waiting: `/console/operations/${ids.waiting}`,
      new: '/console/new?blueprint=disk&environment=local',
      update: `/console/stacks/${ids.stack}/update`,
      blueprints: '/console/blueprints',
      blueprint: '/console/blueprints/disk',
      environments: '/console/environments',
      accounts: '/console/source-accounts',
      policies: '/console/policies',
      deadLetters: '/console/dead-letters',
      audit: '/console/audit',
      running: `/console/stacks/${ids.running}`,
      failed: `/console/operations/${ids.failed}`,
      missing: '/console/nowhere',
      malformed: '/console/stacks/%E0%A4%A',
    };
    const shots = process.env.SCREENSHOTS;
    if (shots) fs.mkdirSync(shots, { recursive: true });
    for (const [look, { options, rules }] of Object.entries(LOOKS)) {
      const page = await openPage(browser, options);
      for (const [name, address] of Object.entries(addresses)) {
        await visit(page, slipway.url + address);
        if (['operation', 'waiting', 'failed'].includes(name)) await page.locator('.log-line').first().waitFor();
        if (name === 'blueprint') await page.locator('.markdown').waitFor();
        if (['missing', 'malformed'].includes(name)) await page.getByRole('heading', { name: 'Page not found' }).waitFor();
        assert.deepEqual(await axe(page, rules), [], `${name}, ${look}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${name}, ${look} scrolls sideways`);
        if (shots) await page.screenshot({ path: path.join(shots, `${name}-${look}.png`), fullPage: true });
      }
      assert.deepEqual(page.wrong, [], look);
      await page.context().close();
    }
  });

  test('a README is shown as its Markdown says, and leads only to the web', async () => {
    const { slipway, browser } = shared;
    await prepare(shared);
    const page = await openPage(browser);
    await visit(page, `${slipway.url}/console/blueprints/disk`);
    const readme = page.locator('.markdown');
    await readme.getByRole('heading', { name: 'Sizes', level: 4 }).waitFor();
    const cards = await page.locator('main h2').allInnerTexts();
    assert.deepEqual(cards.slice(0, 2).map((text) => text.split(/\s/)[0]), ['README', 'Variables']);
    await page.getByRole('link', { name: 'Variables' }).click();
    assert.equal(new URL(page.url()).hash, '#h-variables');
    assert.deepEqual(await readme.locator('a').evaluateAll((links) => links.map((link) => link.href)), ['https://developer.hashicorp.com/terraform']);
    assert.equal(await readme.locator('ol > li').count(), 2);
    assert.equal(await readme.locator('pre').innerText(), 'slipway stack update disk --var size=large');
    assert.equal(await readme.locator('td').last().innerText(), '8');
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a version is deprecated and a draft discarded by keyboard', async () => {
    const { slipway, browser } = shared;
    const terraform = 'output "slipway" { value = {} }\n';
    publish(slipway, 'lamp@1.0.0', terraform, 'For a test', '# lamp');
    publish(slipway, 'lamp@2.0.0', terraform, 'For a test', '# lamp', ['--draft']);
    const page = await openPage(browser);
    const version = (number) => slipway.json('GET', `/v1/blueprints/lamp/versions/${number}`);
    const press = async (name) => {
      await page.getByRole('button', { name, exact: true }).focus();
      await page.keyboard.press('Enter');
      await page.waitForSelector('dialog[open]');
    };
    await visit(page, `${slipway.url}/console/blueprints/lamp`);
    await press('Deprecate…');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('Give the reason, and the version to use instead.').waitFor();
    await page.keyboard.type('Use 2.0.0: this lamp is dark');
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('Version 1.0.0 of lamp is deprecated').waitFor();
    assert.equal((await version('1.0.0')).deprecation.message, 'Use 2.0.0: this lamp is dark');
    assert.deepEqual(await axe(page), []);
    await press('End deprecation…');
    await page.keyboard.press('Escape');
    assert.ok((await version('1.0.0')).deprecation, 'Escape keeps it');
    await press('End deprecation…');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Deprecate…', exact: true }).waitFor();
    assert.equal((await version('1.0.0')).deprecation, null);
    assert.equal(await page.getByRole('button', { name: 'Discard…' }).count(), 0, 'a published version stays');

    await visit(page, `${slipway.url}/console/blueprints/lamp?version=2.0.0`);
    await press('Discard…');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/console/blueprints');
    const { versions } = await slipway.json('GET', '/v1/blueprints/lamp');
    assert.deepEqual(versions, ['1.0.0']);

    await page.route('**/v1/permissions?*', (route) => route.fulfill({ json: { actions: ['list', 'read'] } }));
    await visit(page, `${slipway.url}/console/blueprints/lamp`);
    assert.equal(await page.getByRole('button', { name: 'Deprecate…' }).count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a stack says that its draft was replaced', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    const bulb = (size) => publish(slipway, 'bulb@1.0.0', `output "slipway" { value = { notes = { size = "${size}" } } }\n`, 'For a test', '', ['--draft']);
    bulb(1);
    const created = await slipway.json('POST', '/v1/stacks', { name: 'bulb', blueprint: 'bulb', version: '1.0.0', environment: 'local' });
    await slipway.until(created.id, 'succeeded');
    const address = `${slipway.url}/console/stacks/${created.stack.id}`;
    await visit(page, address);
    await page.locator('.title .badge', { hasText: /^Draft$/ }).waitFor();
    bulb(2);
    await page.getByText('The draft bulb@1.0.0 was replaced').waitFor();
    await page.locator('.title .badge', { hasText: 'Draft replaced' }).waitFor();
    assert.deepEqual(await axe(page), []);
    await visit(page, `${slipway.url}/console/stacks`);
    await page.locator('.stack-row', { hasText: 'bulb' }).getByText('Draft replaced').waitFor();
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('failures of today are on the first page', async () => {
    const { slipway, browser } = shared;
    const { failed } = await prepare(shared);
    const page = await openPage(browser);
    await visit(page, slipway.url);
    await page.locator('[data-key=card-failures-today] a.row-link').first().waitFor();
    assert.equal(await page.locator(`[data-key=card-failures-today] li[data-key="${failed}"]`).count(), 1);
    await page.context().close();
  });

  test('what a policy denies is not offered', async () => {
    const { slipway, browser } = shared;
    const ids = await prepare(shared);
    const page = await openPage(browser);
    await page.route('**/v1/permissions?*', (route) => route.fulfill({ json: { actions: ['list', 'read', 'request-update'] } }));
    await visit(page, `${slipway.url}/console/stacks/${ids.running}`);
    await page.getByRole('link', { name: 'Update', exact: true }).waitFor();
    assert.equal(await page.locator('[data-key=actions] > *').count(), 1);
    await visit(page, `${slipway.url}/console/operations/${ids.waiting}`);
    await page.locator('.sheet-body').waitFor();
    assert.equal(await page.getByRole('button', { name: /Approve|Reject|Cancel/ }).count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a replaced resource is read, and approved, on the page of the operation', async () => {
    const { slipway, browser } = shared;
    await prepare(shared);
    const { items } = await slipway.json('GET', '/v1/operations?status=waiting_for_approval');
    const page = await openPage(browser);
    await visit(page, slipway.url);
    await page.getByRole('link', { name: /^disk Update/ }).click();
    const change = page.locator('.changes > li').first();
    await change.waitFor();
    assert.match((await change.textContent()) ?? '', /replace terraform_data\.disk/);
    await page.getByRole('button', { name: 'Approve…' }).click();
    await page.getByLabel('Comment, if any').fill('Agreed with the team');
    await page.locator('dialog').getByRole('button', { name: 'Approve' }).click();
    await page.locator('.facts', { hasText: 'Agreed with the team' }).waitFor();
    await page.locator('.title .badge', { hasText: 'Succeeded' }).waitFor({ timeout: 60_000 });
    assert.equal((await slipway.json('GET', `/v1/operations/${items[0].id}`)).approved_by, 'ann');
    await page.getByRole('button', { name: 'Show the sheet' }).click();
    await page.getByText('This is the sheet that was approved by ann.').waitFor();
    assert.match((await page.locator('.sheet-body').textContent()) ?? '', /Destructive[^]*1 resource is destroyed/);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('a rejection takes a reason, and shows it', async () => {
    const { slipway, browser } = shared;
    await prepare(shared);
    const { items } = await slipway.json('GET', '/v1/stacks?name=disk');
    const { id } = await slipway.json('PATCH', `/v1/stacks/${items[0].id}`, { variables: { size: 'huge' } });
    await slipway.until(id, 'waiting_for_approval');
    const page = await openPage(browser);
    await visit(page, `${slipway.url}/console/operations/${id}`);
    await page.getByRole('button', { name: 'Reject…' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Reject' }).click();
    await page.getByText('Give a reason: the requester reads it.').waitFor();
    await page.getByLabel(/^Reason/).fill('The disk would lose its data');
    await page.locator('dialog').getByRole('button', { name: 'Reject' }).click();
    await page.locator('.cause', { hasText: 'The disk would lose its data' }).waitFor();
    await page.locator('.title .badge', { hasText: 'Discarded' }).waitFor();
    await page.locator('.timeline li[data-s="rejected"]', { hasText: 'Wait for approval, rejected' }).waitFor();
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('the first view keeps to its budget, and a second visit asks for the page alone', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    let answers = 0;
    session.on('Network.loadingFinished', (event) => {
      bytes += event.encodedDataLength;
      answers += event.encodedDataLength > 0 ? 1 : 0;
    });
    await visit(page, slipway.url);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    console.log(`first view: ${bytes} bytes in ${answers} answers, first paint after ${Math.round(paint ?? 0)} ms`);
    assert.ok(bytes > 5_000 && bytes <= BUDGET, `${bytes} bytes`);
    await page.context().close();
  });

  test('an unreachable server and a refused request say so', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser, { allowed: [/./] });
    await visit(page, `${slipway.url}/console/stacks/lusab-babad`);
    await page.getByRole('heading', { name: 'Not found' }).waitFor();
    await visit(page, slipway.url);
    await page.route('**/v1/**', (route) => route.abort());
    await page.getByText('The server cannot be reached. The console keeps trying.').waitFor();
    await page.unroute('**/v1/**');
    await page.locator('#lost').waitFor({ state: 'hidden' });
    let busy = 0;
    await page.route('**/v1/blueprints?*', (route) => {
      busy += 1;
      return busy < 3 ? route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json: { message: 'Too Many Requests' } }) : route.continue();
    });
    await page.getByRole('link', { name: 'Blueprints' }).click();
    await page.getByText('A disk that is replaced to be resized').waitFor();
    assert.equal(busy, 3);
    await page.context().close();
  });
}
