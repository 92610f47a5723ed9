// An identity provider of its own, and a gateway that holds requests to its tokens, as API Gateway does.

import crypto from 'node:crypto';
import http from 'node:http';

async function listen(handler) {
  const server = http.createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The provider: every login succeeds, at once or (`state.asks`) with a page on which the user types a name. */
export async function startProvider() {
  const codes = new Map();
  const refresh = new Set();
  const access = new Set();
  const state = { lifetime: 3_600, exchanges: 0, refused: [], denies: false, asks: false, renews: true, logins: 0 };
  const provider = await listen(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const json = (status, body) => response.writeHead(status, { 'content-type': 'application/json', 'access-control-allow-origin': '*' }).end(JSON.stringify(body));
    if (url.pathname === '/.well-known/openid-configuration') {
      return json(200, { issuer: provider.url, authorization_endpoint: `${provider.url}/authorize`, token_endpoint: `${provider.url}/token`, authorization_response_iss_parameter_supported: true });
    }
    if (url.pathname === '/authorize') {
      const asked = url.searchParams;
      if (state.asks && !asked.get('user')) {
        const hidden = [...asked].map(([name, value]) => `<input type="hidden" name="${name}" value="${value.replaceAll('"', '&quot;')}">`).join('');
        return response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><html lang="en"><title>Sign in</title><link rel="icon" href="data:,"><h1>Sign in</h1><form>${hidden}<label>User <input name="user" autofocus></label> <button>Sign in</button></form>`);
      }
      state.logins += 1;
      const back = new URL(asked.get('redirect_uri'));
      back.searchParams.set('state', asked.get('state'));
      back.searchParams.set('iss', provider.url);
      if (state.denies) back.searchParams.set('error', 'access_denied');
      else {
        const code = crypto.randomUUID();
        codes.set(code, { challenge: asked.get('code_challenge'), method: asked.get('code_challenge_method'), redirect: asked.get('redirect_uri') });
        back.searchParams.set('code', code);
      }
      return response.writeHead(302, { location: back.href }).end();
    }
    const given = new URLSearchParams((await bodyOf(request)).toString());
    state.exchanges += 1;
    const tokens = () => {
      const issued = { access_token: crypto.randomUUID(), ...(state.renews ? { refresh_token: crypto.randomUUID() } : {}), token_type: 'Bearer', expires_in: state.lifetime };
      access.add(issued.access_token);
      if (issued.refresh_token) refresh.add(issued.refresh_token);
      return json(200, issued);
    };
    if (given.get('grant_type') === 'authorization_code') {
      const code = codes.get(given.get('code'));
      codes.delete(given.get('code'));
      const challenge = crypto.createHash('sha256').update(given.get('code_verifier') ?? '').digest('base64url');
      if (code?.method === 'S256' && code.challenge === challenge && code.redirect === given.get('redirect_uri')) return tokens();
    } else if (refresh.delete(given.get('refresh_token'))) return tokens();
    state.refused.push(given.get('grant_type'));
    return json(400, { error: 'invalid_grant' });
  });
  return { ...provider, access, state };
}

/** The API behind an authorizer: its files to everybody, its other paths to those with a token. */
export async function startGateway(api, provider, config = { sign_in: { issuer: provider.url, client_id: 'console', scope: 'openid slipway' } }) {
  return listen(async (request, response) => {
    const url = new URL(request.url, api);
    const open = url.pathname === '/' || url.pathname.startsWith('/console');
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (!open && !provider.access.has(token)) return response.writeHead(401, { 'content-type': 'application/json' }).end('{"message":"Unauthorized"}');
    if (url.pathname === '/console/config.json') {
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ version: 'test', ...config }));
    }
    const sent = Object.fromEntries(['content-type', 'idempotency-key', 'if-match'].filter((name) => request.headers[name]).map((name) => [name, request.headers[name]]));
    const body = request.method === 'GET' ? undefined : await bodyOf(request);
    const answer = await fetch(url, { method: request.method, headers: sent, body: body?.length ? body : undefined });
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => !['content-encoding', 'content-length', 'transfer-encoding'].includes(name)));
    const policy = headers['content-security-policy'];
    if (policy) headers['content-security-policy'] = policy.replace("connect-src 'self'", `connect-src 'self' ${provider.url}`);
    return response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
  });
}
