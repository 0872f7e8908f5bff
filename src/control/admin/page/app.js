// The page: which part of it is shown, who may see it, and in which colours.

import { get, hasToken, Problem, use, whenRefused } from "./api.js";
import { brief, el, inert, put } from "./dom.js";
import { overview } from "./overview.js";
import { refusal } from "./refusal.js";
import { find } from "./search.js";
import { gateway } from "./standing.js";

const main = document.getElementById("main"), leave = document.getElementById("leave"), theme = document.getElementById("theme");
const PAGES = [
  { name: "refusal", title: "A refusal", at: /^\/refusal\/(.+)$/, show: refusal },
  { name: "find", title: "Look up", at: /^\/find$/, show: find },
  { name: "gateway", title: "Gateway", at: /^\/gateway$/, show: gateway },
  { name: "overview", title: "Refusals", at: /^\/?$/, show: overview },
];
let shown = { end: () => {} }, signing = false;

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

async function go() {
  shown.end();
  const ends = [], controller = new AbortController(), { signal } = controller;
  shown = { end: () => { controller.abort(); ends.forEach((end) => end()); } };
  const [path, search] = location.hash.replace(/^#/, "").split(/\?(.*)/s);
  const page = PAGES.find((one) => one.at.test(path)) ?? PAGES.at(-1);
  const id = decoded(path.match(page.at)?.[1] ?? "");
  document.title = `${page.title} · Curfew`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === page.name) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  const heading = (text, ...more) => el("div", { class: "heading" }, el("h1", { tabindex: -1 }, brief(text, 80)), more);
  const root = el("div", { class: `page ${page.name}` });
  main.replaceChildren(root);
  signing = false;
  const world = { signal, heading, go, ending: (end) => ends.push(end) };
  try {
    await page.show(root, { id, params: new URLSearchParams(search ?? "") }, world);
    which(signal);
  } catch (error) {
    if (!signal.aborted && !signing) put(root, heading("This cannot be shown"), el("p", { class: "trouble", role: "alert" }, why(error)), el("button", { type: "button", on: { click: go } }, "Try again"));
  }
  leave.hidden = !hasToken();
}

const why = (error) => (error instanceof Problem ? error.message : `${error.name}: ${error.message}`);

async function which(signal) {
  try {
    const { gateway: name, revision } = await get("/routes", signal);
    put(document.getElementById("which"), brief(name, 40), " ", el("span", { class: "faint mono" }, brief(revision, 12)));
  } catch { /* The rest shows what is wrong. */ }
}

// Whoever has no token, or a wrong one, is asked for it.
whenRefused((detail) => {
  if (signing) return;
  signing = true;
  const was = hasToken();
  shown.end();
  use("");
  leave.hidden = true;
  put(document.getElementById("which"));
  const input = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "about" });
  const keep = el("input", { id: "keep", type: "checkbox" });
  const sent = (event) => {
    event.preventDefault();
    use(input.value.trim(), keep.checked);
    go();
  };
  document.title = "Sign in · Curfew";
  main.replaceChildren(el("form", { class: "card sign-in", on: { submit: sent } }, el("h1", { tabindex: -1 }, "Sign in"),
    was && el("p", { class: "trouble", role: "alert" }, inert(detail ?? "this token is not known")),
    el("label", { for: "token" }, "The token of admin.token"), input, el("p", { class: "faint", id: "about" }, "It is sent to this gateway only, in the Authorization field, and never stored by it."),
    el("label", { class: "line" }, keep, " Keep it in this tab until it is closed"), el("button", { type: "submit" }, "Sign in")));
  input.focus();
});

leave.addEventListener("click", () => { use(""); go(); });

theme.value = document.documentElement.dataset.theme ?? "auto";
theme.addEventListener("change", () => {
  if (theme.value === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme.value;
  try { localStorage.setItem("curfew-theme", theme.value); } catch { /* Then until it is closed. */ }
});

document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });

addEventListener("hashchange", async () => {
  await go();
  scrollTo(0, 0);
  if (!main.contains(document.activeElement)) main.querySelector("h1")?.focus({ preventScroll: true });
});

go();
