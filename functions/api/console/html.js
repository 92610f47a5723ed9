// Templates and rendering. Texts never become markup: they only ever become text nodes, attributes and properties. Characters that are
// not seen are written out here, so that no view can forget it.

import { pieces, visible } from './visible.js';

/** Attributes that people read. */
const READ = ['alt', 'aria-label', 'placeholder', 'title'];

/** The page's only Trusted Types policy. It sees the literal parts of our own templates, and never a value. */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('slipway', {
  createHTML: (/** @type {string} */ text) => text,
});

/** @type {WeakMap<TemplateStringsArray, HTMLTemplateElement>} */
const templates = new WeakMap();

const HANDLERS = Symbol('handlers');
const PROPERTIES = Symbol('properties');

/** @typedef {Element & {[HANDLERS]?: Record<string, (event: any) => void>, [PROPERTIES]?: Record<string, unknown>}} Host */

/** @param {TemplateStringsArray} strings */
function compiled(strings) {
  let template = templates.get(strings);
  if (!template) {
    template = document.createElement('template');
    const text = strings.reduce((before, part, index) => {
      if (index === 0) return part;
      const hole = `$${index - 1}$`;
      return before + (/=$/.test(strings[index - 1]) ? `"${hole}"` : `<!--${hole}-->`) + part;
    }, '');
    template.innerHTML = policy ? policy.createHTML(text) : text;
    templates.set(strings, template);
  }
  return template;
}

/** @param {string} text */
function hole(text) {
  const match = /^\$(\d+)\$$/.exec(text);
  return match ? Number(match[1]) : -1;
}

/** @param {Host} element @param {string} name @param {unknown} value */
function set(element, name, value) {
  if (name.startsWith('@')) {
    element.removeAttribute(name);
    listen(element, name.slice(1), /** @type {(event: any) => void} */ (value));
  } else if (name.startsWith('.')) {
    element.removeAttribute(name);
    (element[PROPERTIES] ??= {})[name.slice(1)] = value;
    Reflect.set(element, name.slice(1), value);
  } else if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
  } else {
    const text = value === true ? '' : String(value);
    element.setAttribute(name, READ.includes(name) ? visible(text) : text);
  }
}

/** @param {Host} element @param {string} type @param {(event: any) => void} handler */
function listen(element, type, handler) {
  if (!element[HANDLERS]) element[HANDLERS] = {};
  const handlers = element[HANDLERS];
  if (!(type in handlers)) element.addEventListener(type, (event) => element[HANDLERS]?.[type]?.(event));
  handlers[type] = handler;
}

/** A text as a node. Characters that are not seen are marked as well, so that nobody takes them for text that is written like them. @param {string} text @returns {Node} */
function textNode(text) {
  const parts = pieces(text);
  if (!parts.some((part) => part.hidden)) return document.createTextNode(text);
  // One element around all: the parts of a text are no items of a flexible box.
  const whole = document.createElement('span');
  for (const part of parts) {
    const mark = document.createElement('span');
    mark.className = 'unseen';
    mark.textContent = part.text;
    whole.append(part.hidden ? mark : part.text);
  }
  return whole;
}

/** @param {unknown} value @returns {Node[]} */
function nodes(value) {
  if (value === null || value === undefined || value === false || value === true) return [];
  if (Array.isArray(value)) return value.flatMap(nodes);
  if (!(value instanceof Node)) return [textNode(String(value))];
  // An island that is on the page already stays where it is: a stand-in says which one it is.
  if (value instanceof HTMLElement && value.dataset.island && value.isConnected) {
    const stand = document.createElement(value.nodeName);
    stand.dataset.island = value.dataset.island;
    return [stand];
  }
  return [value];
}

/**
 * A template. A value is text, a node, a list of these, or nothing (null, undefined, false). `name=${value}` sets an attribute,
 * `.name=${value}` a property, `@name=${function}` a listener.
 *
 * @param {TemplateStringsArray} strings @param {...unknown} values @returns {DocumentFragment}
 */
