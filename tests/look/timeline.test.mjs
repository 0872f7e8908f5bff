// The pure part of the time line: lanes, extents, scale, ticks, and the words.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, inert } from '../../src/control/admin/page/dom.js';
import { ceiling, totals } from '../../src/control/admin/page/chart.js';
import { closeup, extent, lanes, scale, ticks } from '../../src/control/admin/page/timeline.js';
import { ago, span } from '../../src/control/admin/page/words.js';

const NOW = Date.parse('2026-11-21T14:00:00Z');
const at = (seconds) => ({ instant: new Date(NOW + seconds * 1000).toISOString() });
const record = (questions, more = {}) => ({ at_ms: NOW, trail: { questions: Object.entries(questions).map(([name, answer]) => ({ name, outcome: 'pass', leeway_ms: 0, ...answer })) }, ...more });
const one = (questions, id, more) => lanes(record(questions, more)).find((lane) => lane.id === id);

test('a token that is over, with its leeway', () => {
  const lane = one({
    not_before: { allowed: at(-600), measured: at(0), leeway_ms: 10_000 }, issued: { measured: at(-600), allowed: at(0), leeway_ms: 10_000 },
    expiry: { outcome: 'fail', allowed: at(-24), measured: at(0), leeway_ms: 10_000 },
  }, 'token');
  assert.deepEqual(lane.over, { from: NOW - 14_000, to: NOW, ms: 14_000, edge: 'exp', leeway: 10_000, measured: 'now' });
  assert.deepEqual(lane.marks.map(({ name, at }) => [name, (at - NOW) / 1000]), [['iat', -600], ['nbf', -600], ['exp', -24]]);
  assert.equal(lane.text, '14 s past exp + 10 s leeway');
  assert.equal(lane.state, 'fail');
});

test('at its very end, with no leeway, it is over by nothing', () => {
  const lane = one({ expiry: { outcome: 'fail', allowed: at(0), measured: at(0) } }, 'token', { token: { age_ms: 1000 } });
  assert.deepEqual([lane.over.ms, lane.text], [0, 'at exp']);
});

test('a token whose time has not begun, and one from the future', () => {
  const early = one({ not_before: { outcome: 'fail', allowed: at(45), leeway_ms: 10_000 }, expiry: { allowed: at(360), leeway_ms: 10_000 } }, 'token');
  assert.deepEqual([early.over.from, early.over.to, early.over.ms, early.lead], [NOW, NOW + 35_000, 35_000, 10_000]);
  assert.equal(early.text, '35 s before nbf \u2212 10 s leeway');
  const future = one({ issued: { outcome: 'fail', measured: at(60), allowed: at(0), leeway_ms: 10_000 }, expiry: { allowed: at(360), leeway_ms: 10_000 } }, 'token');
  assert.deepEqual([future.over.to - NOW, future.text], [50_000, '50 s before iat \u2212 10 s leeway']);
});

test('limits that last, and what is left of them', () => {
  const of = (name, measured, allowed, more) => one({ [name]: { measured: { span_ms: measured }, allowed: { span_ms: allowed }, ...more } }, name);
  const idle = of('idle', 2_000_000, 1_800_000, { outcome: 'fail', subject: 'now - last activity (by session claim)' });
  assert.deepEqual([idle.from - NOW, idle.to - NOW, idle.over.ms, idle.text], [-2_000_000, -200_000, 200_000, '3 min 20 s past idle limit']);
  assert.deepEqual(of('idle', 60_000, 1_800_000).text, '29 min left');
  assert.equal(of('absolute', 1000, 5000, { leeway_ms: 2000 }).left, 6000);
  assert.equal(of('idle', 9e6, 1e6, { outcome: 'fail', subject: 'longest silence since sign-in (by token)' }).floating, true);
  assert.equal(of('freshness', 40_000, 30_000, { outcome: 'fail' }).text, '10 s past stale');
  assert.equal(of('auth_age', 1_500_000, 900_000, { outcome: 'fail', leeway_ms: 10_000 }).over.ms, 590_000);
});

test('what lies where no dates are is not drawn, and hides nothing else', () => {
  const FAR = 9.2e18, all = lanes(record({
    expiry: { outcome: 'fail', allowed: at(-24), measured: at(0) }, freshness: { measured: { span_ms: 40_000 }, allowed: { span_ms: FAR } },
  }));
  assert.deepEqual(all.map(({ id }) => id), ['token']);
  assert.ok(extent(all, NOW)[1] - NOW < 1000);
  assert.deepEqual(lanes(record({ freshness: { measured: { span_ms: 40_000 } } })), []);
  const claimed = one({}, 'token', { token: { age_ms: 1000, left_ms: FAR } });
  assert.deepEqual([claimed.marks.map(({ name }) => name), claimed.to], [['iat'], undefined]);
});

