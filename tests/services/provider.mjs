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
    }],
    jwks: { keys: generations.flat() },
    scopes: ['orders.read', 'orders.write'],
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator) => resourceServer(indicator),
      },
    },
  });
  provider.on('server_error', (_ctx, error) => console.error('server_error', error));
  return provider.callback();
}

let answer;
const hits = {};
const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  hits[path] = (hits[path] ?? 0) + 1;
  answer(request, response);
});

const deeds = {
  '/rotate': () => { generations = [generation(), ...generations]; },
  '/replace': () => { generations = [generation()]; },
  '/retire': () => { generations = generations.slice(0, 1); },
  '/state': () => {},
};

const control = createServer((request, response) => {
  const deed = deeds[request.url];
  if (!deed) return response.writeHead(404).end();
  deed();
  if (request.url !== '/state') answer = build(issuer());
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ kids: generations.flat().map((key) => key.kid), hits }));
});

const issuer = () => `http://127.0.0.1:${server.address().port}`;
const listen = (on, at) => new Promise((done, fail) => on.once('error', fail).listen(Number(at), '127.0.0.1', done));

await listen(server, port);
answer = build(issuer());
await listen(control, controlPort);
process.stdin.on('end', () => process.exit(0)).resume();
console.log(JSON.stringify({ port: server.address().port, control: control.address().port }));
