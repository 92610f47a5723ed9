// A local Slipway with the guestbook in it, and a browser that keeps a list of everything that went wrong in its pages.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

import { chromium } from 'playwright-core';

import { serve } from './serve.mjs';

const ROOT = path.resolve(import.meta.dirname, '../../../..');
const PROGRAMS = process.env.SLIPWAY_PROGRAMS ?? path.join(ROOT, 'target/debug');
const CHROMIUM = process.env.CHROMIUM ?? ['/usr/lib/chromium/chromium', '/usr/bin/chromium'].find((file) => fs.existsSync(file));
export const AXE = fs.readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** Starts `slipway up` on free ports with an empty data folder. */
export async function startSlipway() {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-console-'));
  const environment = { ...process.env, SLIPWAY_DATA: data, USER: 'ann' };
  const server = spawn(path.join(PROGRAMS, 'slipway'), ['up', '--json', '--port', '0', '--aws-port', '0'], {
    env: environment,
    stdio: ['ignore', 'pipe', process.env.VERBOSE ? 'inherit' : 'ignore'],
  });
  const lines = readline.createInterface({ input: server.stdout });
  const up = await new Promise((resolve, reject) => {
    lines.once('line', (line) => resolve(JSON.parse(line)));
    server.once('exit', (code) => reject(new Error(`slipway up ended with ${code}`)));
    server.once('error', reject);
  });
  const slipway = (...args) => {
    const run = spawnSync(path.join(PROGRAMS, 'slipway'), args, { env: environment, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`slipway ${args.join(' ')}: ${run.stderr}`);
    return run.stdout.trim();
  };
  // The files of the working folder in front of the API, for changes that are not compiled yet.
  const development = process.env.CONSOLE_DEV ? await serve(up.api) : null;
  return {
    api: up.api,
    url: development?.url ?? up.api,
    slipway,
    async json(method, where, body) {
      const answer = await fetch(up.api + where, { method, headers: body ? { 'content-type': 'application/json' } : {}, body: body && JSON.stringify(body) });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`);
      return text ? JSON.parse(text) : null;
    },
    /** Starts `slipway console` for this API. */
    async console() {
      const args = ['console', '--json', '--no-browser', '--endpoint', up.api, '--auth', 'none'];
      const child = spawn(path.join(PROGRAMS, 'slipway'), args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
      const printed = await new Promise((resolve, reject) => {
        readline.createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
        child.once('exit', (code) => reject(new Error(`slipway console ended with ${code}`)));
      });
      return { url: printed.console, stop: () => child.kill() };
    },
    /** Waits until an operation has one of these statuses. */
    async until(operation, ...statuses) {
      for (let seen = 0; ;) {
        const now = await this.json('GET', `/v1/operations/${operation}?wait=20&seen=${seen}`);
        if (statuses.includes(now.status)) return now;
        if (['succeeded', 'failed', 'cancelled', 'discarded'].includes(now.status)) throw new Error(`${operation} ${now.status}: ${JSON.stringify(now.error)}`);
        seen = now.revision;
      }
    },
    async stop() {
      development?.close();
      server.kill('SIGTERM');
      await new Promise((resolve) => server.once('exit', resolve));
      fs.rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Publishes the guestbook of `examples/` and pushes the images of its four releases, whose names come back. */
export function publishGuestbook({ slipway }) {
  const example = path.join(ROOT, 'examples/guestbook');
  slipway('blueprint', 'publish', path.join(example, 'blueprint'), '--as', 'guestbook@1.0.0', '--description', 'A guestbook with a database');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-images-'));
  const names = [1, 2, 3, 4].map((number) => {
    const [image, release] = [path.join(folder, String(number)), path.join(example, 'releases', String(number))];
    fs.mkdirSync(path.join(image, 'release'), { recursive: true });
    fs.copyFileSync(path.join(PROGRAMS, 'guestbook'), path.join(image, 'guestbook'));
    fs.cpSync(release, path.join(image, 'release'), { recursive: true });
    fs.writeFileSync(path.join(image, 'image.json'), JSON.stringify({ entrypoint: ['./guestbook'] }));
    const printed = slipway('image', 'push', image, '--repository', 'guestbook');
    return /\S+@sha256:[0-9a-f]{64}/.exec(printed)[0];
  });
  fs.rmSync(folder, { recursive: true, force: true });
  return names;
}

/** Publishes a blueprint of one file, and of a README where there is one. */
export function publish({ slipway }, name, terraform, description = 'For a test', readme = '', options = []) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-blueprint-'));
  fs.writeFileSync(path.join(folder, 'main.tf'), terraform);
  if (readme) fs.writeFileSync(path.join(folder, 'README.md'), readme);
  slipway('blueprint', 'publish', folder, '--as', name, '--description', description, ...options);
  fs.rmSync(folder, { recursive: true, force: true });
}

export function startBrowser() {
  // Chromium's sandbox does not work as root; containers have a small /dev/shm.
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page whose errors, refused requests and violations of the policy are in `page.wrong`. */
export async function openPage(browser, { dark = false, width = 1280, height = 860, allowed = [] } = {}) {
  const context = await browser.newContext({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', viewport: { width, height } });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const wrong = [];
  // An operation whose plan was kept as a summary has no whole plan and no sheet.
  const expected = [/^404 .*\/(plan|sheet)(\?|$)/, /^console: Failed to load resource: .* 404 /, ...allowed];
  const note = (text) => expected.some((pattern) => pattern.test(text)) || wrong.push(text);
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(`console: ${message.text()}`));
  page.on('pageerror', (error) => note(`error: ${error.message}`));
  page.on('response', (answer) => answer.status() >= 400 && note(`${answer.status()} ${answer.url()}`));
  await page.exposeFunction('__violation', (text) => note(`policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => globalThis.__violation(`${event.effectiveDirective} ${event.blockedURI}`));
  });
  return Object.assign(page, { wrong });
}

/** Opens an address and waits until its view is there. */
export async function visit(page, url) {
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
}

/** What axe finds, as texts: by all rules, or by these. */
export async function axe(page, rules = null) {
  await page.evaluate(AXE);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await page.evaluate((only) => globalThis.axe.run(document, { runOnly: only, resultTypes: ['violations'] }),
    rules ? { type: 'rule', values: rules } : { type: 'tag', values: tags });
  return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target} ${node.failureSummary}`));
}
