// The console's shell: which view an address shows, navigation, and what stays around the views.

import { Problem, get, observeConnection } from './api.js';
import { ago } from './format.js';
import { element, html, render } from './html.js';
import { announce, ask } from './parts.js';
import { problemPanel } from './problem.js';
import * as session from './session.js';
import { flag, list, maybe, object, optional, text } from './shapes.js';
import { visible } from './visible.js';

/**
 * @typedef {object} Page
 * @property {Record<string, string>} params  The parts of the path.
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal  Aborted when the user leaves.
 * @property {(content: unknown) => void} show  Renders the view.
 * @property {(error: unknown) => void} fail  Shows why the view ends, in its place.
 * @property {(text: string) => void} title
 * @property {Caller} caller
 */

/** @typedef {{name: string, admin: boolean, groups: string[]}} Caller */
/** @typedef {(page: Page) => Promise<void>} View */

/** @type {import('./shapes.js').Shape<Caller>} */
const CALLER = object({ name: text, admin: flag, groups: list(text) });
/** @type {import('./shapes.js').Shape<import('./session.js').Config>} */
const CONFIG = object({
  version: text, sign_in: maybe(object({ issuer: text, client_id: text, scope: text, audience: optional(text) })), key: optional(flag),
});

/** @type {[RegExp, string, () => Promise<{default: View}>][]} */
const ROUTES = [
  [/^\/(?:console\/?)?$/, 'home', () => import('./views/home.js')],
  [/^\/console\/stacks$/, 'stacks', () => import('./views/stacks.js')],
  [/^\/console\/new$/, 'new', () => import('./views/new.js')],
  [/^\/console\/stacks\/(?<id>[^/]+)$/, 'stack', () => import('./views/stack.js')],
  [/^\/console\/stacks\/(?<id>[^/]+)\/update$/, 'update', () => import('./views/update.js')],
  [/^\/console\/operations\/(?<id>[^/]+)$/, 'operation', () => import('./views/operation.js')],
  [/^\/console\/blueprints$/, 'blueprints', () => import('./views/blueprints.js')],
  [/^\/console\/blueprints\/(?<name>[^/]+)$/, 'blueprint', () => import('./views/blueprint.js')],
  [/^\/console\/environments$/, 'environments', () => import('./views/environments.js')],
  [/^\/console\/policies$/, 'policies', () => import('./views/policies.js')],
  [/^\/console\/source-accounts$/, 'source-accounts', () => import('./views/accounts.js')],
  [/^\/console\/dead-letters$/, 'dead-letters', () => import('./views/dead_letters.js')],
  [/^\/console\/audit$/, 'audit', () => import('./views/audit.js')],
];

/** Which entry of the navigation a view belongs to. @type {Record<string, string>} */
const PARENTS = { stack: 'stacks', update: 'stacks', operation: 'stacks', new: 'stacks', blueprint: 'blueprints' };

const main = /** @type {HTMLElement} */ (document.querySelector('#main'));
let leaving = new AbortController();
/** @type {Caller} */
let caller = { name: '', admin: false, groups: [] };
/** Where the user scrolled to on earlier pages, by entry of the history. @type {Map<string, number>} */
const places = new Map();

/** The route of a path with the parts of that path, unless it leads nowhere: also if a part is no percent-encoded text. @param {string} path @returns {[...(typeof ROUTES)[number], Record<string, string>] | null} */
function routeOf(path) {
  const route = ROUTES.find(([pattern]) => pattern.test(path));
  if (!route) return null;
  const groups = route[0].exec(path)?.groups ?? {};
  try {
    return [...route, Object.fromEntries(Object.entries(groups).map(([key, value]) => [key, decodeURIComponent(value)]))];
  } catch {
    return null;
  }
}

