// How the gateway stands: feeds, keys, routes, connections, and the fleet if there is one.

import { get } from "./api.js";
import { brief, el, put } from "./dom.js";
import { ago, count, seconds, span } from "./words.js";

const PAUSE = 5000;

/** Shows it, and looks again as long as it is looked at. */
export async function gateway(root, _, { signal, heading }) {
  const places = ["feeds", "keys", "connections", "fleet", "routes"].map((id) => el("div", { id }));
  root.replaceChildren(heading("Gateway"), ...places);
  const [feeds, keys, connections, fleet, routes] = places;
  const refresh = async () => {
    const asked = [get("/revocations/feeds", signal), get("/keys", signal), maybe("/connections", signal), maybe("/fleet", signal)];
    const [told, known, open, others] = await Promise.all(asked);
    put(feeds, feedList(told.feeds));
    put(keys, keyList(known.issuers));
    put(connections, open && connectionList(open));
    put(fleet, others?.fleet && fleetList(others));
  };
  await Promise.all([refresh(), get("/routes", signal).then((told) => put(routes, routeList(told)))]);
  const beat = setInterval(() => document.visibilityState === "visible" && refresh().catch(() => {}), PAUSE);
  signal.addEventListener("abort", () => clearInterval(beat));
}

/** What an older or a smaller gateway does not have is not shown. */
const maybe = (path, signal) => get(path, signal).catch((error) => {
  if (error.status === 404) return undefined;
  throw error;
});

function section(id, title, note, head, rows, none) {
  const columns = head.map((name) => el("th", { scope: "col" }, name));
  return el("section", { class: "card", "aria-labelledby": id }, el("h2", { id }, title), note && el("p", { class: "faint" }, note),
    rows.length ? el("div", { class: "wide", tabindex: 0, role: "region", "aria-labelledby": id }, el("table", {}, el("thead", {}, el("tr", {}, columns)), el("tbody", {}, rows))) : el("p", { class: "faint" }, none));
}

/** How old something is of how old it may be. */
export function freshness(age, most) {
  if (age === null || age === undefined) return el("span", { class: "badge bad" }, "never heard");
  if (most === null || most === undefined) return el("span", {}, `${seconds(age)} old`, el("span", { class: "faint" }, ", cannot age"));
  const share = age / most, state = share > 1 ? "bad" : share > 0.6 ? "warn" : "good";
  return el("div", { class: `age ${state}` }, el("span", {}, `${seconds(age)} of ${seconds(most)}`), el("i", { class: "meter", share }));
}

const state = (good, yes, no) => el("span", { class: `badge ${good ? "good" : "bad"}` }, good ? yes : no);
const cell = (...parts) => el("td", {}, parts);
const number = (value) => el("td", { class: "number" }, value.toLocaleString("en"));
const name = (text) => el("th", { scope: "row" }, brief(text, 60));

/** What an older gateway does not tell is not shown. */
function filled({ entries, max_entries: most, filled_percent: percent }) {
  const of = most && el("span", { class: percent >= 80 ? "badge warn" : "faint" }, ` of ${most.toLocaleString("en")}`);
  return el("td", { class: "number" }, entries.toLocaleString("en"), of);
}

function feedList(feeds) {
  const row = (feed) => el("tr", {}, name(feed.feed), cell(brief(feed.issuer, 60)), cell(state(!feed.stale && feed.complete, "fresh", feed.stale ? "stale" : "incomplete")),
    cell(freshness(feed.age_seconds, feed.max_staleness_seconds)), filled(feed), number(feed.failures), cell(feed.last_error ? brief(feed.last_error, 120) : "–"));
  return section("feeds-title", "Revocation feeds", "A stale feed refuses with 503 where a policy says so.", ["Feed", "Issuer", "State", "Age", "Entries", "Failures", "Last error"], feeds.map(row), "No source tells of revocations.");
}

