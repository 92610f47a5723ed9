// Terraform expressions, as far as conditions of variables are written in them: so that a form can say what is wrong while typing.
//
// What is not known here is UNKNOWN, and is left to the API and to Terraform: a wrong answer would forbid what is right.

/** Thrown where only Terraform knows. */
export class Unknown extends Error {}
/** Thrown where Terraform reports an error, which `can` and `try` catch. */
export class Invalid extends Error {}

/** @typedef {any} Value  A JSON value. */
/** @typedef {Record<string, Value>} Scope */
/** @typedef {(scope: Scope) => Value} Expression */

const TOKEN = /\s+|#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\/|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_][\w-]*)|("(?:\\.|[^"\\])*")|(=>|==|!=|<=|>=|&&|\|\||\.\.\.|[-+*/%<>!?:.,()[\]{}=])/y;

/** @typedef {{kind: 'number' | 'name' | 'text' | 'sign' | 'end', text: string, line: boolean}} Token */

/** @param {string} source @returns {Token[]} */
function tokens(source) {
  /** @type {Token[]} */
  const found = [];
  TOKEN.lastIndex = 0;
  let line = false;
  while (TOKEN.lastIndex < source.length) {
    const match = TOKEN.exec(source);
    if (!match) throw new Unknown('syntax');
    const index = match.slice(1).findIndex((group) => group !== undefined);
    if (index < 0) line ||= match[0].includes('\n');
    else {
      found.push({ kind: /** @type {const} */ (['number', 'name', 'text', 'sign'])[index], text: match[0], line });
      line = false;
    }
  }
  found.push({ kind: 'end', text: '', line });
  return found;
}

const LEVELS = [['||'], ['&&'], ['==', '!='], ['<', '<=', '>', '>='], ['+', '-'], ['*', '/', '%']];

/** @param {unknown} value @returns {Value} */
function number(value) {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  throw new Invalid('not a number');
}

/** @param {unknown} value */
function bool(value) {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new Invalid('not a bool');
}

/** @param {unknown} value */
function text(value) {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Invalid('not a string');
}

/** @param {unknown} value @returns {Value[]} */
function list(value) {
  if (Array.isArray(value)) return value;
  throw new Invalid('not a list');
}

/** @param {unknown} value @returns {Record<string, Value>} */
function object(value) {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return /** @type {any} */ (value);
  throw new Invalid('not a map');
}

/** @param {Value} a @param {Value} b @returns {boolean} */
export function equal(a, b) {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [one, other] = [Object.keys(a), Object.keys(b)];
  return one.length === other.length && one.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}

/** @type {Record<string, (a: Expression, b: Expression) => Expression>} */
const OPERATORS = {
  '||': (a, b) => (scope) => either(a, b, scope, true),
  '&&': (a, b) => (scope) => either(a, b, scope, false),
  '==': (a, b) => (scope) => equal(a(scope), b(scope)),
  '!=': (a, b) => (scope) => !equal(a(scope), b(scope)),
  '<': (a, b) => (scope) => number(a(scope)) < number(b(scope)),
  '<=': (a, b) => (scope) => number(a(scope)) <= number(b(scope)),
  '>': (a, b) => (scope) => number(a(scope)) > number(b(scope)),
  '>=': (a, b) => (scope) => number(a(scope)) >= number(b(scope)),
  '+': (a, b) => (scope) => number(a(scope)) + number(b(scope)),
  '-': (a, b) => (scope) => number(a(scope)) - number(b(scope)),
  '*': (a, b) => (scope) => number(a(scope)) * number(b(scope)),
  '/': (a, b) => (scope) => number(a(scope)) / number(b(scope)),
  '%': (a, b) => (scope) => number(a(scope)) % number(b(scope)),
};

/** `||` and `&&`: what decides does so although the other side is not known here. @param {Expression} a @param {Expression} b @param {Scope} scope @param {boolean} decides */
function either(a, b, scope, decides) {
  /** @type {unknown} */
  let unknown = null;
  for (const side of [a, b]) {
    try {
      if (bool(side(scope)) === decides) return decides;
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      unknown = error;
    }
  }
  if (unknown) throw unknown;
  return !decides;
}

class Parser {
  /** @param {string} source */
  constructor(source) {
    this.tokens = tokens(source);
    this.at = 0;
  }

  get token() {
    return this.tokens[this.at];
  }

  /** @param {string} text */
  is(text) {
    return this.token.kind !== 'text' && this.token.text === text;
  }

