// 500 texts that want to be markup, script, style or layout, in every place of every view that takes a text.

import assert from 'node:assert/strict';
import test from 'node:test';

import { answerWith } from './fake.mjs';
import { openPage, visit } from './support.mjs';

/** How each text says that it ran. */
const ALARM = 'globalThis.__ran=1';

const MARKUP = [
  `<script>${ALARM}</script>`, `<img src=x onerror="${ALARM}">`, `<svg onload="${ALARM}">`, `<svg><script>${ALARM}</script></svg>`, `<iframe srcdoc="<script>parent.${ALARM}</script>">`,
  `"><script>${ALARM}</script>`, `'><img src=x onerror=${ALARM}>`, `</title><script>${ALARM}</script>`, `</textarea><script>${ALARM}</script>`, `<details open ontoggle="${ALARM}">`,
  `<a href="javascript:${ALARM}">x</a>`, `<math><mtext></mtext><mglyph><style></math><img src=x onerror=${ALARM}>`, `<form><button formaction="javascript:${ALARM}">`, `<object data="javascript:${ALARM}">`,
  `<style>*{display:none!important}</style>`, `<div style="position:fixed;inset:0">`, `<base href="https://evil.example/">`, `<meta http-equiv=refresh content="0;url=//evil.example">`, `<link rel=stylesheet href=//evil.example/x.css>`,
  `<template><script>${ALARM}</script></template>`, `<input autofocus onfocus="${ALARM}">`, `<video><source onerror="${ALARM}">`, `<marquee onstart="${ALARM}">`, `<noscript><p title="</noscript><img src=x onerror=${ALARM}>">`,
];
const ADDRESSES = [`javascript:${ALARM}`, `JaVaScRiPt:${ALARM}`, `java\tscript:${ALARM}`, `data:text/html,<script>${ALARM}</script>`, 'vbscript:x', '//evil.example', 'https://evil.example/" onclick="x'];
const TEMPLATES = ['$0$', '$1$', '${globalThis.__ran=1}', '{{constructor.constructor("globalThis.__ran=1")()}}', '<!--$0$-->', '@click', '.innerHTML', '{digest}'];
const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'prototype', '../../etc/passwd', '%2e%2e%2f', '%', '%E0%A4%A', '?a=b&c=d#e', 'null', 'undefined', 'NaN'];
const SHAPES = [
  '\u202eevil\u202c', '\u2066left\u2069', '\u200b'.repeat(50), '\u0000\u0007\u001b[31mred\u001b[0m\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007', '\u001b[2J\u001b[H', '\u001b[38;5;196mcolour', 'A'.repeat(5_000), 'W '.repeat(2_000), '\n'.repeat(200), '\t'.repeat(200),
  'Z\u0336\u0321\u0316a\u0334\u0345'.repeat(200), '𝕳𝖊𝖑𝖑𝖔', '👩‍👩‍👧‍👦'.repeat(100), '\ud800', '漢字'.repeat(500), 'مرحبا بالعالم', ' ', '', '\u00a0',
];

/** Every view, and an address that is none. */
const VIEWS = ['/', '/console/stacks', '/console/stacks/lusab-babad', '/console/operations/op-1', '/console/operations/op-waiting', '/console/new?blueprint=x', '/console/stacks/lusab-babad/update', '/console/blueprints', '/console/blueprints/x', '/console/environments', '/console/source-accounts', '/console/policies', '/console/dead-letters', '/console/audit', '/console/<img src=x onerror=globalThis.__ran=1>'];

/** 500 of them: each alone, then in pairs. */
function texts() {
  const all = [...MARKUP, ...ADDRESSES, ...TEMPLATES, ...NAMES, ...SHAPES];
  const found = [...all];
  for (let index = 0; found.length < 500; index += 1) found.push(all[index % all.length] + all[(index * 7 + 3) % all.length]);
  return found.slice(0, 500);
}

export function hostile(shared) {
  test('half a surrogate pair keeps no page from being shown', async () => {
    const { slipway, browser } = shared;
    const page = await openPage(browser, { allowed: [/40[04]/] });
    await answerWith(page, () => '\ud800');
    for (const address of VIEWS) {
      await visit(page, slipway.url + address);
      assert.notEqual(await page.locator('h1').innerText(), 'This page cannot be shown', address);
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });

  test('500 hostile texts run nothing and break no layout', async () => {
    const { slipway, browser } = shared;
    const all = texts();
    let next = 0;
    const given = new Set();
    const text = () => {
      const index = next % all.length;
      next += 1;
      given.add(index);
      return all[index];
    };
    const page = await openPage(browser, { allowed: [/40[04]/] });
    await answerWith(page, text);
    page.on('dialog', (dialog) => page.wrong.push(`dialog: ${dialog.message()}`));
    page.on('popup', (popup) => page.wrong.push(`popup: ${popup.url()}`));
    page.on('request', (request) => new URL(request.url()).hostname.includes('evil') && page.wrong.push(`request: ${request.url()}`));
    for (let round = 0; given.size < all.length || round < 2; round += 1) {
      // Every other round is on a phone.
      await page.setViewportSize(round % 2 ? { width: 390, height: 844 } : { width: 1280, height: 860 });
      for (const address of VIEWS) {
        await visit(page, slipway.url + address);
        if (address.includes('operations')) {
          await page.locator('.log-line').first().waitFor();
          await page.locator('.changes .attributes').first().waitFor();
        }
        // A text may leave it empty, and so invisible.
        if (address.endsWith('blueprints/x')) await page.locator('.markdown h3').first().waitFor({ state: 'attached' });
        if (address.includes('waiting')) await page.locator('.sheet-body').waitFor();
        if (address.endsWith('audit')) await page.locator('.audit summary').first().click();
        const found = await page.evaluate(() => ({
          ran: Reflect.get(globalThis, '__ran'),
          wide: document.documentElement.scrollWidth - innerWidth,
          // What is wider than the page and not in a part that scrolls or cuts.
          spilled: [...document.querySelectorAll('main *')].filter((element) => {
            if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
            for (let above = element.parentElement; above && above.id !== 'main'; above = above.parentElement) {
              if (getComputedStyle(above).overflowX !== 'visible') return false;
            }
            return true;
          }).map((element) => `${element.tagName}.${element.className}`).slice(0, 5),
          markup: document.querySelectorAll('main :is(script, iframe, object, embed, style, img, video, base, meta, link, math, marquee, template), [onerror], [onload], [onclick], [onfocus]').length,
          links: [...document.querySelectorAll('a')].map((link) => link.protocol).filter((protocol) => !['http:', 'https:', ':'].includes(protocol)),
          covered: document.querySelector('h1') !== null && document.elementFromPoint(innerWidth - 60, 30) !== null,
          prototype: Object.keys(Object.prototype).length,
        }));
        assert.deepEqual(found, { ran: undefined, wide: 0, spilled: [], markup: 0, links: [], covered: true, prototype: 0 }, `${address}, round ${round}, up to text ${next % all.length}`);
      }
      assert.ok(round < 20, 'every text is shown within twenty rounds');
    }
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}
