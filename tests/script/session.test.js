// The script of the session door, against a world of the test's own: its clocks, its timers, its door and its tabs.
"use strict";
const { test } = require("node:test");
const assert = require("node:assert");
const { Session, Dialog, tabs } = require("../../src/proxy/assets/session.js");

// A machine with a clock; the door of a session which ends so many seconds after its last activity.
function machine(idle, warn) {
  const m = { now: 1e12, steady: 0, timers: [], ends: 1e12 + idle * 1000, down: false, asked: [], all: [] };
  m.answer = () => {
    const left = Math.floor((m.ends - m.now) / 1000);
    if (left < 0) return { status: 401 };
    const body = { now: 0, ends: 0, in: left, reason: "idle", extendable: true, warn_before: warn, limits: [] };
    return { status: 200, body };
  };
  m.tab = () => {
    const tab = { raised: [], shown: [] };
    const env = {
      wall: () => m.now, steady: () => m.steady,
      later: (ms, deed) => { const timer = { at: m.now + ms, deed }; m.timers.push(timer); return timer; },
      clear: (timer) => { m.timers = m.timers.filter((one) => one !== timer); },
      show: (state) => tab.shown.push(state),
      raise: (name) => tab.raised.push(name),
      post: (message) => m.all.filter((one) => one !== tab).forEach((one) => one.session.heard(JSON.parse(JSON.stringify(message)))),
      fetch: async (method, path) => {
        m.asked.push(method + path);
        if (m.down) throw new Error("down");
        if (method === "POST" && m.answer().status === 200) m.ends = m.now + idle * 1000;
        return m.answer();
      },
    };
    tab.session = Session(env);
    m.all.push(tab);
    return tab;
  };
  m.settle = async () => { for (let i = 0; i < 20; i++) await Promise.resolve(); };
  m.pass = async (seconds, sleeps) => {
    const end = m.now + seconds * 1000;
    if (sleeps) { m.now = end; return; }
    for (;;) {
      m.timers.sort((a, b) => a.at - b.at);
      const next = m.timers[0];
      const to = next && next.at <= end ? Math.max(next.at, m.now) : end;
      m.steady += to - m.now; m.now = to;
      if (!next || next.at > end) return;
      m.timers.shift(); next.deed(); await m.settle();
    }
  };
  return m;
}

test("it warns, counts down and ends", async () => {
  const m = machine(100, 30), tab = m.tab();
  await tab.session.check();
  assert.equal(tab.session.state().phase, "active");
  await m.pass(69); assert.equal(tab.session.state().phase, "active");
  await m.pass(3); assert.equal(tab.session.state().phase, "warning");
  assert.ok(Math.abs(tab.session.state().left - 28) <= 1);
  await m.pass(31); assert.equal(tab.session.state().phase, "ended");
  assert.deepEqual(tab.raised.filter((name) => name !== "session"), ["warning", "ended"]);
  assert.ok(m.asked.length < 10, String(m.asked));
});

test("more time goes to all tabs", async () => {
  const m = machine(100, 30), one = m.tab(), other = m.tab();
  await one.session.check();
  assert.equal(other.session.state().phase, "active");
  await m.pass(80);
  assert.deepEqual([one, other].map((tab) => tab.session.state().phase), ["warning", "warning"]);
  await one.session.extend();
  assert.deepEqual([one, other].map((tab) => tab.session.state().phase), ["active", "active"]);
  assert.ok(one.raised.includes("extended"));
  await m.pass(60);
  assert.equal(other.session.state().phase, "active");
});

test("two tabs end once, and do not answer each other for ever", async () => {
  const m = machine(10, 5), one = m.tab(), other = m.tab();
  await one.session.check(); await m.pass(15);
  assert.deepEqual([one, other].map((tab) => tab.session.state().phase), ["ended", "ended"]);
  const asked = m.asked.length;
  await m.pass(600); assert.equal(m.asked.length, asked);
});

test("a machine that slept learns at once", async () => {
  const m = machine(100, 30), tab = m.tab();
  await tab.session.check();
  await m.pass(500, true);
  tab.session.woke(); await m.settle();
  assert.equal(tab.session.state().phase, "ended");
});

