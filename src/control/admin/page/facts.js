// What a record says of its request, in the words of `curfew trace`.

import { brief, el } from "./dom.js";
import { ago, span } from "./words.js";

const list = (...parts) => parts.filter((part) => part !== undefined && part !== "").join("");
const some = (value, text) => (value === undefined || value === null ? undefined : text(value));

/** The facts of a record: names, and what is said. */
export function facts(record) {
  const { request, token } = record;
  return [
    ["at", `${record.at} (${ago(record.at_ms)})`],
    ["trace", record.trace_id],
    ["of caller", record.caller_trace_id],
    ["request id", record.request_id],
    ["request", asked(request)],
    ["from", from(request)],
    ["answer", `${record.status} after ${span(record.total_us / 1000)}`],
    ["config", record.revision],
    ["route", some(record.route, (route) => `${route} (${record.template ?? ""})`)],
    ["policy", record.policy],
    ["tenant", record.tenant],
    ["issuer", some(record.issuer, (issuer) => issuer + skew(record.skew_ms))],
    ["token", some(token, bearer)],
    ...["subject", "session", "client"].map((name) => [name, some(token?.[name], hashed)]),
    ["jti", some(token?.token, hashed)],
    ["session is", some(record.session, attended)],
    [record.revocation?.entry_of ? "revoked" : "feeds", some(record.revocation, revocation)],
    ["upstream", some(record.delivery, delivered)],
  ].filter(([, text]) => text !== undefined);
}

/** The same as a list of terms. */
export const factList = (record) => el("dl", { class: "facts" }, facts(record).map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, brief(text, 320)))));

const hashed = (id) => `${id} (hashed)`;

/** The request line. Of a request that was admitted first, the host is not kept. */
export function asked(request) {
  const origin = request.host ? `${request.scheme}://${request.host}` : "";
  return `${request.method} ${origin}${request.path}${request.query ? `?${request.query}` : ""} (HTTP/${request.http})`;
}

/** The client's address, or the peer's without its port. */
export const address = (request) => request.client ?? request.peer?.replace(/:\d+$/, "").replace(/^\[|\]$/g, "") ?? "";

function from(request) {
  return list(request.peer ?? "unknown", some(request.client, (client) => `, for ${client}`), some(request.user_agent, (agent) => `, ${agent}`));
}

function skew(ms) {
  if (ms === undefined) return "";
  if (ms === 0) return ", whose clock agrees";
  return `, whose clock is ${span(ms)} ${ms > 0 ? "behind" : "ahead of"} this gateway's`;
}

function bearer(token) {
  const first = token.verified ? "verified" : "not verified: anybody may have written this";
  const names = [["iss", token.iss], ["kid", token.key], ["alg", token.algorithm]];
  const left = some(token.left_ms, (ms) => (ms >= 0 ? `, ends ${span(ms)} after this instant` : `, ended ${span(ms)} before this instant`));
  return list(first, ...names.map(([name, value]) => some(value, () => `, ${name} ${value}`)), some(token.age_ms, (age) => `, ${span(age)} old`), left);
}

function attended(session) {
  const first = session.first && session.age_ms !== undefined ? `; signed in ${session.first}, ${span(session.age_ms)} before this instant` : "";
  const last = session.last && session.quiet_ms !== undefined ? `; last active ${session.last}, ${span(session.quiet_ms)} before` : "";
  return (session.told ?? session.known) + first + last;
}

function revocation(known) {
  const entry = some(known.entry_of, (of) => `by an entry of ${of}, enforced since ${known.learned ?? "once"}${some(known.entry_age_ms, (age) => `, ${span(age)} before this instant`) ?? ""}${some(known.lag_ms, (lag) => `, ${span(lag)} after the event of ${known.event}`) ?? ""}`);
  const feed = some(known.feed, (name) => `feed ${name}: ${some(known.feed_age_ms, (age) => `heard ${span(age)} before`) ?? "never heard"}`);
  return [entry, feed].filter(Boolean).join("; ");
}

function delivered(delivery) {
  return list(delivery.upstream, some(delivery.endpoint, (at) => ` at ${at}`), some(delivery.status, (status) => `, answered ${status}`), some(delivery.failure, (why) => `, failed: ${why}`));
}

/** What a shadow policy would have refused, where nobody was refused. */
export const shadow = (record) => (record.reason === undefined ? record.shadow : undefined);

/** The answer that failed, if any: by the policy, else by the shadow policy. */
export const failed = (record) => (shadow(record) ?? record).trail?.questions?.find((answer) => answer.outcome === "fail");
