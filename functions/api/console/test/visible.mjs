// What people decide by: characters that are not seen are written out, and the sides of a change look different.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { plain } from '../log.js';
import { apart, visible as shown } from '../visible.js';
import { answerWith, operation, planItem, sheet, stack } from './fake.mjs';
import { axe, openPage, visit } from './support.mjs';

const read = (path) => fs.readFileSync(new URL(path, import.meta.url), 'utf8');

/** The code points for which a function of crates/model/src/marks.rs holds. */
function codes(name) {
  const body = new RegExp(`fn ${name}\\(letter[^]*?matches!\\(letter,([^]*?)\\)\\n`).exec(read('../../../../crates/model/src/marks.rs'))[1];
  const found = new Set();
  for (const [, from, to] of body.matchAll(/'\\u\{([0-9a-f]+)\}'(?:\.\.='\\u\{([0-9a-f]+)\}')?/g)) {
    for (let code = parseInt(from, 16); code <= parseInt(to ?? from, 16); code += 1) found.add(code);
  }
  return found;
}

/** Pairs of values that look alike. */
const ALIKE = [
  ['admin', '\u202enimda'], ['admin', 'ad\u200bmin'], ['admin', 'ad\u034fmin'], ['admin', 'adm\u0456n'], ['a b', 'a\u00a0b'], ['a b', 'a  b'], ['a', 'a '], ['1', 1], ['true', true],
  ['null', null], ['\u00e9', 'e\u0301'], ['x', 'x\ufe0f'], ['\ud800', '\ud801'], [['a'], '["a"]'], ['ad\u200bmin', 'ad\\u{200b}min'],
];
const digest = (digit) => `sha256:${'0'.repeat(12)}${digit.repeat(52)}`;

