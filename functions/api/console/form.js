// A form that is generated from the schema of a blueprint's variables.

import { shown } from './format.js';
import { element, html, island, render } from './html.js';
import { attributes, blank, check, compact, inner, options, pathText, shape, typed } from './schema.js';
import { visible } from './visible.js';

/** @typedef {import('./types').Kind} Kind */
/** @typedef {import('./types').Variable} Variable */
/** @typedef {import('./schema.js').Path} Path */

/** From how many variables on there is a field to find one. */
const MANY = 12;

/** A copy of `value` with another one at `path`. @param {any} value @param {Path} path @param {any} leaf @returns {any} */
function placed(value, path, leaf) {
  if (path.length === 0) return leaf;
  const [first, ...rest] = path;
  if (typeof first === 'number') {
    const copy = [...(value ?? [])];
    copy[first] = placed(copy[first], rest, leaf);
    return copy;
  }
  return { ...value, [first]: placed(value?.[first], rest, leaf) };
}

/** @param {any} value @param {Path} path */
function valueAt(value, path) {
  return path.reduce((found, part) => found?.[part], value);
}

/** What a new value of a list or a map starts as. @param {Kind} kind */
function started(kind) {
  return kind === 'string' ? '' : blank(kind);
}

/** @param {Path} path */
function identifier(path) {
  return `v-${pathText(path).replace(/[^A-Za-z0-9_-]/g, (sign) => `_${sign.codePointAt(0)?.toString(16)}_`)}`;
}

/**
 * @param {object} options
 * @param {Variable[]} options.variables
 * @param {Record<string, any>} options.values  What it starts with.
 * @param {Record<string, any>} options.fixed  What the environment gives.
 * @param {() => void} options.changed
 */
