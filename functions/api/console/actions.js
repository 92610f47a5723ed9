// What users do to stacks and operations, each behind a dialog that says what follows.

import { get, post, send } from './api.js';
import { encoded, image, own } from './format.js';
import { html } from './html.js';
import { announce, ask, operationPath, planCounts, when } from './parts.js';
import { OPERATION, RELEASE, page } from './shapes.js';

/** Shows the page of an operation that a request made. @param {import('./types').Operation | null} operation */
export function follow(operation) {
  if (operation) dispatchEvent(new CustomEvent('slipway:go', { detail: operationPath(operation.id) }));
}

const DIGEST = '[^\\s@]+@sha256:[0-9a-f]{64}';

/** The fields for images, one for each service. @param {string[]} services @param {Record<string, string>} [now] */
function imageFields(services, now = {}) {
  return services.map((service) => html`<div class="field"><label for=${`image-${service}`}>Image of ${service}</label>
    <input id=${`image-${service}`} name=${`image:${service}`} autocomplete="off" spellcheck="false" pattern=${DIGEST}
      data-wrong=${`Name the image of ${service} by its digest: repository@sha256:…`} aria-describedby=${`now-${service}`}>
    <p class="hint" id=${`now-${service}`}>${own(now, service) ? html`Runs <code title=${own(now, service)}>${image(own(now, service) ?? '')}</code>. Leave empty to keep it.` : 'An image by digest: repository@sha256:…'}</p></div>`);
}

/** @param {HTMLFormElement} form @returns {Record<string, string>} */
function images(form) {
  const entries = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
  return Object.fromEntries(entries.filter(([name, value]) => name.startsWith('image:') && value).map(([name, value]) => [name.slice(6), value]));
}

/** @param {import('./types').Stack} stack @param {import('./types').Release[]} releases */
export async function release(stack, releases) {
  const current = releases.find((one) => one.number === stack.current_release);
  follow(await ask({
    title: `Release to ${stack.name}`,
    body: html`${imageFields(stack.services, current?.images)}
      <label class="check"><input type="checkbox" name="snapshot"> Take a snapshot of the database first</label>
      <label class="check"><input type="checkbox" name="incompatible"> The current release does not work after these migrations: if the rollout fails, leave the new one</label>
      <p class="hint">Migrations run first, with the new images. Services are replaced only after they succeed.</p>`,
    confirm: 'Release',
    act: (form) => {
      const given = new FormData(form);
      return post(`/v1/stacks/${stack.id}/releases`, {
        images: images(form),
        ...(given.has('snapshot') ? { snapshot: true } : {}),
        ...(given.has('incompatible') ? { compatible_with_previous: false } : {}),
      });
    },
  }));
}

/**
 * The releases that a rollback may go to, the usual one first: the newest before the current one, or the current one of an unsettled stack.
 * @param {import('./types').Stack} stack @param {import('./types').Release[]} releases
 */
export function rollbackTargets({ current_release: current, unsettled }, releases) {
  const ran = releases.filter((one) => ['superseded', 'current'].includes(one.status) && (one.number !== current || unsettled));
  const isLater = (/** @type {import('./types').Release} */ one) => Number(one.number > (current ?? 0));
  return ran.sort((one, other) => isLater(one) - isLater(other) || other.number - one.number);
}

/** @param {import('./types').Stack} stack @param {import('./types').Release[]} releases */
export async function rollBack(stack, releases) {
  follow(await ask({
    title: `Roll back ${stack.name}`,
    body: html`<div class="field"><label for="to-release">Release</label>
      <select id="to-release" name="release">${rollbackTargets(stack, releases).length ? null : html`<option value="">The last successful one before the current</option>`}${rollbackTargets(stack, releases).map(
        (one) => html`<option value=${one.number}>Release ${one.number}: ${Object.values(one.images).map(image).join(', ')}</option>`)}</select></div>
      <p class="hint">The images of that release run again. No migrations run: what later releases did to the database remains.</p>`,
    confirm: 'Roll back',
    act: (form) => {
      const number = new FormData(form).get('release');
      return post(`/v1/stacks/${stack.id}/rollback`, number ? { release: Number(number) } : {});
    },
  }));
}

/** @param {import('./types').Stack} stack @param {string} task */
export async function runTask(stack, task) {
  follow(await ask({
    title: `Run ${task}`,
    body: html`<p>Runs the command once, with the images of the current release of <strong>${stack.name}</strong>.</p>`,
    confirm: 'Run task',
    act: () => post(`/v1/stacks/${stack.id}/tasks/${encoded(task)}`),
  }));
}

/** @param {import('./types').Stack} stack */
export async function checkDrift(stack) {
  follow(await post(`/v1/stacks/${stack.id}/drift`));
}

