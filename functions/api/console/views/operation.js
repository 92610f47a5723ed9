// An operation: what it does, where it stands, its plan, its log, and the decisions on it.

import * as actions from '../actions.js';
import { get, pause, persist, send } from '../api.js';
import { at, encoded, image, own, words } from '../format.js';
import { element, html, island, render } from '../html.js';
import { logPane, plain } from '../log.js';
import { badge, card, facts, hasEnded, operationTitle, stackPath, when } from '../parts.js';
import { permissions } from '../permissions.js';
import { planPane } from '../plan.js';
import { OPERATION, RELEASE } from '../shapes.js';
import { decidedSheet, sheetPane } from '../sheet.js';
import { lasted, timeline } from '../timeline.js';

/** How the name of the step begins in which a service is rolled out. */
const STABLE = 'Wait until stable: ';
/** The steps that make nothing of a stack. */
const BEFORE_APPLY = ['Begin operation', 'Plan', 'Review plan', 'Wait for approval'];

/** @param {import('../app.js').Page} page */
export default async function view(page) {
  const { id } = page.params;
  /** @type {import('../types').Operation} */
  let operation;
  /** @type {(action: string) => boolean} */
  let may;
  [operation, may] = await Promise.all([get(`/v1/operations/${encoded(id)}`, OPERATION, {}, page.signal), permissions({ operation: id }, page.signal)]);
  const plan = planPane(operation.id, page.signal);
  /** @type {ReturnType<typeof sheetPane> | null} */
  let sheet = null;
  /** @type {ReturnType<typeof decidedSheet> | null} */
  let decided = null;
  /** @type {import('../types').Release | null} */
  let release = null;
  const log = logPane(operation.id, !hasEnded(operation.status), page.signal);
  const clock = island(element(html`<div></div>`));

  /** @param {(operation: import('../types').Operation) => Promise<import('../types').Operation | null>} act */
  const decide = (act) => async () => {
    const answer = await act(operation);
    if (answer) update(answer);
    // What was refused may be because the sheet has changed meanwhile.
    else sheet?.reload();
  };
  const openSheet = () => sheetPane(operation.id, page.signal, {
    approve: may('approve') ? (read) => decide((one) => actions.approve(one, read))() : null,
    reject: may('reject') ? decide(actions.reject) : null,
  });

  function tick() {
    render(clock, timeline(operation, hasEnded(operation.status) ? Date.parse(operation.ended_at ?? '') : Date.now()));
  }

  /** @param {import('../types').Operation} now */
  function update(now) {
    if (now.revision < operation.revision) return;
    if (now.approvals.at(-1)?.at !== operation.approvals.at(-1)?.at) sheet?.reload();
    operation = now;
    const name = operationTitle(operation);
    page.title(`${name} · ${operation.stack.name}`);
    plan.set(operation.plan);
    log.setSteps(operation.steps);
    if (waits(operation)) sheet ??= openSheet();
    if (operation.decision && operation.plan) decided ??= decidedSheet(operation.id, page.signal);
    tick();
    page.show(html`
      <nav class="crumbs" aria-label="Breadcrumb"><a href="/console/stacks">Stacks</a> <span aria-hidden="true">/</span> <a href=${stackPath(operation.stack.id)}>${operation.stack.name}</a></nav>
      <div class="title"><h1>${name}</h1>${badge(operation.status)}<span class="grow"></span>
        ${operation.links.continue && may('operate') ? html`<button type="button" class="primary" data-key="continue" @click=${decide(actions.continueRelease)}>Continue</button>
          <button type="button" data-key="roll-back" @click=${decide(actions.rollBackRelease)}>Roll back</button>` : null}
        ${operation.links.cancel && !operation.cancel && may('operate') ? html`<button type="button" data-key="cancel" @click=${decide(actions.cancel)}>Cancel</button>` : null}</div>
      ${summary(operation, release)}
      ${verdict(operation, sheet)}
      <div class="split" data-key="body">
        ${card('Timeline', clock)}
        ${operation.plan || !hasEnded(operation.status) ? card(waits(operation) ? 'Plan to approve' : 'Plan', plan.element, { id: 'plan' }) : null}
        ${decided ? card(operation.decision === 'rejected' ? 'Rejected sheet' : 'Approved sheet', decided.element, { id: 'sheet' }) : null}
        ${operation.drift ? drift(operation.drift) : null}
        ${card('Log', log.element)}
      </div>`);
  }

  update(operation);
  releaseOf(operation, page.signal).then((found) => {
    if (!found) return;
    release = found;
    update(operation);
  }).catch(page.fail);
  const timer = setInterval(() => hasEnded(operation.status) || tick(), 1_000);
  page.signal.addEventListener('abort', () => clearInterval(timer));
  watch(id, page.signal, () => operation, update).catch(page.fail);
}

