// Creates a stack, with a form that the blueprint's schema makes.

import { follow, releases as readReleases } from '../actions.js';
import { Problem, all, get, post } from '../api.js';
import { variableForm } from '../form.js';
import { encoded, own } from '../format.js';
import { element, html, island } from '../html.js';
import { askBeforeReload, card, empty } from '../parts.js';
import { fieldList, problemPanel } from '../problem.js';
import { createCommand, requestPanel, withoutSecrets } from '../request.js';
import { ENVIRONMENT, STACK } from '../shapes.js';
import { BLUEPRINT_SUMMARY, deprecationNote, draftNote, readVersion, versionOptions, withdrawnNote } from '../versions.js';

/** @typedef {import('../types').Blueprint} Blueprint */
/** @typedef {import('../types').Environment} Environment */

/** The same as the API's rule for names. */
const NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
const DIGEST = /^[^\s@]+@sha256:[0-9a-f]{64}$/;

/** @param {import('../app.js').Page} page */
export default async function view({ query, signal, show, title }) {
  title('New stack');
  const [blueprints, environments] = await Promise.all([all('/v1/blueprints', BLUEPRINT_SUMMARY, {}, signal), all('/v1/environments', ENVIRONMENT, {}, signal)]);
  if (blueprints.length === 0 || environments.length === 0) {
    const what = blueprints.length === 0 ? ['blueprint', 'slipway publish FOLDER'] : ['environment', 'slipway environment put NAME --request FILE'];
    return show(html`<div class="title"><h1>New stack</h1></div>${card('New stack', empty(`There is no ${what[0]} yet. An administrator adds one with:`, html`<pre>${what[1]}</pre>`))}`);
  }
  const again = await earlier(query.get('again'), signal);
  const named = again?.environment ?? query.get('environment') ?? '';
  const state = {
    name: again?.name ?? query.get('name') ?? '',
    blueprint: again?.blueprint.name ?? query.get('blueprint') ?? (blueprints.length === 1 ? blueprints[0].name : ''),
    version: again?.blueprint.version ?? query.get('version') ?? '',
    environment: environments.length === 1 ? environments[0].name : environments.some((one) => one.name === named) ? named : '',
    images: again?.images.length ? again.images : /** @type {[string, string][]} */ ([['', '']]),
    attempted: false,
    touched: false,
    busy: false,
  };
  /** @type {Blueprint | null} */
  let blueprint = null;
  /** @type {import('../versions.js').Versions | null} */
  let found = null;
  /** @type {ReturnType<typeof variableForm> | null} */
  let form = null;
  /** @type {Record<string, any>} */
  let kept = again?.variables ?? {};
  /** @type {unknown} */
  let problem = null;
  /** @type {import('../api.js').WrongField[]} */
  let others = [];
  const panel = requestPanel();
  const formPlace = island(element(html`<div></div>`));

  /** The chosen environment. */
  const environment = () => environments.find((one) => one.name === state.environment);

  function body() {
    const images = Object.fromEntries(state.images.filter(([service, image]) => service && image));
    const values = form?.values ?? {};
    return {
      name: state.name,
      blueprint: state.blueprint,
      ...(state.version ? { version: state.version } : {}),
      environment: state.environment,
      ...(Object.keys(values).length ? { variables: values } : {}),
      ...(Object.keys(images).length ? { images } : {}),
    };
  }

  function changed() {
    const sensitive = (blueprint?.variables ?? []).filter((one) => one.sensitive).map((one) => one.name);
    const request = withoutSecrets(body(), sensitive);
    panel.set('POST', '/v1/stacks', request, createCommand({ ...request, environment: state.environment || 'ENVIRONMENT' }));
  }

  async function choose() {
    const { blueprint: name, version } = state;
    if (!name) return;
    // An answer may arrive when another is chosen.
    const isOld = () => signal.aborted || name !== state.blueprint || version !== state.version;
    try {
      const answer = await readVersion(name, version, signal);
      if (isOld()) return;
      found = answer;
      ({ blueprint } = found);
      problem = null;
    } catch (error) {
      if (isOld()) return;
      [blueprint, found] = [null, null];
      problem = error;
    }
    restart();
  }

  /** Makes the form anew, with the values that it held and that still fit. */
  function restart() {
    kept = { ...kept, ...form?.values };
    // A sensitive value is hidden in what the API answers.
    const hidden = form || !again ? [] : (blueprint?.variables ?? []).filter((one) => one.sensitive).map((one) => one.name);
    const names = new Set(blueprint?.variables.map((one) => one.name).filter((name) => !hidden.includes(name)));
    const values = Object.fromEntries(Object.entries(kept).filter(([name]) => names.has(name)));
    const chosen = environment();
    // The environment decides which variables a request may set.
    form = blueprint && chosen ? variableForm({ variables: blueprint.variables, values, fixed: chosen.variables, changed }) : null;
    formPlace.replaceChildren(...(form ? [form.element] : []));
    changed();
    draw();
  }

  const nameProblem = () => (NAME.test(state.name) ? null
    : state.name === '' ? 'Give the stack a name.' : 'Use at most 40 lower-case letters, digits and hyphens. Start with a letter, end without a hyphen.');
  const imageProblem = (/** @type {[string, string]} */ [service, image]) =>
    (service || image) && !(service && DIGEST.test(image)) ? 'Name a service, and its image by digest: repository@sha256:…' : null;

  async function submit(/** @type {Event} */ event) {
    event.preventDefault();
    state.attempted = true;
    problem = null;
    others = [];
    const sound = form?.settle() ?? false;
    draw();
    if (nameProblem()) return void /** @type {HTMLElement | null} */ (document.querySelector('#name'))?.focus();
    if (!form) return void /** @type {HTMLElement | null} */ (document.querySelector(!found ? '#blueprint' : !blueprint ? '#version' : '#environment'))?.focus();
    if (!sound) return;
    if (state.images.some(imageProblem)) {
      const images = /** @type {HTMLDetailsElement} */ (document.querySelector('[data-key=images]'));
      images.open = true;
      return void /** @type {HTMLElement | null} */ (images.querySelector('[aria-invalid=true]'))?.focus();
    }
    state.busy = true;
    draw();
    try {
      follow(await post('/v1/stacks', body(), signal));
    } catch (error) {
      if (signal.aborted) return;
      state.busy = false;
      problem = error;
      if (error instanceof Problem && error.errors.length && form) {
        others = form.refuse(error.errors);
        if (others.length === 0) problem = null;
        form.settle();
      }
      draw();
    }
  }

  function draw() {
    const wrong = state.attempted || state.touched ? nameProblem() : null;
    const chosen = environment();
    show(html`
      <nav class="crumbs" aria-label="Breadcrumb"><a href="/console/stacks">Stacks</a> <span aria-hidden="true">/</span> New</nav>
      <div class="title"><h1>New stack</h1></div>
      <form class="create" novalidate data-key="form" @submit=${submit}>
        <div class="create-main">
          <section class="card form" aria-label="Stack">
            <div class="field"><label for="name">Name <span class="need">required</span></label>
              <input id="name" autocomplete="off" spellcheck="false" aria-required="true" aria-invalid=${wrong ? 'true' : null} aria-describedby="name-about" .value=${state.name}
                @input=${(/** @type {any} */ event) => {
                  state.name = event.target.value;
                  changed();
                  draw();
                }} @blur=${() => {
                  state.touched = state.name !== '';
                  draw();
                }}>
              ${wrong ? html`<p class="wrong" id="name-about">${wrong}</p>` : html`<p class="hint" id="name-about">Unique among the live stacks of the environment.</p>`}</div>
            <div class="pair">
              <div class="field"><label for="blueprint">Blueprint <span class="need">required</span></label>
                <select id="blueprint" aria-required="true" .value=${state.blueprint} @change=${(/** @type {any} */ event) => {
                  state.blueprint = event.target.value;
                  state.version = '';
                  choose();
                }}>${state.blueprint ? null : html`<option value="">Choose…</option>`}${blueprints.map((one) => html`<option value=${one.name}>${one.name}</option>`)}</select>
                <p class="hint">${blueprint?.description ?? ''}</p></div>
              <div class="field"><label for="version">Version</label>
                <select id="version" .value=${state.version} @change=${(/** @type {any} */ event) => {
                  state.version = event.target.value;
                  choose();
                }}><option value="">${found?.latest.draft ? 'Choose…' : `Latest${found ? `: ${found.latest.version}` : ''}`}</option>${versionOptions(found?.versions ?? [], state.version)}</select></div>
              <div class="field"><label for="environment">Environment <span class="need">required</span></label>
                <select id="environment" aria-required="true" .value=${state.environment} @change=${(/** @type {any} */ event) => {
                  state.environment = event.target.value;
                  restart();
                }}>${state.environment ? null : html`<option value="">Choose…</option>`}${environments.map((one) => html`<option value=${one.name}>${one.name}</option>`)}</select>
                <p class="hint">${chosen ? approvalText(chosen) : ''}</p></div>
            </div>
            ${draftNote(blueprint, chosen)}${deprecationNote(blueprint)}
          </section>
          <section class="card form" aria-labelledby="h-variables"><header><h2 id="h-variables">Variables</h2></header>${form ? formPlace : found && !blueprint ? withdrawnNote(state.blueprint, state.version, found.latest.version) : html`<p class="muted">${found ? 'Choose an environment first.' : chosen ? 'Choose a blueprint first.' : 'Choose a blueprint and an environment first.'}</p>`}</section>
          <details class="card form" data-key="images"><summary><h2>First release</h2> <span class="muted">optional</span></summary>
            <p class="hint">Images by digest, one for each service of the blueprint. Without them, the stack has no running services until its first release.</p>
            ${state.images.map((pair, index) => imageRow(pair, index))}
            <button type="button" class="small" @click=${() => {
              state.images.push(['', '']);
              draw();
            }}>Add an image</button></details>
        </div>
        <div class="create-aside">
          <section class="card" aria-labelledby="h-request"><header><h2 id="h-request">The same request</h2></header>${panel.element}</section>
          <div class="submit">
            ${problem ? problemPanel(problem) : null}
            ${others.length && !problem ? fieldList(others) : null}
            <button type="submit" class="primary big" .disabled=${state.busy}>${state.busy ? 'Creating…' : 'Create stack'}</button>
            ${chosen ? html`<p class="hint">${chosen.approval === 'always' ? 'The plan waits for an approval before anything is created.' : 'Terraform plans, then applies the plan at once.'}</p>` : null}</div>
        </div>
      </form>`);
  }

  /** @param {[string, string]} pair @param {number} index */
  function imageRow(pair, index) {
    const wrong = state.attempted ? imageProblem(pair) : null;
    const typed = (/** @type {0 | 1} */ at) => (/** @type {any} */ event) => {
      pair[at] = event.target.value.trim();
      changed();
      draw();
    };
    return html`<div class="entry flat" data-key=${`image-${index}`}>
      <span><label class="hush" for=${`service-${index}`}>Service ${index + 1}</label><input id=${`service-${index}`} class="key" placeholder="service" autocomplete="off" spellcheck="false" .value=${pair[0]} @input=${typed(0)}></span>
      <span class="grow"><label class="hush" for=${`image-${index}`}>Image ${index + 1}</label><input id=${`image-${index}`} placeholder="repository@sha256:…" autocomplete="off" spellcheck="false" aria-invalid=${wrong ? 'true' : null} .value=${pair[1]} @input=${typed(1)}>
      ${wrong ? html`<p class="wrong">${wrong}</p>` : null}</span></div>`;
  }

  restart();
  await choose();
  const untouched = JSON.stringify(body());
  askBeforeReload(signal, () => !state.busy && JSON.stringify(body()) !== untouched);
  return undefined;
}