export function visible(shared) {
  test('the console writes out the characters that the server escapes', async () => {
    const [marks, symbols] = ['is_mark', 'is_symbol'].map(codes);
    assert.ok(marks.size > 4_000 && symbols.size > 1_000, `${marks.size} marks, ${symbols.size} symbols`);
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const control = (code < 0x20 && code !== 9 && code !== 10) || (code >= 0x7f && code <= 0x9f);
      const text = String.fromCodePoint(code);
      const escape = `\\u{${code.toString(16)}}`;
      const written = control || marks.has(code) ? escape : text;
      // A space that is not of ASCII is written out in a text that has nothing else.
      const alone = code > 0x7f && /^\p{White_Space}$/u.test(text) ? escape : written;
      if (shown(text) !== alone || shown(`a${text}`) !== `a${written}` || shown(` ${text}`) !== ` ${alone}`) assert.fail(`U+${code.toString(16)} as ${shown(text)}`);
      // Behind a symbol, the selector of pictures stays, and only one.
      const picture = symbols.has(code) ? '\ufe0f' : '\\u{fe0f}';
      if (shown(`${text}\ufe0f\ufe0f`) !== `${written}${picture}\\u{fe0f}`) assert.fail(`U+${code.toString(16)} U+FE0F as ${shown(`${text}\ufe0f`)}`);
      // What Unicode calls ignorable and what turns a direction is all there, by the tables of this version of Node.js.
      if (/[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u.test(text) && !marks.has(code)) assert.fail(`U+${code.toString(16)} is no mark`);
    }
  });

  test('the sides of a change differ in their texts', async () => {
    const plain = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
    const eye = (text) => shown(text).replace(/\s+/g, ' ').trim();
    for (const pair of ALIKE) {
      const [before, after] = apart(...pair, plain).map(eye);
      assert.notEqual(before, after, JSON.stringify(pair));
    }
    assert.deepEqual(apart('für', 'gegen', plain), ['für', 'gegen']);
    assert.deepEqual(apart('日本', '中国', plain), ['日本', '中国']);
    assert.deepEqual(apart('same', 'same', plain), ['same', 'same']);
  });

  test('a control sequence that does not end hides no text of a log', () => {
    for (const [line, text] of [
      ['a\u001b[31mb\u001b[0mc', 'abc'], ['a\u001b]8;;u\u0007b\u001b]8;;\u001b\\c', 'abc'], ['a\u001bPq\u001b\\b', 'ab'], ['a\u001b_q\u001b\\b\u001bMc', 'abc'],
    ]) assert.equal(plain(line), text);
    // Cut off at the end of a line or of a part of one, such as all before the rest of it arrives.
    for (const line of ['a\u001b]8;;u b', 'a\u001b]0;b\u001b', 'a\u001bPb', 'a\u001b^b', 'a\u001b_b', 'a\u001bXb', 'a\u001b[31', '31mb', 'a\u001b']) assert.equal(plain(line), line);
    assert.equal(plain('a\u001b]8;;u \u001b[1mb'), 'a\u001b]8;;u b');
  });

  test('an approver sees the value that is applied', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser, { allowed: [/40[04]/] });
    await answerWith(page, () => 'text');
    await page.route(/\/sheet$/, (route) => route.fulfill({ json: {
      ...sheet('text'),
      variables: [...ALIKE.map(([before, after], index) => ({ name: `v${index}`, before, after })), { name: 'rtl', before: '\u05d0', after: '\u05d1' }],
      services: [{ name: 'web', action: 'update', image_before: `good.example/shop@${digest('1')}`, image_after: `evil.example/shop@${digest('2')}` }],
    } }));
    await page.route(/\/plan(\?|$)/, (route) => route.fulfill({ json: {
      items: [planItem('text', { address: 'null_resource.a\u200b', attributes: [...ALIKE.map(([before, after], index) => ({ path: `v${index}`, before, after })),
        { path: 'long', before: 'a', after: 'a', before_cut: { bytes: 9, sha256: '1'.repeat(64) }, after_cut: { bytes: 9, sha256: '2'.repeat(64) } }] })], total: 1, next: null,
    } }));
    await visit(page, `${slipway.url}/console/operations/op-waiting`);
    await page.locator('.sheet-body').waitFor();
    await page.locator('.changes .attributes').first().waitFor();
    const rows = await page.evaluate(() => [...document.querySelectorAll('.attributes > li')].map((row) => ({
      name: row.querySelector('.path')?.textContent,
      sides: [...row.querySelectorAll('.old, .new')].map((side) => side.parentElement?.classList.contains('change') ? `${side.textContent}${side.nextElementSibling?.title ? side.nextElementSibling.textContent : ''}`.replace(/\s+/g, ' ').trim() : ''),
    })));
    assert.equal(rows.length, 2 * ALIKE.length + 3);
    for (const { name, sides } of rows) assert.ok(sides.length === 2 && sides[0] !== sides[1], `${name}: ${sides.join(' and ')}`);
    // Letters from right to left do not exchange the sides.
    const [left, right] = await page.evaluate(() => {
      const row = [...document.querySelectorAll('.sheet-body .attributes > li')].find((one) => one.textContent?.startsWith('rtl'));
      return ['.old', '.new'].map((side) => row?.querySelector(side)?.getBoundingClientRect().x ?? 0);
    });
    assert.ok(left < right, `before at ${left}, after at ${right}`);
    assert.equal(await page.locator('.sheet-body .unseen').first().innerText(), '\\u{202e}');
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('no view shows a text with a character that is not seen', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser, { allowed: [/40[04]/] });
    await answerWith(page, () => 'ad\u202emin\u200b\u0008\u{e0041}');
    await page.route(/\/v1\/stacks\/lusab-bab0009$/, (route) => route.fulfill({ json: { ...stack(1, 'a\u202eb'), variables: { plain: 'a\u200bb' } } }));
    await page.route(/\/v1\/operations\/op-failed$/, (route) => route.fulfill({ json: { ...operation('a\u202eb'), id: 'op-failed' } }));
    for (const address of ['/', '/console/stacks', '/console/stacks/lusab-bab0009', '/console/stacks/lusab-bab0009/update', '/console/operations/op-failed', '/console/operations/op-waiting',
      '/console/new?blueprint=x', '/console/blueprints', '/console/blueprints/x', '/console/environments', '/console/source-accounts', '/console/policies', '/console/dead-letters', '/console/audit']) {
      await visit(page, slipway.url + address);
      if (address.includes('/operations/')) await page.locator('.log-line').first().waitFor();
      await page.locator('.unseen').first().waitFor({ state: 'attached' });
      const raw = await page.evaluate(() => {
        const hidden = /[\u0008\u200b\u202e\u{e0041}]/u;
        /** @type {string[]} */
        const found = hidden.test(document.title) ? ['title'] : [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) if (hidden.test(walker.currentNode.textContent ?? '')) found.push(walker.currentNode.parentElement?.outerHTML ?? '');
        for (const name of ['title', 'aria-label', 'placeholder']) for (const one of document.querySelectorAll(`[${name}]`)) if (hidden.test(one.getAttribute(name) ?? '')) found.push(`${name}: ${one.outerHTML}`);
        return found;
      });
      assert.deepEqual(raw, [], address);
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
