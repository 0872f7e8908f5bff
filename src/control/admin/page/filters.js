// Which refusals are meant. All but a typed subject or client stands in the page's address, so that it can be passed on.

import { el } from "./dom.js";

const SPANS = [["5m", "5 minutes"], ["15m", "15 minutes"], ["1h", "1 hour"], ["6h", "6 hours"], ["24h", "24 hours"], ["7d", "7 days"]];
const STEPS = { "5m": "5s", "15m": "15s", "1h": "1m", "6h": "6m", "24h": "24m", "7d": "168m" };
const NAMES = ["since", "route", "reason", "issuer", "tenant", "subject_hash", "client_hash", "address", "shadow"];
// What was typed is of the page's memory only.
const TYPED = ["subject", "client"];
const CLEARED = Object.fromEntries([...NAMES.slice(1), ...TYPED].map((name) => [name, undefined]));

/** The filters of an address. */
export function read(params) {
  const wanted = Object.fromEntries(NAMES.map((name) => [name, params.get(name) || undefined]));
  return { ...wanted, since: STEPS[wanted.since] ? wanted.since : "15m" };
}

/** The address of filters. */
export function write(wanted) {
  const params = new URLSearchParams(NAMES.filter((name) => wanted[name] && !(name === "since" && wanted.since === "15m")).map((name) => [name, wanted[name]]));
  return params.size ? `#/?${params}` : "#/";
}

/** How long one bar of the chart is. */
export const step = (since) => STEPS[since];

/** The span in words. */
export const spoken = (since) => SPANS.find(([value]) => value === since)?.[1] ?? since;

/** The form. `change` is given what to change; `names` are those that are known of routes, issuers and reasons. */
export function form(wanted, names, change) {
  const set = (name) => (event) => change({ [name]: event.target.value.trim() || undefined });
  const choice = (name, title, values, all) => field(title, name, el("select", { id: `by-${name}`, on: { change: set(name) } },
    all && el("option", { value: "" }, all), options(values, wanted[name])));
  const text = (name, placeholder) => {
    const input = el("input", { id: `by-${name}`, type: "text", autocomplete: "off", spellcheck: "false", maxlength: 4096, placeholder });
    if (wanted[name]) input.value = wanted[name];
    return input;
  };
  const [subject, client, address] = [text("subject", "sub (is hashed)"), text("client", "client_id (hashed)"), text("address", "or 192.0.2.0/24")];
  const sent = (event) => {
    event.preventDefault();
    // A hash that was chosen stays, until somebody is typed in its place.
    const typed = Object.fromEntries([["subject", subject], ["client", client]].flatMap(([name, input]) => (input.value ? [[name, input.value], [`${name}_hash`, undefined]] : [[name, undefined]])));
    change({ ...typed, address: address.value.trim() || undefined });
  };
  return el("form", { class: "filters", role: "search", "aria-label": "Filter refusals", on: { submit: sent } },
    choice("since", "Since", SPANS), choice("shadow", "Of", [["", "the policies"], ["1", "shadow policies"]]), choice("reason", "Reason", names.reasons, "any"), choice("route", "Route", names.routes, "any"), choice("issuer", "Issuer", names.issuers, "any"),
    (names.tenants.length > 0 || wanted.tenant) && choice("tenant", "Tenant", names.tenants, "any"),
    field("Subject", "subject", subject), field("Client", "client", client), field("Address", "address", address),
    el("button", { type: "submit", class: "quiet" }, "Apply"), el("button", { type: "button", class: "quiet", on: { click: () => change(CLEARED) } }, "Clear"));
}

const field = (title, name, input) => el("div", { class: "field" }, el("label", { for: `by-${name}` }, title), input);

function options(values, chosen) {
  const pairs = values.map((value) => (Array.isArray(value) ? value : [value, value]));
  if (chosen && !pairs.some(([value]) => value === chosen)) pairs.push([chosen, chosen]);
  return pairs.map(([value, text]) => el("option", { value, selected: value === (chosen ?? "") }, text));
}
