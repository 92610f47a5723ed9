// All tests against one local Slipway and one browser: starting them takes longer than most tests.

import { after, before } from 'node:test';

import { startBrowser, startSlipway } from './support.mjs';

export const shared = {};

before(async () => {
  shared.slipway = await startSlipway();
  shared.browser = await startBrowser();
});

after(async () => {
  await shared.browser?.close();
  await shared.slipway?.stop();
});

const { journey } = await import('./journey.mjs');
const { views } = await import('./views.mjs');
const { again } = await import('./again.mjs');
const { answers } = await import('./answers.mjs');
const { explorer } = await import('./explorer.mjs');
const { forms } = await import('./forms.mjs');
const { hostile } = await import('./hostile.mjs');
const { large } = await import('./large.mjs');
const { pauses } = await import('./pauses.mjs');
const { problems } = await import('./problems.mjs');
const { shapes } = await import('./shapes.mjs');
const { signIn } = await import('./sign_in.mjs');
const { visible } = await import('./visible.mjs');

journey(shared);
views(shared);
again(shared);
answers(shared);
explorer(shared);
forms(shared);
hostile(shared);
large(shared);
pauses(shared);
problems(shared);
shapes(shared);
signIn(shared);
visible(shared);
