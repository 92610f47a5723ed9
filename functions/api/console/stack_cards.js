// The cards of a stack's page: what it runs, what it was asked to be, and what is left to settle.

import * as actions from './actions.js';
import { counted, image, own, shown } from './format.js';
import { html } from './html.js';
import { badge, card, copyButton, empty, operationPath, when } from './parts.js';
import { apart } from './visible.js';

/** @typedef {import('./types').Stack} Stack */
/** @typedef {import('./types').Release} Release */

/** The release that was requested and has not ended. @param {Release[]} releases */
export function pendingRelease(releases) {
  return releases.find((one) => one.status === 'requested' || one.status === 'releasing') ?? null;
}

/** @param {Stack} stack */
export function endpointsCard({ endpoints, status }) {
  const entries = Object.entries(endpoints);
  // Nothing answers at those of a destroyed stack.
  if (entries.length === 0 || status === 'destroyed') return null;
  return card('Endpoints', html`<dl class="stacked">${entries.map(([name, address]) => html`<div><dt>${name}</dt><dd class="with-copy">${
    /^https?:\/\//.test(address) ? html`<a href=${address} target="_blank" rel="noreferrer">${address}</a>` : html`<code>${address}</code>`}${copyButton(address, `the endpoint ${name}`)}</dd></div>`)}</dl>`);
}

/** What a pending release changes, service by service. @param {Stack} stack @param {Release[]} releases */
export function pendingCard(stack, releases) {
  const pending = pendingRelease(releases);
  if (!pending) return null;
  const current = releases.find((one) => one.number === stack.current_release)?.images ?? {};
  return card(`Release ${pending.number} is pending`, html`<ul class="diffs">${Object.entries(pending.images).map(([service, name]) => {
      const runs = own(current, service);
      if (runs === name) return html`<li><code>${service}</code> <span class="muted">keeps ${image(name)}</span></li>`;
      const [before, after] = apart(runs ?? '', name, image);
      return html`<li><code>${service}</code>
        ${runs ? html`<span class="old" title=${runs}>${before}</span> <span class="muted" aria-hidden="true">→</span><span class="hush">becomes</span> ` : null}<span class="new" title=${name}>${after}</span></li>`;
    })}</ul>
    <p class="pad muted small">Requested by ${pending.requested_by}, ${when(pending.created_at)}</p>`,
  { id: 'pending', aside: html`<a href=${operationPath(pending.last_operation)}>Follow</a>` });
}

/** @param {Stack} stack @param {Release[]} releases @param {import('./types').Operation[]} operations  The newest, of which one may say that a release was cancelled. */
export function releasesCard(stack, releases, operations) {
  /** @param {Release} release */
  const status = (release) => (release.status === 'failed' && operations.some((one) => one.id === release.last_operation && one.status === 'cancelled') ? 'cancelled' : release.status);
  if (releases.length === 0) return stack.services.length ? card('Releases', empty(`There is no release yet. Services: ${stack.services.join(', ')}.`)) : null;
  return card('Releases', html`<ul class="rows">${releases.map((one) => html`<li data-key=${`release-${one.number}`}><a class="row-link" href=${operationPath(one.last_operation)}>
    <span class="row-main"><strong>Release ${one.number}</strong> <span class="muted clip" title=${one.requested_by}>${one.requested_by}</span></span>
    <span class="row-mid">${Object.entries(one.images).map(([service, name]) => html`<span class="chip" title=${`${service}: ${name}`}>${service} <code>${image(name)}</code></span>`)}${
      one.snapshot ? html`<span class="chip" title=${one.snapshot}>snapshot</span>` : null}</span>
    <span class="row-end">${badge(status(one))} ${when(one.ended_at ?? one.created_at)}</span></a></li>`)}</ul>`, { count: releases.length });
}

/** @param {unknown} a @param {unknown} b */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The values that the stack should have, beside those of the last successful apply where they differ. @param {Stack} stack @param {boolean} editable */
export function variablesCard(stack, editable) {
  const wanted = stack.variables ?? {};
  const applied = stack.applied;
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(applied?.variables ?? {})])];
  const differing = applied ? names.filter((name) => !same(wanted[name], applied.variables[name])) : [];
  const version = applied && applied.version !== stack.blueprint.version ? applied.version : null;
  const side = (/** @type {Record<string, unknown>} */ values, /** @type {string} */ name, /** @type {string} */ tone, text = shown(values[name])) =>
    Object.hasOwn(values, name) ? html`<code class=${`value ${tone}`}>${text}</code>` : html`<span class="muted">default</span>`;
  const change = (/** @type {Record<string, unknown>} */ before, /** @type {string} */ name) => {
    const [left, right] = apart(own(before, name), own(wanted, name), (value) => shown(value) ?? '');
    return html`${side(before, name, 'old', left)} <span class="muted" aria-hidden="true">→</span><span class="hush">should be</span> ${side(wanted, name, 'new', right)}`;
  };
  return card('Variables', html`
    ${differing.length || version ? html`<div class="note flush" data-tone="wait"><strong>Not applied yet</strong><p>${
      [version ? `the version: the resources have ${version}` : '', differing.length ? `${counted(differing.length, 'variable')}: the applied value is on the left` : ''].filter(Boolean).join('; ').replace(/^./, (first) => first.toUpperCase())}.</p></div>` : null}
    ${names.length ? html`<dl class="stacked">${names.map((name) => html`<div><dt>${name}</dt><dd>${differing.includes(name) && applied
      ? change(applied.variables, name)
      : side(wanted, name, '')}</dd></div>`)}</dl>`
      : html`<p class="pad muted">All variables have their defaults.</p>`}`, { aside: stack.status === 'destroyed' || !editable ? null : html`<a href=${`/console/stacks/${stack.id}/update`}>Edit</a>` });
}

