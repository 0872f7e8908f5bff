// A refusal's times as lanes: what each limit allowed, from when to when, and where it was crossed. Numbers in, numbers
// out: nothing here draws. All instants are milliseconds since 1970.

import { span } from "./words.js";

const instant = (value) => (value?.instant === undefined ? undefined : Date.parse(value.instant));
const millis = (value) => value?.span_ms;
const known = (number) => typeof number === "number" && Number.isFinite(number);
// Beyond these there are no dates (ECMA-262, 21.4.1.1): a limit that lies there is none that a picture could show.
const dated = (at) => known(at) && Math.abs(at) <= 8.64e15;
const drawable = (lane) => [lane.from, lane.to, lane.over?.from, lane.over?.to, ...lane.marks.map(({ at }) => at)].every((at) => at === undefined || dated(at));

/** The lanes of a record, in the order in which the gateway asks. */
export function lanes(record) {
  const questions = new Map((record.trail?.questions ?? []).map((answer) => [answer.name, answer]));
  const world = { now: record.at_ms, record, of: (name) => questions.get(name) };
  const all = [token(world), ...SPANS.map((one) => lasting(world, one)), lifetime(world), revocation(world)];
  return all.filter((lane) => lane !== undefined && drawable(lane));
}

// What may last for a while, from a mark on: `now` is to be before its end.
const SPANS = [
  { id: "age", name: "Token age", began: "iat", limit: "max age" },
  { id: "freshness", name: "Revocation feed", began: "heard", limit: "stale" },
  { id: "absolute", name: "Session, absolute", began: "session began", limit: "absolute limit" },
  { id: "idle", name: "Session, idle", began: "last activity", limit: "idle limit" },
  { id: "auth_age", name: "Sign-in", began: "auth_time", limit: "max auth age" },
];

function lasting({ now, of }, { id, name, began, limit }) {
  const answer = of(id), measured = millis(answer?.measured), allowed = millis(answer?.allowed);
  if (!known(measured) || !known(allowed)) return undefined;
  // The longest silence of a session lies somewhere before: its place is not kept, its length is.
  const floating = /^longest silence/.test(answer.subject ?? "");
  const from = now - measured, to = from + allowed, leeway = answer.leeway_ms ?? 0;
  const first = floating ? "silence began" : /first seen/.test(answer.subject) ? "first seen" : began;
  const marks = [{ name: first, at: from }, { name: limit, at: to }];
  const over = answer.outcome === "fail" ? crossing(to + leeway, now, limit, leeway) : undefined;
  return lane({ id, name, from, to, leeway, marks, over, answer, floating, left: to + leeway - now });
}

function token({ now, record, of }) {
  const [expiry, begins, issued] = ["expiry", "not_before", "issued"].map(of);
  const judged = expiry?.allowed !== undefined;
  const age = record.token?.age_ms, rest = record.token?.left_ms;
  const seen = (at) => (dated(at) ? at : undefined);
  const iat = seen(instant(issued?.measured) ?? now - age), exp = seen(instant(expiry?.allowed) ?? now + rest);
  const nbf = seen(instant(begins?.allowed));
  if (!known(iat) && !known(exp) && !known(nbf)) return undefined;
  const marks = [["iat", iat], ["nbf", nbf], ["exp", exp]].filter(([, at]) => known(at)).map(([name, at]) => ({ name, at }));
  const leeway = [expiry, begins, issued].find((answer) => answer?.leeway_ms)?.leeway_ms ?? 0;
  const from = nbf ?? iat;
  const failed = (answer) => answer?.outcome === "fail";
  const over = (failed(begins) && known(nbf) && before(nbf - leeway, now, "nbf", leeway))
    || (failed(issued) && known(iat) && before(iat - leeway, now, "iat", leeway))
    || (failed(expiry) && known(exp) && crossing(exp + leeway, now, "exp", leeway)) || undefined;
  const answer = [begins, issued, expiry].find(failed) ?? expiry;
  const lead = known(nbf) || failed(issued) ? leeway : 0;
  const name = judged ? "Token" : "Token, as it says";
  return lane({ id: "token", name, from, to: exp, lead, leeway, marks, over, answer, claimed: !judged, left: exp + leeway - now });
}

// A lifetime is a length, whatever the hour: it is laid from `iat` on, and `exp` is what lies beyond.
function lifetime({ now, record, of }) {
  const answer = of("lifetime"), length = millis(answer?.measured), cap = millis(answer?.allowed), age = record.token?.age_ms;
  if (!known(length) || !known(cap) || !known(age)) return undefined;
  const from = now - age, to = from + cap;
  const over = answer.outcome === "fail" ? { from: to, to: from + length, ms: length - cap, edge: "max lifetime", leeway: 0, measured: "exp" } : undefined;
  const marks = [{ name: "iat", at: from }, { name: "max lifetime", at: to }, ...(over ? [{ name: "exp", at: from + length }] : [])];
  return lane({ id: "lifetime", name: "Token lifetime", from, to, leeway: 0, marks, over, answer, timeless: true });
}

