// The types of a blueprint's variables: what a form starts with, and what is wrong with what it holds.

import { choices, holds } from './hcl.js';

/** @typedef {import('./types').Kind} Kind */
/** @typedef {import('./types').Variable} Variable */
/** @typedef {(string | number)[]} Path */

/** The name of a type without what is in it. @param {Kind} kind @returns {string} */
export function shape(kind) {
  return typeof kind === 'string' ? kind : Object.keys(kind)[0];
}

/** What is in a list, a set or a map. @param {any} kind @returns {Kind} */
export function inner(kind) {
  return kind.list ?? kind.set ?? kind.map;
}

/** @param {any} kind @returns {[string, import('./types').Attribute][]} */
export function attributes(kind) {
  const all = /** @type {[string, import('./types').Attribute][]} */ (Object.entries(kind.object));
  return [...all.filter(([, one]) => !one.optional), ...all.filter(([, one]) => one.optional)];
}

/** What a value of this type starts as: nothing for texts, so that it is clear that something is to be typed. @param {Kind} kind @returns {any} */
export function blank(kind) {
  switch (shape(kind)) {
    case 'list':
    case 'set':
      return [];
    case 'map':
      return {};
    case 'tuple':
      return /** @type {any} */ (kind).tuple.map(blank);
    case 'object':
      return Object.fromEntries(attributes(kind).filter(([, one]) => !one.optional).map(([name, one]) => [name, blank(one.type)]));
    default:
      return undefined;
  }
}

/** A text that a user typed as a value, or undefined for nothing. @param {Kind} kind @param {string} typed */
export function typed(kind, typed) {
  if (typed === '') return undefined;
  if (kind === 'number') {
    // What is no number stays the text that it is, and is reported.
    return /^\s*-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(typed) ? Number(typed) : typed;
  }
  if (kind === 'bool') return typed === 'true' ? true : typed === 'false' ? false : typed;
  if (kind === 'any') {
    try {
      return JSON.parse(typed);
    } catch {
      return typed;
    }
  }
  return typed;
}

/** A value with the defaults of its type, as Terraform fills them in. @param {Kind} kind @param {any} value @returns {any} */
export function filled(kind, value) {
  if (value === null || value === undefined) return null;
  const name = shape(kind);
  if ((name === 'list' || name === 'set') && Array.isArray(value)) return value.map((one) => filled(inner(kind), one));
  if (name === 'map' && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(inner(kind), one)]));
  if (name === 'tuple' && Array.isArray(value)) return value.map((one, index) => filled(/** @type {any} */ (kind).tuple[index] ?? 'any', one));
  if (name === 'object' && typeof value === 'object') {
    return Object.fromEntries(attributes(kind).map(([key, one]) => [key, filled(one.type, value[key] ?? one.default ?? null)]));
  }
  return value;
}

/** A value without what was left empty in it. @param {any} value @returns {any} */
export function compact(value) {
  if (Array.isArray(value)) return value.map((one) => compact(one) ?? null);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined).map(([key, one]) => [key, compact(one)]));
  }
  return value;
}

const WHAT = /** @type {Record<string, string>} */ ({ string: 'a text', number: 'a number', bool: 'true or false', list: 'a list', set: 'a list', tuple: 'a list', map: 'a map', object: 'an object' });

/** @param {Path} path */
export function pathText(path) {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** What is wrong with a value. @param {Kind} kind @param {any} value @param {Path} path @param {Map<string, string>} problems @param {boolean} needed */
export function checkValue(kind, value, path, problems, needed) {
  const add = (/** @type {string} */ problem) => problems.has(pathText(path)) || problems.set(pathText(path), problem);
  if (value === undefined || value === null) {
    if (needed) add('Give a value.');
    return;
  }
  const name = shape(kind);
  const fits = { string: typeof value === 'string', number: typeof value === 'number', bool: typeof value === 'boolean', list: Array.isArray(value), set: Array.isArray(value), tuple: Array.isArray(value), map: typeof value === 'object' && !Array.isArray(value), object: typeof value === 'object' && !Array.isArray(value), any: true }[name];
  if (!fits) return void add(`Give ${WHAT[name]}.`);
  if (typeof value === 'number' && Math.abs(value) >= 2 ** 53) add('A number this large is not kept exactly. Give one below 2^53.');
  if (typeof value === 'string' && value.includes('\0')) add('The text has a NUL character. Remove it.');
  if (name === 'list' || name === 'set') {
    value.forEach((/** @type {any} */ one, /** @type {number} */ index) => {
      checkValue(inner(kind), one, [...path, index], problems, true);
      if (name === 'set' && value.findIndex((/** @type {any} */ other) => JSON.stringify(other) === JSON.stringify(one)) < index) {
        problems.set(pathText([...path, index]), 'The set has this value already.');
      }
    });
  } else if (name === 'tuple') {
    /** @type {any} */ (kind).tuple.forEach((/** @type {Kind} */ one, /** @type {number} */ index) => checkValue(one, value[index], [...path, index], problems, true));
  } else if (name === 'map') {
    for (const [key, one] of Object.entries(value)) checkValue(inner(kind), one, [...path, key], problems, true);
  } else if (name === 'object') {
    for (const [key, one] of attributes(kind)) checkValue(one.type, value[key], [...path, key], problems, !one.optional);
  }
}

/**
 * Everything that is wrong with the values of a form, by path. `fixed` are the values that the environment gives.
 *
 * @param {Variable[]} variables @param {Record<string, any>} values @param {Record<string, any>} fixed
 */
export function check(variables, values, fixed) {
  /** @type {Map<string, string>} */
  const problems = new Map();
  for (const variable of variables) {
    if (Object.hasOwn(fixed, variable.name)) continue;
    checkValue(variable.type, values[variable.name], [variable.name], problems, variable.required);
  }
  if (problems.size === 0) {
    const known = Object.fromEntries(variables.filter((one) => isKnown(one, values, fixed)).map((one) => [one.name, effective(one, values, fixed)]));
    for (const variable of variables) {
      const failed = variable.validations.find((one) => holds(one.condition, known) === false);
      if (failed && !problems.has(variable.name)) problems.set(variable.name, failed.error_message);
    }
  }
  return problems;
}

/** @param {Variable} variable @param {Record<string, any>} values @param {Record<string, any>} fixed */
function isKnown(variable, values, fixed) {
  // What is not shown may be anything, and an environment's value may still be converted.
  if (values[variable.name] === '(sensitive)') return false;
  if (Object.hasOwn(fixed, variable.name)) return ['string', 'number', 'bool'].includes(shape(variable.type));
  return values[variable.name] !== undefined || variable.required || !(variable.sensitive || variable.default_expression);
}

/** @param {Variable} variable @param {Record<string, any>} values @param {Record<string, any>} fixed */
function effective(variable, values, fixed) {
  if (Object.hasOwn(fixed, variable.name)) return fixed[variable.name];
  return filled(variable.type, values[variable.name] ?? variable.default ?? null);
}

/** The only values of a variable, where a validation says so. @param {Variable} variable */
export function options(variable) {
  if (variable.type !== 'string') return null;
  for (const validation of variable.validations) {
    const found = choices(validation.condition, variable.name);
    if (found) return found;
  }
  return null;
}
