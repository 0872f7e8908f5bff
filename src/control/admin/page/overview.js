// What is refused, as it happens: a chart, the most frequent of each kind, the latest.

import { get, query } from "./api.js";
import { chart, table, tone } from "./chart.js";
import { brief, el, put, say } from "./dom.js";
import { address, failed, shadow } from "./facts.js";
import * as filters from "./filters.js";
import { clock, count, day, span } from "./words.js";

const PAUSE = 5000, LATEST = 25, KINDS = 10;

// Typed subjects and clients are of this page's memory only, and so is whether it follows.
let typed = {};
let following = true;

/** Shows it, until the signal says to end. */
export async function overview(root, { params }, { signal, ending, heading, go }) {
  const wanted = { ...filters.read(params), ...typed };
  const change = (what) => {
    for (const name of ["subject", "client"]) if (name in what) typed[name] = what[name];
    const next = filters.write({ ...wanted, ...what });
    if (next === (location.hash || "#/")) go(); else location.hash = next;
  };
  const places = { form: el("div"), head: el("div", { class: "summary" }), legend: el("div"), table: el("div"), tops: el("div", { class: "tops" }), latest: el("div") };
  const picture = chart(ending);
  const follow = el("button", { type: "button", class: "toggle", "aria-pressed": String(following), on: { click: () => { following = !following; follow.setAttribute("aria-pressed", String(following)); if (following) refresh(); } } }, el("i", { class: "dot" }), "Live");
  root.replaceChildren(heading("Refusals", follow), places.form, el("section", { class: "card", "aria-label": "Refusals over time" }, places.head, el("div", { class: "over-time" }, picture.node, places.legend),
    el("details", {}, el("summary", {}, "The chart as a table"), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "The chart as a table" }, places.table))), places.tops, places.latest);
  put(places.form, filters.form(wanted, { routes: [], issuers: [], reasons: [], tenants: [] }, change));
  const refresh = () => load(wanted, { places, picture, change }, signal);
  await refresh();
  known(wanted, places, change, signal);
  live(refresh, wanted, signal);
}

const question = ({ shadow: beside, ...rules }) => ({ ...rules, shadow: beside ? true : undefined });

async function load(wanted, { places, picture, change }, signal) {
  const asked = question(wanted);
  const [groups, buckets, latest] = await Promise.all([
    query("/records/groups", { ...asked, limit: KINDS }, signal),
    query("/records/buckets", { ...asked, step: filters.step(wanted.since), limit: 10 }, signal),
    query("/records/query", { ...asked, limit: LATEST }, signal),
  ]);
  put(places.head, summary(groups, wanted));
  picture.show(buckets);
  put(places.legend, legend(buckets, groups, wanted, change));
  put(places.table, table(buckets));
  put(places.tops, tops(groups, wanted, change));
  put(places.latest, list(latest.records, "The latest"));
}

/** The names to choose from are those of the config, and of what was refused. */
async function known(wanted, places, change, signal) {
  try {
    const [{ routes }, { issuers }, { reasons, tenants }] = await Promise.all([get("/routes", signal), get("/keys", signal), query("/records/groups", { limit: 100 }, signal)]);
    const names = { routes: routes.map((one) => one.route), issuers: issuers.map((one) => one.issuer), reasons: reasons.map((one) => one.name).sort(), tenants: tenants.map((one) => one.name).sort() };
    if (!places.form.contains(document.activeElement)) put(places.form, filters.form(wanted, names, change));
  } catch { /* Then there are fewer to choose from. */ }
}

/** While it is looked at, whatever comes is shown at once, and the chart moves on. */
async function live(refresh, wanted, signal) {
  let cursor, seen = 0;
  const watching = () => following && document.visibilityState === "visible";
  const beat = setInterval(() => watching() && refresh().catch(() => {}), PAUSE);
  signal.addEventListener("abort", () => clearInterval(beat));
  while (!signal.aborted) {
    try {
      if (!watching()) { await rest(1000); continue; }
      const { since, ...rules } = question(wanted);
      const told = await query("/records/follow", { ...rules, cursor, limit: 100 }, signal);
      cursor = told.cursor;
      if (told.records.length > 0 && watching()) {
        seen += told.records.length;
        await refresh();
        say(`${count(seen, "refusal")} since this page was opened`);
        await rest(1000);
      }
    } catch (error) {
      if (signal.aborted) return;
      await rest(error.status === 503 ? 4 * PAUSE : PAUSE);
    }
  }
}

const rest = (ms) => new Promise((done) => setTimeout(done, ms));