/** @param {Stack} stack */
export function notesCard({ notes }) {
  const entries = Object.entries(notes);
  if (entries.length === 0) return null;
  return card('Notes', html`<dl class="stacked">${entries.map(([name, note]) => html`<div><dt>${name}</dt><dd class="with-copy"><pre>${note}</pre>${copyButton(note, name)}</dd></div>`)}</dl>`);
}

/** @param {Stack} stack @param {((act: () => Promise<void>) => () => Promise<void>) | null} doing  Null if the user may not run them. */
export function tasksCard(stack, doing) {
  if (stack.tasks.length === 0 || stack.status === 'destroyed') return null;
  return card('Tasks', html`<ul class="tasks">${stack.tasks.map((task) => html`<li><code class="clip" title=${task}>${task}</code>
    ${doing ? html`<button type="button" class="small" data-key=${`task-${task}`} aria-label=${`Run ${task}`} @click=${doing(() => actions.runTask(stack, task))}>Run…</button>` : null}</li>`)}</ul>`);
}

/** What may run another release than the current one. @param {Stack} stack */
export function unsettledNote({ unsettled }) {
  if (!unsettled) return null;
  return html`<div class="note" data-tone="wait" data-key="unsettled"><strong>Unsettled since release ${unsettled.release}</strong>
    <p>${unsettled.message}</p><p class="muted"><a href=${operationPath(unsettled.operation)}>The operation</a> ended ${when(unsettled.since)}.</p></div>`;
}

/** What is stopped for migrations. @param {Stack} stack */
export function quiescedNote({ quiesced }) {
  if (!quiesced) return null;
  return html`<div class="note" data-tone="wait" data-key="quiesced"><strong>Stopped for migrations</strong>
    <p>${quiesced.message}</p><p class="muted">Stopped by <a href=${operationPath(quiesced.operation)}>this operation</a>.</p></div>`;
}

/** @param {Stack} stack */
export function driftCard({ drift }) {
  if (!drift) return null;
  return card('Drift', html`<p class="pad">${drift.count === 0 ? 'No resource drifted' : counted(drift.count, 'resource drifted', 'resources drifted')}, <a href=${operationPath(drift.operation)}>checked</a> ${when(drift.looked_at)}.</p>
    ${drift.resources.length ? html`<ul class="changes">${drift.resources.map((address) => html`<li data-action="update"><span class="sign" aria-hidden="true">~</span><code>${address}</code></li>`)}</ul>` : null}`);
}

/** @param {Stack} stack */
export function subscriptionsCard({ subscriptions }) {
  const entries = Object.entries(subscriptions);
  if (entries.length === 0) return null;
  return card('Released when pushed', html`<dl class="stacked">${entries.map(([service, one]) => html`<div><dt>${service}</dt><dd><code class="value">${one.repository}</code> with tags <code>${one.tags}</code></dd></div>`)}</dl>`);
}
