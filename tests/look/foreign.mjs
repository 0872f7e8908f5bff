// A page of another origin, and a name that somebody made point here: neither reads, acts, frames or embeds.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { begin, told } from './eyes.mjs';

// Where neither token nor certificate is asked for, the page itself works: on this machine, by its own names.
const own = await begin();
await own.page.goto(`${told.url}/#/refusal/${told.trace}`);
await own.page.waitForSelector('.facts');
assert.equal(await own.page.locator('#leave').isVisible(), false);
await own.page.goto(`http://localhost:${told.port}/`);
await own.page.waitForSelector('#total');
await own.end();

const evil = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>evil</title>'));
await new Promise((done) => evil.listen(0, '127.0.0.1', done));
const { page, context, complaints, close } = await begin({}, [`--host-resolver-rules=MAP rebound.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1`]);
await page.goto(`http://127.0.0.1:${evil.address().port}/`);
const got = await page.evaluate(async (url) => {
  const entry = JSON.stringify({ issuer: 'corp', type: 'subject', id: 'alice', at: 'now' });
  const read = (path, how) => fetch(url + path, how).then(async (answer) => (answer.type === 'opaque' ? 'opaque' : `${answer.status} ${(await answer.text()).slice(0, 40)}`), () => 'refused');
  const all = {
    read: await read('/records/query', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
    plain: await read('/records/query', { method: 'POST', body: '{}' }),
    get: await read('/config'),
    blind: await read('/revocations', { method: 'POST', mode: 'no-cors', body: entry }),
    page: await read('/'),
  };
  const tried = (node) => new Promise((done) => { node.onload = () => done('loaded'); node.onerror = () => done('refused'); document.head.append(node); });
  all.script = await tried(Object.assign(document.createElement('script'), { src: `${url}/page/app.js`, type: 'module' }));
  all.style = await tried(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `${url}/page/base.css` }));
  const form = Object.assign(document.createElement('form'), { action: `${url}/revocations`, method: 'post', enctype: 'text/plain', target: 'there' });
  form.append(Object.assign(document.createElement('input'), { name: entry.slice(0, -1), value: '"}' }));
  document.body.append(Object.assign(document.createElement('iframe'), { name: 'there' }), Object.assign(document.createElement('iframe'), { name: 'framed', src: `${url}/` }), form);
  form.submit();
  return all;
}, told.url);
// Another port of the same host is another origin, though of the same site: resources that are only embedded are not let out either.
assert.deepEqual(got, { read: 'refused', plain: 'refused', get: 'refused', blind: got.blind, page: 'refused', script: 'refused', style: got.style });
assert.notEqual(got.style, 'loaded');
assert.ok(['opaque', 'refused'].includes(got.blind));
await page.waitForFunction(() => document.querySelector('iframe[name="framed"]'));
const framed = page.frames().find((frame) => frame.name() === 'framed');
await framed.waitForLoadState();
assert.equal(await framed.locator('#main').count().catch(() => 0), 0, 'it is not framed');

// By a name that points here, but is none of the listener's, there is neither page nor data.
const answer = await page.goto(`http://rebound.test:${told.port}/`);
assert.equal(answer.status(), 403);
const rebound = await page.evaluate(async () => {
  const ask = (path, how) => fetch(path, how).then((answer) => answer.status);
  return [await ask('/config'), await ask('/revocations/feeds'), await ask('/page/app.js'), await ask('/records/query', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })];
});
assert.deepEqual(rebound, [403, 403, 403, 403]);
assert.equal((await context.cookies()).length, 0);
assert.ok(complaints.length > 0, 'the browser said what it refused');
await close();
evil.close();
