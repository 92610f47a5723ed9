// The audit log: who changed, decided, read or was denied what.

import { get } from '../api.js';
import { at, encoded, own, shown, words } from '../format.js';
import { element, html, island, render } from '../html.js';
import { empty, operationPath, stackPath, when } from '../parts.js';
import { problemPanel } from '../problem.js';
import { any, list, maybe, number, object, optional, text } from '../shapes.js';

/** @typedef {import('../types').AuditRecord} AuditRecord */

/** @type {import('../shapes.js').Shape<import('../types').AuditPage>} */
const AUDIT = object({
  items: list(object({
    time: text, actor: text, action: text, subject: text, operation: maybe(text), reason: maybe(text), before: any, after: any, chain: number, sequence: number, hash: text,
  })),
  next: maybe(text), unreadable: optional(list(text)), forged: list(object({ item: text, why: text })),
});

const ACTIONS = ['provision', 'update', 'release', 'rollback', 'task', 'preview', 'drift', 'destroy', 'approve', 'reject', 'cancel',
  'continue_rollout', 'roll_back_rollout', 'transfer', 'publish', 'deprecate', 'discard', 'add_readme', 'put_environment', 'delete_environment', 'put_source_account', 'delete_source_account',
  'put_webhook', 'delete_webhook', 'redeliver', 'put_policies', 'redrive', 'deny', 'read'];
/** @type {Record<string, string>} */
const TONES = { deny: 'bad', reject: 'bad', destroy: 'bad', delete_environment: 'bad', delete_source_account: 'bad', delete_webhook: 'bad', approve: 'ok', publish: 'ok', provision: 'ok', read: 'off', cancel: 'wait', transfer: 'wait' };

/** Where the subject of a record is shown. @param {string} subject */
function subjectPath(subject) {
  const [kind, ...rest] = subject.split('/');
  const name = rest.join('/');
  if (kind === 'stack' && name) return stackPath(name);
  if (kind === 'blueprint' && name) return `/console/blueprints/${encoded(name)}`;
  return own({ environment: '/console/environments', 'source-account': '/console/source-accounts', policy: '/console/policies', policies: '/console/policies' }, kind) ?? null;
}

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, title, query }) {
  title('Audit log');
  const wanted = new Map(['actor', 'subject', 'action'].map((name) => [name, query.get(name) ?? '']));
  /** @type {AuditRecord[]} */
  let records = [];
  /** @type {import('../types').AuditPage['forged']} */
  let forged = [];
  /** @type {string | null} */
  let next = null;
  let busy = false;
  /** The newest request: an answer to an earlier one has other filters. */
  let newest = 0;
  /** Why the last request failed, and what repeats it. @type {{error: unknown, retry: () => void} | null} */
  let problem = null;
  const pane = island(element(html`<div class="panel"></div>`));

  /** @param {boolean} more */
  async function load(more) {
    busy = true;
    problem = null;
    newest += 1;
    const request = newest;
    draw();
    try {
      const page = await get('/v1/audit', AUDIT, { ...Object.fromEntries(wanted), limit: 50, cursor: more ? (next ?? undefined) : undefined }, signal);
      if (request !== newest) return;
      records = more ? [...records, ...page.items] : page.items;
      forged = more ? [...forged, ...page.forged] : page.forged;
      next = page.next;
    } catch (error) {
      if (signal.aborted || request !== newest) return;
      // The first page decides whether there is a view at all.
      if (!more && records.length === 0 && !pane.isConnected) throw error;
      problem = { error, retry: () => load(more) };
    }
    busy = false;
    draw();
  }

  /** @param {Event} event */
  function search(event) {
    event.preventDefault();
    for (const [name, value] of new FormData(/** @type {HTMLFormElement} */ (event.currentTarget ?? event.target))) wanted.set(name, String(value).trim());
    const parameters = new URLSearchParams([...wanted].filter(([, value]) => value)).toString();
    history.replaceState(history.state, '', parameters ? `?${parameters}` : location.pathname);
    load(false);
  }

  /** @param {string} name @param {string} label @param {string} hint */
  const field = (name, label, hint) => html`<label class="hush" for=${`audit-${name}`}>${label}</label><input id=${`audit-${name}`} name=${name} type="search" placeholder=${hint} .value=${wanted.get(name) ?? ''} autocomplete="off" spellcheck="false">`;

  function draw() {
    const action = wanted.get('action') ?? '';
    const filtered = [...wanted.values()].some(Boolean);
    render(pane, html`
      <form class="filters" role="search" aria-label="Filter records" @submit=${search}>
        ${field('actor', 'Caller', 'Caller')}${field('subject', 'Subject', 'stack/lusab-babad')}
        <label class="hush" for="audit-action">Action</label><select id="audit-action" name="action" .value=${action} @change=${(/** @type {any} */ event) => event.target.form.requestSubmit()}>
          <option value="">Any action</option>${[...new Set([...ACTIONS, ...(action ? [action] : [])])].map((one) => html`<option value=${one}>${words(one)}</option>`)}</select>
        <button type="submit">Filter</button></form>
      ${problem ? html`<div class="pad">${problemPanel(problem.error, problem.retry)}</div>` : null}
      ${forged.map((one) => html`<p class="pad" role="alert"><strong>No record:</strong> the item <code>${one.item}</code> ${one.why}.</p>`)}
      ${records.length ? html`<ul class="rows audit">${records.map(record)}</ul>` : problem || busy ? null
        : empty(filtered ? 'No record matches. A filter takes the whole name of a caller, and a whole subject.' : 'There are no records yet.')}
      ${busy ? html`<p class="muted pad">Reading…</p>` : next ? html`<p class="pad"><button type="button" @click=${() => load(true)}>Show older records</button></p>` : null}`);
  }

  await load(false);
  show(html`<div class="title"><h1>Audit log</h1></div>
    <p class="lead">Who changed, decided, read or was denied what, the newest first. <code>slipway audit verify</code> proves that no record is missing.</p>${pane}`);
}

