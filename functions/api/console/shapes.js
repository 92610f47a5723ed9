// The shapes of the API's answers, as far as the console reads them. An answer is compared with its shape where it arrives, so that no
// view meets a field that is missing or of another type.

import { own } from './format.js';

/** What is wrong with a value: the path of the first field that does not fit, or null. `tsc` knows what a value that fits is. @template T @typedef {((value: any) => string | null) & {of: T}} Shape */

/** @param {(value: any) => string | null} wrong @returns {any} */
export function shape(wrong) {
  return wrong;
}

/** @param {string} type */
function primitive(type) {
  return shape((value) => (typeof value === type ? null : ''));
}

/** @param {any} value */
export function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @type {Shape<any>} */
export const any = shape(() => null);
/** An answer without content. @type {Shape<null>} */
export const NOTHING = shape((value) => (value === null ? null : ''));
/** @type {Shape<string>} */
export const text = primitive('string');
/** @type {Shape<number>} */
export const number = primitive('number');
/** @type {Shape<boolean>} */
export const flag = primitive('boolean');

/** @template T @param {Shape<T>} one @returns {Shape<T | null>} */
export function maybe(one) {
  return shape((value) => (value === null ? null : one(value)));
}

/** @template T @param {Shape<T>} one @returns {Shape<T | undefined>} */
export function optional(one) {
  return shape((value) => (value === undefined || value === null ? null : one(value)));
}

/** @template T @param {Shape<T>} one @returns {Shape<T[]>} */
export function list(one) {
  return shape((value) => {
    if (!Array.isArray(value)) return '';
    for (const [index, part] of value.entries()) {
      const wrong = one(part);
      if (wrong !== null) return `[${index}]${wrong}`;
    }
    return null;
  });
}

/** @template T @param {Shape<T>} one @returns {Shape<Record<string, T>>} */
export function map(one) {
  return shape((value) => {
    if (!isRecord(value)) return '';
    for (const [name, part] of Object.entries(value)) {
      const wrong = one(part);
      if (wrong !== null) return `.${name}${wrong}`;
    }
    return null;
  });
}

/** @template T @param {{[Name in keyof Required<T>]: Shape<T[Name]>}} fields  Also those that may be absent. @returns {Shape<T>} */
export function object(fields) {
  const all = /** @type {[string, Shape<any>][]} */ (Object.entries(fields));
  return shape((value) => {
    if (!isRecord(value)) return '';
    for (const [name, one] of all) {
      const wrong = one(own(value, name));
      if (wrong !== null) return `.${name}${wrong}`;
    }
    return null;
  });
}

/** @template T @param {Shape<T>} one @returns {Shape<import('./types').Page<T>>} */
export function page(one) {
  return object({ items: list(one), next: maybe(text), unreadable: optional(list(text)) });
}

/** @type {Shape<{name: string, version: string}>} */
const blueprintName = object({ name: text, version: text });
/** @type {Shape<{repository: string, tags: string}>} */
export const SUBSCRIPTION = object({ repository: text, tags: text });

/** @type {Shape<import('./types').Stack>} */
export const STACK = object({
  id: text, name: text, environment: text, owner: text, status: text, revision: number, blueprint: blueprintName, draft: maybe(/** @type {Shape<any>} */ (text)),
  variables: optional(map(any)), applied: optional(object({ version: text, variables: map(any) })),
  endpoints: map(text), notes: map(text), services: list(text), tasks: list(text), subscriptions: map(SUBSCRIPTION),
  drift: maybe(object({ count: number, resources: list(text), looked_at: text, operation: text })),
  unsettled: maybe(object({ message: text, release: number, services: list(text), schedules: flag, operation: text, since: text })),
  quiesced: maybe(object({ services: list(text), schedules: list(text), operation: text, message: text })),
  current_release: maybe(number), last_release: number, active_operation: maybe(text), operation_beside: maybe(text), created_at: text, updated_at: text,
});

/** @type {Shape<import('./types').Release>} */
export const RELEASE = object({
  number, images: map(text), status: text, snapshot: maybe(text), last_operation: text, requested_by: text, created_at: text, ended_at: maybe(text),
});

const changes = list(/** @type {Shape<import('./types').ResourceChange>} */ (object({ address: text, action: text })));

/** @type {Shape<import('./types').Plan>} */
const plan = object({
  add: number, change: number, destroy: number, replace: number, import: number, forget: number, moved: number, invoke: optional(number), deferred: optional(number),
  outputs_changed: flag, services: optional(list(text)), resources: changes, verdict: maybe(text), refused_because: maybe(text), refused_by: maybe(text), refused_resources: list(text),
});

/** @type {Shape<import('./types').Operation>} */
export const OPERATION = object({
  id: text, kind: text, stack: object({ id: text, name: text }), environment: text, status: text, revision: number, created_at: text, started_at: maybe(text),
  ended_at: maybe(text), requested_by: text, approved_by: maybe(text), approvals: list(object({ by: text, at: text, sheet: maybe(text), comment: maybe(text), denied: maybe(text) })),
  approvals_required: maybe(number), self_approval: maybe(flag), approval_expires_at: maybe(text), decision: maybe(text), position: maybe(number),
  blueprint: blueprintName, release: maybe(number), task: maybe(text), snapshot: maybe(object({ id: text, taken_at: maybe(text) })), waiting_for_build: maybe(text),
  cancel: maybe(object({ requested_by: text, requested_at: text, acknowledged_at: maybe(text) })),
  steps: list(object({ name: text, started_at: text, ended_at: maybe(text), status: text })),
  progress: maybe(object({ done: number, total: number, current: maybe(text) })), plan: maybe(plan),
  rollouts: list(object({
    service: text, strategy: text, stage: maybe(text), percent: maybe(number),
    pause: maybe(object({ expires_at: maybe(text), at_expiry: text, decision: maybe(text), decided_by: maybe(text) })),
  })),
  ways_forward: list(object({ way: text, description: text, command: text, request: text })), drift: maybe(object({ count: number, resources: changes })),
  error: maybe(object({ name: text, step: text, message: text, address: maybe(text) })), execution_arn: maybe(text),
  links: object({ approve: optional(text), reject: optional(text), continue: optional(text), roll_back: optional(text), cancel: optional(text), console: optional(text), log: optional(text) }),
});

/** @type {Shape<import('./types').Environment>} */
export const ENVIRONMENT = object({
  name: text, account: text, region: text, role: maybe(text), approval: text, approvals_required: number, self_approval: flag, approval_timeout_seconds: number,
  approval_reminder_seconds: number, protected: flag, sandbox: flag, variables: map(any), references: map(text), revision: number,
});
