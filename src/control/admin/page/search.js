// Looking up one request, or one user's.

import { get, query } from "./api.js";
import { el, put } from "./dom.js";
import { list } from "./overview.js";
import { nothing } from "./refusal.js";

// What was typed last stays in this page's memory.
let last = { subject: "", issuer: "" };

/** Shows the two questions. */
export async function find(root, _, { signal, heading }) {
  const found = el("div", { id: "found", "aria-live": "polite" });
  const issuers = await get("/keys", signal).then((told) => told.issuers.map((one) => one.issuer), () => []);
  root.replaceChildren(heading("Look up"), el("div", { class: "pair" }, byId(), bySubject(issuers, (question) => show(found, question, signal))), found);
}

function byId() {
  const input = el("input", { id: "id", type: "search", autocomplete: "off", spellcheck: "false", maxlength: 4096, required: true });
  const sent = (event) => {
    event.preventDefault();
    if (input.value.trim()) location.hash = `#/refusal/${encodeURIComponent(input.value.trim())}`;
  };
  return el("form", { class: "card ask", role: "search", "aria-labelledby": "one", on: { submit: sent } }, el("h2", { id: "one" }, "One request"),
    el("label", { for: "id" }, "Trace id, the caller's trace id, or request id"), input,
    el("p", { class: "faint" }, "It stands in the body of every refusal as trace_id, and in a traceresponse or Server-Timing field, which may be pasted whole."), el("button", { type: "submit" }, "Find it"));
}

function bySubject(issuers, ask) {
  const input = el("input", { id: "subject", type: "text", autocomplete: "off", spellcheck: "false", maxlength: 4096, required: true });
  const issuer = el("select", { id: "issuer" }, el("option", { value: "" }, "any issuer"), issuers.map((name) => el("option", { value: name, selected: name === last.issuer }, name)));
  input.value = last.subject;
  const sent = (event) => {
    event.preventDefault();
    last = { subject: input.value, issuer: issuer.value };
    ask(last);
  };
  return el("form", { class: "card ask", role: "search", "aria-labelledby": "user", on: { submit: sent } }, el("h2", { id: "user" }, "One user's requests"),
    el("label", { for: "subject" }, "Subject, as in the token's sub"), input, el("label", { for: "issuer" }, "Issuer"), issuer,
    el("p", { class: "faint" }, "The gateway hashes it: records hold no names of users."), el("button", { type: "submit" }, "Find them"));
}

async function show(found, { subject, issuer }, signal) {
  try {
    const told = await query("/records/query", { subject, issuer: issuer || undefined, admissions: true, limit: 100 }, signal);
    const title = (text) => el("h2", {}, text);
    put(found, told.records.length ? list(told.records, `The latest of this subject: ${told.records.length}`) : el("section", { class: "card" }, nothing(subject, told.standing, title)));
  } catch (error) {
    if (!signal.aborted) put(found, el("p", { class: "trouble", role: "alert" }, error.message));
  }
}
