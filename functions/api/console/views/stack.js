// A stack: what it is, what it runs, what happened to it, and what can be done.

import * as actions from '../actions.js';
import { get, repeat } from '../api.js';
import { counted, image, shown } from '../format.js';
import { html } from '../html.js';
import { announce, badge, card, copyButton, empty, facts, operationPath, operationRow, when } from '../parts.js';

/** @typedef {import('../types').Stack} Stack */
/** @typedef {import('../types').Release} Release */
/** @typedef {import('../types').Operation} Operation */

/** @param {import('../app.js').Page} page */
export default async function view({ params, signal, show, title }) {
  const path = `/v1/stacks/${encodeURIComponent(params.id)}`;
  let problem = '';

  const load = async () => {
    /** @type {[Stack, Release[], import('../types').Page<Operation>]} */
    const [stack, releases, operations] = await Promise.all([get(path, {}, signal), actions.releases(params.id, signal), get(`${path}/operations`, { limit: 20 }, signal)]);
    title(stack.name);
    draw(stack, releases, operations);
  };

  /** @param {() => Promise<void>} act */
  const doing = (act) => async () => {
    problem = '';
    try {
      await act();
    } catch (error) {
      if (signal.aborted) return;
      problem = error instanceof Error ? error.message : String(error);
      announce(problem);
    }
  };

  /** @param {Stack} stack @param {Release[]} releases @param {import('../types').Page<Operation>} operations */
  function draw(stack, releases, operations) {
    const live = stack.status !== 'destroyed';
    const active = operations.items.find((one) => one.id === stack.active_operation);
    show(html`
      <nav class="crumbs" aria-label="Breadcrumb"><a href="/console/stacks">Stacks</a> <span aria-hidden="true">/</span> <a href=${`/console/stacks?environment=${stack.environment}`}>${stack.environment}</a></nav>
      <div class="title"><h1>${stack.name}</h1>${badge(stack.status)}${stack.drift?.count ? html`<span class="badge" data-tone="wait">Drift</span>` : null}<span class="grow"></span>
        ${live ? buttons(stack, releases) : null}</div>
      ${facts([
        ['Blueprint', html`<a href=${`/console/blueprints/${stack.blueprint.name}?version=${stack.blueprint.version}`}>${stack.blueprint.name}@${stack.blueprint.version}</a>`],
        ['Owner', html`<span class="clip" title=${stack.owner}>${stack.owner}</span>`],
        ['Created', when(stack.created_at)],
        ['Updated', when(stack.updated_at)],
        ['ID', html`<code>${stack.id}</code>`],
      ])}
      ${stack.status === 'failed' ? html`<div class="note" data-tone="bad" data-key="failed"><strong>The last change to the infrastructure failed</strong>
        <p>${operations.items[0]?.error?.message ?? 'What is there may be half made.'}</p><p>An update applies what remains; destroying it removes what is there.</p></div>` : null}
      ${active ? html`<ul class="rows lifted" data-key="active">${operationRow(active, { stack: false })}</ul>` : null}
      <div class="columns" data-key="columns"><div>
        ${endpoints(stack)}
        ${releaseCard(stack, releases)}
        ${card('Operations', operations.items.length ? html`<ul class="rows">${operations.items.map((one) => operationRow(one, { stack: false }))}</ul>` : empty('No operations yet.'))}
      </div><div>
        ${variables(stack)}
        ${Object.keys(stack.notes).length ? card('Notes', html`<dl class="stacked">${Object.entries(stack.notes).map(([name, note]) => html`<div><dt>${name}</dt><dd><pre>${note}</pre>${copyButton(note, name)}</dd></div>`)}</dl>`) : null}
        ${unsettledCard(stack)}
        ${driftCard(stack)}
        ${subscriptions(stack)}
      </div></div>`);
  }

  /** @param {Stack} stack @param {Release[]} releases */
  function buttons(stack, releases) {
    const releasable = stack.services.length > 0;
    return html`<div class="actions" data-key="actions">
      ${releasable ? html`<button type="button" class="primary" data-key="release" @click=${doing(() => actions.release(stack, releases))}>Release…</button>` : null}
      ${releasable && releases.length > 1 ? html`<button type="button" data-key="back" @click=${doing(() => actions.rollBack(stack, releases))}>Roll back…</button>` : null}
      <a class="button" href=${`/console/stacks/${stack.id}/update`}>Update</a>
      ${stack.tasks.map((task) => html`<button type="button" data-key=${`task-${task}`} @click=${doing(() => actions.runTask(stack, task))}>Run ${task}…</button>`)}
      <button type="button" data-key="drift" @click=${doing(() => actions.checkDrift(stack))}>Check drift</button>
      <button type="button" class="danger-quiet" data-key="destroy" @click=${doing(() => actions.destroy(stack))}>Destroy…</button></div>`;
  }

  await load();
  repeat(3_000, signal, load).catch((error) => {
    if (!signal.aborted) throw error;
  });
}