test("a clock that was set back gives nothing", async () => {
  const m = machine(100, 30), tab = m.tab();
  await tab.session.check();
  m.now -= 3600e3; m.ends -= 3600e3; m.timers.forEach((timer) => { timer.at -= 3600e3; });
  await m.pass(75); assert.equal(tab.session.state().phase, "warning");
});

test("a door that is silent is asked less and less, and nothing is made up", async () => {
  const m = machine(100, 30), tab = m.tab();
  m.down = true;
  await tab.session.check(); await m.pass(600);
  assert.equal(tab.session.state().phase, "unknown");
  assert.ok(m.asked.length < 20, String(m.asked.length));
  m.ends = m.now + 100e3; m.down = false;
  await m.pass(61); assert.equal(tab.session.state().phase === "unknown", false);
});

test("asking for more time waits for what is under way", async () => {
  const m = machine(100, 30), tab = m.tab();
  tab.session.check(); await tab.session.extend();
  assert.deepEqual(m.asked, ["GET", "POST/extend"]);
});

// So much of a document as the dialog needs.
function fake() {
  const document = { activeElement: null };
  const make = (name) => ({
    name, attributes: {}, children: [], listeners: {}, hidden: false, parentNode: null, textContent: "",
    setAttribute(key, value) { this.attributes[key] = value; },
    addEventListener(kind, deed) { this.listeners[kind] = deed; },
    appendChild(child) { this.children.push(child); child.parentNode = this; },
    removeChild(child) { this.children = this.children.filter((one) => one !== child); child.parentNode = null; },
    focus() { document.activeElement = this; },
  });
  document.createElement = make;
  document.body = make("body");
  return document;
}

test("the dialog is named, keeps the focus, and gives it back", () => {
  const document = fake(), field = document.createElement("input"), done = [];
  field.focus();
  const texts = { title: "T", left: "L {time}", extend: "E", dismiss: "D", ended: "X", "sign-in": "S" };
  const show = Dialog(document, texts, "/login", { extend: () => done.push("extend"), signIn: () => done.push("sign-in") });
  show({ phase: "active", left: 90, extendable: true });
  assert.equal(document.body.children.length, 0);
  show({ phase: "warning", left: 65.4, extendable: true });
  const [root] = document.body.children, by = (id) => root.children.find((one) => one.attributes.id === "curfew-session-" + id);
  assert.equal(root.attributes.role, "alertdialog");
  assert.equal(by("left").textContent, "L 1:05");
  assert.equal(by("spoken").attributes["aria-live"], "polite");
  assert.equal(document.activeElement, by("extend"));
  let prevented = 0;
  const tab = (shiftKey) => root.listeners.keydown({ key: "Tab", shiftKey, preventDefault: () => { prevented += 1; } });
  tab(false); assert.equal(document.activeElement, by("dismiss"));
  tab(false); assert.equal(document.activeElement, by("extend"));
  tab(true); assert.equal(document.activeElement, by("dismiss"));
  assert.equal(prevented, 3);
  by("extend").listeners.click();
  show({ phase: "warning", left: 64.4, extendable: true });
  const spoken = by("spoken").textContent;
  show({ phase: "warning", left: 63.4, extendable: true });
  assert.equal(by("spoken").textContent, spoken);
  root.listeners.keydown({ key: "Escape" });
  assert.equal(document.body.children.length, 0);
  assert.equal(document.activeElement, field);
  show({ phase: "warning", left: 8, extendable: true });
  show({ phase: "ended", left: 0, extendable: false });
  assert.equal(by("spoken").textContent, "X", "the end itself is announced");
  assert.deepEqual([by("title").textContent, by("extend").hidden, by("sign-in").hidden], ["X", true, false]);
  by("sign-in").listeners.click();
  assert.deepEqual(done, ["extend", "sign-in"]);
});

test("without a channel tabs talk through the storage", () => {
  const listeners = {}, stored = {}, heard = [];
  const global = { addEventListener: (kind, deed) => { listeners[kind] = deed; }, localStorage: { setItem: (key, text) => { stored[key] = text; } } };
  tabs(global, (message) => heard.push(message))({ kind: "ended" });
  for (const newValue of [stored["curfew-session"], "{not json", null]) listeners.storage({ key: "curfew-session", newValue });
  listeners.storage({ key: "another", newValue: "{}" });
  assert.deepEqual(heard, [{ kind: "ended" }]);
});
