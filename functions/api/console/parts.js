// What several views are made of.

import { ago, at, counted, encoded, own, words } from './format.js';
import { element, html, render } from './html.js';
import { problemPanel } from './problem.js';
import { visible } from './visible.js';

/** @type {Record<string, string>} */
const TONES = {
  ready: 'ok', succeeded: 'ok', current: 'ok', apply: 'ok',
  failed: 'bad', refused: 'bad', needs_attention: 'bad',
  waiting_for_approval: 'wait', queued: 'wait', requested: 'wait', approval_needed: 'wait',
  starting: 'busy', running: 'busy', provisioning: 'busy', updating: 'busy', releasing: 'busy', destroying: 'busy',
};

/** @param {string} status */
export function tone(status) {
  return own(TONES, status) ?? 'off';
}

/** @param {string} status */
export function badge(status) {
  return html`<span class="badge" data-tone=${tone(status)}>${words(status)}</span>`;
}

/** A time that stays relative to now. @param {string | null} time */
export function when(time) {
  return time ? html`<time datetime=${time} title=${at(time)} data-ago>${ago(time)}</time>` : html`<span class="muted">–</span>`;
}

/** @param {string} id */
export function stackPath(id) {
  return `/console/stacks/${encoded(id)}`;
}

/** @param {string} id */
export function operationPath(id) {
  return `/console/operations/${encoded(id)}`;
}

/** What an operation is called: `Release 3`, `Task load-dump`. @param {import('./types').Operation} operation */
export function operationTitle(operation) {
  if (operation.kind === 'release' && operation.release) return `Release ${operation.release}`;
  if (operation.kind === 'rollback' && operation.release) return `Roll back to release ${operation.release}`;
  if (operation.kind === 'task' && operation.task) return `Task ${operation.task}`;
  if (operation.kind === 'drift') return 'Drift check';
  return words(operation.kind);
}

/** @param {string} status */
export function hasEnded(status) {
  return ['succeeded', 'failed', 'needs_attention', 'cancelled', 'discarded'].includes(status);
}

/** @type {[keyof import('./types').Plan & string, string, string][]} */
const COUNTS = [
  ['destroy', '−', 'to destroy'],
  ['replace', '±', 'to replace'],
  ['change', '~', 'to change'],
  ['add', '+', 'to add'],
  ['import', '⇥', 'to import'],
  ['forget', '⇤', 'to forget'],
  ['moved', '→', 'to move'],
  ['invoke', '▸', 'to invoke'],
  ['deferred', '…', 'deferred'],
];

/** The counts of a plan. @param {import('./types').Plan} plan */
export function planCounts(plan) {
  const counts = COUNTS.filter(([name]) => Number(plan[name]) > 0);
  if (counts.length === 0) {
    const outputs = plan.outputs_changed ? 'Outputs change' : 'No changes';
    return html`<span class="muted">${plan.services?.length ? `Services change: ${plan.services.join('; ')}` : outputs}</span>`;
  }
  return html`<span class="counts">${counts.map(
    ([name, sign, text]) => html`<span data-action=${name}><span aria-hidden="true">${sign}</span>${Number(plan[name])} <span class="what">${text}</span></span>`,
  )}</span>`;
}

/** @param {string} text @param {unknown} [action] */
export function empty(text, action = null) {
  return html`<div class="empty"><p>${text}</p>${action}</div>`;
}

/** A section with a heading. @param {string} title @param {unknown} content @param {{aside?: unknown, id?: string, count?: number}} [options] */
export function card(title, content, { aside = null, id = '', count: number } = {}) {
  const name = id || title.toLowerCase().replace(/\W+/g, '-');
  return html`<section class="card" data-key=${`card-${name}`} aria-labelledby=${`h-${name}`}>
    <header><h2 id=${`h-${name}`}>${title}${number === undefined ? null : html` <span class="tally">${number}</span>`}</h2>${aside}</header>
    ${content}
  </section>`;
}