/** @param {Stack} stack */
function endpoints(stack) {
  const entries = Object.entries(stack.endpoints);
  if (entries.length === 0) return null;
  return card('Endpoints', html`<dl class="stacked">${entries.map(([name, address]) => html`<div><dt>${name}</dt><dd>${
    /^https?:\/\//.test(address) ? html`<a href=${address} target="_blank" rel="noreferrer">${address}</a>` : html`<code>${address}</code>`}</dd></div>`)}</dl>`);
}

/** @param {Stack} stack @param {Release[]} releases */
function releaseCard(stack, releases) {
  if (releases.length === 0) return stack.services.length ? card('Releases', empty(`No release yet. Services: ${stack.services.join(', ')}.`)) : null;
  return card('Releases', html`<ul class="rows">${releases.map((one) => html`<li data-key=${`release-${one.number}`}><a class="row-link" href=${operationPath(one.operation)}>
    <span class="row-main"><strong>Release ${one.number}</strong> <span class="muted">${one.requested_by}</span></span>
    <span class="row-mid">${Object.entries(one.images).map(([service, name]) => html`<span class="chip" title=${`${service}: ${name}`}>${service} <code>${image(name)}</code></span>`)}</span>
    <span class="row-end">${badge(one.status)} ${when(one.ended_at ?? one.created_at)}</span></a></li>`)}</ul>`);
}

/** @param {Stack} stack */
function variables(stack) {
  const entries = Object.entries(stack.variables);
  return card('Variables', entries.length ? html`<dl class="stacked">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd><code class="value">${shown(value)}</code></dd></div>`)}</dl>`
    : html`<p class="pad muted">All variables have their defaults.</p>`, { aside: html`<a href=${`/console/stacks/${stack.id}/update`}>Edit</a>` });
}

/** @param {Stack} stack */
function unsettledCard({ unsettled }) {
  if (!unsettled) return null;
  return card('Unsettled', html`<p class="pad">${unsettled.message} <a href=${operationPath(unsettled.operation)}>The operation</a> ended ${when(unsettled.since)}.</p>`);
}

/** @param {Stack} stack */
function driftCard({ drift }) {
  if (!drift) return null;
  return card('Drift', html`<p class="pad">${drift.count === 0 ? 'No resource drifted' : counted(drift.count, 'resource drifted', 'resources drifted')}, <a href=${operationPath(drift.operation)}>checked</a> ${when(drift.looked_at)}.</p>
    ${drift.resources.length ? html`<ul class="changes">${drift.resources.map((address) => html`<li data-action="update"><span class="sign" aria-hidden="true">~</span><code>${address}</code></li>`)}</ul>` : null}`);
}

/** @param {Stack} stack */
function subscriptions(stack) {
  const entries = Object.entries(stack.subscriptions);
  if (entries.length === 0) return null;
  return card('Released when pushed', html`<dl class="stacked">${entries.map(([service, one]) => html`<div><dt>${service}</dt><dd><code class="value">${one.repository}</code> with tags <code>${one.tags}</code></dd></div>`)}</dl>`);
}
