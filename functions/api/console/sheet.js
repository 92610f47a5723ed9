// The approval sheet: everything that an approver decides by, with the hash that an approval quotes.

import { Problem, get } from './api.js';
import { ATTRIBUTES, attributeList } from './attributes.js';
import { at, counted, image, own, shown, words } from './format.js';
import { element, html, island, render } from './html.js';
import { problemPanel } from './problem.js';
import { SUBSCRIPTION, any, flag, list, maybe, number, object, optional, text } from './shapes.js';
import { apart } from './visible.js';

/** @typedef {import('./types').Sheet} Sheet */

const texts = optional(list(text));
/** @type {import('./shapes.js').Shape<import('./types').Sheet>} */
const SHEET = object({
  hash: text, decision: optional(text), decided_by: optional(text), blueprint: object({ version: text, previous_version: optional(text) }), variables: list(object({ name: text, before: any, after: any, sensitive: optional(flag) })),
  subscriptions: optional(list(object({ service: text, before: optional(SUBSCRIPTION), after: optional(SUBSCRIPTION) }))),
  plan: object({
    drift_overwritten: number, not_found: optional(number), provision: optional(number), invoke: optional(number), checks_failed: number, not_understood: texts, warnings: texts,
    cost: optional(object({ before_cents: number, after_cents: number, without_price: number, prices_of: text, prices_in: text })),
  }),
  destroy_count: number, forget_count: number,
  services: list(object({ name: text, action: optional(text), image_before: optional(text), image_after: optional(text), attributes: ATTRIBUTES })),
  runs: object({
    release: flag, migrations: texts, backups: texts, snapshot: flag, task: optional(text), dangerous_count: optional(number),
    dangerous: optional(list(object({ migration: text, file: text, line: number, column: number, rule: text, message: text, remedy: text }))),
  }),
  policies: list(object({ policy: text, verdict: text, reason: text })),
  approval: optional(object({ required: number, self_approval: flag, expires_at: text, required_by: list(object({ policy: text, reason: text })) })),
  approvals_given: number, approvals: list(object({ by: text, at: text, sheet: maybe(text), comment: maybe(text), denied: maybe(text), counts: flag })),
});

/** @param {string} operation @param {AbortSignal} signal @param {{approve: ((sheet: Sheet | null) => void) | null, reject: (() => void) | null}} decide  Null for what the user may not do. */
export function sheetPane(operation, signal, { approve, reject }) {
  /** @type {Sheet | null} */
  let sheet = null;
  /** @type {unknown} */
  let problem = null;
  let loaded = false;
  /** The newest request: an answer to an earlier one says what was. */
  let newest = 0;
  const pane = island(element(html`<section class="note sheet" data-tone="wait" aria-label="Approval"></section>`));

  async function load() {
    newest += 1;
    const request = newest;
    try {
      const found = await get(`/v1/operations/${operation}/sheet`, SHEET, {}, signal);
      if (request !== newest) return;
      [sheet, problem] = [found, null];
    } catch (error) {
      if (signal.aborted || request !== newest) return;
      problem = null;
      // A plan of an earlier version has no sheet: it is approved by what the operation shows.
      if (!(error instanceof Problem && error.status === 404)) problem = error;
    }
    loaded = true;
    draw();
  }

  function draw() {
    render(pane, html`
      <div class="sheet-head"><div><strong>This plan waits for an approval</strong>
      <p>${sheet ? 'The workflow applies exactly what this sheet and the plan below say, or nothing.' : 'Read the plan below. The workflow applies exactly this plan, or nothing.'}</p></div>
      <div class="actions">${approve ? html`<button type="button" class="primary" data-key="approve" .disabled=${!loaded || problem !== null} @click=${() => approve(sheet)}>Approve…</button>` : null}
      ${reject ? html`<button type="button" data-key="reject" @click=${reject}>Reject…</button>` : null}</div></div>
      ${approve ? null : html`<p class="muted">You may not approve it: <a href="/console/policies">policies</a> decide who may.</p>`}
      ${problem ? problemPanel(problem, load) : null}
      ${sheet ? body(sheet) : null}`);
  }

  draw();
  load();
  return { element: pane, reload: load };
}

