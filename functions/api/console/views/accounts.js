// The accounts whose events may request operations.

import { get } from '../api.js';
import { counted } from '../format.js';
import { html } from '../html.js';
import { card, empty } from '../parts.js';
import { list, maybe, object, page, text } from '../shapes.js';

/** @type {import('../shapes.js').Shape<import('../types').SourceAccount>} */
const SOURCE_ACCOUNT = object({ account: text, description: text, actions: list(text), blueprints: list(text), environments: list(text), results: maybe(text) });

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, title }) {
  title('Source accounts');
  const { items, unreadable = [] } = await get('/v1/source-accounts', page(SOURCE_ACCOUNT), { limit: 100 }, signal);
  show(html`<div class="title"><h1>Source accounts</h1></div>
    <p class="lead">AWS accounts whose events may request operations, and which ones.</p>
    ${unreadable.length ? html`<div class="note" data-tone="bad"><strong>${counted(unreadable.length, 'record')} cannot be read: ${unreadable.join(', ')}</strong><p>Put them again, or delete them.</p></div>` : null}
    ${items.length === 0 ? card('Source accounts', empty('There are no source accounts. An administrator adds one with:', html`<pre>slipway source-account put ACCOUNT --action release --blueprint NAME --environment NAME</pre>`))
      : card('Accounts', html`<div class="table" tabindex="0" role="region" aria-label="Source accounts"><table><thead><tr><th scope="col">Account</th><th scope="col">Actions</th><th scope="col">Blueprints</th><th scope="col">Environments</th><th scope="col">Results</th></tr></thead><tbody>${items.map((one) => html`<tr>
        <th scope="row"><code>${one.account}</code><p class="muted">${one.description}</p></th><td>${one.actions.join(', ')}</td><td>${one.blueprints.join(', ')}</td><td>${one.environments.join(', ')}</td><td>${one.results ? html`<code class="value">${one.results}</code>` : html`<span class="muted">none</span>`}</td></tr>`)}</tbody></table></div>`)}`);
}
