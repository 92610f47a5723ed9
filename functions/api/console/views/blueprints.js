// The catalogue of blueprints.

import { all } from '../api.js';
import { html } from '../html.js';
import { card, empty, when } from '../parts.js';
import { BLUEPRINT_SUMMARY } from '../versions.js';

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, title }) {
  title('Blueprints');
  const blueprints = await all('/v1/blueprints', BLUEPRINT_SUMMARY, {}, signal);
  show(html`<div class="title"><h1>Blueprints</h1></div>
    ${blueprints.length === 0 ? card('Blueprints', empty('There are no blueprints yet. An administrator publishes one with:', html`<pre>slipway blueprint publish FOLDER</pre>`))
      : html`<ul class="tiles catalogue">${blueprints.map((one) => html`<li><a href=${`/console/blueprints/${one.name}`}><strong>${one.name}</strong> <span class="muted">${one.version}</span>${one.draft ? html` <span class="chip">draft</span>` : null}
        <p>${one.description}</p><p class="muted small">Published ${when(one.published_at)}</p></a></li>`)}</ul>`}`);
}