/** @param {AuditRecord} one */
function record(one) {
  const path = subjectPath(one.subject);
  const values = one.before !== null || one.after !== null;
  const line = html`<span class="row-main"><span class="badge" data-tone=${own(TONES, one.action) ?? 'busy'}>${words(one.action)}</span> <strong class="clip">${one.subject}</strong></span>
    <span class="row-mid"><span class="clip" title=${one.actor}>${one.actor}</span></span><span class="row-end">${when(one.time)}</span>`;
  return html`<li data-key=${`record-${one.chain}-${one.sequence}`}><details><summary class="row-link">${line}</summary><dl class="sheet-body">
    <div><dt>Time</dt><dd>${at(one.time)}</dd></div>
    <div><dt>Caller</dt><dd><code class="value">${one.actor}</code></dd></div>
    <div><dt>Subject</dt><dd>${path ? html`<a href=${path}>${one.subject}</a>` : one.subject}</dd></div>
    ${one.operation ? html`<div><dt>Operation</dt><dd><a href=${operationPath(one.operation)}><code>${one.operation}</code></a></dd></div>` : null}
    ${one.reason ? html`<div><dt>Reason</dt><dd><pre>${one.reason}</pre></dd></div>` : null}
    ${values ? html`<div><dt>Before</dt><dd>${value(one.before, 'old')}</dd></div><div><dt>After</dt><dd>${value(one.after, 'new')}</dd></div>` : null}
    <div><dt>Record</dt><dd class="muted">${one.sequence} of chain ${one.chain} <code title=${one.hash}>${one.hash.slice(0, 19)}…</code></dd></div></dl></details></li>`;
}

/** @param {unknown} one @param {string} side */
function value(one, side) {
  if (one === null || one === undefined) return html`<span class="muted">nothing</span>`;
  return html`<pre class=${side}>${typeof one === 'object' ? JSON.stringify(one, null, 2) : shown(one)}</pre>`;
}