/** The sheet that was approved or rejected, which is read when it is wanted. @param {string} operation @param {AbortSignal} signal */
export function decidedSheet(operation, signal) {
  /** @type {Sheet | null} */
  let sheet = null;
  /** @type {unknown} */
  let problem = null;
  const pane = island(element(html`<div class="pad"></div>`));

  async function load() {
    problem = null;
    try {
      sheet = await get(`/v1/operations/${operation}/sheet`, SHEET, {}, signal);
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
    }
    draw();
  }

  function draw() {
    if (problem) return render(pane, html`${problemPanel(problem, load)}`);
    render(pane, sheet ? html`<p>This is the sheet that was ${sheet.decision} by ${sheet.decided_by}.</p>${body(sheet)}`
      : html`<button type="button" data-key="show-sheet" @click=${load}>Show the sheet</button>`);
  }

  draw();
  return { element: pane };
}

/** @param {Sheet} sheet */
function body(sheet) {
  const parts = /** @type {[string, unknown][]} */ ([
    ['Destructive', losses(sheet)],
    ['Caution', caution(sheet)],
    ['Warnings', sheet.plan.warnings?.length ? html`<ul class="plain-list">${sheet.plan.warnings.map((one) => html`<li class="warning">${one.trim() ? one : '(empty)'}</li>`)}</ul>` : null],
    ['Cost', cost(sheet)],
    ['Version', sheet.blueprint.previous_version ? html`<span class="old">${sheet.blueprint.previous_version}</span> → <span class="new">${sheet.blueprint.version}</span>` : null],
    ['Variables', sheet.variables.length ? html`<ul class="attributes">${sheet.variables.map(variable)}</ul>` : null],
    ['Subscriptions', sheet.subscriptions?.length ? html`<ul class="attributes">${sheet.subscriptions.map(subscription)}</ul>` : null],
    ['Services', sheet.services.length ? html`<ul class="attributes">${sheet.services.map(service)}</ul>` : null],
    ['Approvals', approvals(sheet)],
    ['After apply', runs(sheet)],
    ['Dangerous', dangerous(sheet)],
    ['Verdicts', html`<ul class="plain-list">${sheet.policies.map((one) => html`<li><span class="badge" data-tone=${own({ allow: 'ok', refuse: 'bad' }, one.verdict) ?? 'wait'}>${words(one.verdict)}</span> <code>${one.policy}</code> <span class="muted">${one.reason}</span></li>`)}</ul>`],
    ['Sheet', html`<code class="muted" title=${sheet.hash}>${sheet.hash.slice(0, 23)}…</code>`],
  ]);
  return html`<dl class="sheet-body">${parts.filter(([, value]) => value).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** @param {Sheet} sheet */
function losses(sheet) {
  const found = [
    sheet.destroy_count ? counted(sheet.destroy_count, 'resource is destroyed', 'resources are destroyed') : '',
    sheet.forget_count ? counted(sheet.forget_count, 'resource is removed from the state, not deleted', 'resources are removed from the state, not deleted') : '',
    sheet.plan.not_found ? counted(sheet.plan.not_found, 'resource was not found and is removed from the state', 'resources were not found and are removed from the state') : '',
    sheet.plan.drift_overwritten ? counted(sheet.plan.drift_overwritten, 'change outside Terraform is overwritten', 'changes outside Terraform are overwritten') : '',
    ...(sheet.plan.not_understood ?? []),
  ].filter(Boolean);
  return found.length ? html`<span class="bad">${found.join('; ')}</span>` : html`<span class="muted">no</span>`;
}

/** What the apply runs or meets that is no loss by itself, and may have effects that no plan shows. @param {Sheet} sheet */
function caution({ plan }) {
  const found = [
    plan.provision ? counted(plan.provision, 'resource may run provisioners', 'resources may run provisioners') : '',
    plan.invoke ? counted(plan.invoke, 'action is invoked', 'actions are invoked') : '',
    plan.checks_failed ? counted(plan.checks_failed, 'check failed', 'checks failed') : '',
  ].filter(Boolean);
  return found.length ? html`<span class="bad">${found.join('; ')}</span>` : null;
}

/** How many approvals the plan needs and why, and who gave one. @param {Sheet} sheet */
function approvals({ approval: rule, approvals_given: given, approvals: all, hash }) {
  if (!rule) return null;
  return html`<span>${given} of ${rule.required}${rule.self_approval ? '' : ', the requester may not approve'}</span>
    <ul class="plain-list">${all.map((one) => html`<li><span class="badge" data-tone=${one.counts ? 'ok' : 'wait'}>${one.counts ? 'Approved' : one.denied ? 'Not permitted by now' : one.sheet === hash ? 'Before the rejection' : 'Of an earlier sheet'}</span> ${one.by} <span class="muted">${at(one.at)}${one.comment ? `: ${one.comment}` : ''}${one.denied ? ` (${one.denied})` : ''}</span></li>`)}
    ${rule.required_by.map((one) => html`<li><span class="badge" data-tone="wait">Required by</span> <code>${one.policy}</code> <span class="muted">${one.reason}</span></li>`)}</ul>`;
}

/** What the stack costs a month. @param {Sheet} sheet */
function cost({ plan: { cost: found } }) {
  if (!found) return null;
  const dollars = (/** @type {number} */ cents) => `$${(cents / 100).toFixed(2)}`;
  const unpriced = found.without_price ? `; ${counted(found.without_price, 'resource not counted', 'resources not counted')}` : '';
  return html`${found.without_price ? 'at least ' : ''}<span class="old">${dollars(found.before_cents)}</span> → <span class="new">${dollars(found.after_cents)}</span> a month <span class="muted">${found.prices_in} list prices of ${found.prices_of}${unpriced}</span>`;
}

/** @param {Sheet['variables'][number]} change */
function variable(change) {
  const [before, after] = Object.hasOwn(change, 'before') && Object.hasOwn(change, 'after') ? apart(change.before, change.after, shown) : [shown(change.before), shown(change.after)];
  const side = (/** @type {'before' | 'after'} */ name) => change.sensitive ? html`<span class="known-later">(sensitive)</span>`
    : Object.hasOwn(change, name) ? html`<span class=${name === 'before' ? 'old' : 'new'}>${name === 'before' ? before : after}</span>` : html`<span class="muted">default</span>`;
  return html`<li><code class="path">${change.name}</code><span class="change">${side('before')} <span class="muted" aria-hidden="true">→</span><span class="hush">becomes</span> ${side('after')}</span></li>`;
}

/** @param {NonNullable<Sheet['subscriptions']>[number]} change */
function subscription(change) {
  const write = (/** @type {typeof change.before} */ one) => (one ? `${one.repository}, tags ${one.tags}` : '');
  const [before, after] = apart(change.before, change.after, write);
  const side = (/** @type {'before' | 'after'} */ name) => {
    return change[name] ? html`<span class=${name === 'before' ? 'old' : 'new'}>${name === 'before' ? before : after}</span>` : html`<span class="muted">nothing</span>`;
  };
  return html`<li><code class="path">${change.service}</code><span class="change">${side('before')} <span class="muted" aria-hidden="true">→</span><span class="hush">becomes</span> ${side('after')}</span></li>`;
}

/** @param {Sheet['services'][number]} service */
function service(service) {
  const [old, fresh] = apart(service.image_before ?? '', service.image_after ?? '', image);
  const before = service.image_before ? html`<span class="old" title=${service.image_before}>${old}</span> → ` : null;
  return html`<li><code class="path">${service.name}</code><span class="change">${service.image_after ? html`${before}<span class="new" title=${service.image_after}>${fresh}</span>` : html`<span class="muted">${service.action ?? 'unchanged image'}</span>`}${service.attributes?.length ? attributeList(service.attributes) : null}</span></li>`;
}

/** @param {Sheet} sheet */
function runs({ runs: found }) {
  const steps = [
    ...(found.snapshot ? ['a snapshot of the database'] : []),
    ...(found.backups ?? []).map((name) => `backup ${name}`),
    ...(found.migrations ?? []).map((name) => `migration ${name}`),
    ...(found.release ? ['the release'] : []),
    ...(found.task ? [`task ${found.task}`] : []),
  ];
  return steps.length ? steps.join(', ') : null;
}

/** The dangerous statements of migrations. @param {Sheet} sheet */
function dangerous({ runs: found }) {
  const named = found.dangerous ?? [];
  if (!named.length) return null;
  const rest = (found.dangerous_count ?? named.length) - named.length;
  return html`<ul class="plain-list">${named.map((one) => html`<li><code>${one.file}:${one.line}</code> <span class="bad">${one.message}</span> <code class="muted">${one.rule}</code><br><span class="muted">${one.remedy}</span></li>`)}${rest > 0 ? html`<li class="muted">${counted(rest, 'more statement', 'more statements')}</li>` : null}</ul>`;
}
