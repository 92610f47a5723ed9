// What needs attention: approvals that wait, operations that run, stacks that failed, and the caller's stacks.

import { all, get, repeat } from '../api.js';
import { count, encoded } from '../format.js';
import { html } from '../html.js';
import { badge, card, empty, operationPath, operationRow, operationTitle, planCounts, stackPath, when } from '../parts.js';
import { ENVIRONMENT, OPERATION, STACK, page } from '../shapes.js';
import { draftBadge } from '../versions.js';

/** @typedef {import('../types').Operation} Operation */
/** @typedef {import('../types').Stack} Stack */
/** @typedef {{waiting: Operation[], active: Operation[], failures: Operation[], failed: Stack[], own: import('../types').Page<Stack>, teams: Stack[], newest: import('../types').Page<Stack>}} State */

/** How many stacks the page names. */
const NAMED = 10;
/** Of how many groups of the user the stacks are read. */
const GROUPS = 8;
/** Each how many rounds the stacks are read again. */
const RARE = 5;
/** How long a failure is named, in milliseconds. */
const DAY = 86_400_000;
/** How long an operation may have taken until it failed, in days: those that waited for an approval ended long after their request. */
const DAYS = 14;

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, fail, caller, title }) {
  title('Home');
  /** @type {import('../types').Environment[] | null} */
  let environments = null;
  /** @type {Pick<State, 'failures' | 'failed' | 'own' | 'teams' | 'newest'> | null} */
  let known = null;
  let round = 0;

  const load = async () => {
    const operations = (/** @type {string} */ status) => all('/v1/operations', OPERATION, { status }, signal, { most: 200 });
    // Stacks and rules change less often than operations.
    const whole = round % RARE === 0;
    round += 1;
    const [waiting, running, starting, stacks, rules] = await Promise.all([
      operations('waiting_for_approval'),
      operations('running'),
      operations('starting'),
      whole || !known ? readStacks(caller, signal) : known,
      environments ?? all('/v1/environments', ENVIRONMENT, {}, signal),
    ]);
    [environments, known] = [rules, stacks];
    draw({ waiting, active: [...running, ...starting], ...stacks });
  };

  /** Whether the caller's decision is still missing. @param {Operation} operation */
  function isMine(operation) {
    if (operation.approvals.some((one) => one.by === caller.name && !one.denied)) return false;
    const rule = environments?.find((one) => one.name === operation.environment);
    // The default policy forbids it in a protected environment.
    return operation.requested_by !== caller.name || !rule || (rule.self_approval && !rule.protected);
  }

  /** @param {State} state */
  function draw({ waiting, active, failures, failed, own, teams, newest }) {
    const mine = waiting.filter(isMine);
    const others = waiting.filter((one) => !isMine(one));
    const none = newest.items.length === 0;
    show(html`
      <div class="title"><h1>Home</h1><span class="grow"></span><a class="button primary" href="/console/new">New stack</a></div>
      <ul class="tiles">
        ${tile('To approve', mine.length, 'wait', '#h-to-approve')}${tile('In progress', active.length, 'busy', '#h-in-progress')}${tile('Failures today', failures.length, 'bad', '#h-failures-today')}${tile('Failed stacks', failed.length, 'bad', '/console/stacks?status=failed')}
      </ul>
      ${mine.length ? card('To approve', html`<ul class="rows">${mine.map(approval)}</ul>`, { count: mine.length }) : null}
      ${others.length ? card('Waiting for the approval of others', html`<ul class="rows">${others.map(approval)}</ul>`, { count: others.length }) : null}
      ${active.length ? card('In progress', html`<ul class="rows">${active.map((one) => operationRow(one))}</ul>`, { count: active.length }) : null}
      ${failures.length ? card('Failures today', html`<ul class="rows">${failures.map((one) => operationRow(one))}</ul>`, { count: failures.length }) : null}
      ${none ? welcome() : own.items.length ? stacks('Your stacks', own.items, `/console/stacks?owner=${encoded(caller.name)}`) : stacks('Newest stacks', newest.items, '/console/stacks')}
      ${teams.length ? stacks('Stacks of your teams', teams, '/console/stacks') : null}
      ${own.items.length && newest.items.some((one) => one.owner !== caller.name) ? stacks('Newest stacks', newest.items, '/console/stacks') : null}`);
  }

  /** @param {Operation} operation */
  function approval(operation) {
    return html`<li data-key=${operation.id}><a class="row-link" href=${operationPath(operation.id)}>
      <span class="row-main"><strong class="clip">${operation.stack.name}</strong> <span class="muted">${operationTitle(operation)} · ${operation.environment}</span></span>
      <span class="row-mid">${operation.plan ? planCounts(operation.plan) : null}</span>
      <span class="row-end"><span class="clip">${operation.requested_by === caller.name ? 'requested by you' : `requested by ${operation.requested_by}`}</span> ${when(operation.created_at)}</span></a></li>`;
  }

  await load();
  repeat(4_000, signal, load).catch(fail);
}

