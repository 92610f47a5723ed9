// Serves the console's files from this folder in front of a running API, compressed as the API does it, so that they can be worked on
// without compiling:
//
//     node serve.mjs http://127.0.0.1:4700 4800

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import zlib from 'node:zlib';

const CONSOLE = path.resolve(import.meta.dirname, '..');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8' };

/** What the API answers for the page, less its digest: the tests hold the two together. */
async function headersOf(api) {
  const answer = await fetch(`${api}/`);
  return answer.ok ? { 'content-security-policy': answer.headers.get('content-security-policy') ?? '' } : {};
}

/** Starts the server; resolves to its address and a function that ends it. */
export async function serve(api, port = 0) {
  const headers = await headersOf(api);
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const asset = /^\/console\/assets\/[^/]+\/(.+)$/.exec(url.pathname)?.[1];
    if (asset ?? (url.pathname === '/' || (url.pathname.startsWith('/console') && url.pathname !== '/console/config.json'))) {
      const file = path.join(CONSOLE, path.normalize(`/${asset ?? 'index.html'}`));
      if (!fs.existsSync(file)) return void response.writeHead(404).end();
      response.writeHead(200, { ...headers, 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-store', 'content-encoding': 'gzip' });
      return void response.end(zlib.gzipSync(fs.readFileSync(file, 'utf8').replaceAll('{digest}', 'dev'), { level: 9 }));
    }
    const to = new URL(url.pathname + url.search, api);
    const forwarded = { ...request.headers, host: to.host };
    delete forwarded.origin;
    const upstream = http.request(to, { method: request.method, headers: forwarded }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.writeHead(502).end());
    request.pipe(upstream);
    return undefined;
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

if (process.argv[1] === import.meta.filename) {
  console.log((await serve(process.argv[2] ?? 'http://127.0.0.1:4700', Number(process.argv[3] ?? 4800))).url);
}