/** Shows the view of the page's address. @param {boolean} moved  Whether the user came from another view. */
async function show(moved) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  delete document.documentElement.dataset.ready;
  const route = routeOf(location.pathname);
  const name = route?.[1] ?? 'missing';
  mark(PARENTS[name] ?? name);
  let first = true;
  /** @param {unknown} content */
  const display = (content) => {
    if (signal.aborted) return;
    if (first) main.replaceChildren();
    render(main, html`<div class="view" data-key=${name}>${content}</div>`);
    if (first) arrived(name, moved);
    first = false;
  };
  /** @param {unknown} error */
  const fail = (error) => {
    if (signal.aborted) return;
    if (!(error instanceof Problem || error instanceof session.SignInNeeded)) console.error(error);
    // What still refreshes this view has nothing to refresh any more.
    leaving.abort();
    leaving = new AbortController();
    main.replaceChildren(element(html`<div class="view">${failure(error)}</div>`));
    arrived(name, moved);
  };
  try {
    if (!route) return display(html`<h1>Page not found</h1><p>There is no page at <code>${location.pathname}</code>. <a href="/">Go to the home page</a>.</p>`);
    const slow = setTimeout(() => first && !signal.aborted && main.replaceChildren(html`<p class="muted loading">Loading…</p>`), 300);
    signal.addEventListener('abort', () => clearTimeout(slow));
    const view = await route[2]();
    title('');
    await view.default({ params: route[3], query: new URLSearchParams(location.search), signal, show: display, fail, title, caller });
  } catch (error) {
    fail(error);
  }
}

/** What is in place of a view that cannot be shown. @param {unknown} error */
function failure(error) {
  if (error instanceof session.SignInNeeded) return html`<p class="muted loading">${error.message}</p>`;
  if (error instanceof TypeError && /import|module/i.test(error.message)) {
    error = new Problem({ status: 0, title: 'This part of the console did not load', detail: 'The server cannot be reached, or has a newer console. Reload the page.' });
  }
  const status = error instanceof Problem ? error.status : -1;
  const heading = /** @type {Record<number, string>} */ ({ 401: 'Sign in again', 403: 'No access', 404: 'Not found' })[status] ?? 'This page cannot be shown';
  return html`<h1>${heading}</h1>${problemPanel(error, () => show(true))}`;
}

/** @param {string} text */
function title(text) {
  document.title = text ? `${visible(text)} · Slipway` : 'Slipway';
}

/** @param {string} name @param {boolean} moved */
function arrived(name, moved) {
  document.documentElement.dataset.ready = name;
  if (!moved) return;
  const heading = /** @type {HTMLElement | null} */ (main.querySelector('h1'));
  if (heading && !main.contains(document.activeElement)) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  window.scrollTo(0, places.get(history.state?.key ?? '') ?? 0);
}

/** @param {string} name */
function mark(name) {
  for (const link of document.querySelectorAll('[data-nav]')) {
    if (link.getAttribute('data-nav') === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

const menu = /** @type {HTMLButtonElement} */ (document.querySelector('#menu'));

/** Opens or closes the navigation of narrow screens. @param {boolean} open */
function openMenu(open) {
  menu.setAttribute('aria-expanded', String(open));
}

menu.addEventListener('click', () => openMenu(menu.getAttribute('aria-expanded') !== 'true'));
document.querySelector('.side')?.addEventListener('keydown', (event) => {
  if (/** @type {KeyboardEvent} */ (event).key !== 'Escape' || menu.getAttribute('aria-expanded') !== 'true') return;
  openMenu(false);
  menu.focus();
});

/** Goes to another page of the console. @param {string} path @param {{replace?: boolean}} [options] */
export function go(path, { replace = false } = {}) {
  openMenu(false);
  places.set(history.state?.key ?? '', window.scrollY);
  const state = { key: crypto.randomUUID() };
  if (replace) history.replaceState(state, '', path);
  else history.pushState(state, '', path);
  return show(true);
}

addEventListener('slipway:go', (event) => go(/** @type {CustomEvent<string>} */ (event).detail));
addEventListener('popstate', () => show(true));

document.addEventListener('click', (event) => {
  const link = /** @type {Element} */ (event.target).closest?.('a');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute('download')) return;
  if (link.pathname !== '/' && !link.pathname.startsWith('/console')) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  main.blur();
  go(link.pathname + link.search + link.hash);
});

/** @type {Record<string, [string, string]>} */
const SHORTCUTS = { h: ['/', 'Home'], s: ['/console/stacks', 'Stacks'], b: ['/console/blueprints', 'Blueprints'], e: ['/console/environments', 'Environments'], p: ['/console/policies', 'Policies'] };
let prefix = 0;

document.addEventListener('keydown', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.metaKey || event.ctrlKey || event.altKey || target.matches('input,textarea,select') || document.querySelector('dialog[open]')) return;
  if (event.key === '/') {
    const filter = /** @type {HTMLElement | null} */ (main.querySelector('input[type=search]'));
    if (filter) event.preventDefault();
    filter?.focus();
  } else if (event.key === '?') {
    help();
  } else if (event.key === 'n') {
    go('/console/new');
  } else if (event.key === 'g') {
    prefix = Date.now();
  } else if (Date.now() - prefix < 1_500 && SHORTCUTS[event.key]) {
    prefix = 0;
    go(SHORTCUTS[event.key][0]);
  }
});