function summary({ total, verdict, standing, different_subjects, different_addresses }, { since, shadow: beside }) {
  const what = beside ? ["admission that a shadow policy would have refused", "admissions that a shadow policy would have refused"] : ["refusal", "refusals"];
  const lost = standing.dropped > 0 && el("span", { class: "badge warn" }, `${standing.dropped.toLocaleString("en")} could not be kept`);
  const facts = [total > 0 && `${count(different_subjects, "subject")}, ${count(different_addresses, "address", "addresses")}`, `${count(standing.kept, "record")} kept${standing.in_memory ? " in memory" : ""}`];
  return [el("p", { class: "figure" }, el("strong", { id: "total" }, total.toLocaleString("en")), ` ${what[total === 1 ? 0 : 1]} in the last ${filters.spoken(since)}`), lost,
    el("p", { class: "faint" }, verdict ? `${verdict.charAt(0).toUpperCase()}${verdict.slice(1)}. ` : "", facts.filter(Boolean).join(" · "))];
}

const entry = ({ name, number, total, key, chosen, swatch, choose, note }) => {
  const label = [el("span", { class: "label" }, swatch !== undefined && el("i", { class: "swatch", tone: swatch }), brief(name, 60)), el("span", { class: "number" }, number.toLocaleString("en"))];
  const bar = { class: "row", share: number / Math.max(1, total) };
  return el("li", {}, choose ? el("button", { ...bar, type: "button", "data-key": key, "aria-pressed": String(chosen), on: { click: choose } }, label) : el("div", bar, label), note && el("p", { class: "note faint" }, brief(note, 120)));
};

// The reasons are the legend of the chart as well; one that is chosen is shown alone.
function legend({ reasons, total }, groups, wanted, change) {
  const behind = (name) => groups.reasons.find((group) => group.name === name)?.top?.told;
  const one = ({ name, total: number }) => entry({ name, number, total, note: behind(name), key: `reason-${name}`, chosen: wanted.reason === name, swatch: tone(name), choose: name === "other" ? undefined : () => change({ reason: wanted.reason === name ? undefined : name }) });
  return reasons.length ? el("ol", { class: "bars", "aria-label": "Reasons; choose one to see it alone" }, reasons.map(one)) : el("p", { class: "faint" }, "Nothing was refused.");
}

function tops(groups, wanted, change) {
  const one = (by) => ({ name, count: number, top }) => entry({ name, number, note: top?.told, total: groups.total, key: `${by}-${name}`, chosen: wanted[by] === name, choose: by && (() => change({ [by]: wanted[by] === name ? undefined : name })) });
  const kind = (title, rows, by) => rows.length > 0 && el("section", { class: "card" }, el("h2", {}, title), el("ol", { class: "bars" }, rows.map(one(by))));
  return [kind("Routes", groups.routes, "route"), kind("Issuers", groups.issuers, "issuer"), kind("Tenants", groups.tenants, "tenant"), kind("Clients, hashed", groups.clients, "client_hash"), kind("Subjects, hashed", groups.subjects, "subject_hash"), kind("Addresses", groups.addresses, "address")];
}

/** Records, one a line. */
export function list(records, title) {
  if (records.length === 0) return undefined;
  const head = ["Time (UTC)", "Reason", "Request", "By how much", "Route", "Subject", "From"].map((name) => el("th", { scope: "col" }, name));
  return el("section", { class: "card", "aria-labelledby": "list" }, el("h2", { id: "list" }, title),
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-labelledby": "list" }, el("table", { class: "records" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, records.map(line)))));
}

function line(record) {
  const { request, token } = record, old = Date.now() - record.at_ms > 864e5;
  return el("tr", {}, el("td", { class: "mono", title: record.at }, old ? `${day(record.at_ms)} ` : "", clock(record.at_ms)),
    el("th", { scope: "row" }, el("a", { "data-key": record.trace_id, href: `#/refusal/${encodeURIComponent(record.trace_id)}` }, el("i", { class: "swatch", tone: tone(named(record)) }), named(record), shadow(record) && el("span", { class: "badge" }, "shadow"))),
    el("td", { class: "mono cut" }, `${brief(request.method, 12)} ${brief(request.path, 48)}`),
    el("td", { class: "cut" }, by(record)), el("td", {}, brief(record.route ?? "–", 24)), el("td", { class: "mono" }, brief(token?.subject ?? "–", 16)), el("td", { class: "mono" }, address(request)));
}

const named = (record) => record.reason ?? shadow(record)?.reason ?? "admitted";

function by(record) {
  const answer = failed(record);
  if (!answer) return "–";
  const over = answer.distance_ms === undefined ? 0 : Math.abs(answer.distance_ms);
  return over ? `${span(over)}${answer.leeway_ms ? `, leeway ${span(answer.leeway_ms)}` : ""}` : brief(answer.text, 48);
}