export function variableForm({ variables, values: initial, fixed, changed }) {
  /** @type {Record<string, any>} */
  let values = { ...initial };
  for (const variable of variables) {
    if (variable.required && values[variable.name] === undefined) values[variable.name] = blank(variable.type);
  }
  /** What the user has left once, or everything after the first attempt to send: only there is a problem shown. @type {Set<string>} */
  const touched = new Set();
  let attempted = false;
  /** Variables that are edited as JSON, with the text as typed. @type {Map<string, string>} */
  const raw = new Map();
  let wanted = '';
  /** @type {Map<string, string>} */
  let problems = new Map();
  /** Problems that the API named. @type {Map<string, string>} */
  let refused = new Map();
  const root = island(element(html`<div class="variables"></div>`));

  /** @param {Path} path @param {any} value */
  function put(path, value) {
    values = placed(values, path, value);
    refused.clear();
    draw();
    changed();
  }

  function validate() {
    problems = check(variables, compact(values), fixed);
    for (const [name, text] of raw) {
      try {
        JSON.parse(text);
      } catch (error) {
        problems.set(name, `This is not JSON: ${error instanceof Error ? error.message : error}.`);
      }
    }
    for (const [field, problem] of refused) problems.set(field, problem);
  }

  /** The problem to show at a field. @param {Path} path */
  function problemAt(path) {
    const name = pathText(path);
    const found = problems.get(name);
    const value = valueAt(values, path);
    return found && (attempted || refused.has(name) || touched.has(name) || value !== undefined) ? found : null;
  }

  /** @param {Path} path */
  function message(path) {
    const problem = problemAt(path);
    return problem ? html`<p class="wrong" id=${`${identifier(path)}-wrong`}>${problem}</p>` : null;
  }

  /** What every field of one value has. @param {Path} path @param {boolean} described */
  function shared(path, described) {
    const problem = problemAt(path);
    const by = [described ? `${identifier(path)}-about` : '', problem ? `${identifier(path)}-wrong` : ''].filter(Boolean).join(' ');
    return { id: identifier(path), invalid: problem ? 'true' : null, by: by || null, leave: () => {
      touched.add(pathText(path));
      draw();
    } };
  }

  /**
   * A field for a value of one type.
   *
   * @param {Kind} kind @param {Path} path
   * @param {{label: string, fallback?: any, written?: string, optional: boolean, choices?: string[] | null, secret?: boolean, described?: boolean, inCollection?: boolean}} about
   * @returns {DocumentFragment}
   */
  function field(kind, path, about) {
    const value = valueAt(values, path);
    const name = shape(kind);
    if (['list', 'set', 'map', 'object', 'tuple'].includes(name)) {
      if (value === undefined || value === null) {
        return html`<div class="unset"><span class="muted">${about.fallback !== undefined && about.fallback !== null ? html`Default: <code>${shown(about.fallback)}</code>` : about.written ? html`Default: <code>${about.written}</code>` : 'Not set'}</span>
          <button type="button" class="small" id=${identifier(path)} aria-label=${`Set ${about.label}`} @click=${() => {
            put(path, structuredClone(about.fallback ?? blank(kind)));
            // Where the button was is the first field now.
            focusIn(path);
          }}>Set</button></div>`;
      }
      return html`<div class="group" id=${identifier(path)}>${nested(kind, path, value)}${message(path)}${
        about.optional ? html`<button type="button" class="small quiet" aria-label=${`Unset ${about.label}`} @click=${() => put(path, undefined)}>Unset</button>` : null}</div>`;
    }
    // A field shows a text as the browser draws it.
    const unseen = typeof value === 'string' && !about.secret && visible(value) !== value;
    return html`${scalar(kind, path, value, about)}${unseen ? html`<p class="hint">With characters that are not seen: <code>${value}</code></p>` : null}${message(path)}`;
  }

  /** @param {Kind} kind @param {Path} path @param {any} value @param {{label: string, fallback?: any, written?: string, optional: boolean, choices?: string[] | null, secret?: boolean, described?: boolean, inCollection?: boolean}} about */
  function scalar(kind, path, value, { fallback, written, optional, choices = null, secret = false, described = false, inCollection = false }) {
    // An empty text is a value of a list or a map; elsewhere an empty field is one that is not set.
    const nothing = inCollection && kind === 'string' ? '' : undefined;
    const { id, invalid, by, leave } = shared(path, described);
    const standard = fallback !== undefined && fallback !== null ? shown(fallback) : written;
    const chosen = (/** @type {any} */ event) => put(path, typed(kind, event.target.value) ?? nothing);
    const list = kind === 'bool' ? ['true', 'false'] : choices;
    if (list) {
      return html`<select id=${id} aria-invalid=${invalid} aria-describedby=${by} aria-required=${String(!optional)} .value=${value === undefined ? '' : String(value)} @change=${chosen} @blur=${leave}>
        <option value="">${standard ? `Default: ${standard}` : optional ? 'Not set' : 'Choose…'}</option>
        ${list.map((one) => html`<option value=${one}>${one}</option>`)}</select>`;
    }
    const text = value === undefined || value === null ? '' : typeof value === 'string' ? value : kind === 'any' ? JSON.stringify(value) : String(value);
    const placeholder = standard ? `Default: ${standard}` : optional ? 'Not set' : '';
    if (kind === 'any' || text.includes('\n') || (typeof fallback === 'string' && fallback.includes('\n'))) {
      return html`<textarea id=${id} rows="4" spellcheck="false" aria-invalid=${invalid} aria-describedby=${by} aria-required=${String(!optional)} placeholder=${kind === 'any' ? 'JSON, or a text' : placeholder} .value=${text} @input=${chosen} @blur=${leave}></textarea>`;
    }
    return html`<input id=${id} type=${secret ? 'password' : 'text'} inputmode=${kind === 'number' ? 'decimal' : null} autocomplete="off" spellcheck="false" aria-required=${String(!optional)}
      aria-invalid=${invalid} aria-describedby=${by} placeholder=${placeholder} .value=${text} @input=${(/** @type {any} */ event) => {
        // `1.` and `-` are on the way to a number.
        if (kind !== 'number' || typed(kind, event.target.value) !== value || event.target.value === '') chosen(event);
      }} @blur=${leave}>`;
  }

  /** @param {Kind} kind @param {Path} path @param {any} value @returns {unknown} */
  function nested(kind, path, value) {
    const name = shape(kind);
    if (name === 'object') {
      return attributes(kind).map(([key, one]) => {
        const at = [...path, key];
        const composite = typeof one.type !== 'string';
        const body = field(one.type, at, { label: key, fallback: one.default, optional: one.optional });
        return composite ? html`<fieldset class="attribute" data-key=${identifier(at)}><legend>${key}${need(!one.optional)}</legend>${body}</fieldset>`
          : html`<div class="attribute" data-key=${identifier(at)}><label for=${identifier(at)}>${key}${need(!one.optional)}</label>${body}</div>`;
      });
    }
    if (name === 'tuple') {
      return /** @type {any} */ (kind).tuple.map((/** @type {Kind} */ one, /** @type {number} */ index) => entry(one, [...path, index], `Value ${index + 1}`, null, null));
    }
    if (name === 'map') return mapEntries(kind, path, value);
    const items = /** @type {any[]} */ (value);
    return html`${items.map((_, index) => entry(inner(kind), [...path, index], `Value ${index + 1}`, () => put(path, items.filter((__, other) => other !== index)), null))}
      <button type="button" class="small" aria-label=${`Add a value to ${path[path.length - 1]}`} @click=${() => add(path, [...items, started(inner(kind))], [...path, items.length])}>Add a value</button>`;
  }

  /** @param {Kind} kind @param {Path} path @param {Record<string, any>} value */
  function mapEntries(kind, path, value) {
    const names = Object.keys(value);
    const rename = (/** @type {string} */ from, /** @type {string} */ to) => {
      if (to !== from && (to === '' || Object.hasOwn(value, to))) return draw();
      return put(path, Object.fromEntries(names.map((name) => [name === from ? to : name, value[name]])));
    };
    return html`${names.map((name, index) => {
      const at = [...path, name];
      const keyId = `${identifier(path)}-key-${index}`;
      const head = html`<span class="map-key"><label class="hush" for=${keyId}>Name ${index + 1}</label><input id=${keyId} class="key" autocomplete="off" spellcheck="false" .value=${name} @change=${(/** @type {any} */ event) => rename(name, event.target.value)}></span>`;
      return entry(inner(kind), at, `Value of ${name}`, () => put(path, Object.fromEntries(Object.entries(value).filter(([other]) => other !== name))), head);
    })}
      <button type="button" class="small" aria-label=${`Add an entry to ${path[path.length - 1]}`} @click=${() => {
        let name = 'name';
        for (let number = 2; Object.hasOwn(value, name); number += 1) name = `name-${number}`;
        add(path, { ...value, [name]: started(inner(kind)) }, null);
        const key = /** @type {HTMLInputElement | null} */ (root.querySelector(`#${identifier(path)}-key-${names.length}`));
        key?.focus();
        key?.select();
      }}>Add an entry</button>`;
  }

  /** @param {Path} path @param {any} value @param {Path | null} focus */
  function add(path, value, focus) {
    put(path, value);
    if (focus) focusIn(focus);
  }

  /** Takes the user to the first field of a value. @param {Path} path */
  function focusIn(path) {
    const target = root.querySelector(`#${identifier(path)}`);
    const field = target?.matches('input,select,textarea') ? target : target?.querySelector('input,select,textarea,button');
    /** @type {HTMLElement | null} */ (field ?? null)?.focus();
  }

  /** @param {Kind} kind @param {Path} path @param {string} label @param {(() => void) | null} remove @param {unknown} head */
  function entry(kind, path, label, remove, head) {
    const composite = typeof kind !== 'string';
    const drop = remove ? html`<button type="button" class="small quiet" aria-label=${`Remove ${label.replace(/^Value/, 'value')}`} @click=${remove}>Remove</button>` : null;
    const body = field(kind, path, { label, optional: false, inCollection: true });
    if (composite) return html`<fieldset class="entry" data-key=${identifier(path)}><legend class=${head ? 'hush' : null}>${label}</legend><div class="entry-head">${head}${drop}</div>${body}</fieldset>`;
    return html`<div class="entry flat" data-key=${identifier(path)}>${head}<span class="grow"><label class="hush" for=${identifier(path)}>${label}</label>${body}</span>${drop}</div>`;
  }

  /** @param {boolean} required */
  function need(required) {
    return required ? html` <span class="need">required</span>` : null;
  }

  /** @param {Variable} variable */
  function variableField(variable) {
    const path = [variable.name];
    if (Object.hasOwn(fixed, variable.name)) {
      return html`<div class="variable fixed" data-key=${variable.name}><span class="name">${variable.name}</span><p class="hint">${variable.description}</p>
        <p>The environment gives <code>${shown(fixed[variable.name])}</code></p></div>`;
    }
    const composite = typeof variable.type !== 'string';
    const json = raw.has(variable.name);
    const head = html`${variable.name}${need(variable.required)}${variable.sensitive ? html` <span class="need">sensitive</span>` : null}`;
    const body = json ? rawField(variable) : field(variable.type, path, {
      label: variable.name, fallback: variable.sensitive ? undefined : variable.default, written: variable.default_expression, optional: !variable.required,
      choices: options(variable), secret: variable.sensitive, described: true });
    const about = html`<p class="hint" id=${`${identifier(path)}-about`}>${variable.description || 'The blueprint does not describe it.'} <code class="type">${variable.type_text.length > 60 ? shape(variable.type) : variable.type_text}</code>${
      composite ? html` <button type="button" class="link small" @click=${() => toggle(variable)}>${json ? 'Edit as a form' : 'Edit as JSON'}</button>` : null}</p>`;
    return composite && !json
      ? html`<fieldset class="variable" data-key=${variable.name}><legend>${head}</legend>${about}${body}</fieldset>`
      : html`<div class="variable" data-key=${variable.name}><label for=${identifier(path)}>${head}</label>${about}${body}</div>`;
  }

  /** @param {Variable} variable */
  function rawField(variable) {
    const path = [variable.name];
    const { id, invalid, by, leave } = shared(path, true);
    return html`<textarea id=${id} rows="8" class="mono" spellcheck="false" aria-invalid=${invalid} aria-describedby=${by} .value=${raw.get(variable.name) ?? ''} @blur=${leave} @input=${(/** @type {any} */ event) => {
      raw.set(variable.name, event.target.value);
      touched.add(variable.name);
      try {
        put(path, JSON.parse(event.target.value));
      } catch {
        draw();
        changed();
      }
    }}></textarea>${message(path)}`;
  }

  /** @param {Variable} variable */
  function toggle(variable) {
    const value = valueAt(values, [variable.name]) ?? variable.default ?? blank(variable.type);
    if (raw.has(variable.name)) raw.delete(variable.name);
    else raw.set(variable.name, JSON.stringify(compact(value), null, 2));
    draw();
  }

  function draw() {
    validate();
    const query = wanted.toLowerCase();
    const fits = (/** @type {Variable} */ one) => !query || `${one.name} ${one.description}`.toLowerCase().includes(query);
    const own = variables.filter((one) => !Object.hasOwn(fixed, one.name));
    const given = variables.filter((one) => Object.hasOwn(fixed, one.name) && fits(one));
    const required = own.filter((one) => one.required && fits(one));
    const optional = own.filter((one) => !one.required && fits(one));
    render(root, html`
      ${variables.length > MANY ? html`<div class="field"><label for="variable-filter">Find a variable</label><input id="variable-filter" type="search" .value=${wanted} @input=${(/** @type {any} */ event) => {
        wanted = event.target.value;
        draw();
      }}></div>` : null}
      ${variables.length === 0 ? html`<p class="muted">This version has no variables.</p>` : null}
      ${required.map(variableField)}
      ${optional.length > 0 ? html`<h3 data-key="optional">Optional</h3>${optional.map(variableField)}` : null}
      ${given.length > 0 ? html`<details class="given" data-key="given"><summary>${given.length} given by the environment</summary>${given.map(variableField)}</details>` : null}`);
  }

  draw();
  return {
    element: root,
    /** The values as the API takes them. @returns {Record<string, any>} */
    get values() {
      const own = variables.filter((one) => !Object.hasOwn(fixed, one.name) && values[one.name] !== undefined);
      return compact(Object.fromEntries(own.map((one) => [one.name, values[one.name]])));
    },
    get sound() {
      return problems.size === 0;
    },
    /** Shows every problem, and takes the user to the first. Whether there is none. @returns {boolean} */
    settle() {
      attempted = true;
      draw();
      const find = () => /** @type {HTMLElement | null} */ (root.querySelector('[aria-invalid=true], .wrong'));
      if (problems.size > 0 && !find()) {
        // The field is not among those that the user looks for.
        wanted = '';
        draw();
      }
      const first = find();
      first?.scrollIntoView({ block: 'center' });
      const field = first?.matches('.wrong') ? first.closest('.group, .attribute, .entry, .variable')?.querySelector('input,select,textarea,button') : first;
      /** @type {HTMLElement | null | undefined} */ (field)?.focus();
      return problems.size === 0;
    },
    /** Shows what the API refused; the problems that belong to no field come back. @param {import('./api.js').WrongField[]} errors */
    refuse(errors) {
      const own = errors.filter((one) => one.field.startsWith('variables.'));
      refused = new Map(own.map((one) => [one.field.slice('variables.'.length), `${one.detail}: ${one.remedy}.`.replace(/^./, (first) => first.toUpperCase())]));
      draw();
      return errors.filter((one) => !own.includes(one));
    },
  };
}
