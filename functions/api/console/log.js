// The log of an operation: live, one chapter for each step, as many lines as come.

import { Problem, isPassing, pause, send } from './api.js';
import { at, count, counted, duration } from './format.js';
import { element, html, island, render } from './html.js';
import { problemPanel } from './problem.js';
import { flag, list, object, text } from './shapes.js';
import { visible } from './visible.js';
import { virtualList } from './vlist.js';

const ROW = 20;
/** The most lines that are kept: older ones of the longest chapter go first. */
const MOST = 200_000;

// Terminals' colours and other control sequences: https://ecma-international.org/publications-and-standards/standards/ecma-48/
// A string of controls (OSC, DCS, SOS, PM, APC) that does not end in its line stays, as the text in it does.
const ESCAPES = /\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[PX^_][^\u0007\u001b]*\u001b\\|[@-OQ-WYZ\\])/g;
const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/** @type {import('./shapes.js').Shape<import('./types').LogLines>} */
const LOG_LINES = object({ lines: list(object({ time: text, step: text, message: text })), after: text, ended: flag });

/** @typedef {{text: string, tone: string}} Span */

/** A line as spans of one colour each; other controls stay in it, and are written out where it is shown. @param {string} line @returns {Span[]} */
export function spans(line) {
  // The end of a line of Windows, and a bar of progress that was drawn again.
  line = line.replace(/\r+$/, '');
  /** @type {Span[]} */
  const found = [];
  let tone = '';
  let from = 0;
  const add = (/** @type {string} */ text) => {
    if (text) found.push({ text, tone });
  };
  for (const match of line.matchAll(ESCAPES)) {
    add(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === 'm') tone = colour(match[1], tone);
  }
  add(line.slice(from));
  return found;
}

/** @param {string} codes @param {string} before */
function colour(codes, before) {
  const all = codes.split(';').map(Number);
  if (all[0] === 38 || all[0] === 48) return before;
  let tone = before;
  for (const code of all) {
    if (code === 0) tone = '';
    else if (code === 1) tone = tone || 'strong';
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) tone = COLOURS[code % 10];
    else if (code === 39) tone = '';
  }
  return tone;
}

/** A line without colours. @param {string} line */
export function plain(line) {
  return spans(line).map((span) => span.text).join('');
}

/** @typedef {{step: string, lines: import('./types').LogLine[], open: boolean, dropped: number}} Chapter */

