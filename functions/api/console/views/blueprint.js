// A version of a blueprint: what it is for, what it takes, who uses it.

import { Problem, all, get } from '../api.js';
import { counted, encoded, shown } from '../format.js';
import { html } from '../html.js';
import { markdown } from '../markdown.js';
import { card, empty, facts, when } from '../parts.js';
import { permissions } from '../permissions.js';
import { STACK, text } from '../shapes.js';
import { deprecate, deprecationNote, discard, draftNote, readVersion, undeprecate, withdrawnNote } from '../versions.js';
import { stackRow } from './home.js';

/** How many stacks are named. */
const NAMED = 100;

/** @param {import('../app.js').Page} page */
export default async function view(page) {
  const { params, query, signal, show, fail, title } = page;
  const wanted = query.get('version') ?? '';
  const [{ latest, blueprint, versions }, stacks, may] = await Promise.all([
    readVersion(params.name, wanted, signal),
    all('/v1/stacks', STACK, { blueprint: params.name }, signal, { most: NAMED }),
    permissions({ blueprint: params.name }, signal),
  ]);
  const version = blueprint?.version ?? wanted;
  title(`${latest.name}@${version}`);
  const uses = (/** @type {string} */ one) => stacks.filter((stack) => stack.blueprint.version === one).length;
  const users = stacks.filter((stack) => stack.blueprint.version === version);
  const address = (/** @type {string} */ one) => `/console/blueprints/${encoded(latest.name)}?version=${encoded(one)}`;
  /** Shows the page again after something was done. @param {Promise<boolean>} doing */
  const after = (doing) => doing.then((done) => (done ? view(page) : undefined)).catch(fail);
  /** The version no longer exists, and perhaps no other. @param {import('../types').Blueprint} draft */
  const discarded = async (draft) => await discard(draft) && dispatchEvent(new CustomEvent('slipway:go', { detail: '/console/blueprints' }));
  /** @param {import('../types').Blueprint} blueprint */
  const buttons = (blueprint) => html`<div class="actions" data-key="actions">
    ${blueprint.draft ? html`<button type="button" class="danger-quiet" data-key="discard" @click=${() => discarded(blueprint)}>Discard…</button>` : null}
    ${blueprint.deprecation ? html`<button type="button" data-key="undeprecate" @click=${() => after(undeprecate(blueprint))}>End deprecation…</button>`
      : html`<button type="button" data-key="deprecate" @click=${() => after(deprecate(blueprint))}>Deprecate…</button>`}</div>`;
  const draw = (/** @type {unknown} */ readme) => show(html`
    <nav class="crumbs" aria-label="Breadcrumb"><a href="/console/blueprints">Blueprints</a></nav>
    <div class="title"><h1>${latest.name} <span class="muted">${version}</span></h1>${version === latest.version ? html`<span class="chip">${latest.draft ? 'draft' : 'latest'}</span>` : null}<span class="grow"></span>
      ${blueprint && may('publish') ? buttons(blueprint) : null}
      ${blueprint ? html`<a class="button primary" href=${`/console/new?blueprint=${encoded(latest.name)}${wanted ? `&version=${encoded(version)}` : ''}`}>New stack</a>` : null}</div>
    ${blueprint?.description ? html`<p class="lead">${blueprint.description}</p>` : null}
    ${blueprint ? facts([
      ['Published', html`${when(blueprint.published_at)}${blueprint.published_by ? html` <span class="muted">by ${blueprint.published_by}</span>` : null}`],
      ['Used by', stacks.length >= NAMED ? `${NAMED} stacks or more` : counted(stacks.length, 'stack')],
      ['Digest', html`<code title=${blueprint.digest}>${blueprint.digest.slice(0, 19)}…</code>`]]) : withdrawnNote(latest.name, version, latest.version)}
    ${draftNote(blueprint)}${deprecationNote(blueprint)}
    <div class="columns wide" data-key="columns"><div>
      ${readme}
      ${blueprint ? card('Variables', blueprint.variables.length ? html`<div class="table" tabindex="0" role="region" aria-label="Variables"><table><thead><tr><th scope="col">Name</th><th scope="col">Default</th><th scope="col">Description</th></tr></thead><tbody>${blueprint.variables.map(variable)}</tbody></table></div>` : empty('It has no variables.'), { count: blueprint.variables.length }) : null}
    </div><div>
      ${card('Versions', html`<ul class="rows versions">${versions.map((one) => html`<li><a class="row-link" href=${address(one.version)} aria-current=${one.version === version ? 'true' : null}><span class="row-main"><strong>${one.version}</strong>${
        one.draft ? html` <span class="chip">draft</span>` : null}${one.deprecated ? html` <span class="chip" title=${one.deprecated}>deprecated</span>` : null}</span><span class="row-end">${uses(one.version) ? counted(uses(one.version), 'stack') : null}</span></a></li>`)}</ul>`, { count: versions.length })}
      ${card('Stacks', users.length ? html`<ul class="rows narrow">${users.map(stackRow)}</ul>` : empty(`No stack is made from version ${version}.`), { count: users.length })}
    </div></div>`);
  draw(null);
  if (!blueprint) return;
  readme(blueprint, signal).then((text) => text === null || draw(card('README', html`<div class="markdown">${markdown(text)}</div>`, { aside: html`<a href="#h-variables">Variables</a>` }))).catch(fail);
}

/** The README of a version, if it was published with one. @param {import('../types').Blueprint} blueprint @param {AbortSignal} signal @returns {Promise<string | null>} */
async function readme({ name, version }, signal) {
  try {
    return await get(`/v1/blueprints/${encoded(name)}/versions/${encoded(version)}/readme`, text, {}, signal);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** @param {import('../types').Variable} variable */
function variable(variable) {
  return html`<tr><th scope="row"><code>${variable.name}</code>${variable.required ? html` <span class="need">required</span>` : null}${variable.sensitive ? html` <span class="need">sensitive</span>` : null}
      <p class="type"><code class="value muted">${variable.type_text}</code></p></th>
    <td>${variable.default === undefined && !variable.default_expression ? html`<span class="muted">–</span>` : html`<code class="value">${variable.default_expression ?? shown(variable.default)}</code>`}</td>
    <td><p>${variable.description}</p>${variable.validations.map((one) => html`<p class="muted small">${one.error_message}</p>`)}</td></tr>`;
}
