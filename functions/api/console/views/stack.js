// A stack: what it is, what it runs, what happened to it, and what can be done.

import * as actions from '../actions.js';
import { Problem, get, repeat } from '../api.js';
import { encoded } from '../format.js';
import { html } from '../html.js';
import { announce, badge, card, empty, facts, operationPath, operationRow, when } from '../parts.js';
import { permissions } from '../permissions.js';
import { problemPanel } from '../problem.js';
import { OPERATION, STACK, page } from '../shapes.js';
import * as cards from '../stack_cards.js';
import { BLUEPRINT, deprecationNote, draftBadge, replacedNote } from '../versions.js';

/** @typedef {import('../types').Stack} Stack */
/** @typedef {import('../types').Release} Release */
/** @typedef {import('../types').Operation} Operation */
/** @typedef {import('../types').Page<Operation>} Operations */

/** How many operations are shown at first, and at most. */
const [FEW, MANY] = [20, 100];

/** @param {import('../app.js').Page} page */
export default async function view({ params, signal, show, fail, title }) {
  const path = `/v1/stacks/${encoded(params.id)}`;
  let most = FEW;
  /** @type {unknown} */
  let problem = null;
  let redraw = () => {};
  const asked = permissions({ stack: params.id }, signal);
  // Who waits for it handles its failure.
  asked.catch(() => {});
  /** @type {(action: string) => boolean} */
  let may = () => false;

  /** The version that the stack is made from, for a note: who may not read it sees the rest. @type {import('../types').Blueprint | null} */
  let blueprint = null;
  let read = '';
  /** @param {Stack} stack */
  const readBlueprint = async ({ blueprint: { name, version } }) => {
    // Once: a denial is recorded each time.
    if (read === version) return;
    read = version;
    blueprint = await get(`/v1/blueprints/${encoded(name)}/versions/${encoded(version)}`, BLUEPRINT, {}, signal).catch(() => null);
  };

  /** @type {Set<string>} */
  const denied = new Set();
  const load = async () => {
    const stack = await get(path, STACK, {}, signal);
    title(stack.name);
    may = await asked;
    // Who may list a stack, and not read it, would be denied the rest, and each denial is recorded.
    const readable = Boolean(stack.variables);
    /** @type {[Release[], Operations, void]} */
    const [releases, operations] = readable
      ? await Promise.all([actions.releases(params.id, signal), get(`${path}/operations`, page(OPERATION), { limit: most }, signal), readBlueprint(stack)])
      : [[], { items: [], next: null }, undefined];
    const running = readable ? await inProgress(stack, operations.items, denied, signal) : [];
    redraw = () => show(readable ? whole(stack, releases, operations, running) : html`${head(stack)}${listed(stack)}`);
    redraw();
  };

  /** @param {() => Promise<void>} act */
  const doing = (act) => async () => {
    problem = null;
    try {
      await act();
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
      announce(error instanceof Error ? error.message : String(error));
    }
    redraw();
  };

  /** @param {Stack} stack @param {Release[]} releases @param {Operations} operations @param {Operation[]} running */
  function whole(stack, releases, operations, running) {
    const live = stack.status !== 'destroyed';
    const current = releases.find((one) => one.number === stack.current_release);
    // A release changes no infrastructure: what it leaves undone is in `unsettled`.
    const failed = stack.unsettled ? null : operations.items.find((one) => one.status === 'failed' && ['provision', 'update', 'destroy'].includes(one.kind));
    const end = live ? null : operations.items.find((one) => one.kind === 'destroy' && one.status === 'succeeded')
      ?? operations.items.find((one) => one.kind === 'provision' && one.status !== 'succeeded');
    return html`
      ${head(stack, live ? buttons(stack, releases) : null)}
      ${facts([
        ['Blueprint', html`<a href=${`/console/blueprints/${stack.blueprint.name}?version=${stack.blueprint.version}`}>${stack.blueprint.name}@${stack.blueprint.version}</a>`],
        ...(stack.current_release ? /** @type {[string, unknown][]} */ ([['Runs', html`release ${stack.current_release}${current ? html` <span class="muted">by ${current.requested_by}, ${when(current.ended_at ?? current.created_at)}</span>` : null}`]]) : []),
        ['Owner', html`<span class="clip" title=${stack.owner}>${stack.owner}</span>`],
        ['Created', when(stack.created_at)],
        ['Updated', when(stack.updated_at)],
        ...(end?.ended_at ? /** @type {[string, unknown][]} */ ([[end.kind === 'destroy' ? 'Destroyed' : 'Not created', html`<a href=${operationPath(end.id)}>${when(end.ended_at)}</a>`]]) : []),
        ['ID', html`<code>${stack.id}</code>`],
      ])}
      ${problem ? problemPanel(problem) : null}
      ${stack.status === 'failed' && !stack.unsettled ? html`<div class="note" data-tone="bad" data-key="failed"><strong>The last change to the infrastructure failed</strong>
        <p class="message">${failed?.error?.message ?? 'Resources may be incomplete.'}</p><p>An update applies what remains. A destroy removes what was created.</p></div>` : null}
      ${replacedNote(stack)}${deprecationNote(blueprint)}
      ${cards.unsettledNote(stack)}
      ${cards.quiescedNote(stack)}
      ${running.length ? html`<ul class="rows lifted" data-key="active">${running.map((one) => operationRow(one, { stack: false }))}</ul>` : null}
      <div class="columns" data-key="columns"><div>
        ${cards.endpointsCard(stack)}
        ${cards.pendingCard(stack, releases)}
        ${cards.releasesCard(stack, releases, operations.items)}
        ${card('Operations', operations.items.length ? html`<ul class="rows">${operations.items.map((one) => operationRow(one, { stack: false }))}</ul>${
          operations.next && most < MANY ? html`<p class="pad"><button type="button" class="small" @click=${doing(() => {
            most = MANY;
            return load();
          })}>Show older operations</button></p>` : null}` : empty('There are no operations yet.'))}
      </div><div>
        ${cards.variablesCard(stack, may('request-update'))}
        ${cards.notesCard(stack)}
        ${cards.tasksCard(stack, may('request-task') ? doing : null)}
        ${cards.driftCard(stack)}
        ${cards.subscriptionsCard(stack)}
      </div></div>`;
  }

  /** @param {Stack} stack @param {Release[]} releases */
  function buttons(stack, releases) {
    const releasable = stack.services.length > 0 && may('request-release');
    return html`<div class="actions" data-key="actions">
      ${releasable ? html`<button type="button" class="primary" data-key="release" @click=${doing(() => actions.release(stack, releases))}>Release…</button>` : null}
      ${releasable && stack.current_release && stack.last_release > 1 ? html`<button type="button" data-key="back" @click=${doing(() => actions.rollBack(stack, releases))}>Roll back…</button>` : null}
      ${may('request-update') ? html`<a class="button" href=${`/console/stacks/${stack.id}/update`} data-key="update">Update</a>` : null}
      ${may('operate') ? html`<button type="button" data-key="drift" @click=${doing(() => actions.checkDrift(stack))}>Check drift</button>` : null}
      ${may('request-destroy') ? html`<button type="button" class="danger-quiet" data-key="destroy" @click=${doing(() => actions.destroy(stack))}>Destroy…</button>` : null}</div>`;
  }

  await load();
  repeat(3_000, signal, load).catch(fail);
}

