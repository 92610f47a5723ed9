// The client of the public API.

import * as session from './session.js';
import { OPERATION, page } from './shapes.js';

/** @typedef {{field: string, detail: string, remedy: string}} WrongField */
/** @template T @typedef {import('./shapes.js').Shape<T>} Shape */

/** Why a request was not answered with what it asked for. */
export class Problem extends Error {
  /** @param {{status: number, type?: string, title?: string, detail?: string, errors?: WrongField[], missing?: {kind: string, name: string} | null, retryAfter?: number, changes?: boolean}} problem */
  constructor({ status, type = '', title = '', detail = '', errors = [], missing = null, retryAfter = 0, changes = false }) {
    super(detail || title || `The server answered ${status}`);
    this.status = status;
    this.kind = type.replace('urn:slipway:problem:', '');
    this.title = title;
    this.detail = detail;
    this.errors = errors;
    this.missing = missing;
    this.retryAfter = retryAfter;
    /** Whether it is the problem of a request that changes something. */
    this.changes = changes;
  }
}

const OFFLINE = 0;

/** What follows where no answer to a change arrived. */
export const UNKNOWN = 'Whether the request was carried out is not known: the same request again has no further effect.';

/** Changes whose answer did not arrive, with their idempotency keys: the user's next attempt is the same request. @type {Map<string, string>} */
const unanswered = new Map();

/** Statuses after which the same request may succeed in a moment. */
const BUSY = [OFFLINE, 429, 502, 503, 504];

/** How the API answers: not at all, not as it should, or well. @typedef {'lost' | 'busy' | 'well'} Connection */

/** @type {Set<(now: Connection) => void>} */
const observers = new Set();
/** @type {Connection} */
let before = 'well';
let lost = false;
/** What the page asked for last without an answer to show. @type {Set<string>} */
const missing = new Set();

/** Calls `observer` when the API stops or starts to answer. @param {(now: Connection) => void} observer */
export function observeConnection(observer) {
  observers.add(observer);
}

function observe() {
  const now = lost ? 'lost' : missing.size > 0 ? 'busy' : 'well';
  if (before === now) return;
  before = now;
  for (const observer of observers) observer(now);
}

/** Notes what became of a request. What a view misses, it misses until the user leaves it. @param {string} read  What was asked for; empty for a change. @param {number} status @param {AbortSignal} [signal] */
function note(read, status, signal) {
  lost = status === OFFLINE;
  if (!read || !isPassing(status) || signal?.aborted) missing.delete(read);
  else if (!missing.has(read)) {
    missing.add(read);
    signal?.addEventListener('abort', () => {
      missing.delete(read);
      observe();
    }, { once: true });
  }
  observe();
}

/** Whether the next answer to a page that asks again and again may be a better one. @param {number} status */
export function isPassing(status) {
  return BUSY.includes(status) || status >= 500;
}

/**
 * What an answer holds. One that is cut off, from something else than the API, or of another shape, is no answer.
 *
 * @template T @param {Response} response @param {Shape<T>} shape @param {boolean} changes @returns {Promise<T>}
 */
async function content(response, shape, changes) {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  let wrong;
  try {
    const value = response.status === 204 ? null : type.startsWith('text/') && !type.startsWith('text/html') ? text : JSON.parse(text);
    wrong = shape(value);
    if (wrong === null) return value;
  } catch {
    wrong = '';
  }
  const field = wrong.replace(/^\./, '');
  const missing = field ? `Its field ${field} is missing, or of another type.` : 'Something between the browser and the API cut it off or replaced it.';
  throw new Problem({ status: 502, title: 'The answer is incomplete', detail: changes ? UNKNOWN : missing, changes });
}

/** Waits, or until `signal` is aborted, which throws. @param {number} milliseconds @param {AbortSignal} [signal] @returns {Promise<void>} */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** @param {Response} response @param {boolean} changes @returns {Promise<Problem>} */
async function problem(response, changes) {
  const retryAfter = Number(response.headers.get('retry-after')) || 0;
  const status = response.status;
  const text = await response.text();
  try {
    const { type, title, detail, errors, missing } = JSON.parse(text);
    return new Problem({ type, title, detail, errors, missing, status, retryAfter, changes });
  } catch {
    // Answers of API Gateway and of proxies are no problem documents: what people read follows from the status.
    return new Problem({ status, retryAfter, changes });
  }
}

/** @param {boolean} changes */
function unreachable(changes) {
  const next = 'Check the network, and that the server runs.';
  return new Problem({ status: OFFLINE, title: 'The server cannot be reached', detail: changes ? `${next} An attempt that has arrived is not carried out twice.` : next, changes });
}

