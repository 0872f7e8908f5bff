// Each refusal on its time line: the marks in their order and at their place, the edge that was crossed, the words.

import assert from 'node:assert/strict';
import { begin, told } from './eyes.mjs';

const { page, shot, signIn, fits, end } = await begin({ viewport: { width: 1280, height: 1080 } });
await signIn();

const show = async (cause) => {
  await page.goto(`${told.url}/#/refusal/${told.traces[cause]}`);
  await page.waitForFunction((cause) => document.querySelector('.refusal h1')?.textContent === cause, cause);
};
/** The marks of a panel's lane: their names, instants and places. */
const marks = (nth, lane) => page.evaluate(([nth, lane]) => {
  const panel = document.querySelectorAll('.panel svg')[nth];
  const all = [...panel.querySelectorAll(lane ? `[data-lane="${lane}"] [data-mark], [data-mark="now"]` : '[data-mark]')];
  return all.map((one) => ({ name: one.dataset.mark, at: Number(one.dataset.at), x: Number(one.getAttribute('x1')) }));
}, [nth, lane]);
/** To scale: distances on the picture are to one another as those in time. */
const toScale = (all) => {
  const [first, last] = [all.reduce((one, two) => (one.at < two.at ? one : two)), all.reduce((one, two) => (one.at > two.at ? one : two))];
  const pixels = (last.x - first.x) / (last.at - first.at);
  for (const { name, at, x } of all) assert.ok(Math.abs(first.x + (at - first.at) * pixels - x) < 0.6, `${name} is ${x}`);
};

for (const [cause] of told.causes) {
  await show(cause);
  await fits();
  assert.match(await page.locator('.refusal .badge').first().innerText(), /^[45]\d\d$/);
  assert.ok(!/undefined|NaN|null|\[object/.test(await page.locator('main').innerText()), cause);
  assert.ok((await page.locator('.action p').allInnerTexts()).every((text) => text.length > 10), cause);
  const panels = await page.locator('.panel svg').count();
  for (let nth = 0; nth < panels; nth += 1) toScale(await marks(nth));
  const crossed = told.crossed[cause];
  const failed = await page.locator('.panel svg .lane.fail').evaluateAll((all) => [...new Set(all.map((one) => one.dataset.lane))]);
  assert.deepEqual(failed, crossed ? [crossed] : [], cause);
  if (crossed) assert.equal(await page.locator('.panel svg .lane.fail .over').count() >= 1, true, cause);
}

// Expired by 24 s of which 10 s were granted: what lies beyond is 14 s, to scale with the leeway.
await show('token_expired');
const [iat, nbf, exp] = ['iat', 'nbf', 'exp'].map((name) => ({ name }));
const near = await marks(0, 'token'), whole = await marks(1, 'token');
const at = (all, name) => all.find((one) => one.name === name);
assert.ok(at(whole, 'iat').x <= at(whole, 'nbf').x && at(whole, 'nbf').x < at(whole, 'exp').x && at(whole, 'exp').x < at(whole, 'now').x, JSON.stringify([iat, nbf, exp, whole]));
const bars = await page.locator('.panel svg').first().locator('.fail rect').evaluateAll((all) => Object.fromEntries(all.map((one) => [one.getAttribute('class'), [Number(one.getAttribute('x')), Number(one.getAttribute('width'))]])));
const pixels = (at(near, 'now').x - at(near, 'exp').x) / (at(near, 'now').at - at(near, 'exp').at);
assert.ok(Math.abs(bars.leeway[0] - at(near, 'exp').x) < 0.6 && Math.abs(bars.leeway[1] / pixels - 10_000) < 50, 'the leeway is 10 s long, from exp on');
assert.ok(Math.abs(bars.over[0] + bars.over[1] - at(near, 'now').x) < 0.6, 'what lies beyond ends now');
const over = bars.over[1] / pixels;
assert.ok(over > 13_900 && over < 20_000, `${over}`);
// The words are those of `curfew trace`, and of the figure.
const record = told.records.token_expired, expiry = record.trail.questions.find((one) => one.name === 'expiry');
assert.equal(await page.locator('.lead strong').innerText(), expiry.text);
assert.deepEqual(await page.locator('.action p').allInnerTexts(), [record.advice, record.cure]);
const said = (await page.locator('.lane.fail .gap').first().textContent()).match(/^([\d.]+) s past exp \+ 10 s leeway$/);
assert.ok(Math.abs(Number(said?.[1]) * 1000 - over) < 60, `${said} is drawn as ${over}`);
const checks = await page.locator('.checks tbody tr').allInnerTexts();
assert.equal(checks.length, record.trail.questions.length);
record.trail.questions.forEach((one, row) => assert.ok(checks[row].startsWith(one.outcome) && checks[row].includes(one.name) && checks[row].includes(one.question), checks[row]));
assert.match(await page.locator('.checks .decisive').innerText(), /^fail\s+expiry/);
await page.mouse.move(0, 0);
await shot('refusal');
const session = told.records.session_idle_timeout.session;
await show('session_idle_timeout');
assert.ok(session.told.length > 5 && (await page.locator('main').innerText()).includes(session.told), JSON.stringify(session));

// Where revocations never grow too old there is no such limit, and the others are drawn as ever.
await page.goto(`${told.url}/#/refusal/${told.ageless}`);
await page.waitForSelector('.lane.fail[data-lane="token"]');
assert.equal(await page.locator('[data-lane="freshness"]').count(), 0);
assert.match(await page.locator('.checks').innerText(), /revocation\.age: \d/);
assert.ok(!/RangeError|could not/.test(await page.locator('main').innerText()));

// What has no time has no time line, and says so; where the token was not verified, its times are told as its own.
await show('route_not_found');
assert.equal(await page.locator('.panel').count(), 0);
await show('key_unknown');
assert.equal(await page.locator('.lane.claimed').count(), 1);
await show('session_idle_timeout');
await shot('refusal-idle', { clip: { x: 0, y: 50, width: 1280, height: 800 } });

// What a shadow policy would have refused is told apart from what was refused.
await page.goto(`${told.url}/#/`);
await page.selectOption('#by-shadow', '1');
await page.waitForFunction(() => document.querySelector('#total')?.textContent === '1');
assert.match(await page.locator('.figure').innerText(), /would have refused/);
await page.locator('.records a').click();
await page.waitForSelector('.lane.fail[data-lane="age"]');
assert.match(await page.locator('main').innerText(), /admitted\s+200[\s\S]*The shadow policy payments would have refused it: token_too_old\./);
assert.equal(await page.locator('.checks .decisive').count(), 1);

// Found by its trace id, by the id that the client gave it, by its user; and what is not there is told so.
for (const [id, heading] of [[told.traces.token_missing, /token_missing/], ['checkout-7f3a', /token_missing/], ['f'.repeat(32), /no such record/]]) {
  await page.goto(`${told.url}/#/find`);
  await page.fill('#id', id);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.page.refusal h1');
  await page.waitForFunction(() => !/Looking/.test(document.querySelector('h1').textContent));
  assert.match(await page.locator('h1').innerText(), heading);
}
await page.goto(`${told.url}/#/find`);
await page.fill('#subject', 'mallory');
await page.selectOption('#issuer', 'corp');
await page.locator('#issuer').focus();
await page.keyboard.press('Tab');
await page.keyboard.press('Enter');
await page.waitForSelector('#found .records');
assert.deepEqual([...new Set(await page.locator('.records tbody th').allInnerTexts())], ['subject_revoked']);
assert.ok(!page.url().includes('mallory'));
await end();
