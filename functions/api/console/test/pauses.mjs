// A progressive release that is paused: how far it is, and the decision.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerWith, operation } from './fake.mjs';
import { axe, openPage, visit } from './support.mjs';

const ID = 'op-01kaj3v9mz5x0q8r2t4w6y7z9a';

/** An operation that rolls out `web`, with this pause. */
function rollingOut(pause) {
  const path = `/v1/operations/${ID}`;
  const running = { ...operation('shop', [], 'running'), kind: 'release', plan: null, drift: null, error: null, decision: null, waiting_for_build: null };
  return {
    ...running,
    steps: [{ name: 'Wait until stable: web', started_at: '2026-11-28T10:00:00Z', ended_at: null, status: 'running' }],
    rollouts: [{ service: 'web', strategy: 'CANARY', stage: 'POST_SCALE_UP', percent: 12.5, pause }],
    links: { cancel: `${path}/cancel`, ...(pause?.decision === null ? { continue: `${path}/continue`, roll_back: `${path}/roll-back` } : {}) },
  };
}

export function pauses(shared) {
  test('a paused release shows its stage and share, and takes a decision', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser);
    await answerWith(page, () => 'text');
    const pause = { expires_at: '2026-11-28T11:00:00Z', at_expiry: 'roll_back', decision: null, decided_by: null };
    let shown = rollingOut(pause);
    const decisions = [];
    await page.route(`**/v1/operations/${ID}*`, (route) => route.fulfill({ json: shown }));
    await page.route(`**/v1/operations/${ID}/*`, (route) => {
      if (route.request().method() !== 'POST') return route.fallback();
      decisions.push(new URL(route.request().url()).pathname.split('/').pop());
      shown = { ...rollingOut({ ...pause, decision: 'continue', decided_by: 'ann' }), revision: 6 };
      return route.fulfill({ status: 202, json: shown });
    });
    await visit(page, `${slipway.url}/console/operations/${ID}`);
    const row = page.locator('.timeline li', { hasText: 'Wait until stable: web' });
    await row.getByText('12.5 %').waitFor();
    assert.match((await row.textContent()).replace(/\s+/g, ' '), /12\.5 % of the requests, CANARY, POST_SCALE_UP, paused/);
    await page.locator('.note', { hasText: 'The release is paused' }).getByText(/Without a decision it is rolled back at/).waitFor();
    await page.getByRole('button', { name: 'Roll back' }).waitFor();
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Roll back' }).waitFor({ state: 'detached' });
    assert.deepEqual(decisions, ['continue']);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