/** The release that it rolls out. It only adds to the page: who may not read it sees the rest. @param {import('../types').Operation} operation @param {AbortSignal} signal */
async function releaseOf(operation, signal) {
  if (!operation.release) return null;
  try {
    return await get(`/v1/stacks/${encoded(operation.stack.id)}/releases/${operation.release}`, RELEASE, {}, signal);
  } catch {
    return null;
  }
}

/** Asks for each change of the operation until it has ended. @param {string} id @param {AbortSignal} signal @param {() => import('../types').Operation} now @param {(operation: import('../types').Operation) => void} update */
async function watch(id, signal, now, update) {
  while (!hasEnded(now().status)) {
    const answer = await persist(signal, () => send('GET', `/v1/operations/${encoded(id)}`, OPERATION, { query: { wait: 20, seen: now().revision }, signal, retries: 0 }));
    update(answer.value);
    await pause(Math.max(50, Number(answer.headers.get('retry-after')) * 1_000), signal);
  }
}

/** @param {import('../types').Operation} operation @param {import('../types').Release | null} release */
function summary(operation, release) {
  const { console: link, log } = operation.links;
  const took = operation.ended_at ? lasted(operation, 0) : null;
  return facts([
    ['Environment', operation.environment],
    ['Blueprint', html`<a href=${`/console/blueprints/${operation.blueprint.name}?version=${operation.blueprint.version}`}>${operation.blueprint.name}@${operation.blueprint.version}</a>`],
    ...(release ? /** @type {[string, unknown][]} */ ([['Images', Object.entries(release.images).map(([service, name]) => html`<span class="chip" title=${`${service}: ${name}`}>${service} <code>${image(name)}</code></span>`)]]) : []),
    ['Requested by', html`<span class="clip" title=${operation.requested_by}>${operation.requested_by}</span>`],
    ['Requested', when(operation.created_at)],
    ...(operation.approvals.length || (operation.approvals_required ?? 0) > 1 ? /** @type {[string, unknown][]} */ ([['Approvals', approvals(operation)]]) : []),
    ...(waits(operation) && operation.approval_expires_at ? /** @type {[string, unknown][]} */ ([['Decide by', at(operation.approval_expires_at)]]) : []),
    ...(took ? /** @type {[string, unknown][]} */ ([['Took', took]]) : []),
    ...(link ? /** @type {[string, unknown][]} */ ([['AWS', html`<a href=${link} target="_blank" rel="noreferrer">Execution</a>${log ? html`, <a href=${log} target="_blank" rel="noreferrer">log</a>` : null}`]]) : []),
    ['ID', html`<code>${operation.id}</code>`],
  ]);
}

/** Whether a decision is still open: a rejected plan keeps its status until the workflow ends. @param {import('../types').Operation} operation */
function waits(operation) {
  return operation.status === 'waiting_for_approval' && operation.decision === null;
}

/** @param {import('../types').Operation} operation */
function approvals({ approvals: given, approvals_required: required }) {
  return html`${(required ?? 1) > 1 ? html`<span>${given.filter((one) => !one.denied).length} of ${required}</span>` : null}
    ${given.map((one) => html`<span class="clip" title=${at(one.at)}>${one.by}${one.comment ? html` <span class="muted">${one.comment}</span>` : null}${one.denied ? html` <span class="muted">does not count: ${one.denied}</span>` : null}</span>`)}`;
}

/** Whether a new stack failed before anything was made: it is destroyed. @param {import('../types').Operation} operation */
function madeNothing({ kind, steps }) {
  return kind === 'provision' && steps.every((step) => BEFORE_APPLY.includes(step.name));
}