test('a lifetime is a length, whatever the hour', () => {
  const lane = one({ lifetime: { outcome: 'fail', measured: { span_ms: 8_060_000 }, allowed: { span_ms: 7_200_000 } } }, 'lifetime', { token: { age_ms: 60_000 } });
  assert.deepEqual([lane.from - NOW, lane.over.from - NOW, lane.over.to - NOW, lane.over.ms], [-60_000, 7_140_000, 8_000_000, 860_000]);
});

test('a revocation with a cutoff, and one without', () => {
  const cut = one({ revocation: { outcome: 'fail', subject: 'jti', measured: at(-300), allowed: at(-100) } }, 'revocation', { revocation: { learned: at(-90).instant } });
  assert.deepEqual([cut.over.ms, cut.text, cut.marks.map((mark) => mark.name)], [200_000, '3 min 20 s before the cutoff', ['issued', 'cutoff', 'learned']]);
  const all = one({ revocation: { outcome: 'fail', subject: 'sub', measured: at(-300), allowed: { word: 'none at all' } } }, 'revocation', { revocation: { learned: at(-12).instant } });
  assert.deepEqual([all.over.ms, all.text], [12_000, 'learned 12 s before']);
});

test('a token that was not verified is told as its own words, and nothing is nothing', () => {
  const lane = one({}, 'token', { token: { verified: false, age_ms: 60_000, left_ms: -5000 } });
  assert.deepEqual([lane.state, lane.over], ['claimed', undefined]);
  for (const empty of [{ at_ms: NOW }, { at_ms: NOW, trail: {} }, record({}), record({ idle: { measured: null, allowed: { span_ms: 'x' } } })]) assert.deepEqual(lanes(empty), []);
  assert.equal(extent([], NOW), undefined);
  assert.equal(closeup([], NOW), undefined);
});

test('it is to scale, and all of it is seen', () => {
  const all = lanes(record({ expiry: { outcome: 'fail', allowed: at(-24), leeway_ms: 10_000 }, absolute: { measured: { span_ms: 2_000_000 }, allowed: { span_ms: 43_200_000 } } }, { token: { age_ms: 624_000 } }));
  const range = extent(all, NOW), x = scale(range, [0, 1000]);
  for (const lane of all) for (const mark of lane.marks) assert.ok(x(mark.at) >= 0 && x(mark.at) <= 1000);
  assert.ok(Math.abs((x(NOW + 36e5) - x(NOW)) * 2 - (x(NOW + 72e5) - x(NOW))) < 1e-9);
  const near = closeup(all, NOW);
  assert.ok(near[0] < NOW - 24_000 && near[1] > NOW && near[1] - near[0] < 60_000, 'the edge with its leeway, and now');
  assert.equal(closeup(all, NOW, 0), undefined, 'where the whole shows it well enough');
});

test('ticks are round and few', () => {
  for (const length of [1, 999, 47_000, 3.6e6, 4.3e7, 3e9, 9e11]) {
    const { at: all, step } = ticks([NOW + 123, NOW + 123 + length], 8);
    assert.ok(all.length <= 9 && all.every((one) => one % step === 0 && one >= NOW + 123 && one <= NOW + 123 + length), `${length}`);
  }
});

test('axes end at round numbers', () => {
  for (const [most, top] of [[0, 4], [1, 4], [5, 5], [7, 8], [23, 40], [33, 40], [99, 100], [101, 200], [4321, 5000]]) assert.equal(ceiling(most), top, `${most}`);
  assert.deepEqual(totals({ steps: 3, reasons: [{ counts: [1, 0, 2] }, { counts: [0, 0, 5] }] }), [1, 0, 7]);
});

test('words are those of the commands', () => {
  for (const [ms, said] of [[0, '0 ms'], [350, '350 ms'], [14_200, '14.2 s'], [119_999, '119.999 s'], [120_000, '2 min'], [725_000, '12 min 5 s'], [7_200_000, '2 h'], [12_000_000, '3 h 20 min'], [172_800_000, '2 d'], [183_600_000, '2 d 3 h'], [-14_200, '14.2 s']]) assert.equal(span(ms), said);
  assert.deepEqual([ago(NOW - 500, NOW), ago(NOW - 61_999, NOW), ago(NOW + 5000, NOW)], ['just now', '61 s ago', 'in 5 s: the clocks differ']);
});

test('text does nothing but be seen', () => {
  assert.equal(inert('a\x1b[31m\u202eb\u009bc\u200b'), 'a\\x1b[31m\\u{202e}b\\u{9b}c\\u{200b}');
  assert.equal(inert('grüße 🦀 <b>'), 'grüße 🦀 <b>');
  assert.equal(inert(undefined), '');
  assert.equal(brief('🦀'.repeat(9000), 10), `${'🦀'.repeat(10)}…`);
  assert.equal(brief('short', 10), 'short');
});
