// Characters that are not seen, or that change how others are seen: people decide by what they read, so these are written out.

/**
 * Controls other than the tab and the line break, and the marks of crates/model/src/marks.rs: a test holds the two together. U+FE0F
 * directly behind a symbol stays: there, it asks for the picture in colour, and written out it would make each ⚠️ unreadable.
 */
const HIDDEN = /(?:[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u2800\ufff9-\ufffb\p{Default_Ignorable_Code_Point}](?<![\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff\u3030\u303d\u3297\u3299\u{1f000}-\u{1faff}]\ufe0f))+/gu;

/** The same in a text of nothing but spaces, which would read as none: those that are not of ASCII, too. */
const HIDDEN_OR_SPACE = new RegExp(`(?:${HIDDEN.source}|(?!\\p{ASCII})\\p{White_Space})+`, 'gu');

/** What is to be written out of a text. @param {string} text */
function hidden(text) {
  return /^\p{White_Space}+$/u.test(text) ? HIDDEN_OR_SPACE : HIDDEN;
}

/** @param {string} text */
function written(text) {
  return Array.from(text, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`).join('');
}

/** A text as it is read: `\u{202e}` for a character that turns the direction of a line. @param {string} text */
export function visible(text) {
  return text.replace(hidden(text), written);
}

/** A text in parts that are read as they are, and parts that stand for what is not seen. @param {string} text @returns {{text: string, hidden: boolean}[]} */
export function pieces(text) {
  /** @type {{text: string, hidden: boolean}[]} */
  const found = [];
  let from = 0;
  for (const match of text.matchAll(hidden(text))) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), hidden: false });
    found.push({ text: written(match[0]), hidden: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), hidden: false });
  return found;
}

/** The letters of a text as an eye takes them: one form of each, one space for several, nothing for what has no width. @param {string} text */
function letters(text) {
  return [...text.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}+/gu, '').replace(/[\s\u2800]+/g, ' ').trim()];
}

/** Whether two texts may be taken for one another: a letter of another script may look like one of ASCII. @param {string} a @param {string} b */
function alike(a, b) {
  const [one, other] = [letters(a), letters(b)];
  const ascii = (/** @type {string} */ letter) => letter <= '~';
  return one.length === other.length && one.every((letter, index) => letter === other[index] || ascii(letter) !== ascii(other[index])
    || /\p{C}/u.test(letter + other[index]));
}

/** A value with every character written out that is not of ASCII, and every space after a space. @param {unknown} value */
function exact(value) {
  return (JSON.stringify(value) ?? '').replace(/[^\n -~]|(?<= ) /gu, written);
}

/**
 * Both sides of a change as texts, which are different wherever the values are. `write` makes the text of a value; where both look
 * alike, such as `1` and `"1"` or two letters of the same form, the values are written out.
 *
 * @template T
 * @param {T} before @param {T} after @param {(value: T) => string} write @returns {[string, string]}
 */
export function apart(before, after, write) {
  const texts = /** @type {[string, string]} */ ([write(before) ?? '', write(after) ?? '']);
  // A text may also spell what stands for a character of the other.
  if (!alike(...texts) && visible(texts[0]) !== visible(texts[1])) return texts;
  const whole = /** @type {[string, string]} */ ([exact(before), exact(after)]);
  return whole[0] === whole[1] ? texts : whole;
}
