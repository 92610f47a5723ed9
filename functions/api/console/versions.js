// The versions of a blueprint, of which one may not be available any more.

import { Problem, get } from './api.js';
import { encoded } from './format.js';
import { html } from './html.js';
import { when } from './parts.js';

/** @typedef {import('./types').Blueprint} Blueprint */
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
  /** @type {Blueprint} */
  const latest = await get(path, {}, signal);
  const versions = latest.history ?? [];
  if (!version || version === latest.version) return { latest, blueprint: latest, versions };
  try {
    return { latest, blueprint: await get(`${path}/versions/${encoded(version)}`, {}, signal), versions };
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
