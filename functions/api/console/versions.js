// The versions of a blueprint, of which one may not be available any more.

import { Problem, get } from './api.js';
import { encoded } from './format.js';
import { html } from './html.js';

/** @typedef {import('./types').Blueprint} Blueprint */
/** @typedef {{latest: Blueprint, blueprint: Blueprint | null, versions: string[]}} Versions */

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
  const versions = latest.versions ?? [latest.version];
  if (!version || version === latest.version) return { latest, blueprint: latest, versions };
  try {
    return { latest, blueprint: await get(`${path}/versions/${encoded(version)}`, {}, signal), versions };
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return { latest, blueprint: null, versions };
    throw error;
  }
}

/** What stands in place of a version that is not available. @param {string} name @param {string} version @param {string} latest */
export function withdrawnNote(name, version, latest) {
  return html`<div class="note" data-tone="wait" role="alert" data-key="withdrawn"><strong>Version ${version} of ${name} is not available</strong>
    <p>It was withdrawn, or never published. Choose another version; the latest is ${latest}.</p></div>`;
}
