// What went wrong, and what to do next: one panel for every view and dialog.

import { Problem, UNKNOWN } from './api.js';
import { counted } from './format.js';
import { html } from './html.js';
import * as session from './session.js';

/** What API Gateway's own answers, which have no title, mean; the last text is for requests that change something. @type {Record<number, [string, string, string?]>} */
const TITLES = {
  401: ['The request has no valid credentials', 'The API does not know who sends it.'],
  403: ['You may not do this', 'The API denied the request.'],
  404: ['Not found', 'There is nothing at this address.'],
  429: ['Too many requests', 'The API limits the requests of all callers together.', 'Nothing was changed.'],
  500: ['The service failed', 'Slipway made a mistake. Its log has the details.'],
  502: ['The service did not answer', 'It may be starting.', UNKNOWN],
  503: ['The service is busy', 'It could not handle the request now.', 'Nothing was changed.'],
  504: ['The service did not answer in time', 'It may be busy.', UNKNOWN],
};

/** @param {unknown} error @returns {{title: string, text: string}} */
function described(error) {
  if (error instanceof session.SignInNeeded) return { title: 'Something went wrong', text: error.message };
  // A fault of the page: the browser's console has the error of JavaScript, which does not help the user.
  if (!(error instanceof Problem)) return { title: 'Something went wrong', text: 'The console has a fault. Reload the page.' };
  if (error.status === 401 && session.enabled() && !session.wasAccepted()) {
    return { title: 'The API does not accept this sign-in', text: 'The identity provider signed you in, and the API rejected its token. An administrator compares OidcAudience, OidcScopes and OidcUserClaim with the token.' };
  }
  // The detail of the API names the request that lists what there is; this page has a link.
  if (error.missing) return { title: error.title, text: `There is no ${error.missing.kind.replaceAll('_', ' ')} “${error.missing.name}”.` };
  const [title, text, effect] = TITLES[error.status] ?? ['The request failed', `The server answered ${error.status}.`, ''];
  if (error.title) return { title: error.title, text: error.detail };
  return { title, text: error.changes && effect ? `${text} ${effect}` : text };
}

/** The step after a problem, for a person. @param {Problem} problem @returns {unknown} */
function nextStep(problem) {
  switch (problem.status) {
    case 401:
      if (session.enabled()) {
        return html`<p>${document.querySelector('dialog[open], form.create') ? 'You return to this page; what you have typed is not kept. Copy it first.' : 'You return to this page.'}</p>
          <p><button type="button" class="primary" @click=${() => location.reload()}>Sign in again</button></p>`;
      }
      return session.configuration().key ? html`<p>Open the address that <code>slipway console</code> printed. If the command has ended, start it again.</p>` : null;
    case 403:
      return html`<p>Ask the owner of the stack, or an administrator. <a href="/console/policies">Policies</a> decide who may do what.</p>`;
    case 404:
      return html`<p>It may have been deleted, or the address is incomplete. <a href="/console/stacks">Go to all stacks</a></p>`;
    case 412:
      return html`<p>It has changed since you opened this page. Reload to see the newest state, then repeat the change.</p>`;
    case 429:
      return html`<p>Try again in ${problem.retryAfter ? counted(problem.retryAfter, 'second') : 'a few seconds'}.</p>`;
    case 500:
      return html`<p>Try again. If it fails again, give an administrator the reference.</p>`;
    case 502:
    case 503:
    case 504:
      return html`<p>Try again in ${problem.retryAfter ? counted(problem.retryAfter, 'second') : 'a minute'}.</p>`;
    default:
      return null;
  }
}

/** @param {unknown} error @param {(() => void) | null} [retry]  What `Try again` does. */
export function problemPanel(error, retry = null) {
  const problem = error instanceof Problem ? error : null;
  const { title, text } = described(error);
  const again = retry && problem?.status !== 404 && problem?.status !== 403 && !(problem?.status === 401 && session.enabled());
  return html`<div class="note" data-tone="bad" role="alert">
    <strong>${title}</strong>
    <p>${text}</p>
    ${fieldList(problem?.errors ?? [])}
    ${problem ? nextStep(problem) : null}
    ${again ? html`<p><button type="button" @click=${retry}>Try again</button></p>` : null}
  </div>`;
}

/** @param {import('./api.js').WrongField[]} errors */
export function fieldList(errors) {
  if (errors.length === 0) return null;
  return html`<ul>${errors.map((one) => html`<li><code>${one.field}</code> ${one.detail}: ${one.remedy}.</li>`)}</ul>`;
}