/** @param {[string, unknown][]} pairs */
export function facts(pairs) {
  return html`<dl class="facts">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** @param {string} text @param {string} what */
export function copyButton(text, what) {
  return html`<button type="button" class="quiet small" aria-label=${`Copy ${what}`} @click=${async (/** @type {Event} */ event) => {
    await navigator.clipboard.writeText(text);
    announce(`Copied ${what}.`);
    const button = /** @type {HTMLElement} */ (event.target);
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 1_500);
  }}>Copy</button>`;
}

/** Lets the browser ask before it leaves a page with input that was not sent. @param {AbortSignal} signal @param {() => boolean} unsent */
export function askBeforeReload(signal, unsent) {
  addEventListener('beforeunload', (event) => {
    if (unsent()) event.preventDefault();
  }, { signal });
}

/** Tells assistive technology, and shows for a moment. @param {string} text */
export function announce(text) {
  const region = /** @type {HTMLElement} */ (document.querySelector('#announce'));
  region.textContent = visible(text);
  region.classList.add('shown');
  setTimeout(() => region.classList.remove('shown'), 4_000);
}

/**
 * A dialog that asks before something happens. `act` gets the form; what it throws is shown, and the dialog stays.
 *
 * @template T
 * @param {object} options
 * @param {string} options.title
 * @param {unknown} options.body
 * @param {string} options.confirm  What the button says.
 * @param {string} [options.tone]
 * @param {(form: HTMLFormElement) => Promise<T>} options.act
 * @returns {Promise<T | null>} null where the user left it.
 */
export function ask({ title, body, confirm, tone: kind = 'primary', act }) {
  return new Promise((resolve) => {
    const opener = /** @type {HTMLElement | null} */ (document.activeElement);
    const dialog = /** @type {HTMLDialogElement} */ (
      element(html`<dialog aria-labelledby="dialog-title"><form method="dialog" novalidate @submit=${submit}>
        <h2 id="dialog-title">${title}</h2>
        <div class="dialog-body">${body}</div>
        <div class="dialog-problem"></div>
        <div class="actions">
          <button type="button" @click=${() => close(null)}>Keep as it is</button>
          <button type="submit" class=${kind}>${confirm}</button>
        </div></form></dialog>`)
    );
    /** @param {T | null} value */
    function close(value) {
      dialog.close();
      dialog.remove();
      opener?.focus();
      resolve(value);
    }
    /** @param {SubmitEvent} event */
    async function submit(event) {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      const button = /** @type {HTMLButtonElement} */ (form.querySelector('[type=submit]'));
      const place = /** @type {HTMLElement} */ (form.querySelector('.dialog-problem'));
      const wrong = /** @type {HTMLInputElement | null} */ (form.querySelector(':invalid:not(fieldset)'));
      if (wrong) {
        render(place, html`<div class="note" data-tone="bad" role="alert">${wrong.dataset.wrong ?? wrong.validationMessage}</div>`);
        wrong.focus();
        return;
      }
      button.disabled = true;
      try {
        close(await act(form));
      } catch (error) {
        button.disabled = false;
        render(place, problemPanel(error));
      }
    }
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      close(null);
    });
    document.body.append(dialog);
    dialog.showModal();
    /** @type {HTMLElement | null} */ (dialog.querySelector('input,select,textarea,[type=submit]'))?.focus();
  });
}

/** A row of an operation in a list. @param {import('./types').Operation} operation @param {{stack?: boolean}} [options] */
export function operationRow(operation, { stack = true } = {}) {
  const progress = operation.progress;
  const running = operation.steps.findLast((step) => step.status === 'running');
  return html`<li data-key=${operation.id}><a class="row-link" href=${operationPath(operation.id)}>
    <span class="row-main"><strong class="clip">${stack ? operation.stack.name : operationTitle(operation)}</strong>
      <span class="muted clip">${stack ? `${operationTitle(operation)} · ${operation.environment}` : operation.requested_by}</span></span>
    <span class="row-mid">${
      operation.error ? html`<span class=${tone(operation.status) === 'bad' ? 'message bad' : 'message muted'}>${operation.error.message}</span>`
        : !hasEnded(operation.status) && progress?.total ? html`<span class="muted">${running?.name ?? ''} ${progress.done} of ${counted(progress.total, 'resource')}</span>`
        : !hasEnded(operation.status) && running && !operation.plan ? html`<span class="muted">${running.name}</span>`
        : operation.plan ? planCounts(operation.plan)
        : running ? html`<span class="muted">${running.name}</span>` : null
    }</span>
    <span class="row-end">${badge(operation.status)} ${when(operation.ended_at ?? operation.started_at ?? operation.created_at)}</span>
  </a></li>`;
}
