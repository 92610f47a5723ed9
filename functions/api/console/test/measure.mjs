// Measures the first paint of the console with few and with many stacks, as the table of docs/performance.md shows it:
//
//     node measure.mjs
//
// The API serves the console; only the list of the stacks is answered by a server in front of it.

import http from 'node:http';
import os from 'node:os';

import { stack } from './fake.mjs';
import { startBrowser, startSlipway } from './support.mjs';

/** How often each view is opened, each time in a new profile without a cache. */
const ROUNDS = 15;
const SIZES = [10, 5_000];
const VIEWS = { Home: '/', Stacks: '/console/stacks' };

/** The API, with this many stacks. */
async function startFront(api, size) {
  const all = Array.from({ length: size }, (_, index) => ({ ...stack(index, `shop-${index}`), environment: `env-${index % 4}`, owner: `team-${index % 40}`, status: index % 100 ? 'ready' : 'failed', unsettled: null, drift: null, blueprint: { name: `web-${index % 6}`, version: '1.0.0' } }));
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, api);
    if (url.pathname === '/v1/stacks') {
      const found = all.filter((one) => ['status', 'owner'].every((name) => !url.searchParams.get(name) || one[name] === url.searchParams.get(name)));
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const to = from + Number(url.searchParams.get('limit') ?? 50);
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items: found.slice(from, to), next: to < found.length ? String(to) : null }));
    }
    // A local server rejects what another origin's page requests.
    const { origin: _, ...headers } = request.headers;
    const upstream = http.request(url, { method: request.method, headers: { ...headers, host: url.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    return void request.pipe(upstream);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** One visit in a new profile. */
async function visit(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  const times = await page.evaluate(() => ({ paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0, ready: performance.now() }));
  await context.close();
  return { ...times, bytes };
}

function middle(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

const slipway = await startSlipway();
const browser = await startBrowser();
console.log(`${os.cpus().length} cores of ${os.cpus()[0].model.trim()}, ${os.type()}, Chromium ${browser.version()}, Node.js ${process.version}, load ${os.loadavg()[0].toFixed(1)}`);
console.log(`\n| view | stacks | first paint, median | slowest of ${ROUNDS} | view complete, median | on the wire |\n| --- | --- | --- | --- | --- | --- |`);
for (const size of SIZES) {
  const front = await startFront(slipway.url, size);
  for (const [name, path] of Object.entries(VIEWS)) {
    await visit(browser, front.url + path);
    const found = [];
    for (let round = 0; round < ROUNDS; round += 1) found.push(await visit(browser, front.url + path));
    const paints = found.map((one) => one.paint);
    console.log(`| ${name} | ${size.toLocaleString('en')} | ${Math.round(middle(paints))} ms | ${Math.round(Math.max(...paints))} ms | ${Math.round(middle(found.map((one) => one.ready)))} ms | ${(middle(found.map((one) => one.bytes)) / 1_000).toFixed(1)} kB |`);
  }
  front.close();
}
await browser.close();
await slipway.stop();