  /** @param {string} text */
  takes(text) {
    if (!this.is(text)) return false;
    this.at += 1;
    return true;
  }

  /** @param {string} text */
  needs(text) {
    if (!this.takes(text)) throw new Unknown(`expected ${text}`);
  }

  name() {
    if (this.token.kind !== 'name') throw new Unknown('expected a name');
    this.at += 1;
    return this.tokens[this.at - 1].text;
  }

  /** @returns {Expression} */
  whole() {
    const found = this.expression();
    if (this.token.kind !== 'end') throw new Unknown('trailing');
    return found;
  }

  /** @returns {Expression} */
  expression() {
    const condition = this.binary(0);
    if (!this.takes('?')) return condition;
    const yes = this.expression();
    this.needs(':');
    const no = this.expression();
    return (scope) => (bool(condition(scope)) ? yes(scope) : no(scope));
  }

  /** @param {number} level @returns {Expression} */
  binary(level) {
    if (level === LEVELS.length) return this.unary();
    let left = this.binary(level + 1);
    while (this.token.kind === 'sign' && LEVELS[level].includes(this.token.text)) {
      const sign = this.token.text;
      this.at += 1;
      left = OPERATORS[sign](left, this.binary(level + 1));
    }
    return left;
  }

  /** @returns {Expression} */
  unary() {
    if (this.takes('!')) {
      const inner = this.unary();
      return (scope) => !bool(inner(scope));
    }
    if (this.takes('-')) {
      const inner = this.unary();
      return (scope) => -number(inner(scope));
    }
    return this.traversal(this.primary());
  }

  /** @param {Expression} start @returns {Expression} */
  traversal(start) {
    let found = start;
    for (;;) {
      const inner = found;
      if (this.takes('.')) {
        if (this.is('*')) {
          this.at += 1;
          return this.splat(inner);
        }
        const name = this.token.kind === 'number' ? this.tokens[this.at++].text : this.name();
        found = (scope) => element(inner(scope), name);
      } else if (this.takes('[')) {
        if (this.takes('*')) {
          this.needs(']');
          return this.splat(inner);
        }
        const index = this.expression();
        this.needs(']');
        found = (scope) => element(inner(scope), index(scope));
      } else {
        return found;
      }
    }
  }

  /** @param {Expression} inner @returns {Expression} */
  splat(inner) {
    const each = this.traversal((scope) => scope['*']);
    return (scope) => list(inner(scope)).map((one) => each({ ...scope, '*': one }));
  }

  /** @returns {Expression} */
  primary() {
    const token = this.token;
    this.at += 1;
    if (token.kind === 'number') return () => Number(token.text);
    if (token.kind === 'text') {
      const value = unescaped(token.text);
      return () => value;
    }
    if (token.text === '(') {
      const inner = this.expression();
      this.needs(')');
      return inner;
    }
    if (token.text === '[') return this.is('for') ? this.loop(']') : this.tuple(']');
    if (token.text === '{') return this.is('for') ? this.loop('}') : this.map();
    if (token.kind !== 'name') throw new Unknown('syntax');
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true';
    if (token.text === 'null') return () => null;
    if (this.takes('(')) return call(token.text, this.items(')'));
    return (scope) => {
      if (!Object.hasOwn(scope, token.text)) throw new Unknown(token.text);
      return scope[token.text];
    };
  }

  /** @param {string} end @returns {Expression[]} */
  items(end) {
    const found = [];
    while (!this.takes(end)) {
      found.push(this.expression());
      if (this.is('...')) throw new Unknown('expansion');
      if (!this.is(end)) this.needs(',');
    }
    return found;
  }

  /** @param {string} end @returns {Expression} */
  tuple(end) {
    const items = this.items(end);
    return (scope) => items.map((item) => item(scope));
  }

  /** @returns {Expression} */
  map() {
    /** @type {[Expression, Expression][]} */
    const pairs = [];
    while (!this.takes('}')) {
      const named = this.token.kind === 'name' && ['=', ':'].includes(this.tokens[this.at + 1].text);
      const name = this.token.text;
      if (named) this.at += 1;
      const key = named ? () => name : this.expression();
      if (!this.takes('=')) this.needs(':');
      pairs.push([key, this.expression()]);
      if (!this.is('}') && !this.token.line) this.needs(',');
      else this.takes(',');
    }
    return (scope) => Object.fromEntries(pairs.map(([key, value]) => [text(key(scope)), value(scope)]));
  }

