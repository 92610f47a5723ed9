// The API explorer, Swagger UI: it shows the document and sends requests, within the policy that the API sets for it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { openPage } from './support.mjs';

export function explorer(shared) {
  test('the explorer shows every tag, and sends a request', async () => {
    const page = await openPage(shared.browser);
    await page.goto(`${shared.slipway.url}/docs`);
    await page.waitForSelector('.opblock-tag[data-tag=stacks]');
    const tags = await page.locator('.opblock-tag').count();
    assert.ok(tags >= 10, `${tags} tags`);
    await page.locator('.opblock-tag[data-tag=service]').click();
    await page.locator('#operations-service-show_health .opblock-summary-control').click();
    await page.locator('#operations-service-show_health .execute').click();
    const status = page.locator('#operations-service-show_health .live-responses-table .response-col_status').last();
    await status.waitFor();
    assert.match(await status.innerText(), /200/);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
