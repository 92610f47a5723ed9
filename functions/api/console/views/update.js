// Changes the variables or the blueprint version of a stack.

import { follow } from '../actions.js';
import { Problem, all, get, post, send } from '../api.js';
import { variableForm } from '../form.js';
import { encoded, shown } from '../format.js';
import { element, html, island } from '../html.js';
import { askBeforeReload, stackPath } from '../parts.js';
import { fieldList, problemPanel } from '../problem.js';
import { requestPanel, updateCommand, withoutSecrets } from '../request.js';
import { ENVIRONMENT, OPERATION, STACK } from '../shapes.js';
import { deprecationNote, draftNote, readVersion, versionOptions, withdrawnNote } from '../versions.js';
import { apart } from '../visible.js';
import { approvalText } from './new.js';

/** @typedef {import('../types').Blueprint} Blueprint */

/** @param {any} a @param {any} b */
function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** @param {import('../app.js').Page} page */
export default async function view({ params, signal, show, title }) {
  const stack = await get(`/v1/stacks/${encoded(params.id)}`, STACK, {}, signal);
  title(`Update ${stack.name}`);
  if (!stack.variables) throw new Problem({ status: 403, title: 'You may not read this stack', detail: 'An update starts from its variables.' });
  const before = stack.variables;
  const [first, environments] = await Promise.all([readVersion(stack.blueprint.name, stack.blueprint.version, signal), all('/v1/environments', ENVIRONMENT, {}, signal)]);
  const { latest, versions } = first;
  const environment = environments.find((one) => one.name === stack.environment);
  let version = stack.blueprint.version;
  /** Null where the version is not available, and then without a form. @type {Blueprint | null} */
  let blueprint = first.blueprint;
  /** @type {ReturnType<typeof variableForm> | null} */
  let form = null;
  /** @type {unknown} */
  let problem = null;
  /** @type {import('../api.js').WrongField[]} */
  let others = [];
  let busy = '';
  const panel = requestPanel();
  const formPlace = island(element(html`<div></div>`));

  /** What differs from the stack, as a merge patch. */
  function changes() {
    if (!form) return {};
    const values = form.values;
    /** @type {[string, any][]} */
    const set = Object.entries(values).filter(([name, value]) => !same(value, before[name]));
    const gone = Object.keys(before).filter((name) => !Object.hasOwn(values, name));
    return Object.fromEntries([...set, ...gone.map((name) => [name, null])]);
  }

  function body() {
    const variables = changes();
    return { ...(version === stack.blueprint.version ? {} : { version }), ...(Object.keys(variables).length ? { variables } : {}) };
  }

  function changed() {
    const sensitive = (blueprint?.variables ?? []).filter((one) => one.sensitive).map((one) => one.name);
    const request = withoutSecrets(body(), sensitive);
    panel.set('PATCH', `/v1/stacks/${stack.id}`, request, updateCommand(`${stack.environment}/${stack.name}`, request));
    draw();
  }

  /** @param {Blueprint | null} chosen */
  function restart(chosen) {
    blueprint = chosen;
    const names = new Set(chosen?.variables.map((one) => one.name));
    const values = Object.fromEntries(Object.entries(form?.values ?? before).filter(([name]) => names.has(name)));
    form = chosen ? variableForm({ variables: chosen.variables, values, fixed: environment?.variables ?? {}, changed }) : null;
    formPlace.replaceChildren(...(form ? [form.element] : []));
    changed();
  }

  /** @param {string} wanted */
  async function choose(wanted) {
    version = wanted;
    problem = null;
    try {
      const chosen = (await readVersion(stack.blueprint.name, wanted, signal)).blueprint;
      if (version === wanted) restart(chosen);
    } catch (error) {
      if (signal.aborted || version !== wanted) return;
      problem = error;
      draw();
    }
  }

  /** @param {'update' | 'preview'} what */
  const ask = (what) => async (/** @type {Event} */ event) => {
    event.preventDefault();
    problem = null;
    others = [];
    if (!form) return void /** @type {HTMLElement | null} */ (document.querySelector('#version'))?.focus();
    if (!form.settle()) return draw();
    busy = what;
    draw();
    try {
      const operation = what === 'preview' ? post(`/v1/stacks/${stack.id}/preview`, body(), signal)
        : send('PATCH', `/v1/stacks/${stack.id}`, OPERATION, { body: body(), headers: { 'If-Match': `"${stack.revision}"` }, signal }).then((answer) => answer.value);
      follow(await operation);
    } catch (error) {
      if (signal.aborted) return;
      busy = '';
      problem = error;
      if (error instanceof Problem && error.errors.length && form) {
        others = form.refuse(error.errors);
        if (others.length === 0) problem = null;
        form.settle();
      }
      draw();
    }
  };

  /** @param {[string, any]} difference */
  function difference([name, value]) {
    const secret = blueprint?.variables.some((one) => one.name === name && one.sensitive);
    const [old, fresh] = value === null || secret ? [shown(before[name]), '(sensitive)'] : apart(before[name], value, (one) => shown(one) ?? '');
    return html`<li><code>${name}</code> ${Object.hasOwn(before, name) ? html`<span class="old">${old}</span>` : html`<span class="muted">not set</span>`} ${
      value === null ? html`<span class="muted">default</span>` : html`<span class="new">${fresh}</span>`}</li>`;
  }

  function draw() {
    const differences = Object.entries(changes());
    show(html`
      <nav class="crumbs" aria-label="Breadcrumb"><a href="/console/stacks">Stacks</a> <span aria-hidden="true">/</span> <a href=${stackPath(stack.id)}>${stack.name}</a> <span aria-hidden="true">/</span> Update</nav>
      <div class="title"><h1>Update ${stack.name}</h1></div>
      <form class="create" novalidate data-key="form" @submit=${ask('update')}>
        <div class="create-main">
          <section class="card form" aria-label="Blueprint"><div class="field"><label for="version">Version of ${stack.blueprint.name}</label>
            <select id="version" .value=${version} @change=${(/** @type {any} */ event) => {
              choose(event.target.value);
            }}>${versionOptions(versions, version, (one) => (one === stack.blueprint.version ? ' (now)' : ''))}</select></div>
            ${draftNote(blueprint, environment)}${deprecationNote(blueprint)}</section>
          <section class="card form" aria-labelledby="h-variables"><header><h2 id="h-variables">Variables</h2></header>${form ? formPlace : withdrawnNote(stack.blueprint.name, version, latest.version)}</section>
        </div>
        <div class="create-aside">
          <section class="card" aria-labelledby="h-changes"><header><h2 id="h-changes">Changes</h2></header>${
            differences.length === 0 && version === stack.blueprint.version ? html`<p class="pad muted">Nothing differs. Applying it restores what drifted.</p>`
              : html`<ul class="diffs">${version === stack.blueprint.version ? null : html`<li><code>version</code> <span class="old">${stack.blueprint.version}</span> <span class="new">${version}</span></li>`}${differences.map(difference)}</ul>`}</section>
          <section class="card" aria-labelledby="h-request"><header><h2 id="h-request">The same request</h2></header>${panel.element}</section>
          <div class="submit">
            ${problem ? problemPanel(problem) : null}${others.length && !problem ? fieldList(others) : null}
            <div class="actions"><button type="button" .disabled=${busy !== ''} @click=${ask('preview')}>${busy === 'preview' ? 'Planning…' : 'Preview'}</button>
            <button type="submit" class="primary" .disabled=${busy !== ''}>${busy === 'update' ? 'Updating…' : 'Update stack'}</button></div>
            <p class="hint">${environment ? approvalText(environment) : ''}</p></div>
        </div>
      </form>`);
  }

  restart(blueprint);
  const untouched = JSON.stringify(body());
  askBeforeReload(signal, () => busy === '' && JSON.stringify(body()) !== untouched);
}
