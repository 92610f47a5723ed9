// All stacks, with filters that are part of the address.

import { all, repeat } from '../api.js';
import { ago, at, counted, count, words } from '../format.js';
import { element, html, island, render } from '../html.js';
import { empty, stackPath, tone } from '../parts.js';
import { STACK } from '../shapes.js';
import { draftBadge } from '../versions.js';
import { virtualList } from '../vlist.js';

/** @typedef {import('../types').Stack} Stack */

const ROW = 44;
/** @type {['environment' | 'status' | 'blueprint' | 'owner', string, (stack: Stack) => string][]} */
const FILTERS = [
  ['environment', 'Environment', (stack) => stack.environment],
  ['blueprint', 'Blueprint', (stack) => stack.blueprint.name],
  ['status', 'Status', (stack) => stack.status],
  ['owner', 'Owner', (stack) => stack.owner],
];

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, fail, title, query }) {
  title('Stacks');
  /** @type {Stack[]} */
  let stacks = [];
  /** @type {Stack[]} */
  let shown = [];
  let complete = false;
  /** The newest request of the list: an answer to an earlier one may be of the other list. */
  let newest = 0;
  const wanted = new Map([...query].filter(([, value]) => value));
  const list = virtualList({ height: ROW, row: (index) => row(shown[index], index, shown.length), label: 'Stacks', className: 'stacks' });
  const head = island(element(html`<div class="filters" role="search" aria-label="Filter stacks"></div>`));

  function filter() {
    const text = (wanted.get('q') ?? '').toLowerCase();
    const exact = FILTERS.filter(([name]) => wanted.get(name));
    shown = stacks.filter((stack) =>
      exact.every(([name, , of]) => of(stack) === wanted.get(name)) && (!wanted.get('drift') || (stack.drift?.count ?? 0) > 0)
      && (!text || `${stack.name} ${stack.id} ${stack.environment} ${stack.blueprint.name} ${stack.owner}`.toLowerCase().includes(text)));
    list.element.style.height = `${shown.length * ROW}px`;
    list.set(shown.length);
    drawHead();
    draw();
  }

  /** @param {string} name @param {string} value */
  function choose(name, value) {
    if (value) wanted.set(name, value);
    else wanted.delete(name);
    const search = new URLSearchParams([...wanted]).toString();
    history.replaceState(history.state, '', search ? `?${search}` : location.pathname);
    list.element.scrollTop = 0;
    // Destroyed stacks are in a list of their own.
    if (name === 'status' && (value === 'destroyed') !== stacks.some((stack) => stack.status === 'destroyed')) load().catch(fail);
    filter();
  }

  function drawHead() {
    render(head, html`
      <label class="hush" for="stack-filter">Filter stacks</label>
      <input id="stack-filter" type="search" placeholder="Filter by name, id or owner" .value=${wanted.get('q') ?? ''} @input=${(/** @type {any} */ event) => choose('q', event.target.value)}>
      ${FILTERS.map(([name, label, of]) => {
        const values = new Set([...stacks.map(of), ...(wanted.get(name) ? [String(wanted.get(name))] : []), ...(name === 'status' ? ['destroyed'] : [])]);
        return html`<span class="pick"><label class="hush" for=${`by-${name}`}>${label}</label><select id=${`by-${name}`} .value=${wanted.get(name) ?? ''} @change=${(/** @type {any} */ event) => choose(name, event.target.value)}>
          <option value="">Any ${label.toLowerCase()}</option>${[...values].sort().map((value) => html`<option value=${value}>${name === 'status' ? words(value) : value}</option>`)}</select></span>`;
      })}
      <label class="check"><input type="checkbox" .checked=${wanted.has('drift')} @change=${(/** @type {any} */ event) => choose('drift', event.target.checked ? 'yes' : '')}> Drifted</label>
      <span class="grow"></span><span class="muted" role="status">${shown.length === stacks.length ? counted(stacks.length, 'stack') : `${count(shown.length)} of ${counted(stacks.length, 'stack')}`}${complete ? '' : '…'}</span>`);
  }

  function draw() {
    show(html`<div class="title"><h1>Stacks</h1><span class="grow"></span><a class="button primary" href="/console/new">New stack</a></div>
      <div class="panel">${head}
      <div class="stack-head" aria-hidden="true"><span>Name</span><span>Status</span><span>Environment</span><span>Blueprint</span><span>Owner</span><span>Updated</span></div>
      ${list.element}
      ${complete && shown.length === 0 ? empty(stacks.length ? 'No stack matches the filters.' : 'There are no stacks yet.',
        stacks.length ? html`<button type="button" @click=${() => {
          wanted.clear();
          choose('q', '');
        }}>Clear the filters</button>` : html`<a class="button primary" href="/console/new">Create the first stack</a>`) : null}</div>`);
  }

  const load = async () => {
    const status = wanted.get('status') === 'destroyed' ? 'destroyed' : undefined;
    const first = stacks.length === 0;
    newest += 1;
    const request = newest;
    const found = await all('/v1/stacks', STACK, { status }, signal, {
      seen: (items, whole) => {
        // The first round is shown as it comes, now and then; later ones replace the list when they are whole.
        if (request !== newest || !first || (!whole && items.length > 100 && items.length % 1_000)) return;
        stacks = [...items];
        complete = whole;
        filter();
      },
    });
    if (request !== newest) return;
    stacks = found;
    complete = true;
    filter();
  };

  await load();
  // A long list is asked for less often.
  repeat(Math.max(5_000, stacks.length * 6), signal, load).catch(fail);
}

/** @param {Stack} stack @param {number} index @param {number} size */
function row(stack, index, size) {
  const drifted = stack.drift?.count ?? 0;
  return html`<div class="stack-row" role="listitem" aria-setsize=${size} aria-posinset=${index + 1}>
    <a href=${stackPath(stack.id)}><strong class="clip">${stack.name}</strong><span class="muted id">${stack.id}</span></a>
    <span><span class="badge" data-tone=${tone(stack.status)}>${words(stack.status)}</span>${drifted ? html` <span class="badge" data-tone="wait" title=${counted(drifted, 'resource')}>Drift</span>` : null}${
      stack.unsettled ? html` <span class="badge" data-tone="wait" title=${stack.unsettled.message}>Unsettled</span>` : null}${stack.draft ? html` ${draftBadge(stack)}` : null}</span>
    <span class="clip">${stack.environment}</span>
    <span class="clip">${stack.blueprint.name}<span class="muted">@${stack.blueprint.version}</span></span>
    <span class="clip muted" title=${stack.owner}>${stack.owner}</span>
    <time class="muted" datetime=${stack.updated_at} title=${at(stack.updated_at)} data-ago>${ago(stack.updated_at)}</time></div>`;
}