function keyList(issuers) {
  const key = (one) => el("li", {}, el("span", { class: "mono" }, brief(one.key, 48)), ` ${one.algorithm}, known for ${seconds(one.known_seconds)}`);
  const unused = (one) => el("li", { class: "faint" }, el("span", { class: "mono" }, brief(one.key ?? "without a name", 48)), ` not used: ${one.why}`);
  const row = (one) => el("tr", {}, name(one.issuer), cell(state(one.usable, "usable", "unusable")), cell(freshness(one.age_seconds, one.max_age_seconds)),
    cell(el("ul", { class: "plain" }, one.keys.map(key), one.ignored.map(unused))), cell(skew(one.skew_ms)), cell(one.last_error ? brief(one.last_error, 120) : "–"));
  return section("keys-title", "Signing keys", "How long ago each issuer's set was last heard, of how long it may be.", ["Issuer", "State", "Age of the set", "Keys", "Clock", "Last error"], issuers.map(row), "There are no issuers.");
}

const skew = (ms) => (ms === null ? "–" : Math.abs(ms) < 1000 ? "agrees" : `${span(ms)} ${ms > 0 ? "behind" : "ahead"}`);

function fleetList({ connected, queued, instances }) {
  const row = (one) => el("tr", {}, name(one.name), cell(state(!one.silent && one.in_step, one.this ? "this one" : "in step", one.silent ? "silent" : "out of step")), number(one.behind), cell(seconds(one.behind_seconds)), cell(seconds(one.silent_seconds)));
  return section("fleet-title", "Fleet", connected ? `Connected; ${queued} wait to be told.` : "Not connected.", ["Instance", "State", "Behind", "For", "Quiet for"], instances.map(row), "Nobody else is known.");
}

function routeList({ revision, routes }) {
  const limit = (row) => el("tr", {}, el("th", { scope: "row", class: "mono" }, row.limit), cell(row.value), cell(row.origin, row.relaxed && el("span", { class: "faint" }, `, relaxed: ${row.relaxed}`)));
  const route = (one) => el("details", { class: "route" }, el("summary", {}, el("b", {}, brief(one.route, 40)), " ", el("span", { class: "mono" }, brief(one.path, 60)), " ",
    one.open ? el("span", { class: "badge warn" }, "open") : el("span", { class: "faint" }, `policy ${one.policy}`), headline(one)),
  el("p", { class: "faint" }, `${one.hosts.join(", ") || "every host"}; ${one.methods.join(", ") || "every method"}; to ${one.upstream}${one.preset ? `; keeps ${one.preset}` : ""}${one.rules?.length ? `; ${one.rules.length} rules for some` : ""}`),
  one.limits.length > 0 && el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, ["Limit", "Value", "Written in"].map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, one.limits.map(limit)))));
  return el("section", { class: "card", "aria-labelledby": "routes-title" }, el("h2", { id: "routes-title" }, "Routes, with what holds on them"), el("p", { class: "faint" }, `Config ${revision}. For a token of which nothing is known; rules may hold others for some.`), routes.map(route));
}

// The times of a route that differ from nothing, in a line.
function headline({ limits }) {
  const told = limits.filter((row) => /^(token\.max|session\.(idle|absolute)|step_up\.auth)/.test(row.limit) && row.value !== "off");
  return el("span", { class: "limits" }, told.map((row) => el("span", { class: "chip-small" }, row.limit.replace(/^(token|session|step_up)\./, "").replace("_", " "), " ", el("b", {}, row.value))));
}

function connectionList({ total, complete, connections }) {
  const ends = ({ ends: at, why }) => (at ? [`in ${span(Math.max(0, Math.round((Date.parse(at) - Date.now()) / 1000) * 1000))}`, el("span", { class: "faint" }, `, ${brief(why ?? "", 40)}`)] : "–");
  const row = (one) => el("tr", {}, name(one.kind), cell(brief(one.route, 40)), el("td", { class: "mono" }, brief(one.session ?? "–", 16)), cell(ago(Date.parse(one.since))), cell(ends(one)), el("td", { class: "mono" }, brief(one.trace_id, 32)));
  const note = `${count(total, "connection")} that last${total > connections.length ? `, of which ${connections.length} are listed` : ""}${complete ? "" : "; not every worker has answered"}.`;
  return section("connections-title", "Live connections", note, ["Kind", "Route", "Session, hashed", "Since", "Ends", "Trace"], connections.map(row), "Nothing lasts right now.");
}
