// The request that a form stands for, as JSON, for curl and for the command line.

import { quoted } from './format.js';
import { element, html, island, render } from './html.js';
import { copyButton } from './parts.js';

/** @param {string} method @param {string} path @param {Record<string, any>} body */
function curl(method, path, body) {
  const verb = method === 'POST' ? '' : ` -X ${method}`;
  return `curl -sS${verb} ${quoted(location.origin + path)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body, null, 2))}`;
}

/** The options of the command line for variables: texts as they are, anything else as JSON. @param {Record<string, any>} variables */
function variableOptions(variables) {
  return Object.entries(variables).map(([name, value]) =>
    value === null ? `--unset ${quoted(name)}` : `--var ${quoted(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)}`);
}

/** @param {Record<string, any>} body */
export function createCommand(body) {
  const blueprint = body.version ? `${body.blueprint}@${body.version}` : body.blueprint;
  const parts = [`slipway stack create ${quoted(body.name || 'NAME')}`, `--blueprint ${quoted(blueprint)}`, `--environment ${quoted(body.environment)}`,
    ...variableOptions(body.variables ?? {}), ...Object.entries(body.images ?? {}).map(([service, image]) => `--image ${quoted(`${service}=${image}`)}`), '--wait'];
  return parts.join(' \\\n  ');
}

/** @param {string} stack @param {Record<string, any>} body */
export function updateCommand(stack, body) {
  const parts = [`slipway stack update ${quoted(stack)}`, ...(body.version ? [`--version ${quoted(body.version)}`] : []), ...variableOptions(body.variables ?? {}), '--wait'];
  return parts.join(' \\\n  ');
}

/** Sensitive values stay out of what people copy around. @param {Record<string, any>} body @param {string[]} sensitive */
export function withoutSecrets(body, sensitive) {
  const variables = Object.entries(body.variables ?? {}).map(([name, value]) => [name, sensitive.includes(name) && value !== null ? '…' : value]);
  return { ...body, ...(body.variables ? { variables: Object.fromEntries(variables) } : {}) };
}

/** A panel with the request in three notations. */
export function requestPanel() {
  const names = ['JSON', 'curl', 'Command line'];
  let chosen = 0;
  /** @type {string[]} */
  let texts = ['', '', ''];
  const root = island(element(html`<div class="request"></div>`));

  function draw() {
    render(root, html`<div class="tabs"><span role="tablist" aria-label="Notation">${names.map((name, index) => html`<button type="button" role="tab" id=${`tab-${index}`} aria-controls="tab-panel"
      aria-selected=${String(index === chosen)} tabindex=${index === chosen ? 0 : -1} @click=${() => pick(index)} @keydown=${(/** @type {KeyboardEvent} */ event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) pick((chosen + step + names.length) % names.length, true);
      }}>${name}</button>`)}</span><span class="grow"></span>${copyButton(texts[chosen], 'the request')}</div>
      <pre id="tab-panel" role="tabpanel" aria-labelledby=${`tab-${chosen}`} tabindex="0">${texts[chosen]}</pre>`);
  }

  /** @param {number} index @param {boolean} [focus] */
  function pick(index, focus = false) {
    chosen = index;
    draw();
    if (focus) /** @type {HTMLElement | null} */ (root.querySelector(`#tab-${index}`))?.focus();
  }

  draw();
  return {
    element: root,
    /** @param {string} method @param {string} path @param {Record<string, any>} body @param {string} command */
    set(method, path, body, command) {
      texts = [JSON.stringify(body, null, 2), curl(method, path, body), command];
      draw();
    },
  };
}
