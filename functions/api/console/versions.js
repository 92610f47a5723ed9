// The versions of a blueprint, of which one may not be available any more.

import { Problem, get, send } from './api.js';
import { encoded, own } from './format.js';
import { html } from './html.js';
import { announce, ask, when } from './parts.js';
import { NOTHING, any, flag, isRecord, list, map, maybe, object, optional, shape, text } from './shapes.js';

/** The type of a variable. @type {import('./shapes.js').Shape<import('./types').Kind>} */
const kind = shape((value) => {
  if (typeof value === 'string') return null;
  if (!isRecord(value)) return '';
  const [name] = Object.keys(value);
  const wrong = own(KINDS, name)?.(value[name]);
  return wrong === null ? null : `.${name}${wrong ?? ''}`;
});
/** @type {Record<string, import('./shapes.js').Shape<any>>} */
const KINDS = { list: kind, set: kind, map: kind, tuple: list(kind), object: map(object({ type: kind, optional: flag, default: any })) };

/** @type {import('./shapes.js').Shape<import('./types').Blueprint>} */
export const BLUEPRINT = object({
  name: text, description: text, version: text, draft: flag, published_at: text, published_by: optional(text), digest: text,
  variables: list(object({
    name: text, type: kind, type_text: text, required: flag, default: any, default_expression: optional(text), nullable: flag, description: text, sensitive: flag,
    validations: list(object({ condition: text, error_message: text })),
  })),
  deprecation: maybe(object({ message: text, by: text, at: text })), versions: optional(list(text)),
  history: optional(list(object({ version: text, published_at: text, draft: flag, deprecated: maybe(text) }))), next: optional(text),
});
/** @type {import('./shapes.js').Shape<import('./types').BlueprintSummary>} */
export const BLUEPRINT_SUMMARY = object({ name: text, description: text, version: text, draft: flag, published_at: text, published_by: optional(text) });

/** @typedef {import('./types').Blueprint} Blueprint */
/** @typedef {import('./types').Stack} Stack */
/** @typedef {import('./types').VersionSummary} VersionSummary */
/** @typedef {{latest: Blueprint, blueprint: Blueprint | null, versions: VersionSummary[]}} Versions */

/**
 * A version of a blueprint, the latest where none is named. `blueprint` is null where that version is not available, while the
 * others are.
 *
 * @param {string} name @param {string} version @param {AbortSignal} signal @returns {Promise<Versions>}
 */
export async function readVersion(name, version, signal) {
  const path = `/v1/blueprints/${encoded(name)}`;
  const latest = await get(path, BLUEPRINT, {}, signal);
  const versions = latest.history ?? [];
  if (!version || version === latest.version) return { latest, blueprint: latest, versions };
  try {
    return { latest, blueprint: await get(`${path}/versions/${encoded(version)}`, BLUEPRINT, {}, signal), versions };
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return { latest, blueprint: null, versions };
    throw error;
  }
}

/** The options of a field for the version. One that is not in the list is named all the same. @param {VersionSummary[]} versions @param {string} chosen @param {(version: string) => string} [note] */
export function versionOptions(versions, chosen, note = () => '') {
  const known = versions.some((one) => one.version === chosen);
  return [
    ...versions.map((one) => html`<option value=${one.version}>${one.version}${one.draft ? ' (draft)' : ''}${one.deprecated ? ' (deprecated)' : ''}${note(one.version)}</option>`),
    ...(chosen && !known ? [html`<option value=${chosen}>${chosen}${note(chosen)}</option>`] : []),
  ];
}

/** What a draft is. @param {Blueprint | null} blueprint @param {import('./types').Environment} [environment] */
export function draftNote(blueprint, environment) {
  if (!blueprint?.draft) return null;
  return html`<div class="note" data-tone=${environment && !environment.sandbox ? 'bad' : 'off'} data-key="draft"><strong>Version ${blueprint.version} of ${blueprint.name} is a draft</strong>
    <p>${environment && !environment.sandbox ? `The environment ${environment.name} is not a sandbox: choose another environment, or a published version.` : 'It is for stacks in sandbox environments, and may be replaced.'}</p></div>`;
}

