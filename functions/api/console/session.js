// Sign-in at the identity provider: OpenID Connect's Authorization Code flow with PKCE, tokens in memory only.
//
// What outlives the redirect to the provider is the verifier, the state and the page to come back to, in sessionStorage, and it is
// deleted on return. https://datatracker.ietf.org/doc/draft-ietf-oauth-browser-based-apps/ has the reasons.

/** @typedef {{issuer: string, client_id: string, scope: string, audience?: string}} SignIn */
/** `key` where `slipway console` serves the console: its address has a key, which is sent as a token. */
/** @typedef {{version: string, sign_in: SignIn | null, key?: boolean}} Config */

const PENDING = 'slipway-sign-in';
const KEY = 'slipway-console-key';
const CALLBACK = '/console/callback';
/** How long before its end a token is renewed. */
const EARLY = 60_000;

/** The page leaves for the identity provider, or the provider did not sign the user in. */
export class SignInNeeded extends Error {}

/** The user has to sign in again, and the page must not leave by itself. */
export class SessionEnded extends Error {}

/** @type {Config} */
let config = { version: '', sign_in: null };
/** @type {any} */
let metadata = null;
/** @type {{access: string, refresh: string | null, id: string | null, ends: number} | null} */
let tokens = null;
/** @type {Promise<void> | null} */
let renewal = null;
/** Whether the API took a token of this page. */
let taken = false;

/** Whether callers sign in here. */
export function enabled() {
  return config.sign_in !== null;
}

/** Takes the configuration, and ends a sign-in that the provider has just redirected from. The path to go to, then. @param {Config} found @returns {Promise<string | null>} */
export async function start(found) {
  config = found;
  if (config.key) return keep();
  if (!config.sign_in) return null;
  return location.pathname === CALLBACK ? finish(new URLSearchParams(location.search)) : null;
}

/** Keeps the key of `slipway console` for this tab, so that a reload needs no other address. */
function keep() {
  const key = /^#key=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (!key) return null;
  sessionStorage.setItem(KEY, key);
  return location.pathname + location.search;
}

/** @returns {Config} */
export function configuration() {
  return config;
}

/** A token to send, or null where there is no sign-in. @param {boolean} mayLeave  Whether the page may leave to get one. @returns {Promise<string | null>} */
export async function token(mayLeave) {
  if (config.key) return sessionStorage.getItem(KEY);
  if (!config.sign_in) return null;
  if (tokens && tokens.ends - Date.now() < EARLY) {
    // One renewal at a time: with rotation a second use of a refresh token ends the session.
    renewal ??= renew().finally(() => {
      renewal = null;
    });
    await renewal;
  }
  if (!tokens) {
    if (!mayLeave) throw new SessionEnded('Your session has ended');
    await redirect();
    throw new SignInNeeded('Signing in…');
  }
  return tokens.access;
}

/** Notes that the API took the token. */
export function accepted() {
  taken = true;
}

/** Whether the API has taken a token of this page. */
export function wasAccepted() {
  return taken;
}

/**
 * Drops a token that the API did not accept: the next request signs in again. False where that does not help, because there is no
 * sign-in, or because the API has never taken a token: another one of the same provider would be denied as well, without end.
 */
export function forget() {
  if (!config.sign_in || !taken) return false;
  tokens = null;
  return true;
}

/** Ends the session here, and at the provider where it has an address for that. */
export async function signOut() {
  const hint = tokens?.id;
  tokens = null;
  const end = (await discover()).end_session_endpoint;
  if (!end) return location.assign('/');
  const to = new URL(end);
  if (hint) to.searchParams.set('id_token_hint', hint);
  to.searchParams.set('client_id', config.sign_in?.client_id ?? '');
  to.searchParams.set('post_logout_redirect_uri', `${location.origin}/`);
  location.assign(to);
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function discover() {
  if (metadata) return metadata;
  const issuer = config.sign_in?.issuer ?? '';
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, { credentials: 'omit' });
  if (!response.ok) throw new SignInNeeded(`The identity provider answered ${response.status} for its configuration.`);
  const found = await response.json();
  if (found.issuer !== issuer) {
    throw new SignInNeeded(`The identity provider calls itself ${found.issuer}; the console is configured for ${issuer}.`);
  }
  metadata = found;
  return metadata;
}

async function redirect() {
  const { authorization_endpoint: endpoint } = await discover();
  const { client_id, scope, audience } = /** @type {SignIn} */ (config.sign_in);
  const [verifier, state] = [random(), random()];
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const page = location.pathname === CALLBACK ? '/' : location.pathname + location.search + location.hash;
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, page }));
  const to = new URL(endpoint);
  const parameters = {
    response_type: 'code',
    client_id,
    redirect_uri: location.origin + CALLBACK,
    scope,
    state,
    code_challenge: base64url(digest),
    code_challenge_method: 'S256',
    ...(audience ? { audience } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) to.searchParams.set(name, value);
  location.assign(to);
}

/** @param {URLSearchParams} answer @returns {Promise<string>} */
async function finish(answer) {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null');
  sessionStorage.removeItem(PENDING);
  // The code is not to stay in the address, the history or a bookmark.
  history.replaceState(null, '', CALLBACK);
  if (!pending) return '/';
  const error = answer.get('error');
  if (error) throw new SignInNeeded(`The identity provider refused the sign-in: ${answer.get('error_description') ?? error}.`);
  if (answer.get('state') !== pending.state) throw new SignInNeeded('The answer belongs to another sign-in.');
  const { issuer, authorization_response_iss_parameter_supported: names } = await discover();
  // RFC 9207: a provider that names itself in its answers does so in each.
  if ((names || answer.has('iss')) && answer.get('iss') !== issuer) throw new SignInNeeded('The answer comes from another identity provider.');
  await exchange({
    grant_type: 'authorization_code',
    code: answer.get('code') ?? '',
    redirect_uri: location.origin + CALLBACK,
    code_verifier: pending.verifier,
  });
  const page = String(pending.page);
  return page.startsWith('/') && !page.startsWith('//') ? page : '/';
}

async function renew() {
  const refresh = tokens?.refresh;
  if (!refresh) {
    tokens = null;
    return;
  }
  try {
    await exchange({ grant_type: 'refresh_token', refresh_token: refresh });
  } catch (error) {
    if (!(error instanceof SignInNeeded)) throw error;
    tokens = null;
  }
}

/** @param {Record<string, string>} parameters */
async function exchange(parameters) {
  const { token_endpoint: endpoint } = await discover();
  const body = new URLSearchParams({ client_id: config.sign_in?.client_id ?? '', ...parameters });
  const response = await fetch(endpoint, { method: 'POST', body, credentials: 'omit' });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok || typeof answer.access_token !== 'string') {
    throw new SignInNeeded(`The identity provider gave no token: ${answer.error_description ?? answer.error ?? response.status}.`);
  }
  tokens = {
    access: answer.access_token,
    refresh: answer.refresh_token ?? tokens?.refresh ?? null,
    id: answer.id_token ?? tokens?.id ?? null,
    ends: Date.now() + (Number(answer.expires_in) || 300) * 1_000,
  };
}