/** @param {import('./types').Stack} stack */
export async function destroy(stack) {
  follow(await ask({
    title: `Destroy ${stack.name}`,
    body: html`<p>Destroys everything that Terraform created for <strong>${stack.name}</strong> in <strong>${stack.environment}</strong>, data included.</p>
      <div class="field"><label for="confirm-name">Type <code>${stack.name}</code> to confirm</label>
      <input id="confirm-name" name="name" required autocomplete="off" spellcheck="false" pattern=${stack.name} data-wrong=${`Type the name of the stack: ${stack.name}`}></div>`,
    confirm: 'Destroy',
    tone: 'danger',
    act: async () => (await send('DELETE', `/v1/stacks/${stack.id}`, OPERATION, { headers: { 'If-Match': `"${stack.revision}"` } })).value,
  }));
}

/** @param {import('./types').Operation} operation @param {import('./types').Sheet | null} sheet @returns {Promise<import('./types').Operation | null>} */
export async function approve(operation, sheet) {
  const answer = await ask({
    title: 'Approve this plan',
    body: html`<p>${operation.plan ? planCounts(operation.plan) : null}</p>
      <p>The workflow applies exactly this plan to <strong>${operation.stack.name}</strong> in <strong>${operation.environment}</strong>. Requested by ${operation.requested_by}, ${when(operation.created_at)}.</p>
      <div class="field"><label for="comment">Comment, if any</label>
      <textarea id="comment" name="comment" rows="2" maxlength="1000"></textarea></div>`,
    confirm: 'Approve',
    tone: operation.plan && operation.plan.destroy + operation.plan.replace > 0 ? 'danger' : 'primary',
    act: (form) => {
      const comment = String(new FormData(form).get('comment')).trim();
      return post(`/v1/operations/${operation.id}/approve`, { ...(sheet ? { sheet: sheet.hash } : {}), ...(comment ? { comment } : {}) });
    },
  });
  if (answer) announce(answer.decision ? 'Approved.' : 'Your approval counts. The plan waits for more.');
  return answer;
}

/** @param {import('./types').Operation} operation @returns {Promise<import('./types').Operation | null>} */
export async function reject(operation) {
  const answer = await ask({
    title: 'Reject this plan',
    body: html`<p>Nothing is applied, and the operation ends.</p>
      <div class="field"><label for="reason">Reason, for ${operation.requested_by}</label>
      <textarea id="reason" name="reason" rows="3" required maxlength="1000" data-wrong="Give a reason: the requester reads it."></textarea></div>`,
    confirm: 'Reject',
    tone: 'danger',
    act: (form) => post(`/v1/operations/${operation.id}/reject`, { reason: String(new FormData(form).get('reason')) }),
  });
  if (answer) announce('Rejected.');
  return answer;
}

/** @param {import('./types').Operation} operation @returns {Promise<import('./types').Operation | null>} */
export async function continueRelease(operation) {
  const answer = await ask({
    title: 'Continue this release',
    body: html`<p>Every paused rollout of <strong>${operation.stack.name}</strong> goes on to its next stage.</p>`,
    confirm: 'Continue',
    act: () => post(`/v1/operations/${operation.id}/continue`),
  });
  if (answer) announce('Continued.');
  return answer;
}

/** @param {import('./types').Operation} operation @returns {Promise<import('./types').Operation | null>} */
export async function rollBackRelease(operation) {
  const answer = await ask({
    title: 'Roll back this release',
    body: html`<p>All requests go back to the previous tasks of <strong>${operation.stack.name}</strong>, and the operation ends as failed.</p>`,
    confirm: 'Roll back',
    tone: 'danger',
    act: () => post(`/v1/operations/${operation.id}/roll-back`),
  });
  if (answer) announce('Rolled back.');
  return answer;
}

/** @param {import('./types').Operation} operation @returns {Promise<import('./types').Operation | null>} */
export async function cancel(operation) {
  const answer = await ask({
    title: 'Cancel this operation',
    body: html`<p>Terraform is interrupted, and saves the state first: what it has created or changed until then remains. A release that is rolling out is rolled back.</p>`,
    confirm: 'Cancel the operation',
    tone: 'danger',
    act: () => post(`/v1/operations/${operation.id}/cancel`),
  });
  if (answer) announce('Cancel requested.');
  return answer;
}

/** All releases that a stack's page needs. @param {string} id @param {AbortSignal} signal @returns {Promise<import('./types').Release[]>} */
export async function releases(id, signal) {
  return (await get(`/v1/stacks/${encoded(id)}/releases`, page(RELEASE), { limit: 50 }, signal)).items;
}
