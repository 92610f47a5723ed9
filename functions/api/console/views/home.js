// What needs attention: approvals that wait, operations that run, stacks that failed, and the newest stacks.

import { all, get, repeat } from '../api.js';
import { count } from '../format.js';
import { html } from '../html.js';
import { badge, card, empty, operationPath, operationRow, planCounts, stackPath, when } from '../parts.js';

/** @typedef {import('../types').Operation} Operation */
/** @typedef {import('../types').Stack} Stack */

/** How many stacks the page names. */
const NAMED = 10;

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, caller, title }) {
  title('Home');
  const load = async () => {
    const [waiting, running, starting, failed, newest] = await Promise.all([
      all('/v1/operations', { status: 'waiting_for_approval' }, signal, { most: 200 }),
      all('/v1/operations', { status: 'running' }, signal, { most: 200 }),
      all('/v1/operations', { status: 'starting' }, signal, { most: 200 }),
      all('/v1/stacks', { status: 'failed' }, signal, { most: 100 }),
      get('/v1/stacks', { limit: NAMED }, signal),
    ]);
    draw({
      waiting: /** @type {Operation[]} */ (waiting),
      active: /** @type {Operation[]} */ ([...running, ...starting]),
      failed: /** @type {Stack[]} */ (failed),
      newest: /** @type {import('../types').Page<Stack>} */ (newest),
    });
  };

  /** @param {{waiting: Operation[], active: Operation[], failed: Stack[], newest: import('../types').Page<Stack>}} state */
  function draw({ waiting, active, failed, newest }) {
    const none = newest.items.length === 0;
    show(html`
      <div class="title"><h1>Home</h1><span class="grow"></span><a class="button primary" href="/console/new">New stack</a></div>
      <ul class="tiles">
        ${tile('To approve', waiting.length, 'wait')}${tile('In progress', active.length, 'busy')}${tile('Failed stacks', failed.length, 'bad')}
      </ul>
      ${waiting.length ? card('Waiting for approval', html`<ul class="rows">${waiting.map(approval)}</ul>`, { count: waiting.length }) : null}
      ${active.length ? card('In progress', html`<ul class="rows">${active.map((one) => operationRow(one))}</ul>`, { count: active.length }) : null}
      ${failed.length ? card('Failed stacks', html`<ul class="rows">${failed.map(stackRow)}</ul>`, { count: failed.length }) : null}
      ${none ? welcome() : card('Newest stacks', html`<ul class="rows">${newest.items.map(stackRow)}</ul>`, { aside: html`<a href="/console/stacks">All stacks</a>` })}`);
  }

  /** @param {Operation} operation */
  function approval(operation) {
    return html`<li data-key=${operation.id}><a class="row-link" href=${operationPath(operation.id)}>
      <span class="row-main"><strong>${operation.stack.name}</strong> <span class="muted">${operation.kind} · ${operation.environment}</span></span>
      <span class="row-mid">${operation.plan ? planCounts(operation.plan) : null}</span>
      <span class="row-end muted">${operation.requested_by === caller.name ? 'requested by you' : `requested by ${operation.requested_by}`}, ${when(operation.created_at)}</span></a></li>`;
  }

  await load();
  repeat(4_000, signal, load).catch((error) => {
    if (!signal.aborted) throw error;
  });
}

/** @param {string} name @param {number} value @param {string} tone */
function tile(name, value, tone) {
  return html`<li data-tone=${value ? tone : 'off'}><span class="value">${count(value)}</span> <span>${name}</span></li>`;
}

/** @param {Stack} stack */
export function stackRow(stack) {
  return html`<li data-key=${stack.id}><a class="row-link" href=${stackPath(stack.id)}>
    <span class="row-main"><strong>${stack.name}</strong> <span class="muted">${stack.environment}</span></span>
    <span class="row-mid muted">${stack.blueprint.name}@${stack.blueprint.version}${stack.current_release ? ` · release ${stack.current_release}` : ''}</span>
    <span class="row-end">${badge(stack.status)} ${when(stack.updated_at)}</span></a></li>`;
}

function welcome() {
  return card('Stacks', empty('There are no stacks yet. A stack is one instance of a blueprint in an environment.',
    html`<p><a class="button primary" href="/console/new">Create the first stack</a></p>`));
}