/** The badge of a stack whose files are not final. @param {Stack} stack */
export function draftBadge({ draft }) {
  if (!draft) return null;
  return draft === 'current' ? html`<span class="badge" data-tone="off">Draft</span>` : html`<span class="badge" data-tone="wait">Draft ${draft}</span>`;
}

/** What a stack has whose draft was replaced or discarded. @param {Stack} stack */
export function replacedNote({ blueprint, draft }) {
  if (!draft || draft === 'current') return null;
  return html`<div class="note" data-tone="wait" data-key="replaced"><strong>The draft ${blueprint.name}@${blueprint.version} was ${draft}</strong>
    <p>This stack has the earlier files. Update it ${draft === 'replaced' ? 'to get the new ones' : 'to another version'}.</p></div>`;
}

/** Why a version should no longer be used. @param {Blueprint | null} blueprint */
export function deprecationNote(blueprint) {
  if (!blueprint?.deprecation) return null;
  return html`<div class="note" data-tone="wait" data-key="deprecated"><strong>Version ${blueprint.version} of ${blueprint.name} is deprecated</strong>
    <p class="message">${blueprint.deprecation.message}</p><p class="muted">By ${blueprint.deprecation.by}, ${when(blueprint.deprecation.at)}</p></div>`;
}

/** What stands in place of a version that is not available. @param {string} name @param {string} version @param {string} latest */
export function withdrawnNote(name, version, latest) {
  return html`<div class="note" data-tone="wait" role="alert" data-key="withdrawn"><strong>Version ${version} of ${name} is not available</strong>
    <p>It was withdrawn, or never published. Choose another version; the latest is ${latest}.</p></div>`;
}

/** @param {Blueprint} blueprint */
function path({ name, version }) {
  return `/v1/blueprints/${encoded(name)}/versions/${encoded(version)}`;
}

/** Deprecates a version. Whether it did. @param {Blueprint} blueprint @returns {Promise<boolean>} */
export async function deprecate(blueprint) {
  const done = await ask({
    title: `Deprecate ${blueprint.name}@${blueprint.version}`,
    body: html`<p>Stacks keep the version, and may still be created from it. Their owners see the message.</p>
      <div class="field"><label for="message">Reason, and the version to use instead</label>
      <textarea id="message" name="message" rows="3" required maxlength="1000" data-wrong="Give the reason, and the version to use instead."></textarea></div>`,
    confirm: 'Deprecate',
    act: (form) => send('PUT', `${path(blueprint)}/deprecation`, BLUEPRINT, { body: { message: String(new FormData(form).get('message')) } }),
  });
  if (done) announce('Deprecated.');
  return Boolean(done);
}

/** Ends the deprecation of a version. Whether it did. @param {Blueprint} blueprint @returns {Promise<boolean>} */
export async function undeprecate(blueprint) {
  const done = await ask({
    title: `End the deprecation of ${blueprint.name}@${blueprint.version}`,
    body: html`<p>The message is no longer shown.</p>`,
    confirm: 'End the deprecation',
    act: () => send('DELETE', `${path(blueprint)}/deprecation`, NOTHING),
  });
  if (done) announce('No longer deprecated.');
  return Boolean(done);
}

/** Deletes a draft. Whether it did. @param {Blueprint} blueprint @returns {Promise<boolean>} */
export async function discard(blueprint) {
  const done = await ask({
    title: `Discard the draft ${blueprint.name}@${blueprint.version}`,
    body: html`<p>The version is deleted. Stacks that are made from it keep its files until their next update, which names another version.</p>`,
    confirm: 'Discard',
    tone: 'danger',
    act: () => send('DELETE', path(blueprint), NOTHING),
  });
  if (done) announce('Discarded.');
  return Boolean(done);
}