function help() {
  const keys = [...Object.entries(SHORTCUTS).map(([key, [, name]]) => [`g ${key}`, name]), ['n', 'New stack'], ['/', 'Filter this list'], ['?', 'These shortcuts']];
  return ask({
    title: 'Keyboard shortcuts',
    body: html`<dl class="facts">${keys.map(([key, name]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${name}</dd></div>`)}</dl>`,
    confirm: 'Close',
    act: async () => null,
  });
}

function foot() {
  const { version } = session.configuration();
  render(/** @type {Element} */ (document.querySelector('#foot')), html`
    ${caller.name ? html`<p class="clip" title=${caller.name}>${caller.name}${caller.admin ? html` <span class="muted">administrator</span>` : null}</p>` : null}
    <p class="links"><a href="/docs">API explorer</a> <button type="button" class="link" @click=${help}>Shortcuts</button>
    ${session.enabled() ? html`<button type="button" class="link" @click=${() => session.signOut()}>Sign out</button>` : null}</p>
    ${version ? html`<p class="muted">Version ${version}</p>` : null}`);
}

async function begin() {
  observeConnection((now) => {
    const banner = /** @type {HTMLElement} */ (document.querySelector('#lost'));
    banner.hidden = now === 'well';
    if (now === 'well') announce('The server answers again.');
    else banner.textContent = now === 'lost' ? 'The server cannot be reached. The console keeps trying.' : 'The server is busy: what is here may be old. The console keeps trying.';
  });
  const slow = setTimeout(() => render(main, html`<p class="muted loading">Loading…</p>`), 300);
  setInterval(() => {
    for (const time of document.querySelectorAll('time[data-ago]')) time.textContent = ago(/** @type {HTMLTimeElement} */ (time).dateTime);
  }, 10_000);
  try {
    const back = await session.start(await get('/console/config.json', CONFIG));
    if (back) history.replaceState({ key: crypto.randomUUID() }, '', back);
    caller = await get('/v1/caller', CALLER);
  } catch (error) {
    if (error instanceof session.SignInNeeded && error.message === 'Signing in…') return render(main, html`<p class="muted loading">Signing in…</p>`);
    const unknown = error instanceof session.SignInNeeded || (error instanceof Problem && error.status === 401);
    render(main, html`<div class="view"><h1>${unknown ? 'Not signed in' : 'The console cannot start'}</h1>${problemPanel(error, () => location.assign('/'))}</div>`);
    document.documentElement.dataset.ready = 'problem';
    return undefined;
  } finally {
    clearTimeout(slow);
  }
  foot();
  for (const link of document.querySelectorAll('[data-nav=audit],[data-nav=dead-letters]')) /** @type {HTMLElement} */ (link).hidden = !caller.admin;
  return show(false);
}

await begin();
