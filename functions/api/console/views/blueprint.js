// A version of a blueprint: what it is for, what it takes, who uses it.

import { all, get } from '../api.js';
import { shown } from '../format.js';
import { html } from '../html.js';
import { card, empty, facts, when } from '../parts.js';
import { stackRow } from './home.js';

/** @param {import('../app.js').Page} page */
export default async function view({ params, query, signal, show, title }) {
  const path = `/v1/blueprints/${encodeURIComponent(params.name)}`;
  /** @type {import('../types').Blueprint} */
  const latest = await get(path, {}, signal);
  const wanted = query.get('version');
  /** @type {import('../types').Blueprint} */
  const one = wanted && wanted !== latest.version ? await get(`${path}/versions/${encodeURIComponent(wanted)}`, {}, signal) : latest;
  /** @type {import('../types').Stack[]} */
  const stacks = await all('/v1/stacks', { blueprint: latest.name }, signal, { most: 100 });
  title(`${one.name}@${one.version}`);
  show(html`
    <nav class="crumbs" aria-label="Breadcrumb"><a href="/console/blueprints">Blueprints</a></nav>
    <div class="title"><h1>${one.name} <span class="muted">${one.version}</span></h1><span class="grow"></span>
      <a class="button primary" href=${`/console/new?blueprint=${one.name}${wanted ? `&version=${one.version}` : ''}`}>New stack</a></div>
    <p class="lead">${one.description}</p>
    ${facts([['Published', when(one.published_at)], ['Digest', html`<code title=${one.digest}>${one.digest.slice(0, 19)}…</code>`],
      ['Versions', html`<span class="chips">${(latest.versions ?? []).map((version) => html`<a class="chip" aria-current=${version === one.version ? 'true' : null} href=${`/console/blueprints/${one.name}?version=${version}`}>${version}</a>`)}</span>`]])}
    ${card('Variables', one.variables.length ? html`<div class="table" tabindex="0" role="region" aria-label="Variables"><table><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Default</th><th scope="col">Description</th></tr></thead><tbody>${one.variables.map(variable)}</tbody></table></div>` : empty('It has no variables.'), { count: one.variables.length })}
    ${card('Stacks', stacks.length ? html`<ul class="rows">${stacks.map(stackRow)}</ul>` : empty('No stack is made from it.'), { count: stacks.length })}`);
}

/** @param {import('../types').Variable} variable */
function variable(variable) {
  return html`<tr><th scope="row"><code>${variable.name}</code>${variable.required ? html` <span class="need">required</span>` : null}${variable.sensitive ? html` <span class="need">sensitive</span>` : null}</th>
    <td><code class="value">${variable.type_text}</code></td>
    <td>${variable.default === undefined && !variable.default_expression ? html`<span class="muted">–</span>` : html`<code class="value">${variable.default_expression ?? shown(variable.default)}</code>`}</td>
    <td><p>${variable.description}</p>${variable.validations.map((one) => html`<p class="muted small">${one.error_message}</p>`)}</td></tr>`;
}