  /** @param {string} end @returns {Expression} */
  loop(end) {
    this.needs('for');
    const first = this.name();
    const second = this.takes(',') ? this.name() : null;
    this.needs('in');
    const source = this.expression();
    this.needs(':');
    const head = this.expression();
    const value = end === '}' && this.takes('=>') ? this.expression() : null;
    if (this.is('...')) throw new Unknown('grouping');
    const condition = this.takes('if') ? this.expression() : null;
    this.needs(end);
    return (scope) => {
      const from = source(scope);
      if (from === null || typeof from !== 'object') throw new Invalid('not a collection');
      const pairs = Array.isArray(from) ? from.map((one, index) => [index, one]) : Object.entries(from).sort(([a], [b]) => (a < b ? -1 : 1));
      const scopes = pairs.map(([key, one]) => ({ ...scope, ...(second ? { [first]: key, [second]: one } : { [first]: one }) }));
      const kept = scopes.filter((inner) => !condition || bool(condition(inner)));
      return value ? Object.fromEntries(kept.map((inner) => [text(head(inner)), value(inner)])) : kept.map(head);
    };
  }
}

/** @param {Value} value @param {Value} key */
function element(value, key) {
  if (value === null) throw new Invalid('null has no attributes');
  if (Array.isArray(value)) {
    const index = number(key);
    if (!Number.isInteger(index) || index < 0 || index >= value.length) throw new Invalid('no such element');
    return value[index];
  }
  if (typeof value !== 'object') throw new Invalid('no attributes');
  if (!Object.hasOwn(value, text(key))) throw new Invalid('no such attribute');
  return value[text(key)];
}