/** What a stack that could not be created was to be, for a form to correct. @param {string | null} id @param {AbortSignal} signal */
async function earlier(id, signal) {
  if (!id) return null;
  const stack = await get(`/v1/stacks/${encoded(id)}`, STACK, {}, signal);
  const releases = stack.variables ? await readReleases(id, signal) : [];
  return { ...stack, images: Object.entries(releases.at(-1)?.images ?? {}) };
}

/** Where plans are applied, and under which rule. @param {Environment} environment */
export function approvalText(environment) {
  return `${environment.region}, account ${environment.account}. ${approvalRule(environment)}`;
}

/** Which plans need an approval, and by whom. @param {Environment} environment */
export function approvalRule(environment) {
  const needed = environment.approvals_required > 1 ? `${environment.approvals_required} approvals` : 'an approval';
  const rule = own(/** @type {Record<string, string>} */ ({ always: `Every plan needs ${needed}`, when_destroying: `Plans that destroy need ${needed}`, never: 'Plans are applied without an approval' }), environment.approval) ?? environment.approval;
  const others = environment.approval !== 'never' && !environment.self_approval ? ' The requester cannot approve.' : '';
  return `${rule}.${others}${environment.protected ? ' Stacks here cannot be destroyed, and no plan may lose protected resources.' : ''}${environment.sandbox ? ' Stacks here may be made from drafts.' : ''}`;
}
