// Events that no function handled, and their redrive.

import { get, send } from '../api.js';
import { counted, encoded } from '../format.js';
import { html } from '../html.js';
import { announce, ask, card, empty, when } from '../parts.js';
import { permissions } from '../permissions.js';
import { list, maybe, number, object, text } from '../shapes.js';

/** @typedef {import('../types').DeadLetter} DeadLetter */

/** @type {import('../shapes.js').Shape<import('../types').DeadLetter>} */
const DEAD_LETTER = object({ id: text, queue: text, since: maybe(text), type: maybe(text), account: maybe(text), error: maybe(text), reason: maybe(text) });
/** @type {import('../shapes.js').Shape<{items: import('../types').DeadLetter[], more: number}>} */
const DEAD_LETTERS = object({ items: list(DEAD_LETTER), more: number });

/** What has no content to redrive. */
const STREAM = "records of the table's stream";

/** @param {import('../app.js').Page} page */
export default async function view({ signal, show, fail, title }) {
  title('Dead letters');
  // A denied request would be recorded.
  const may = await permissions({}, signal);
  if (!may('configure')) {
    return show(html`<div class="title"><h1>Dead letters</h1></div>
      ${card('Events', empty('Dead-lettered events are for administrators: a policy does not permit you to configure Slipway.'))}`);
  }
  const load = async () => {
    const { items, more } = await get('/v1/dead-letters', DEAD_LETTERS, {}, signal);
    draw(items, more);
  };

  /** @param {DeadLetter} letter */
  const redrive = (letter) => async () => {
    const done = await ask({
      title: 'Redrive the event',
      body: html`<p><strong>${letter.type ?? 'An event'}</strong>${letter.account ? html` of the account <code>${letter.account}</code>` : null}: its function gets it again. Fix the cause first.</p>
        <p class="message">${letter.reason ?? letter.error ?? 'There is no reason in the queue.'}</p>
        <p class="hint">Requests are idempotent. A request that fails again is dead-lettered again.</p>`,
      confirm: 'Redrive',
      act: () => send('POST', `/v1/dead-letters/${encoded(letter.id)}/redrive`, DEAD_LETTER, { body: {}, signal }),
    });
    if (!done) return;
    announce('The event was redriven.');
    load().catch(fail);
  };

  /** @param {DeadLetter[]} letters @param {number} more */
  function draw(letters, more) {
    show(html`<div class="title"><h1>Dead letters</h1><span class="grow"></span><button type="button" data-key="refresh" @click=${() => load().catch(fail)}>Refresh</button></div>
      <p class="lead">Events that no function handled, the oldest first. SQS keeps them for 14 days.</p>
      ${more ? html`<div class="note" data-tone="wait" data-key="more"><strong>About ${counted(more, 'further event')} in the queues</strong>
        <p>SQS shows an arbitrary part of a long queue. The others are listed when these are redriven, or by <code>slipway event list</code>.</p></div>` : null}
      ${letters.length === 0 ? card('Events', empty('There are no dead-lettered events.'))
        : card('Events', html`<div class="table" tabindex="0" role="region" aria-label="Dead-lettered events"><table><thead><tr><th scope="col">Event</th><th scope="col">Reason</th><th scope="col">Since</th><th scope="col"><span class="hush">Action</span></th></tr></thead><tbody>${letters.map(row)}</tbody></table></div>`, { count: letters.length })}`);
  }

  /** @param {DeadLetter} letter */
  function row(letter) {
    return html`<tr data-key=${letter.id}><th scope="row">${letter.type ?? 'Unreadable event'}<p class="muted">${letter.account ? html`<code>${letter.account}</code> · ` : null}${letter.queue}</p><p class="muted small"><code class="value">${letter.id}</code></p></th>
      <td>${letter.error ? html`<code>${letter.error}</code>` : null}<p class="message">${letter.reason ?? ''}</p></td><td>${when(letter.since)}</td>
      <td>${letter.type === STREAM ? html`<span class="muted">The sweeper sends them</span>`
        : html`<button type="button" class="small" aria-label=${`Redrive ${letter.id}`} @click=${redrive(letter)}>Redrive…</button>`}</td></tr>`;
  }

  return load();
}