/** What is expected of a person, or what a person needs to know first. @param {import('../types').Operation} operation @param {ReturnType<typeof sheetPane> | null} sheet */
function verdict(operation, sheet) {
  if (waits(operation)) return sheet?.element;
  if (operation.cancel && !hasEnded(operation.status)) {
    return html`<div class="note" data-tone="wait" data-key="cancelling"><strong>Cancel requested by ${operation.cancel.requested_by}</strong>
      <p>${operation.cancel.acknowledged_at ? 'Terraform was interrupted and saves the state.' : 'The build reads the request within seconds.'}</p></div>`;
  }
  if (operation.links.continue) {
    const paused = operation.rollouts.filter((one) => one.pause && !one.pause.decision);
    return html`<div class="note" data-tone="wait" data-key="paused"><strong>The release is paused</strong>
      ${paused.map((one) => html`<p>${one.service} at ${one.stage ?? 'an unknown stage'}, with ${one.percent ?? '–'} % of the requests. ${one.pause?.expires_at
        ? `Without a decision it is ${one.pause.at_expiry === 'continue' ? 'continued' : 'rolled back'} at ${at(one.pause.expires_at)}.` : ''}</p>`)}</div>`;
  }
  if (operation.error) {
    const failed = ['failed', 'needs_attention'].includes(operation.status);
    const heading = own({ needs_attention: 'Needs attention: the database is migrated, and the services did not roll back', cancelled: 'Cancelled', discarded: 'Discarded: the stack is as it was', waiting_for_approval: 'Rejected' }, operation.status) ?? `Failed in ${operation.error.step}`;
    return html`<div class="note" data-tone=${failed ? 'bad' : 'off'} data-key="failure" role="alert">
      <strong>${heading}</strong>
      <pre class="cause">${plain(operation.error.message)}</pre>
      ${operation.error.address ? html`<p>Resource <code>${operation.error.address}</code></p>` : null}
      ${operation.ways_forward.length ? html`<ul class="plain-list" aria-label="Ways forward">${operation.ways_forward.map((way) => html`<li><strong>${words(way.way)}</strong> ${way.description} <code>${way.command}</code></li>`)}</ul>` : null}
      ${serviceLogs(operation).map((command) => html`<p class="muted">The log of its tasks: <code>${command}</code></p>`)}
      ${failed ? html`<p class="muted"><code>${operation.error.name}</code> · ${madeNothing(operation) ? html`Nothing was created. <a href=${`/console/new?again=${encoded(operation.stack.id)}`}>Create again</a> with corrected values. If it still has its name, <a href=${stackPath(operation.stack.id)}>go to the stack</a>.`
        : html`<a href=${stackPath(operation.stack.id)}>Go to the stack</a> to retry, roll back or update.`}</p>` : null}</div>`;
  }
  if (operation.status === 'queued') {
    return html`<div class="note" data-tone="wait" data-key="queued"><strong>Queued, position ${operation.position ?? '–'}</strong><p>It begins when the operations before it have ended. While the plan of an update waits for its first approval, releases, tasks and checks pass it.</p></div>`;
  }
  return null;
}

/** The commands that print the logs of services of a failed rollout: the operation's log does not have them. @param {import('../types').Operation} operation @returns {string[]} */
function serviceLogs({ error, steps, stack, created_at: created }) {
  if (!error || !['Slipway.RolloutFailed', 'Slipway.Unhealthy'].includes(error.name)) return [];
  const rolledOut = steps.filter((step) => step.name.startsWith(STABLE));
  const failed = rolledOut.filter((step) => step.status === 'failed');
  const services = (failed.length ? failed : rolledOut).map((step) => step.name.slice(STABLE.length));
  const hours = Math.max(0, Math.floor((Date.now() - Date.parse(created)) / 3_600_000)) + 1;
  return (services.length ? services : ['NAME']).map((service) => `slipway logs ${stack.id} --service ${service} --since ${hours}h`);
}

/** @param {{count: number, resources: import('../types').ResourceChange[]}} drift */
function drift({ count: found, resources }) {
  return card('Drift', found === 0 ? html`<p class="pad">No resource drifted.</p>` : html`<ul class="changes">${resources.map(
    (one) => html`<li data-action=${one.action}><span class="sign" aria-hidden="true">${one.action === 'delete' ? '−' : '~'}</span><code>${one.address}</code><span class="verb">${one.action === 'delete' ? 'no longer exists' : 'changed outside Terraform'}</span></li>`)}</ul>`, { count: found });
}
