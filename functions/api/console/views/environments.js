// The environments, and their rules.

import { get } from '../api.js';
import { counted, duration, shown } from '../format.js';
import { html } from '../html.js';
import { card, empty, facts } from '../parts.js';
import { ENVIRONMENT, page } from '../shapes.js';
import { approvalRule } from './new.js';

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, title }) {
  title('Environments');
  const { items, unreadable = [] } = await get('/v1/environments', page(ENVIRONMENT), { limit: 100 }, signal);
  show(html`<div class="title"><h1>Environments</h1></div>
    ${unreadable.length ? html`<div class="note" data-tone="bad"><strong>${counted(unreadable.length, 'record')} cannot be read: ${unreadable.join(', ')}</strong><p>Put them again, or delete them.</p></div>` : null}
    ${items.length === 0 ? card('Environments', empty('There are no environments yet. An administrator adds one with:', html`<pre>slipway environment put NAME --request FILE</pre>`)) : null}
    ${items.map((one) => card(one.name, html`
      <p class="pad">${approvalRule(one)}</p>
      ${facts([
        ['Account', html`<code>${one.account}</code>`],
        ['Region', one.region],
        ...(one.approval === 'never' ? [] : /** @type {[string, unknown][]} */ ([['Time to decide', duration(one.approval_timeout_seconds * 1_000)]])),
        ...(one.role ? /** @type {[string, unknown][]} */ ([['Build role', html`<code class="value">${one.role}</code>`]]) : []),
      ])}
      ${Object.keys(one.variables).length ? html`<h3 class="within">Variables of every stack</h3><dl class="pairs">${Object.entries(one.variables).map(([name, value]) => html`<div><dt>${name}</dt><dd><code class="value">${shown(value)}</code></dd></div>`)}</dl>` : null}
      ${Object.keys(one.references).length ? html`<h3 class="within">Secrets of every stack</h3><dl class="pairs">${Object.entries(one.references).map(([name, reference]) => html`<div><dt>${name}</dt><dd><code class="value">${reference}</code></dd></div>`)}</dl>` : null}`,
      { aside: html`<a href=${`/console/stacks?environment=${one.name}`}>Stacks</a>` }))}`);
}
