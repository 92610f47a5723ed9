// The attributes of a change, before and after.

import { count } from './format.js';
import { html } from './html.js';
import { any, flag, list, number, object, optional, shape, text } from './shapes.js';
import { apart } from './visible.js';

/** @typedef {import('./types').AttributeChange} AttributeChange */

/** @type {import('./shapes.js').Shape<import('./types').Cut>} */
const cut = object({ bytes: number, sha256: text });
/** @type {import('./shapes.js').Shape<import('./types').AttributeChange>} */
const attribute = object({
  path: text, before: any, after: any, after_unknown: optional(flag), before_sensitive: optional(flag), after_sensitive: optional(flag), before_hidden: optional(flag),
  after_hidden: optional(flag), path_hidden: optional(flag), forces_replacement: optional(flag), lines: optional(list(text)), json: /** @type {import('./shapes.js').Shape<import('./types').AttributeChange[] | undefined>} */ (shape((value) => ATTRIBUTES(value))), before_cut: optional(cut), after_cut: optional(cut),
});
export const ATTRIBUTES = optional(list(attribute));

/** @param {unknown} value */
function written(value) {
  return typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value, null, 1)?.replace(/\n\s*/g, ' ') ?? '';
}

/** One side of a change; nothing where the attribute does not exist there. @param {AttributeChange} change @param {'before' | 'after'} side */
function value(change, side) {
  if (side === 'after' && change.after_unknown) return html`<span class="known-later">(known after apply)</span>`;
  if (side === 'before' ? change.before_sensitive : change.after_sensitive) return html`<span class="known-later">(sensitive)</span>`;
  if (!Object.hasOwn(change, side)) return null;
  const [cut, otherCut] = side === 'before' ? [change.before_cut, change.after_cut] : [change.after_cut, change.before_cut];
  const [before, after] = Object.hasOwn(change, 'before') && Object.hasOwn(change, 'after') ? apart(change.before, change.after, written) : [written(change.before), written(change.after)];
  // Two long values may begin alike, and be as long.
  const start = cut && otherCut ? `, sha256 ${cut.sha256.slice(0, 16)}` : '';
  return html`<span class=${side === 'before' ? 'old' : 'new'}>${side === 'before' ? before : after}</span>${cut ? html`<span class="muted" title=${cut.sha256}> … ${count(cut.bytes)} bytes${start}</span>` : null}`;
}

/** @param {string} line */
function lineTone(line) {
  return line.startsWith('+') ? 'create' : line.startsWith('-') ? 'delete' : '';
}

/** @param {AttributeChange} change @returns {DocumentFragment} */
function row(change) {
  const before = value(change, 'before');
  const after = value(change, 'after');
  const lines = change.lines ?? [];
  const json = change.json ?? [];
  return html`<li><code class="path">${change.path}</code>
    <span class="change">${
      lines.length ? html`<pre class="lines">${lines.map((line) => html`<span data-action=${lineTone(line)}>${line}\n</span>`)}</pre>`
        : json.length ? attributeList(json)
        : html`${before}${before && after ? html` <span class="muted" aria-hidden="true">→</span><span class="hush">becomes</span> ` : null}${after ?? (before ? html` <span class="muted">removed</span>` : null)}`
    }${change.forces_replacement ? html` <span class="badge" data-tone="wait">forces replacement</span>` : null}${change.before_hidden || change.after_hidden || change.path_hidden ? html` <span class="badge" data-tone="wait">hidden: sensitive, not marked by Terraform</span>` : null}</span></li>`;
}

/** @param {AttributeChange[]} changes */
export function attributeList(changes) {
  return html`<ul class="attributes">${changes.map(row)}</ul>`;
}