/** @param {string} quoted */
function unescaped(quoted) {
  const inner = quoted.slice(1, -1);
  if (/(^|[^$])\$\{|(^|[^%])%\{/.test(inner)) throw new Unknown('template');
  const plain = inner.replaceAll('$${', '${').replaceAll('%%{', '%{');
  return plain.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g, (_, code) => {
    if (/^[uU]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
    const known = /** @type {Record<string, string>} */ ({ n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' })[code];
    if (known === undefined) throw new Unknown('escape');
    return known;
  });
}

/** An RE2 pattern as a regular expression of this language, where both mean the same. @param {string} pattern */
function compiled(pattern) {
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  const source = flags ? pattern.slice(flags[0].length) : pattern;
  if (/\[\[:|\\[AzZQEpPCx]|\(\?(?!:)/.test(source)) throw new Unknown('pattern');
  try {
    return new RegExp(source, `u${flags?.[1] ?? ''}`);
  } catch {
    throw new Unknown('pattern');
  }
}

/** @param {string} pattern @param {string} subject */
function matched(pattern, subject) {
  const match = compiled(pattern).exec(subject);
  if (!match) throw new Invalid('no match');
  return match.length > 1 ? match.slice(1).map((group) => group ?? null) : match[0];
}

/** @param {Value} value */
function size(value) {
  if (typeof value === 'string') return [...value].length;
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? value.length : Object.keys(value).length;
  throw new Invalid('no length');
}

/** @param {Value[]} values */
function distinct(values) {
  return values.filter((value, index) => values.findIndex((other) => equal(other, value)) === index);
}

/** @param {Value[]} bounds */
function range(...bounds) {
  const [from, to, step] = bounds.length === 1 ? [0, bounds[0], 1] : [bounds[0], bounds[1], bounds[2] ?? 1];
  if (step === 0 || (to - from) / step > 100_000) throw new Unknown('range');
  const found = [];
  for (let at = from; step > 0 ? at < to : at > to; at += step) found.push(at);
  return found;
}

/** @type {Record<string, (...values: Value[]) => Value>} */
const FUNCTIONS = {
  abs: (a) => Math.abs(number(a)),
  alltrue: (all) => list(all).every(bool),
  anytrue: (all) => list(all).some(bool),
  ceil: (a) => Math.ceil(number(a)),
  coalesce: (...all) => {
    const found = all.find((one) => one !== null && one !== '');
    if (found === undefined) throw new Invalid('nothing');
    return found;
  },
  compact: (all) => list(all).filter((one) => one !== null && one !== ''),
  concat: (...all) => all.flatMap(list),
  contains: (all, one) => list(all).some((other) => equal(other, one)),
  distinct: (all) => distinct(list(all)),
  endswith: (a, b) => text(a).endsWith(text(b)),
  flatten: (all) => list(all).flat(Number.POSITIVE_INFINITY),
  floor: (a) => Math.floor(number(a)),
  join: (separator, all) => list(all).map(text).join(text(separator)),
  keys: (map) => Object.keys(object(map)).sort(),
  length: size,
  lookup: (map, key, other) => (Object.hasOwn(object(map), text(key)) ? map[text(key)] : other),
  lower: (a) => text(a).toLowerCase(),
  max: (...all) => Math.max(...all.map(number)),
  merge: (...all) => Object.assign({}, ...all),
  min: (...all) => Math.min(...all.map(number)),
  range: (...all) => range(...all.map(number)),
  regex: (pattern, subject) => matched(text(pattern), text(subject)),
  regexall: (pattern, subject) => [...text(subject).matchAll(new RegExp(compiled(text(pattern)), 'gu'))].map((match) => match[0]),
  setintersection: (first, ...others) => distinct(list(first)).filter((one) => others.every((other) => list(other).some((two) => equal(one, two)))),
  setsubtract: (a, b) => distinct(list(a)).filter((one) => !list(b).some((other) => equal(one, other))),
  setunion: (...all) => distinct(all.flatMap(list)),
  split: (separator, subject) => text(subject).split(text(separator)),
  startswith: (a, b) => text(a).startsWith(text(b)),
  strcontains: (a, b) => text(a).includes(text(b)),
  substr: (a, from, size) => {
    const points = [...text(a)];
    return points.slice(number(from), number(size) < 0 ? undefined : number(from) + number(size)).join('');
  },
  sum: (all) => list(all).reduce((sum, one) => sum + number(one), 0),
  tolist: list,
  tonumber: (a) => (a === null ? null : number(a)),
  toset: (all) => distinct(list(all)),
  tostring: (a) => (a === null ? null : text(a)),
  trimspace: (a) => text(a).trim(),
  upper: (a) => text(a).toUpperCase(),
  values: (map) => Object.entries(object(map)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value),
};

/** @param {string} name @param {Expression[]} items @returns {Expression} */
function call(name, items) {
  if (name === 'can') return (scope) => attempt(() => (items[0](scope), true), () => false);
  if (name === 'try') {
    const attempts = (/** @type {Expression[]} */ [item, ...rest], /** @type {Scope} */ scope) =>
      rest.length ? attempt(() => item(scope), () => attempts(rest, scope)) : item(scope);
    return (scope) => attempts(items, scope);
  }
  const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : null;
  if (!found) throw new Unknown(name);
  return (scope) => found(...items.map((item) => item(scope)));
}

/** @param {() => Value} first @param {() => Value} second */
function attempt(first, second) {
  try {
    return first();
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return second();
  }
}

/** Conditions are evaluated with each key that is typed. @type {Map<string, Expression | null>} */
const parsed = new Map();

/** @param {string} condition @returns {Expression} */
function expression(condition) {
  let found = parsed.get(condition);
  if (found === undefined) {
    try {
      found = new Parser(/^\$\{([^]*)\}$/.exec(condition)?.[1] ?? condition).whole();
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      found = null;
    }
    parsed.set(condition, found);
  }
  if (!found) throw new Unknown('syntax');
  return found;
}

/** Whether a condition holds for these variables; null where only Terraform knows. @param {string} condition @param {Record<string, Value>} variables @returns {boolean | null} */
export function holds(condition, variables) {
  try {
    return bool(expression(condition)({ var: proxy(variables) }));
  } catch (error) {
    // A condition that fails with an error is Terraform's to report.
    if (error instanceof Unknown || error instanceof Invalid || error instanceof RangeError) return null;
    throw error;
  }
}

/** Variables of which a missing one is not known, instead of not there. @param {Record<string, Value>} variables */
function proxy(variables) {
  return new Proxy(variables, {
    getOwnPropertyDescriptor(target, name) {
      if (!Object.hasOwn(target, name)) throw new Unknown(String(name));
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
  });
}

/** The values that a condition like `contains(["a", "b"], var.x)` leaves. @param {string} condition @param {string} name @returns {string[] | null} */
export function choices(condition, name) {
  const match = /^\s*(?:\$\{)?\s*contains\(\s*(\[[^\]]*\])\s*,\s*var\.([A-Za-z_][\w-]*)\s*\)\s*\}?\s*$/.exec(condition);
  if (!match || match[2] !== name) return null;
  try {
    const found = new Parser(match[1]).whole()({});
    return found.every((/** @type {unknown} */ one) => typeof one === 'string') ? found : null;
  } catch {
    return null;
  }
}
