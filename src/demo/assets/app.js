// The demo's page: shows what the session door tells, and what comes of each deed. The warning itself is the script's
// of the session door.
"use strict";
const NAMES = { idle: "left alone", absolute: "greatest length", "sign-in": "age of the sign-in", token: "the token's own end" };
const at = (id) => document.getElementById(id);
let limits = [], told = 0;

function log(text) {
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString("en-GB")} ${text}`;
  at("log").prepend(line);
  while (at("log").children.length > 12) { at("log").lastChild.remove(); }
}

function clock(seconds) {
  return seconds > 0 ? `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, "0")}` : "over";
}

function show() {
  const passed = (performance.now() - told) / 1000;
  at("limits").replaceChildren(...limits.flatMap((limit) => {
    const name = document.createElement("dt"), left = document.createElement("dd");
    name.textContent = NAMES[limit.reason] || limit.reason;
    left.textContent = clock(limit.in - passed);
    return [name, left];
  }));
}

async function ask(method, path) {
  const answer = await fetch(path, { method });
  const why = answer.ok ? "" : ` ${(await answer.json().catch(() => ({}))).reason || ""}`;
  log(`${method} ${path}: ${answer.status}${why}`);
  curfewSession.check();
}

function socket() {
  const line = new WebSocket(`wss://${location.host}/app/live`);
  line.onopen = () => log("WebSocket: open");
  line.onclose = (end) => log(`WebSocket: closed, ${end.code} ${end.reason}`);
}

at("work").onclick = () => ask("GET", "/app/api/orders");
at("poll").onclick = () => ask("GET", "/app/api/news");
at("refresh").onclick = () => ask("POST", "/app/refresh");
at("socket").onclick = socket;
document.addEventListener("curfew:session", (event) => {
  limits = event.detail.limits || [];
  told = performance.now();
  show();
});
for (const name of ["warning", "extended", "ended"]) {
  document.addEventListener(`curfew:${name}`, (event) => log(`${name}${event.detail.reason ? ` (${event.detail.reason})` : ""}`));
}
document.addEventListener("curfew:ended", (event) => {
  limits = limits.map((limit) => (limit.reason === event.detail.reason ? { ...limit, in: 0 } : limit));
  show();
});
setInterval(show, 1000);