/** @param {string} operation  The operation's id. @param {boolean} live  Whether lines are still to come: then the newest is in sight. @param {AbortSignal} signal */
export function logPane(operation, live, signal) {
  /** @type {Chapter[]} */
  const chapters = [];
  /** @type {({chapter: Chapter} | {chapter: Chapter, index: number})[]} */
  let rows = [];
  let wanted = '';
  let following = live;
  let ended = false;
  /** Where the log goes on. @type {string | undefined} */
  let after;
  /** @type {import('./types').Step[]} */
  let steps = [];
  let trouble = '';

  const list = virtualList({ height: ROW, row: drawn, label: 'Log lines', role: 'log', className: 'log' });
  const head = element(html`<div class="log-head"></div>`);
  const place = element(html`<div></div>`);
  const pane = island(element(html`<div class="log-pane">${head}${place}${list.element}</div>`));
  list.element.addEventListener('scroll', () => {
    const end = list.atEnd();
    if (end !== following) {
      following = end;
      drawHead();
    }
  });

  /** @param {number} index */
  function drawn(index) {
    const row = rows[index];
    if (!('index' in row)) return drawnChapter(row.chapter);
    const line = row.chapter.lines[row.index];
    return html`<div class="log-line"><span class="no" title=${at(line.time)}>${row.index + 1 + row.chapter.dropped}</span><span class="text">${spans(line.message).map(
      (span) => (span.tone ? html`<span data-ansi=${span.tone}>${span.text}</span>` : span.text),
    )}</span></div>`;
  }

  /** @param {Chapter} chapter */
  function drawnChapter(chapter) {
    const step = steps.find((one) => one.name === chapter.step);
    const took = step?.ended_at ? duration(Date.parse(step.ended_at) - Date.parse(step.started_at)) : '';
    return html`<div class="log-chapter" data-s=${step?.status ?? ''}><button type="button" aria-expanded=${String(chapter.open)} @click=${() => {
      chapter.open = !chapter.open;
      lay();
    }}><span class="glyph" aria-hidden="true"></span>${chapter.step}<span class="muted"> ${counted(chapter.lines.length + chapter.dropped, 'line')}${took ? ` · ${took}` : ''}${
      chapter.dropped ? ` · the first ${count(chapter.dropped)} are not kept here` : ''}</span></button></div>`;
  }

  function lay() {
    rows = [];
    const query = wanted.toLowerCase();
    for (const chapter of chapters) {
      /** @type {typeof rows} */
      const found = [];
      if (chapter.open || query) {
        chapter.lines.forEach((line, index) => {
          if (!query || line.message.toLowerCase().includes(query)) found.push({ chapter, index });
        });
      }
      if (!query || found.length > 0) rows.push({ chapter });
      // A call with a list of all lines would need a stack of that size.
      for (const row of found) rows.push(row);
    }
    // As high as its lines; the style sheet sets the most.
    list.element.style.height = `${Math.max(rows.length, 2) * ROW + 12}px`;
    list.set(rows.length);
    if (following && !query) list.reveal(rows.length - 1);
    drawHead();
  }

  function drawHead() {
    const lines = chapters.reduce((sum, chapter) => sum + chapter.lines.length, 0);
    const matches = rows.filter((row) => 'index' in row).length;
    render(head, html`
      <label class="hush" for="log-filter">Filter lines</label>
      <input id="log-filter" type="search" placeholder="Filter lines" .value=${wanted} @input=${(/** @type {any} */ event) => {
        wanted = event.target.value;
        lay();
      }}>
      <span class="muted" role="status" aria-live=${trouble || wanted || ended ? null : 'off'}>${trouble || (wanted ? `${count(matches)} of ${counted(lines, 'line')}` : ended ? counted(lines, 'line') : `${counted(lines, 'line')}, live`)}</span>
      <span class="grow"></span>
      ${following || ended ? null : html`<button type="button" class="small" @click=${() => {
        following = true;
        list.reveal(rows.length - 1);
        drawHead();
      }}>Follow</button>`}
      ${lines ? html`<button type="button" class="small quiet" @click=${save}>Download</button>` : null}`);
  }

  function save() {
    const text = chapters.flatMap((chapter) => [`== ${visible(chapter.step)}`, ...chapter.lines.map((line) => `${line.time} ${visible(plain(line.message))}`)]);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${text.join('\n')}\n`], { type: 'text/plain' }));
    link.download = `${operation}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  }

  /** @param {import('./types').LogLine[]} lines */
  function keep(lines) {
    for (const line of lines) {
      let chapter = chapters.find((one) => one.step === line.step);
      if (!chapter) {
        chapter = { step: line.step, lines: [], open: true, dropped: 0 };
        chapters.push(chapter);
      }
      chapter.lines.push(line);
    }
    const kept = chapters.reduce((sum, chapter) => sum + chapter.lines.length, 0);
    if (kept > MOST) {
      const longest = chapters.reduce((most, one) => (one.lines.length > most.lines.length ? one : most));
      longest.dropped += kept - MOST;
      longest.lines.splice(0, kept - MOST);
    }
  }

  async function follow() {
    let failures = 0;
    while (!ended) {
      try {
        /** @type {{value: import('./types').LogLines, headers: Headers}} */
        const answer = await send('GET', `/v1/operations/${operation}/logs`, LOG_LINES, { query: { wait: 20, after }, signal, retries: 0 });
        // The position moves with the lines, before they are drawn: what fails to draw them neither loses nor repeats one.
        keep(answer.value.lines);
        ({ after, ended } = answer.value);
        failures = 0;
        trouble = '';
        lay();
        const again = Number(answer.headers.get('retry-after'));
        if (again && !ended) await pause(again * 1_000, signal);
      } catch (error) {
        if (signal.aborted) return;
        // A fault of the page itself is no fault of the server.
        if (!(error instanceof Problem)) console.error(error);
        const problem = error instanceof Problem ? error : new Problem({ status: 0, title: 'The log cannot be shown' });
        trouble = problem.title;
        failures += 1;
        drawHead();
        // What is denied or not there remains so, and each denial is recorded.
        if (!isPassing(problem.status)) {
          return render(place, problemPanel(problem, () => {
            render(place, null);
            follow();
          }));
        }
        await pause(Math.max(problem.retryAfter * 1_000, Math.min(15_000, 500 * 2 ** failures)), signal).catch(() => {});
        if (signal.aborted) return;
      }
    }
  }

  drawHead();
  follow();
  return {
    element: pane,
    /** @param {import('./types').Step[]} now */
    setSteps(now) {
      steps = now;
      list.draw();
    },
  };
}
