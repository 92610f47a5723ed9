// The policies that decide about requests and plans, in Cedar.

import { get } from '../api.js';
import { element, html, island, render } from '../html.js';
import { copyButton, empty, facts, when } from '../parts.js';
import { flag, list, maybe, number, object, text } from '../shapes.js';

/** @typedef {import('../types').Policy} Policy */

/** @type {import('../shapes.js').Shape<import('../types').Policies>} */
const POLICIES = object({
  revision: number, changed_by: maybe(text), changed_at: maybe(text), judges_plans: flag,
  items: list(object({
    name: text, text, effect: /** @type {import('../shapes.js').Shape<any>} */ (text), in_file: text, default: flag, replaces_default: flag, updated_by: maybe(text), updated_at: maybe(text),
  })),
});

/** The text of `@description("…")`, which says what a policy is for. @param {string} text */
export function description(text) {
  const found = /@description\("((?:[^"\\]|\\.)*)"\)/.exec(text)?.[1];
  return found?.replace(/\\(["\\])/g, '$1') ?? '';
}

/** A policy's text without the annotations that stand beside it already. @param {string} text */
export function body(text) {
  return text.replace(/^@(?:id|description)\("(?:[^"\\]|\\.)*"\)\s*/gm, '').trim();
}

/** @param {Policy} one */
function effect(one) {
  switch (one.effect) {
    case 'forbid': return html`<span class="badge" data-tone="bad">Forbids</span>`;
    case 'permit': return html`<span class="badge" data-tone="ok">Permits</span>`;
    default: return html`<span class="badge">Off</span>`;
  }
}

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, title, caller, query }) {
  title('Policies');
  const { items, revision, changed_by: by, changed_at: at, judges_plans: judges } = await get('/v1/policies', POLICIES, {}, signal);
  let wanted = query.get('q') ?? '';
  const list = island(element(html`<div class="split"></div>`));

  function draw() {
    const text = wanted.toLowerCase();
    const found = items.filter((one) => !text || `${one.name} ${one.text}`.toLowerCase().includes(text));
    render(list, html`<div class="filters panel" role="search" aria-label="Filter policies"><label class="hush" for="policy-filter">Filter policies</label>
        <input id="policy-filter" type="search" placeholder="Filter by name or text" .value=${wanted} @input=${(/** @type {any} */ event) => {
          wanted = event.target.value;
          draw();
        }}><span class="grow"></span><span class="muted" role="status">${found.length} of ${items.length}</span></div>
      ${found.length ? found.map(policy) : html`<div class="panel">${empty('No policy matches.')}</div>`}`);
  }

  draw();
  show(html`<div class="title"><h1>Policies</h1></div>
    <p class="lead">Each request needs a policy that permits it, and none that forbids it. The rules of the environment come first: no policy lifts them.</p>
    ${facts([
      ['Revision', String(revision)],
      ['Changed', at ? html`${when(at)}${by ? html` by ${by}` : null}` : html`<span class="muted">never</span>`],
      ['Plans', judges ? 'A policy may refuse plans' : 'No policy refuses plans'],
    ])}
    ${list}
    ${caller.admin ? html`<p class="muted small">Administrators change policies with <code>slipway policy put NAME FILE</code>. A policy with the name of a default policy replaces it.</p>` : null}`);
}

/** @param {Policy} one */
function policy(one) {
  const about = description(one.text);
  return html`<section class="card" data-key=${`policy-${one.name}`} aria-label=${one.name}>
    <header><h2><code>${one.name}</code></h2><span class="chips">${effect(one)}${one.default ? html`<span class="chip">default</span>` : null}${
      one.replaces_default ? html`<span class="chip">replaces a default</span>` : null}${copyButton(one.text, `the policy ${one.name}`)}</span></header>
    ${about ? html`<p class="pad">${about}</p>` : null}
    <pre class="source" tabindex="0" aria-label=${`Text of ${one.name}`}>${body(one.text)}</pre>
    ${one.updated_at ? html`<p class="pad muted small">Stored ${when(one.updated_at)}${one.updated_by ? ` by ${one.updated_by}` : ''}</p>` : null}</section>`;
}
