// A real OpenID provider for the tests: oidc-provider on loopback, with signing keys that rotate while it runs.
// What a token looks like is said by the resource it is asked for: `https://api.test/es256/ttl/3` is a JWT for
// audience `https://api.test`, signed with ES256, that lives three seconds.
//
// Arguments: MODULES (folder that holds node_modules), KEYS (file that outlives a restart), [PORT [CONTROL_PORT]].
// Prints one line of JSON when it listens, and ends when its standard input closes, so that it never outlives a test.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { application, Browser } from './browser.mjs';
import { askable } from './askable.mjs';
import { statuses } from './statuses.mjs';

const [modules, keysFile, port = '0', controlPort = '0'] = process.argv.slice(2);
const resolve = createRequire(`${modules}/`).resolve;
const { default: Provider } = await import(pathToFileURL(resolve('oidc-provider')));

const ALGORITHMS = { rs256: 'RS256', es256: 'ES256', eddsa: 'EdDSA' };

function generation() {
  const name = randomBytes(4).toString('hex');
  const make = (alg, type, options) => {
    const { privateKey } = generateKeyPairSync(type, options);
    return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg.toLowerCase()}-${name}` };
  };
  return [
    make('RS256', 'rsa', { modulusLength: 2048 }),
    make('ES256', 'ec', { namedCurve: 'P-256' }),
    make('EdDSA', 'ed25519', {}),
  ];
}

// Generations of keys, the one that signs first; all of them are published.
let generations = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile, 'utf8')) : [generation()];

function resourceServer(indicator) {
  const url = new URL(indicator);
  const [, alg, , ttl] = url.pathname.split('/');
  if (!ALGORITHMS[alg]) throw new Error(`no such resource: ${indicator}`);
  return {
    scope: 'orders.read orders.write',
    audience: url.origin,
    accessTokenTTL: Number(ttl ?? 300),
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: ALGORITHMS[alg] } },
  };
}

// The place in the status list that tokens name from now on, when a test says so.
let place;
const list = await statuses(modules);
const asked = await askable(modules);
const listUri = () => `${issuer()}/status/1`;

// Where a logout is told to the application's servers (OpenID Connect Back-Channel Logout 1.0), when a test says so.
let logoutTo;
const logouts = { told: 0, failed: 0 };

// Whoever comes is alice, and agrees.
async function interact(provider, request, response) {
  const { prompt } = await provider.interactionDetails(request, response);
  const result = prompt.name === 'login' ? { login: { accountId: 'alice' } } : { consent: {} };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function agree(ctx) {
  const { client, session, provider } = ctx.oidc;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope('openid offline_access orders.read');
  Object.keys(ctx.oidc.resourceServers ?? {}).forEach((one) => grant.addResourceScope(one, 'orders.read'));
  await grant.save();
  return grant;
}

// When the user signed in for whom a code or a refresh token is exchanged.
const signedIn = (ctx) => (ctx?.oidc?.entities.AuthorizationCode ?? ctx?.oidc?.entities.RefreshToken)?.authTime;

function build(issuer) {
  writeFileSync(`${keysFile}.new`, JSON.stringify(generations));
  renameSync(`${keysFile}.new`, keysFile);
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'worker',
      client_secret: 'not-a-secret-of-anyone',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_basic',
    }, {
      client_id: 'gateway',
      client_secret: 'not-a-secret-of-anyone',
      grant_types: [],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_basic',
      introspection_signed_response_alg: 'ES256',
    }, {
      ...application,
      ...(logoutTo && { backchannel_logout_uri: logoutTo, backchannel_logout_session_required: true }),
    }],
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    loadExistingGrant: agree,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    // Each refresh token is used once (RFC 9700, section 4.14.2).
    rotateRefreshToken: true,
    // Access tokens name their session, by which it can be ended, and tell when its user signed in (RFC 9068, section 2.2.1).
    extraTokenClaims: (ctx, token) => ({
      ...(token.sid && { sid: token.sid }),
      ...(signedIn(ctx) && { auth_time: signedIn(ctx) }),
      ...(place !== undefined && { status: { status_list: { idx: place, uri: listUri() } } }),
    }),
    formats: { customizers: { jwt: (_ctx, token, jwt) => asked.keep(provider, token, jwt) } },
    // The tests are on loopback, to which the provider's own guard lets nothing through.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    jwks: { keys: generations.flat() },
    scopes: ['openid', 'offline_access', 'orders.read', 'orders.write'],
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: {
      clientCredentials: { enabled: true },
      backchannelLogout: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator) => resourceServer(indicator),
      },
    },
  });
  provider.use(asked.translate);
  provider.on('server_error', (_ctx, error) => console.error('server_error', error));
  provider.on('backchannel.success', () => { logouts.told += 1; });
  provider.on('backchannel.error', (_ctx, error) => { logouts.failed += 1; console.error('backchannel', error); });
  const callback = provider.callback();
  return (request, response) => {
    if (!request.url.startsWith('/interaction/')) return callback(request, response);
    return interact(provider, request, response).catch((error) => response.writeHead(500).end(String(error)));
  };
}

let answer;
const hits = {};
const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  hits[path] = (hits[path] ?? 0) + 1;
  if (path !== '/status/1') return answer(request, response);
  const head = { 'content-type': 'application/statuslist+jwt', 'content-encoding': 'gzip' };
  const key = generations[0].find((one) => one.alg === 'ES256');
  return response.writeHead(200, head).end(list.token(listUri(), key));
});

const deeds = {
  '/rotate': () => { generations = [generation(), ...generations]; },
  '/replace': () => { generations = [generation()]; },
  '/retire': () => { generations = generations.slice(0, 1); },
  '/logout-to': (asked) => { logoutTo = asked.get('uri'); },
  '/place': (asked) => { place = Number(asked.get('index')); },
  '/status': (asked) => { list.set(Number(asked.get('index')), Number(asked.get('value'))); },
  '/state': () => {},
};

const browsers = [];

// What users do. They are people of one provider: nothing of it is built anew.
const users = {
  '/sign-in': async (asked) => {
    const browser = new Browser();
    const tokens = await browser.signIn(issuer(), asked.get('resource'));
    return { user: browsers.push(browser) - 1, ...tokens };
  },
  // To stay signed in; in the browser of a user who has signed in before, once more.
  '/sign-in-to-stay': async (asked) => {
    const [user, offline] = [asked.get('user'), { scope: 'openid offline_access orders.read' }];
    const browser = user === null ? new Browser() : browsers[user];
    const prompt = user === null ? 'consent' : 'login consent';
    const tokens = await browser.signIn(issuer(), asked.get('resource'), { ...offline, prompt });
    return { user: user === null ? browsers.push(browser) - 1 : Number(user), ...tokens };
  },
  '/refresh': (asked) => browsers[asked.get('user')].refresh(issuer(), asked.get('resource'), asked.get('token')),
  '/sign-out': async (asked) => ({ status: await browsers[asked.get('user')].signOut(issuer()), ...logouts }),
};

const control = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const [deed, visit] = [deeds[pathname], users[pathname]];
  if (!deed && !visit) return response.writeHead(404).end();
  response.setHeader('content-type', 'application/json');
  if (visit) {
    const done = await visit(searchParams).catch((error) => ({ error: String(error) }));
    return response.end(JSON.stringify(done));
  }
  deed(searchParams);
  if (pathname !== '/state') answer = build(issuer());
  return response.end(JSON.stringify({ kids: generations.flat().map((key) => key.kid), hits }));
});

const issuer = () => `http://127.0.0.1:${server.address().port}`;
const listen = (on, at) => new Promise((done, fail) => on.once('error', fail).listen(Number(at), '127.0.0.1', done));

await listen(server, port);
answer = build(issuer());
await listen(control, controlPort);
process.stdin.on('end', () => process.exit(0)).resume();
console.log(JSON.stringify({ port: server.address().port, control: control.address().port }));
