// The steps of an operation on a common axis of time.

import { duration } from './format.js';
import { html } from './html.js';

/** The step that waits for a person: hours of it would leave nothing to see of the others. */
const WAITS = ['Wait for approval'];
/** How much of the axis a wait takes at most. */
const WAIT_SHARE = 0.15;

/** @typedef {{name: string, from: number, to: number, status: string}} Bar */

/** The steps in the order in which they began: the record has them in the order in which they were noted. @param {import('./types').Operation} operation @param {number} now @returns {Bar[]} */
function bars(operation, now) {
  return operation.steps.map((step) => ({
    name: step.name,
    from: Date.parse(step.started_at),
    to: step.ended_at ? Date.parse(step.ended_at) : now,
    status: stepStatus(operation, step),
  })).sort((one, other) => one.from - other.from);
}

/** The status of a step. A wait for an approval has the fate of its plan. @param {import('./types').Operation} operation @param {import('./types').Step} step */
function stepStatus(operation, step) {
  if (!WAITS.includes(step.name)) return step.status;
  if (step.status === 'running') return 'waiting';
  if (step.status !== 'failed') return step.status;
  if (operation.error?.name === 'Slipway.ApprovalTimedOut') return 'expired';
  return operation.decision === 'rejected' ? 'rejected' : step.status;
}

/** The stretches of time in which nothing runs but a wait. @param {Bar[]} all @returns {[number, number][]} */
function idle(all) {
  const working = all.filter((bar) => !WAITS.includes(bar.name));
  return all
    .filter((bar) => WAITS.includes(bar.name))
    .map((wait) => {
      const from = Math.max(wait.from, ...working.filter((bar) => bar.from <= wait.from).map((bar) => Math.min(bar.to, wait.to)));
      const to = Math.min(wait.to, ...working.filter((bar) => bar.from > wait.from).map((bar) => bar.from));
      return /** @type {[number, number]} */ ([from, Math.max(from, to)]);
    });
}

/** From a time to a share of the axis: linear, but waits are cut short. @param {Bar[]} all */
export function axis(all) {
  const start = Math.min(...all.map((bar) => bar.from));
  const end = Math.max(...all.map((bar) => bar.to), start + 1);
  const waits = idle(all);
  const waited = waits.reduce((sum, [from, to]) => sum + to - from, 0);
  const worked = end - start - waited;
  const kept = Math.min(waited, worked > 0 ? (worked * WAIT_SHARE) / (1 - WAIT_SHARE) : waited);
  const pace = waited > 0 ? kept / waited : 1;
  const total = worked + kept;
  return {
    cut: pace < 1,
    total: end - start,
    /** @param {number} time */
    place(time) {
      const cut = waits.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(time, to) - from) * (1 - pace), 0);
      return (time - start - cut) / total;
    },
  };
}

/** A bar at its place on the axis. Script sets its geometry: the content security policy forbids style attributes. */
class TimelineBar extends HTMLElement {
  /** @type {[number, number]} */
  #span = [0, 0];

  get span() {
    return this.#span;
  }

  set span(span) {
    this.#span = span;
    this.style.setProperty('left', `${(span[0] * 100).toFixed(2)}%`);
    this.style.setProperty('width', `${((span[1] - span[0]) * 100).toFixed(2)}%`);
  }
}

customElements.define('timeline-bar', TimelineBar);

/** How far the rollout of a service is, where requests shift by weight. @param {import('./types').Operation} operation @param {Bar} bar */
function rollout(operation, bar) {
  const found = operation.rollouts.find((one) => bar.name === `Wait until stable: ${one.service}`);
  if (!found) return null;
  const share = found.percent === null ? null : html`<strong>${found.percent} %</strong> of the requests, `;
  return html`<span class="shift muted small" data-key="rollout">${share}${found.strategy}${found.stage ? `, ${found.stage}` : ''}${found.pause ? ', paused' : ''}</span>`;
}

/** How long an operation has taken, or null before its start. @param {import('./types').Operation} operation @param {number} now */
export function lasted({ started_at: started, ended_at: ended }, now) {
  return started ? duration((ended ? Date.parse(ended) : now) - Date.parse(started)) : null;
}

/** @param {import('./types').Operation} operation @param {number} now */
export function timeline(operation, now) {
  if (operation.steps.length === 0) {
    const text = operation.status === 'queued' ? `In the queue of the stack, position ${operation.position ?? '–'}.` : 'The execution starts.';
    return html`<p class="muted pad">${text}</p>`;
  }
  const all = bars(operation, now);
  const scale = axis(all);
  return html`<ol class="timeline">${all.map((bar, index) => html`<li data-key=${`step-${index}`} data-s=${bar.status}>
      <span class="step"><span class="glyph" aria-hidden="true"></span><span class="clip" title=${bar.name}>${bar.name}</span><span class="hush">, ${bar.status}</span></span>
      <span class="track" aria-hidden="true"><timeline-bar .span=${[scale.place(bar.from), scale.place(bar.to)]}></timeline-bar></span>
      <span class="took">${duration(bar.to - bar.from)}</span>${rollout(operation, bar)}</li>`)}</ol>
  <p class="muted pad small">${lasted(operation, now) ?? duration(scale.total)} in all${scale.cut ? '; the wait for an approval is drawn shorter' : ''}.${
    operation.waiting_for_build ? ` ${operation.waiting_for_build} waits for a build to start.` : ''}</p>`;
}