export function html(strings, ...values) {
  const content = document.importNode(compiled(strings).content, true);
  const walker = document.createTreeWalker(content, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_COMMENT);
  /** @type {[ChildNode, number][]} */
  const children = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node instanceof Comment) {
      const index = hole(node.data);
      if (index >= 0) children.push([node, index]);
    } else if (node instanceof Element) {
      // Properties last: `.value` of a select needs its options, `.value` of an input its type.
      const attributes = [...node.attributes].sort((a, b) => Number(a.name[0] === '.') - Number(b.name[0] === '.'));
      for (const attribute of attributes) {
        const index = hole(attribute.value);
        if (index >= 0) set(node, attribute.name, values[index]);
      }
    }
  }
  for (const [node, index] of children) node.replaceWith(...nodes(values[index]));
  for (const select of content.querySelectorAll('select')) {
    const value = /** @type {Host} */ (select)[PROPERTIES]?.value;
    if (value !== undefined) select.value = String(value);
  }
  return content;
}

/** The element that a template with one root makes. @param {DocumentFragment} fragment @returns {HTMLElement} */
export function element(fragment) {
  return /** @type {HTMLElement} */ (fragment.firstElementChild);
}

/** @param {Node} node */
function key(node) {
  return node instanceof HTMLElement ? (node.dataset.island ?? node.dataset.key ?? node.id) || null : null;
}

/** @param {Node} a @param {Node} b */
function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

/** Makes `old` like `fresh`, and keeps what the user did to it: focus, selection, scrolling, what is open. @param {ChildNode} old @param {ChildNode} fresh */
function mend(old, fresh) {
  if (old instanceof CharacterData) {
    if (old.data !== /** @type {CharacterData} */ (fresh).data) old.data = /** @type {CharacterData} */ (fresh).data;
    return;
  }
  if (!(old instanceof Element) || !(fresh instanceof Element)) return;
  if (old instanceof HTMLElement && old.dataset.island) return;
  // Styles are set by properties, and the policy forbids the attribute. Whether a <details> or a dialog is open is the user's.
  const kept = ['style', ...(old instanceof HTMLDetailsElement || old instanceof HTMLDialogElement ? ['open'] : [])];
  for (const { name } of [...old.attributes]) if (!kept.includes(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const handlers = /** @type {Host} */ (fresh)[HANDLERS] ?? {};
  for (const [type, handler] of Object.entries(handlers)) listen(old, type, handler);
  const stale = /** @type {Host} */ (old)[HANDLERS];
  for (const type of Object.keys(stale ?? {})) if (!(type in handlers) && stale) delete stale[type];
  mendChildren(old, fresh);
  const properties = /** @type {Host} */ (fresh)[PROPERTIES];
  /** @type {Host} */ (old)[PROPERTIES] = properties;
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (Reflect.get(old, name) !== value) Reflect.set(old, name, value);
  }
}

/** @param {Node} old @param {Node} fresh */
function mendChildren(old, fresh) {
  /** @type {Map<string, ChildNode>} */
  const keyed = new Map();
  for (const child of old.childNodes) {
    const name = key(child);
    if (name) keyed.set(name, child);
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const name = key(child);
    const match = name ? keyed.get(name) : at;
    if (match && alike(match, child)) {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      if (name) keyed.delete(name);
      mend(match, child);
    } else {
      old.insertBefore(child, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** Makes the children of `parent` what `content` is. @param {Element} parent @param {unknown} content */
export function render(parent, content) {
  const fresh = document.createDocumentFragment();
  fresh.append(...nodes(content));
  mendChildren(parent, fresh);
}

let islands = 0;

/** An element that renders itself, and that rendering around it leaves alone. @template {HTMLElement} T @param {T} made @returns {T} */
export function island(made) {
  islands += 1;
  made.dataset.island = `island-${islands}`;
  return made;
}
