// The overview: sign-in, counts, chart, filters, live following, keys alone.

import assert from 'node:assert/strict';
import { begin, told } from './eyes.mjs';

const { page, context, complaints, shot, signIn, end } = await begin();
const text = (selector) => page.locator(selector).innerText();
const asked = [];
page.on('request', (request) => asked.push(request.url()));

// Nothing is shown to whoever has no token, nor to whoever has a wrong one.
await page.goto(told.url);
await page.waitForSelector('#token');
assert.equal(await page.locator('.plot, #total').count(), 0);
await page.fill('#token', 'a token that nobody made');
await page.keyboard.press('Enter');
await page.waitForSelector('.sign-in .trouble');
assert.match(await text('.trouble'), /not the token/);
complaints.length = 0; // The browser tells every 401.

// What comes before it begins to follow is not told as new.
const followed = page.waitForResponse((answer) => answer.url().endsWith('/records/follow'));
await signIn();
const total = async () => Number((await text('#total')).replaceAll(',', ''));
const rows = () => page.locator('.over-time ol li .row').allInnerTexts();
assert.equal(await total(), told.total);
for (const [cause, count] of told.most) {
  const row = (await rows()).find((one) => one.startsWith(cause));
  assert.equal(row?.split('\n').at(-1), String(count), `${cause}: ${row}`);
}
// The chart draws each refusal once, and its table says the same.
await page.locator('summary', { hasText: 'The chart as a table' }).click();
const sums = await page.locator('.numbers tbody tr td:nth-child(2)').allInnerTexts();
assert.equal(sums.reduce((sum, one) => sum + Number(one), 0), told.total);
await page.locator('summary', { hasText: 'The chart as a table' }).click();
await page.waitForFunction(() => document.querySelectorAll('#by-route option').length > 3);
await shot('overview');

// What comes is shown as it comes.
await followed;
const before = await total();
await fetch(`${told.public}/nothing`);
await page.waitForFunction((before) => Number(document.querySelector('#total')?.textContent) > before, before);
await page.waitForFunction(() => /since this page was opened/.test(document.querySelector('#said').textContent));

// By keys alone: to the reasons, one of them, and one refusal.
await page.locator('h1').focus();
let pressed = 0;
while (!(await page.evaluate(() => document.activeElement?.dataset?.key === 'reason-session_idle_timeout')) && pressed++ < 60) {
  await page.keyboard.press('Tab');
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', 'what has the focus shows it');
}
await page.keyboard.press('Enter');
const idle = told.most.find(([cause]) => cause === 'session_idle_timeout')[1];
await page.waitForFunction((idle) => Number(document.querySelector('#total')?.textContent) === idle, idle);
assert.match(page.url(), /reason=session_idle_timeout/);
assert.deepEqual([...new Set(await page.locator('.records tbody th').allInnerTexts())], ['session_idle_timeout']);
await page.locator('.plot svg').focus();
await page.keyboard.press('End');
assert.match(await text('.readout'), /\d\d:\d\d:\d\d to \d\d:\d\d:\d\d: \d+ refusal/);
await page.locator('.records tbody a').first().focus();
await page.keyboard.press('Enter');
await page.waitForSelector('.refusal h1');
await page.waitForFunction(() => document.activeElement?.tagName === 'H1'); // The focus goes with the page.
assert.match(await text('.refusal h1'), /session_idle_timeout/);

// A subject is typed and hashed by the gateway; it stands in no address.
await page.goto(`${told.url}/#/`);
await page.fill('#by-subject', 'mallory');
await page.keyboard.press('Enter');
await page.waitForFunction((count) => Number(document.querySelector('#total')?.textContent) === count, told.mallory);
assert.ok(![page.url(), ...asked].some((url) => url.includes('mallory')));
await page.locator('button', { hasText: 'Clear' }).click();
await page.waitForFunction((count) => Number(document.querySelector('#total')?.textContent) > count, told.mallory);

// So is a client; an address is asked for as it is, or as a network, and what is none is told.
const becomes = (count) => page.waitForFunction((count) => Number(document.querySelector('#total')?.textContent) === count, count);
await page.fill('#by-client', 'web-shop');
await page.keyboard.press('Enter');
await becomes(told.shop);
assert.ok(![page.url(), ...asked].some((url) => url.includes('web-shop')));
assert.equal(await page.inputValue('#by-client'), 'web-shop');
await page.fill('#by-address', '127.0.0.0/8');
await page.keyboard.press('Enter');
await page.waitForFunction(() => location.hash.includes('address=127'));
await becomes(told.shop);
await page.fill('#by-address', '10.0.0.0/8');
await page.keyboard.press('Enter');
await becomes(0);
await page.fill('#by-address', 'nowhere');
await page.keyboard.press('Enter');
await page.waitForSelector('.trouble');
assert.match(await text('.trouble'), /`address` is no address/);
await page.goto(`${told.url}/#/`);
await page.locator('button', { hasText: 'Clear' }).click();
await page.waitForFunction((count) => Number(document.querySelector('#total')?.textContent) > count, told.shop);
// Who is behind most of it stands with each: one user lets his token run out again and again.
assert.match(await page.locator('.over-time ol li', { hasText: 'token_expired' }).innerText(), /all by one subject, [0-9a-f]{16}/);
await page.locator('.tops button', { hasText: /^127\.0\.0\.1/ }).click();
await page.waitForFunction(() => location.hash.includes('address=127.0.0.1'));
await page.locator('button', { hasText: 'Clear' }).click();
await page.waitForFunction(() => !location.hash.includes('address'));

// All of it comes from the listener itself, and the token is in no store that outlives the tab.
assert.ok(asked.every((url) => url.startsWith(told.url)), asked.find((url) => !url.startsWith(told.url)));
assert.equal(await page.evaluate(() => JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie), '{}{}');
await page.reload();
await page.waitForSelector('#token');
await page.fill('#token', told.token);
await page.check('#keep');
await page.keyboard.press('Tab');
await page.keyboard.press('Enter');
await page.waitForSelector('#total');
await page.reload();
await page.waitForSelector('#total');
assert.equal((await context.cookies()).length, 0);
await page.locator('#leave').click();
await page.waitForSelector('#token');
assert.equal(await page.evaluate(() => JSON.stringify(sessionStorage)), '{}');
complaints.splice(0, complaints.length, ...complaints.filter((one) => !/status of 40[01]/.test(one)));
await end();
