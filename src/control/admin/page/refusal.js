// One refusal: its times to scale, what can be done about it, every check with its numbers, and what is known besides.

import { query } from "./api.js";
import { brief, el, put } from "./dom.js";
import { factList, failed, shadow } from "./facts.js";
import { timeline } from "./timeline_view.js";
import { ago } from "./words.js";

/** Shows the record, or the records, of a trace id or request id. */
export async function refusal(root, { id }, { signal, ending, heading }) {
  put(root, heading("Looking for it …"));
  const told = await query("/records/query", { id, limit: 20 }, signal);
  const records = told.records;
  if (records.length === 0) return put(root, nothing(id, told.standing, heading));
  const [first, ...others] = records;
  root.replaceChildren(...page(first, ending, heading), ...(others.length ? [siblings(others)] : []));
}

function page(record, ending, heading) {
  const drawn = shadow(record) ? { ...record, trail: record.shadow.trail } : record, figure = timeline(drawn, ending);
  return [
    el("p", { class: "crumb" }, el("a", { href: "#/" }, "Overview"), " / ", el("span", { class: "mono" }, brief(record.trace_id, 32))),
    heading(record.reason ?? "admitted", el("span", { class: `badge ${record.reason ? "bad" : "good"}` }, record.status)),
    shadow(record) && el("p", { class: "lead" }, "The shadow policy ", el("b", {}, shadow(record).policy), " would have refused it: ", el("strong", {}, shadow(record).reason), "."),
    lead(record),
    el("section", { class: "card", "aria-labelledby": "times" }, el("h2", { id: "times" }, "When"), figure ?? el("p", { class: "faint" }, noTimes(record))),
    actions(record),
    checks(record.trail, "Every check, in order", "checks"),
    record.shadow && checks(record.shadow.trail, `The shadow policy ${record.shadow.policy}, in order`, "shadow"),
    el("section", { class: "card", "aria-labelledby": "facts" }, el("h2", { id: "facts" }, "What is known"), factList(record)),
  ].filter(Boolean);
}

const noTimes = (record) => record.trail ? "No time was read of a token: it was refused before." : "No policy judged this request: there are no times.";

function lead(record) {
  const answer = failed(record), told = record.trail?.told;
  const why = (told || answer) && el("p", { class: "lead" }, told && `${told.charAt(0).toUpperCase()}${told.slice(1)}`, told && answer?.text ? ": " : "", answer?.text && el("strong", {}, answer.text), ".");
  return el("div", {}, why, el("p", { class: "faint" }, brief(`${record.request.method} ${record.request.host}${record.request.path}`, 140), `, ${ago(record.at_ms)}`));
}

function actions({ advice, cure }) {
  const card = (title, text) => text && el("section", { class: "card action" }, el("h2", {}, title), el("p", {}, text));
  return el("div", { class: "pair" }, card("The caller can", advice), card("The operator can", cure));
}

function checks(trail, title, id) {
  if (!trail?.questions?.length) return undefined;
  const head = ["", "Check", "Question", "Numbers"].map((name) => el("th", { scope: "col" }, name || el("span", { class: "unseen" }, "Answer")));
  const decisive = trail.questions.find((answer) => answer.outcome === "fail");
  const row = (answer) => el("tr", { class: `${answer.outcome}${answer === decisive ? " decisive" : ""}` },
    el("td", {}, el("span", { class: `outcome ${answer.outcome}` }, answer.outcome)), el("th", { scope: "row" }, answer.name), el("td", {}, answer.question),
    el("td", { class: "answer" }, answer.subject === undefined ? "–" : answer.text, answer.origin && answer.allowed !== undefined && el("span", { class: "origin" }, answer.origin)));
  const quiet = trail.questions.filter(({ outcome }) => outcome === "unasked" || outcome === "moot").length;
  return el("section", { class: "card", "aria-labelledby": id }, el("h2", { id }, title),
    el("p", { class: "faint" }, `The first that failed names the reason. ${quiet} of ${trail.questions.length} were not asked or moot.`),
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-labelledby": id },
      el("table", { class: "checks" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, trail.questions.map(row)))));
}

function siblings(others) {
  const one = (record) => el("li", {}, el("a", { href: `#/refusal/${encodeURIComponent(record.trace_id)}` }, record.reason ?? "admitted"), ` ${record.at} `, el("span", { class: "mono faint" }, record.trace_id));
  return el("section", { class: "card" }, el("h2", {}, "Others of this name"), el("ul", { class: "plain" }, others.map(one)));
}

/** Why there may be none. */
export function nothing(what, standing, heading) {
  const kept = standing.kept ? `Of the ${standing.kept.toLocaleString("en")} records there are, the oldest is of ${standing.oldest}.` : "There are no records at all.";
  const more = [standing.dropped > 0 && ` ${standing.dropped} could not be kept.`, standing.in_memory && " A restart forgets them: there is no telemetry.records.directory."];
  return [heading("There is no such record"), el("p", { class: "lead" }, el("span", { class: "mono" }, brief(what, 80))), el("p", { class: "faint" }, kept, more)];
}