/** The operation in progress, and the one beside its waiting plan: newer ones may have pushed them from the list. Who may read the stack may be denied one of them: it joins `denied`, because each denial is recorded. @param {Stack} stack @param {Operation[]} newest @param {Set<string>} denied @param {AbortSignal} signal @returns {Promise<Operation[]>} */
async function inProgress({ active_operation: active, operation_beside: beside }, newest, denied, signal) {
  const ids = [active, beside].filter((id) => id !== null).filter((id) => !denied.has(id));
  const found = await Promise.all(ids.map(async (id) => {
    try {
      return newest.find((one) => one.id === id) ?? (await get(`/v1/operations/${encoded(id)}`, OPERATION, {}, signal));
    } catch (error) {
      if (!(error instanceof Problem && [403, 404].includes(error.status))) throw error;
      denied.add(id);
      return null;
    }
  }));
  return found.filter((one) => one !== null);
}

/** @param {Stack} stack @param {unknown} [actions] */
function head(stack, actions = null) {
  return html`<nav class="crumbs" aria-label="Breadcrumb"><a href="/console/stacks">Stacks</a> <span aria-hidden="true">/</span> <a href=${`/console/stacks?environment=${stack.environment}`}>${stack.environment}</a></nav>
    <div class="title"><h1>${stack.name}</h1>${badge(stack.status)}${stack.drift?.count ? html`<span class="badge" data-tone="wait">Drift</span>` : null}${
      stack.unsettled ? html`<span class="badge" data-tone="wait">Unsettled</span>` : null}${draftBadge(stack)}<span class="grow"></span>${actions}</div>`;
}

/** What those see who may not read the stack. @param {Stack} stack */
function listed(stack) {
  return html`${facts([
    ['Blueprint', `${stack.blueprint.name}@${stack.blueprint.version}`],
    ['Owner', html`<span class="clip" title=${stack.owner}>${stack.owner}</span>`],
    ['Updated', when(stack.updated_at)],
    ['ID', html`<code>${stack.id}</code>`],
  ])}
  <div class="note" data-tone="off" data-key="listed"><strong>You may list this stack, and not read it</strong>
    <p>Its variables, operations, plans and logs are for its owner and for administrators. Ask them for access: <a href="/console/policies">policies</a> decide who may read what.</p></div>`;
}
