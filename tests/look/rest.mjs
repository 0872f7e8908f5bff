// The gateway's own standing; dark; narrow; and values that would like to be more than text.

import assert from 'node:assert/strict';
import { begin, told } from './eyes.mjs';

const light = await begin();
await light.signIn();
{
  const { page, shot, fits } = light;
  // Of connections a gateway tells that has a part for them; one that has not is shown without.
  let live = { status: 404, json: {} };
  await page.route('**/connections', (route) => route.fulfill(live));
  await page.goto(`${told.url}/#/gateway`);
  await page.waitForSelector('#routes h2');
  assert.equal(await page.locator('#connections').innerText(), '');
  const one = { kind: 'websocket', route: 'orders', session: '0af7651916cd43dd', trace_id: 'a'.repeat(32), since: new Date(Date.now() - 90_000).toISOString(), ends: new Date(Date.now() + 600_000).toISOString(), why: 'token_expired' };
  live = { status: 200, json: { total: 2, complete: true, routes: [{ route: 'orders', connections: 2 }], connections: [one, { ...one, kind: '<b>', session: null, ends: null, why: null }] } };
  await page.waitForSelector('#connections table');
  assert.match(await page.locator('#connections tbody').innerText(), /websocket\s+orders\s+0af7651916cd43dd\s+9\d s ago\s+in 9 min \d+ s, token_expired\s+a{32}\s+<b>\s+orders\s+–/);
  const text = await page.locator('main').innerText();
  for (const said of ['list', 'partner-list', 'fresh', 'rsa-1', 'ES384', 'weak-1', 'not used: an RSA key outside', 'payments', 'known for']) assert.ok(text.includes(said), said);
  await page.locator('.route summary', { hasText: 'payments' }).press('Enter');
  const limits = await page.locator('.route[open] tbody tr').allInnerTexts();
  assert.ok(limits.some((row) => /^session\.idle\s+10m\s+policies\.payments/.test(row)), limits.join('|'));
  await fits();
  await shot('gateway');

  // Nothing that a client wrote does anything: it is text, escaped and cut.
  await page.evaluate(() => { globalThis.alert = () => { globalThis.alerted = true; }; });
  await page.goto(`${told.url}/#/refusal/${told.nasty}`);
  await page.waitForSelector('.facts');
  const shown = await page.locator('main').innerText();
  assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e]/u.test(shown), 'no character does anything');
  assert.ok(shown.includes('\\x3c') && shown.includes('\\u{202e}') && shown.includes('\\x1b') && shown.includes('…'), shown);
  assert.equal(await page.locator('main script, main img, main iframe, main [onerror], main [onload], main a[href^="javascript"]').count(), 0);
  assert.ok(shown.length < 12_000, `${shown.length}`);
  await fits();
  for (const [name, trace] of told.loud) {
    await page.goto(`${told.url}/#/refusal/${trace}`);
    await page.waitForFunction((id) => document.querySelector('.facts')?.textContent.includes(id), trace);
    const shown = await page.locator('main').innerText();
    assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u.test(shown), `${name}: no character does anything`);
    assert.ok(shown.length < 12_000, `${name}: ${shown.length}`);
    assert.equal(await page.locator('main script, main img, main iframe, main [onerror], main [onload], main a[href^="javascript"]').count(), 0, name);
    await fits();
  }
  for (const id of ['<img src=x onerror=alert(6)>', '"><script>alert(7)</script>', '\u202e\u0007%']) {
    await page.goto(`${told.url}/#/refusal/${encodeURIComponent(id)}`);
    await page.waitForFunction(() => /no such record/.test(document.querySelector('h1')?.textContent));
    assert.equal(await page.locator('main script, main img').count(), 0);
  }
  await page.goto(`${told.url}/#/?reason=%3Cimg%20src%3Dx%3E&route=${encodeURIComponent('<b>')}`);
  await page.waitForSelector('.trouble');
  assert.match(await page.locator('.trouble').innerText(), /no such `reason`/);
  await page.goto(`${told.url}/#/`);
  await page.waitForSelector('.records');
  await fits();
  assert.equal(await page.evaluate(() => globalThis.alerted), undefined);
  light.complaints.splice(0, light.complaints.length, ...light.complaints.filter((one) => !/status of 400/.test(one)));
}
await light.end();

const dark = await begin({ colorScheme: 'dark' });
await dark.signIn();
{
  const { page, shot } = dark;
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const bright = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0);
  assert.ok(bright(await ground()) < 150, await ground());
  await page.selectOption('#theme', 'light');
  assert.ok(bright(await ground()) > 600, await ground());
  await page.reload();
  await page.waitForSelector('#token');
  assert.ok(bright(await ground()) > 600, 'what was chosen is kept');
  await page.selectOption('#theme', 'auto');
  dark.complaints.length = 0;
  await dark.signIn();
  await shot('dark');
  await page.goto(`${told.url}/#/refusal/${told.traces.token_expired}`);
  await page.waitForSelector('.panel svg');
  await shot('dark-refusal');
}
await dark.end();

const narrow = await begin({ viewport: { width: 390, height: 844 }, hasTouch: true, deviceScaleFactor: 1.5 });
await narrow.signIn();
{
  const { page, shot, fits } = narrow;
  await fits();
  await page.goto(`${told.url}/#/refusal/${told.traces.token_expired}`);
  await page.waitForSelector('.panel svg');
  await fits();
  await shot('narrow');
  await page.goto(`${told.url}/#/gateway`);
  await page.waitForSelector('#routes h2');
  await fits();
  await page.goto(`${told.url}/#/find`);
  await page.waitForSelector('#subject');
  await fits();
}
await narrow.end();
