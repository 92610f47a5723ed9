// How times, durations, counts and names are written.

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const numbers = new Intl.NumberFormat('en');

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/**
 * A text as a part of an address. Half a surrogate pair, which no address can have, becomes a replacement character: without that,
 * one such name would keep its whole page from being shown.
 *
 * @param {string} text
 */
export function encoded(text) {
  return encodeURIComponent(text.toWellFormed());
}

/** `3 min. ago`. @param {string} time @param {number} [now] */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1_000;
  if (Number.isNaN(seconds)) return '';
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 5 ? 'now' : relative.format(Math.trunc(seconds), 'second');
}

/** A time of this machine's clock and time zone. @param {string} time */
export function at(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : absolute.format(date);
}

/** `616 ms`, `6.4 s`, `2 min 5 s`, `3 h 20 min`. @param {number} milliseconds */
export function duration(milliseconds) {
  const length = Math.max(0, milliseconds);
  if (length < 1_000) return `${Math.round(length)} ms`;
  if (length < 60_000) return `${(length / 1_000).toFixed(1)} s`;
  const seconds = Math.round(length / 1_000);
  if (seconds < 3_600) return parts(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return parts(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  return parts(Math.floor(minutes / 1_440), 'd', Math.floor((minutes % 1_440) / 60), 'h');
}

/** @param {number} large @param {string} unit @param {number} small @param {string} fraction */
function parts(large, unit, small, fraction) {
  return small ? `${large} ${unit} ${small} ${fraction}` : `${large} ${unit}`;
}

/** @param {number} value */
export function count(value) {
  return numbers.format(value);
}

/** `1 stack`, `2 stacks`. @param {number} value @param {string} noun @param {string} [plural] */
export function counted(value, noun, plural = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** `waiting_for_approval` as `Waiting for approval`. @param {string} name */
export function words(name) {
  const text = name.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** An image as people tell it from others: `guestbook@0123456789ab`. @param {string} image */
export function image(image) {
  return image.replace(/^(?:[^\s/]+\/)*([^\s/]+)@sha256:([0-9a-f]{12})[0-9a-f]+$/, '$1@$2');
}

/** What a record has under a name, and not what every object has under `constructor`: names come from users. @template T @param {Record<string, T>} record @param {string} name @returns {T | undefined} */
export function own(record, name) {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Values as a person writes them. @param {unknown} value */
export function shown(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A text that a POSIX shell takes as one word. @param {string} text */
export function quoted(text) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