/**
 * Sends one request. `retries` says how often a busy or unreachable server is asked again: a change is sent with an idempotency
 * key, so asking again changes nothing twice.
 *
 * @template T
 * @param {string} method @param {string} path @param {Shape<T>} shape  Of the answer.
 * @param {{body?: unknown, query?: Record<string, string | number | undefined>, headers?: Record<string, string>, signal?: AbortSignal, retries?: number}} [options]
 * @returns {Promise<{value: T, headers: Headers, status: number}>}
 */
export async function send(method, path, shape, { body, query = {}, headers = {}, signal, retries = 3 } = {}) {
  const parameters = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)])).toString();
  const sent = new Headers(headers);
  if (body !== undefined) sent.set('Content-Type', 'application/json');
  const change = method === 'GET' ? '' : `${method} ${path} ${JSON.stringify(body)}`;
  const read = change ? '' : path;
  if (change) sent.set('Idempotency-Key', unanswered.get(change) ?? crypto.randomUUID());
  for (let attempt = 0; ; attempt += 1) {
    let error;
    try {
      const token = await session.token(mayLeave(method));
      if (token) sent.set('Authorization', `Bearer ${token}`);
      const response = await fetch(search ? `${path}?${search}` : path, {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: 'no-store',
      });
      if (token && response.status !== 401) session.accepted();
      if (response.ok) {
        const value = await content(response, shape, change !== '');
        unanswered.delete(change);
        note(read, response.status, signal);
        return { value, headers: response.headers, status: response.status };
      }
      error = await problem(response, change !== '');
      if (error.status === 401 && attempt === 0 && session.forget()) continue;
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof session.SessionEnded) throw new Problem({ status: 401, title: cause.message, detail: 'The identity provider has to confirm who you are.' });
      if (cause instanceof Problem) error = cause;
      else if (cause instanceof TypeError) error = unreachable(change !== '');
      else throw cause;
    }
    note(read, error.status, signal);
    if (change && BUSY.includes(error.status)) unanswered.set(change, sent.get('Idempotency-Key') ?? '');
    else unanswered.delete(change);
    if (!BUSY.includes(error.status) || attempt >= retries) throw error;
    await pause(Math.max(error.retryAfter * 1_000, 400 * 2 ** attempt), signal);
  }
}

/** Whether the page may leave for the identity provider: not while it holds what the user has typed and not sent. @param {string} method */
function mayLeave(method) {
  return method === 'GET' && !document.querySelector('dialog[open], form.create');
}

/** @template T @param {string} path @param {Shape<T>} shape @param {Record<string, string | number | undefined>} [query] @param {AbortSignal} [signal] @returns {Promise<T>} */
export async function get(path, shape, query, signal) {
  return (await send('GET', path, shape, { query, signal })).value;
}

/** Requests an operation, or decides about one. @param {string} path @param {unknown} [body] @param {AbortSignal} [signal] */
export async function post(path, body, signal) {
  return (await send('POST', path, OPERATION, { body, signal })).value;
}

/**
 * All pages of a list, the first `most` items at the most. `seen` gets what is there after each page.
 *
 * @template T
 * @param {string} path @param {Shape<T>} shape  Of an item. @param {Record<string, string | number | undefined>} query @param {AbortSignal} signal
 * @param {{most?: number, seen?: (items: T[], complete: boolean) => void}} [options]
 * @returns {Promise<T[]>}
 */
export async function all(path, shape, query, signal, { most = 20_000, seen } = {}) {
  /** @type {T[]} */
  const items = [];
  let cursor;
  do {
    /** @type {import('./types').Page<T>} */
    const part = await get(path, page(shape), { limit: 100, ...query, cursor }, signal);
    if (cursor && part.next === cursor) throw new Problem({ status: 502, title: 'The answer is incomplete', detail: 'Its field next is the cursor of the same page.' });
    items.push(...part.items);
    cursor = part.next ?? undefined;
    seen?.(items, !cursor);
  } while (cursor && items.length < most);
  return items;
}

/** Calls `work` now, and again when `milliseconds` have passed since its end and the page is in sight. @param {number} milliseconds @param {AbortSignal} signal @param {() => Promise<void>} work */
export async function repeat(milliseconds, signal, work) {
  for (;;) {
    await persist(signal, work);
    await pause(milliseconds, signal);
    while (document.hidden) await pause(500, signal);
  }
}

/**
 * Calls `work` until it is not stopped by a busy, failing or unreachable server, or by an answer that it cannot show: what the page
 * shows stays.
 *
 * @template T @param {AbortSignal} signal @param {() => Promise<T>} work @returns {Promise<T>}
 */
export async function persist(signal, work) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TypeError) console.error(error);
      else if (!(error instanceof Problem) || !isPassing(error.status)) throw error;
      await pause(Math.min(15_000, 1_000 * 2 ** attempt), signal);
    }
  }
}
