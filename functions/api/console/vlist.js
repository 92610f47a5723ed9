// A list of many rows of the same height, of which only those in sight are in the document.

import { element, html, island } from './html.js';

const OVERSCAN = 8;

/**
 * @typedef {object} VirtualList
 * @property {HTMLElement} element
 * @property {(count: number) => void} set  How many rows there are; draws them anew.
 * @property {() => void} draw  Draws those in sight anew.
 * @property {(index: number) => void} reveal  Scrolls to a row.
 * @property {() => boolean} atEnd  Whether the last row is in sight.
 */

/**
 * @param {object} options
 * @param {number} options.height  Of a row, in pixels.
 * @param {(index: number) => Node} options.row
 * @param {string} options.label
 * @param {string} [options.role]
 * @param {string} [options.className]
 * @returns {VirtualList}
 */
export function virtualList({ height, row, label, role = 'list', className = '' }) {
  const box = island(
    element(html`<div class=${`vlist ${className}`} tabindex="0"><div class="vpad" role="presentation"><div class="vwin"></div></div></div>`),
  );
  const pad = /** @type {HTMLElement} */ (box.firstElementChild);
  const win = /** @type {HTMLElement} */ (pad.firstElementChild);
  (role === 'list' ? win : box).setAttribute('role', role);
  (role === 'list' ? win : box).setAttribute('aria-label', label);
  if (role === 'list') {
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', `${label}, scrollable`);
  } else {
    box.setAttribute('aria-live', 'off');
  }
  let count = 0;
  let first = -1;
  let last = -1;

  /** @param {boolean} force */
  function draw(force) {
    const from = Math.max(0, Math.floor(box.scrollTop / height) - OVERSCAN);
    const to = Math.min(count, Math.ceil((box.scrollTop + Math.max(box.clientHeight, height)) / height) + OVERSCAN);
    if (!force && from === first && to === last) return;
    [first, last] = [from, to];
    const focused = win.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    const place = focused?.closest('[data-row]')?.getAttribute('data-row');
    const fresh = document.createDocumentFragment();
    for (let index = from; index < to; index += 1) {
      const one = row(index);
      const root = one instanceof DocumentFragment ? one.firstElementChild : one;
      if (root instanceof Element) root.setAttribute('data-row', String(index));
      fresh.append(one);
    }
    win.replaceChildren(fresh);
    win.style.transform = `translateY(${from * height}px)`;
    if (place) focusRow(Number(place));
  }

  /** @param {number} index */
  function focusRow(index) {
    const target = win.querySelector(`[data-row="${index}"]`);
    const inner = target?.matches('a,button') ? target : target?.querySelector('a,button');
    /** @type {HTMLElement | null | undefined} */ (inner ?? null)?.focus({ preventScroll: true });
  }

  /** @param {number} index */
  function reveal(index) {
    const top = index * height;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
    draw(false);
  }

  box.addEventListener('scroll', () => draw(false), { passive: true });
  box.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const row = /** @type {HTMLElement} */ (event.target).closest('[data-row]');
    if (step === undefined || !row || !row.querySelector('a,button')) return;
    const next = Math.min(count - 1, Math.max(0, Number(row.getAttribute('data-row')) + step));
    event.preventDefault();
    reveal(next);
    focusRow(next);
  });
  new ResizeObserver(() => draw(false)).observe(box);

  return {
    element: box,
    set(rows) {
      count = rows;
      pad.style.height = `${rows * height}px`;
      draw(true);
    },
    draw: () => draw(true),
    reveal,
    atEnd: () => box.scrollTop + box.clientHeight >= box.scrollHeight - 2 * height,
  };
}
