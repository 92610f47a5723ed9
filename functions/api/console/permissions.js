// What the user may do: actions that a policy denies are not offered.

import { get } from './api.js';
import { list, object, text } from './shapes.js';

/** @type {import('./shapes.js').Shape<{actions: string[]}>} */
const PERMISSIONS = object({ actions: list(text) });

/** The actions that are permitted on a stack, an operation or a blueprint, or on Slipway itself. @param {{stack?: string, operation?: string, blueprint?: string}} subject @param {AbortSignal} signal @returns {Promise<(action: string) => boolean>} */
export async function permissions(subject, signal) {
  const { actions } = await get('/v1/permissions', PERMISSIONS, subject, signal);
  const permitted = new Set(actions);
  return (action) => permitted.has(action);
}