// Who signed in, or was issued, before the cutoff is out: the good side lies after it.
function revocation({ now, record, of }) {
  const answer = of("revocation");
  if (answer?.outcome !== "fail") return undefined;
  const cutoff = instant(answer.allowed), issued = instant(answer.measured);
  const learned = record.revocation?.learned === undefined ? undefined : Date.parse(record.revocation.learned);
  const what = ["session", "sub", "claim"].includes(answer.subject) ? "signed in" : "issued";
  const marks = [[what, issued], ["cutoff", cutoff], ["learned", learned]].filter(([, at]) => known(at)).map(([name, at]) => ({ name, at }));
  if (known(cutoff) && known(issued)) {
    const over = { from: issued, to: cutoff, ms: cutoff - issued, edge: "the cutoff", leeway: 0, before: true, measured: "" };
    return lane({ id: "revocation", name: "Revocation", from: cutoff, to: Math.max(now, cutoff), leeway: 0, marks, over, answer, timeless: true });
  }
  if (!known(learned)) return undefined;
  const over = { from: learned, to: now, ms: now - learned, edge: "the entry", leeway: 0, measured: "this instant" };
  return lane({ id: "revocation", name: "Revocation", from: undefined, to: learned, leeway: 0, marks, over, answer, timeless: true });
}

const crossing = (edge, now, name, leeway) => ({ from: edge, to: now, ms: now - edge, edge: name, leeway, measured: "now" });
const before = (edge, now, name, leeway) => ({ from: now, to: edge, ms: edge - now, edge: name, leeway, before: true, measured: "now" });

function lane(parts) {
  const { over, answer, timeless, left, claimed } = parts;
  const state = over ? "fail" : claimed ? "claimed" : answer?.outcome === "fail" ? "other" : "pass";
  return { leeway: 0, lead: 0, ...parts, state, text: over ? told(over) : !timeless && known(left) && state === "pass" ? `${span(left)} left` : "" };
}

// By how much which edge was crossed, in a few words.
function told({ ms, edge, leeway, before: early, measured }) {
  if (edge === "the entry") return `learned ${span(ms)} before`;
  const more = leeway ? ` ${early ? "\u2212" : "+"} ${span(leeway)} leeway` : "", who = measured === "now" || measured === "" ? "" : `${measured} `;
  return ms === 0 ? `${who}at ${edge}${more}` : `${who}${span(ms)} ${early ? "before" : "past"} ${edge}${more}`;
}

/** From when to when there is anything to see, with a little air; `undefined` if there is nothing. */
export function extent(all, now) {
  const instants = all.flatMap((one) => [one.from, one.to, one.to + one.leeway, one.lead ? one.from - one.lead : undefined,
    one.over?.from, one.over?.to, ...one.marks.map((mark) => mark.at)]).filter(known);
  if (instants.length === 0) return undefined;
  return padded(Math.min(now, ...instants), Math.max(now, ...instants), 0.04);
}

/** The same about the edge that was crossed alone; `undefined` if the whole shows it well enough. */
export function closeup(all, now, share = 0.14) {
  const crossed = all.find((one) => one.over && known(one.over.from));
  const whole = extent(all, now);
  if (!crossed || !whole) return undefined;
  const { from, to, leeway, before: early } = crossed.over;
  const edge = early ? to + leeway : from - leeway;
  const [low, high] = [Math.min(from, to, edge), Math.max(from, to, edge)];
  if ((high - low) / (whole[1] - whole[0]) >= share) return undefined;
  return padded(low, high, 0.45);
}

function padded(from, to, share) {
  const air = Math.max((to - from) * share, 1);
  return [from - air, to + air];
}

/** Where an instant is, to scale. */
export const scale = ([from, to], [left, right]) => (at) => left + ((at - from) / (to - from)) * (right - left);

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5,
  864e5, 1728e5, 6048e5, 25920e5, 77760e5, 315360e5, 3153600e5];

/** Round instants between the two, not more than so many, and how far they are apart. */
export function ticks([from, to], most) {
  const step = STEPS.find((one) => (to - from) / one <= Math.max(most, 1)) ?? to - from;
  const first = Math.ceil(from / step) * step, all = [];
  for (let at = first; at <= to && all.length <= most; at += step) all.push(at);
  return { step, at: all };
}