/** @param {import('../app.js').Caller} caller @param {AbortSignal} signal @returns {Promise<Pick<State, 'failures' | 'failed' | 'own' | 'teams' | 'newest'>>} */
async function readStacks({ name, groups }, signal) {
  const since = new Date(Date.now() - DAYS * DAY).toISOString();
  const ownedBy = (/** @type {string} */ owner) => get('/v1/stacks', page(STACK), { owner, limit: NAMED }, signal);
  const [ended, failed, newest, own, ofTeams] = await Promise.all([
    Promise.all(['failed', 'needs_attention'].map((status) => all('/v1/operations', OPERATION, { status, since }, signal, { most: 100 }))),
    all('/v1/stacks', STACK, { status: 'failed' }, signal, { most: 100 }),
    get('/v1/stacks', page(STACK), { limit: NAMED }, signal),
    ownedBy(name),
    Promise.all(groups.slice(0, GROUPS).map((group) => ownedBy(`team:${group}`))),
  ]);
  const endedAt = (/** @type {Operation} */ one) => Date.parse(one.ended_at ?? '');
  const failures = ended.flat().filter((one) => endedAt(one) > Date.now() - DAY).sort((one, other) => endedAt(other) - endedAt(one));
  const teams = ofTeams.flatMap((page) => page.items).sort((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, NAMED);
  return { failures, failed, own, teams, newest };
}

/** @param {string} name @param {Stack[]} items @param {string} address */
function stacks(name, items, address) {
  return card(name, html`<ul class="rows">${items.map(stackRow)}</ul>`, { aside: html`<a href=${address}>All</a>` });
}

/** @param {string} name @param {number} value @param {string} tone @param {string} address */
function tile(name, value, tone, address) {
  const content = html`<span class="value">${count(value)}</span> <span>${name}</span>`;
  return html`<li data-tone=${value ? tone : 'off'}>${value ? html`<a href=${address}>${content}</a>` : html`<span>${content}</span>`}</li>`;
}

/** @param {Stack} stack */
export function stackRow(stack) {
  return html`<li data-key=${stack.id}><a class="row-link" href=${stackPath(stack.id)}>
    <span class="row-main"><strong class="clip">${stack.name}</strong> <span class="muted">${stack.environment}</span></span>
    <span class="row-mid muted" title=${`${stack.blueprint.name}@${stack.blueprint.version}`}>${stack.blueprint.name}@${stack.blueprint.version}${stack.current_release ? ` · release ${stack.current_release}` : ''}</span>
    <span class="row-end">${stack.drift?.count ? html`<span class="badge" data-tone="wait">Drift</span>` : null}${stack.unsettled ? html`<span class="badge" data-tone="wait">Unsettled</span>` : null}${draftBadge(stack)}${badge(stack.status)} ${when(stack.updated_at)}</span></a></li>`;
}

function welcome() {
  return card('Stacks', empty('There are no stacks yet. A stack is one instance of a blueprint in an environment.',
    html`<p><a class="button primary" href="/console/new">Create the first stack</a></p>`));
}
