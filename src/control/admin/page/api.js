// The admin API, asked as any client asks it. The token is in this tab's memory; in its session storage only if told so.

const PLACE = "curfew-admin-token";

let token = read();
let refused = () => {};

function read() {
  try { return sessionStorage.getItem(PLACE) ?? ""; } catch { return ""; }
}

/** Why something was not answered. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** What is called when the token is missing or wrong. */
export const whenRefused = (deed) => { refused = deed; };

/** Whether there is a token. */
export const hasToken = () => token !== "";

/** Takes a token; an empty one is none. */
export function use(next, keep) {
  token = next;
  try {
    if (keep && next) sessionStorage.setItem(PLACE, next);
    else sessionStorage.removeItem(PLACE);
  } catch { /* Then it is in memory only. */ }
}

async function ask(method, path, question, signal) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (question) headers["Content-Type"] = "application/json";
  const body = question && JSON.stringify(question);
  const how = { cache: "no-store", credentials: "same-origin", mode: "same-origin", redirect: "error", referrerPolicy: "no-referrer" };
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal, ...how });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "the gateway does not answer");
  }
  const told = await response.json().catch(() => ({}));
  if (response.ok) return told;
  if (response.status === 401) refused(told.detail);
  throw new Problem(response.status, told.detail ?? `the gateway answered ${response.status}`);
}

/** Asks. */
export const get = (path, signal) => ask("GET", path, undefined, signal);

/** Asks with a question in the body, so that no log of addresses has it. */
export const query = (path, question, signal) => ask("POST", path, question, signal);
