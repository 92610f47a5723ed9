// The Markdown of READMEs, as far as people use it in them. A text never becomes markup: HTML stays the text that it is, pictures become
// their descriptions, and only http and https addresses become links.

import { html } from './html.js';

/** How deep lists and quotes are nested; what is deeper stays text. */
const DEEPEST = 6;
/** What a table or list row starts with may be this long, so that no text makes the search slow. */
const ITEM = /^( {0,40})([-*+]|\d{1,9}[.)]) +(?=\S)/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})(?: +|$)/;
/** Every part has a bounded length: the search takes at most that many steps for each character. */
const INLINE = /\\([!-/:-@[-`{-~])|(`{1,9})((?:[^`]|(?!\2)`){1,1000}?)\2(?!`)|\[!\[([^[\]]{0,300})\]\([^()\s]{0,600}\)\]\(([^()\s]{0,600})\)|(!?)\[([^[\]]{0,500})\]\( {0,9}<?([^()\s<>]{0,600})>?(?: {1,9}"[^"]{0,300}")? {0,9}\)|<(https?:\/\/[^\s<>]{1,600})>|\*\*(?=\S)([^]{1,1000}?)\*\*|\*(?=[^*\s])([^*]{1,500})\*|<br ?\/?>|(https?:\/\/[^\s<>"'`()|]{1,600})/gi;
const ENTITIES = /** @type {Record<string, string>} */ ({ amp: '&', lt: '<', gt: '>', quot: '"', nbsp: '\u00a0' });

/** @typedef {{level: number}} Outline  The level of the last heading. */

/** The nodes of a Markdown text, whose headings are below those of a card. @param {string} text @returns {unknown} */
export function markdown(text) {
  const lines = text.replace(/\r\n?/g, '\n').replaceAll('\t', '    ').split('\n');
  return blocks(lines, 0, { level: 2 });
}

/** @param {string[]} lines @param {number} depth @param {Outline} outline @returns {unknown[]} */
function blocks(lines, depth, outline) {
  /** @type {unknown[]} */
  const made = [];
  for (let at = 0; at < lines.length;) {
    const [block, next] = blockAt(lines, at, depth, outline);
    if (block) made.push(block);
    at = Math.max(next, at + 1);
  }
  return made;
}

/** The block that begins at a line, and the line after it. @param {string[]} lines @param {number} at @param {number} depth @param {Outline} outline @returns {[unknown, number]} */
function blockAt(lines, at, depth, outline) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  if (FENCE.test(line)) return fenced(lines, at);
  if (line.startsWith('    ')) return indented(lines, at);
  if (line.trimStart().startsWith('<!--')) return [null, 1 + from(lines, at, (one) => one.includes('-->'))];
  const heading = HEADING.exec(line);
  if (heading) return [titled(heading[1].length, line.slice(heading[0].length).replace(/ #+ *$/, ''), outline), at + 1];
  if (isRule(line)) return [html`<hr>`, at + 1];
  if (isTable(lines, at)) return table(lines, at);
  if (depth < DEEPEST && line.startsWith('>')) return quote(lines, at, depth, outline);
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, depth, outline);
  return paragraph(lines, at, depth, outline);
}

/** The first line from here on that fits, or the end. @param {string[]} lines @param {number} at @param {(line: string) => boolean} fits */
function from(lines, at, fits) {
  let found = at;
  while (found < lines.length && !fits(lines[found])) found += 1;
  return found;
}

/** @param {string[]} lines @param {number} at @returns {[unknown, number]} */
function fenced(lines, at) {
  const fence = /** @type {RegExpExecArray} */ (FENCE.exec(lines[at]))[1];
  const end = from(lines, at + 1, (line) => line.trim().startsWith(fence) && !line.trim().replaceAll(fence[0], ''));
  return [code(lines.slice(at + 1, end)), end + 1];
}

/** @param {string[]} lines @param {number} at @returns {[unknown, number]} */
function indented(lines, at) {
  let end = from(lines, at, (line) => line.trim() !== '' && !line.startsWith('    '));
  while (!lines[end - 1].trim()) end -= 1;
  return [code(lines.slice(at, end).map((line) => line.slice(4))), end];
}

/** @param {string[]} lines */
function code(lines) {
  return html`<pre tabindex="0" role="region" aria-label="Code"><code>${lines.join('\n')}</code></pre>`;
}

/** @param {number} level @param {string} text @param {Outline} outline */
function titled(level, text, outline) {
  // Below the heading of the card, and no level is left out.
  outline.level = Math.min(level + 2, outline.level + 1, 6);
  const content = inline(text.trim());
  switch (outline.level) {
    case 3:
      return html`<h3>${content}</h3>`;
    case 4:
      return html`<h4>${content}</h4>`;
    case 5:
      return html`<h5>${content}</h5>`;
    default:
      return html`<h6>${content}</h6>`;
  }
}

/** @param {string} line */
function isRule(line) {
  const marks = line.replaceAll(' ', '');
  return marks.length >= 3 && '-*_'.includes(marks[0]) && !marks.replaceAll(marks[0], '');
}

/** @param {string} line */
function cells(line) {
  // `\|` is no border.
  const parts = line.trim().replaceAll('\\|', '\u0000').split('|').map((cell) => cell.replaceAll('\u0000', '|').trim());
  if (parts[0] === '') parts.shift();
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

/** @param {string[]} lines @param {number} at */
function isTable(lines, at) {
  if (!lines[at].includes('|') || !lines[at + 1]?.includes('-')) return false;
  const marks = cells(lines[at + 1]);
  return marks.length > 0 && marks.length === cells(lines[at]).length && marks.every((mark) => /^:?-+:?$/.test(mark));
}

/** @param {string[]} lines @param {number} at @returns {[unknown, number]} */
function table(lines, at) {
  const head = cells(lines[at]);
  const end = from(lines, at + 2, (line) => !line.includes('|'));
  const rows = lines.slice(at + 2, end).map((line) => cells(line).slice(0, head.length));
  return [html`<div class="table" tabindex="0" role="region" aria-label="Table"><table>
    <thead><tr>${head.map((cell) => html`<th scope="col">${inline(cell)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${inline(cell)}</td>`)}</tr>`)}</tbody></table></div>`, end];
}

/** @param {string[]} lines @param {number} at @param {number} depth @param {Outline} outline @returns {[unknown, number]} */
function quote(lines, at, depth, outline) {
  const end = from(lines, at, (line) => !line.startsWith('>'));
  const within = lines.slice(at, end).map((line) => line.replace(/^> ?/, ''));
  return [html`<blockquote>${blocks(within, depth + 1, outline)}</blockquote>`, end];
}

/** @param {string[]} lines @param {number} at @param {number} depth @param {Outline} outline @returns {[unknown, number]} */
function list(lines, at, depth, outline) {
  const [, first, mark] = /** @type {RegExpExecArray} */ (ITEM.exec(lines[at]));
  const numbered = /\d/.test(mark);
  /** @type {string[][]} */
  const items = [];
  let inset = 0;
  let end = at;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    const item = ITEM.exec(line);
    const start = line.length - line.trimStart().length;
    if (item && item[1].length <= first.length + 1 && /\d/.test(item[2]) === numbered) {
      inset = item[0].length;
      items.push([line.slice(inset)]);
    } else if (!line.trim() || start >= Math.min(inset, first.length + 2)) {
      items.at(-1)?.push(line.slice(Math.min(start, inset)));
    } else if (item || !lines[end - 1].trim() || isBlock(lines, end)) {
      break;
    } else {
      // The rest of a paragraph, which is not indented.
      items.at(-1)?.push(line);
    }
  }
  const content = items.map((item) => html`<li>${blocks(item, depth + 1, outline)}</li>`);
  return [numbered ? html`<ol start=${Number.parseInt(mark, 10)}>${content}</ol>` : html`<ul>${content}</ul>`, end];
}

/** Whether a line ends the paragraph before it. @param {string[]} lines @param {number} at */
function isBlock(lines, at) {
  const line = lines[at];
  return FENCE.test(line) || HEADING.test(line) || line.startsWith('>') || line.trimStart().startsWith('<!--') || ITEM.test(line) || isTable(lines, at);
}

/** @param {string[]} lines @param {number} at @param {number} depth @param {Outline} outline @returns {[unknown, number]} */
function paragraph(lines, at, depth, outline) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !isUnderline(lines[end]) && !isRule(lines[end]) && !isBlock(lines, end)) end += 1;
  const text = lines.slice(at, end).map((line) => line.trim()).join('\n');
  if (depth === 0 && end < lines.length && isUnderline(lines[end])) return [titled(lines[end].trim()[0] === '=' ? 1 : 2, text, outline), end + 1];
  return [html`<p>${inline(text)}</p>`, end];
}

/** @param {string} line */
function isUnderline(line) {
  const marks = line.trim();
  return marks.length > 1 && '=-'.includes(marks[0]) && !marks.replaceAll(marks[0], '');
}

/** @param {string} text @returns {unknown[]} */
function inline(text) {
  /** @type {unknown[]} */
  const made = [];
  let done = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, escaped, , literal, badge, target, picture, label, address, bracketed, strong, emphasis, bare] = match;
    made.push(plain(text.slice(done, match.index)));
    done = match.index + all.length;
    if (escaped !== undefined) made.push(escaped);
    else if (literal !== undefined) made.push(html`<code>${literal.replaceAll('\n', ' ').replace(/^ (.+) $/, '$1')}</code>`);
    else if (badge !== undefined) made.push(link(badge, target));
    else if (label !== undefined) made.push(picture ? plain(label) : link(inline(label), address));
    else if (bracketed !== undefined) made.push(link(bracketed, bracketed));
    else if (strong !== undefined) made.push(html`<strong>${inline(strong)}</strong>`);
    else if (emphasis !== undefined) made.push(html`<em>${inline(emphasis)}</em>`);
    else if (bare !== undefined) {
      const end = bare.replace(/[.,:;!?\]}*_]+$/, '');
      made.push(link(end, end), bare.slice(end.length));
    } else made.push(html`<br>`);
  }
  made.push(plain(text.slice(done)));
  return made;
}

/** A link, or its text where the address is none that a README may lead to. @param {unknown} content @param {string} address */
function link(content, address) {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return content;
  return html`<a href=${address} target="_blank" rel="noopener noreferrer">${content}</a>`;
}

/** @param {string} text */
function plain(text) {
  return text.replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => ENTITIES[name]);
}
