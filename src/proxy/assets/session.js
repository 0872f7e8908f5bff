// Warns a user before the session ends, and offers more time. Served by Curfew at the session door, as `….js`.
//
//   <script src="/.curfew/session.js" defer></script>
//
// Its settings are attributes of the tag: `data-url` (the door; default: where the script comes from), `data-sign-in`
// (where "Sign in" leads), `data-silent` (no dialog: the app shows its own). Texts: `data-text-title`, `-left`,
// `-extend`, `-dismiss`, `-ended`, `-sign-in`; `{time}` stands for what is left.
// It raises on `document`: `curfew:session` (what the door told), `curfew:warning`, `curfew:extended`, `curfew:ended`.
// `curfewSession` has `check()`, `extend()`, `stop()` and `state()`.
(function (global) {
  "use strict";
  var CHANNEL = "curfew-session";
  var TEXTS = {
    title: "Your session is about to end",
    left: "Time left: {time}",
    extend: "Stay signed in",
    dismiss: "Not now",
    ended: "Your session has ended.",
    "sign-in": "Sign in"
  };

  // How the clock is kept: by the server's `in`, counted by the page's own clock from when it was told. `Date` goes on
  // while the machine sleeps and timers do not; a `Date` that was set back is outvoted by the steady clock.
  function Clock(env) {
    var wall = 0, steady = 0;
    this.start = function () { wall = env.wall(); steady = env.steady(); };
    this.passed = function () { return Math.max(0, env.wall() - wall, env.steady() - steady); };
  }

  // The logic, without a page: `env` is all that it knows of the world.
  function Session(env) {
    var clock = new Clock(env), told = null, phase = "unknown", timer = null, busy = null, stopped = false, failed = 0;

    function left() { return told && told.in !== null ? Math.max(0, told.in - clock.passed() / 1000) : Infinity; }

    function state() {
      return { phase: phase, left: left(), reason: told && told.reason, extendable: !!(told && told.extendable) };
    }

    function enter(next) {
      var changed = phase !== next;
      phase = next;
      if (changed && next === "warning") { env.raise("warning", state()); }
      if (changed && next === "ended") { env.raise("ended", state()); }
      env.show(state());
    }

    // What was told, by the door or by another tab which asked it so many milliseconds ago.
    function take(answer, ago) {
      told = Object.assign({}, answer, { in: answer.in === null ? null : answer.in - (ago || 0) / 1000 });
      clock.start();
      failed = 0;
      env.raise("session", told);
      tick();
    }

    function tick() {
      if (stopped) { return; }
      env.clear(timer);
      if (told) {
        var rest = left();
        // It is over by our own count: the door has the last word, for another tab may have gone on.
        // What is told in whole seconds is over a little early: it is asked once in a second at most.
        if (rest <= 0) { if (phase !== "ended") { timer = env.later(clock.passed() < 1000 ? 1000 : 0, check); } return; }
        enter(rest <= told.warn_before ? "warning" : "active");
      }
      var wait = phase === "warning" ? 1000 : Math.min(60000, Math.max(1000, (left() - (told ? told.warn_before : 0)) * 1000));
      timer = env.later(phase === "unknown" ? pause() : wait, phase === "unknown" ? check : beat);
    }

    function pause() { return Math.min(60000, 1000 * Math.pow(2, failed)); }

    // Before it warns it asks: the user may have been busy in another way meanwhile.
    function beat() { if (phase === "active") { check(); } else { tick(); } }

    function talk(method, path) {
      if (busy) { return busy; }
      var done = function () { busy = null; };
      busy = env.fetch(method, path).then(function (answer) {
        done();
        if (stopped) { return state(); }
        if (answer.status === 200) { take(answer.body, 0); env.post({ kind: "told", body: answer.body, at: env.wall() }); }
        else if (answer.status === 401) { over(); env.post({ kind: "ended" }); }
        else { retry(answer.wait); }
        return state();
      }, function () { done(); retry(); return state(); });
      return busy;
    }

    function over() { env.clear(timer); if (told) { told = Object.assign({}, told, { in: 0, extendable: false }); } enter("ended"); }

    // The door did not answer: what was told still counts down, and nothing is shown that is not known.
    function retry(wait) {
      failed += 1;
      if (stopped) { return; }
      if (told && left() <= 0) { enter("ended"); }
      env.clear(timer);
      timer = env.later(Math.max(1000, wait ? wait * 1000 : Math.min(pause(), phase === "warning" ? 1000 : 60000)), phase === "warning" && left() > 0 ? tick : check);
    }

    function check() { return talk("GET", ""); }

    function extend() {
      var before = left();
      var first = busy || Promise.resolve();
      return first.then(function () { return talk("POST", "/extend"); }).then(function (now) {
        if (now.phase !== "ended" && now.left > before) { env.raise("extended", now); }
        return now;
      });
    }

    // Another tab tells what it was told.
    function heard(message) {
      if (!message || stopped) { return; }
      if (message.kind === "ended" && phase !== "ended") { check(); }
      if (message.kind === "told" && message.body && typeof message.body.warn_before === "number") {
        take(message.body, Math.max(0, env.wall() - message.at));
      }
    }

    return {
      check: check, extend: extend, heard: heard, state: state,
      woke: function () { if (!stopped && phase !== "ended") { if (told) { tick(); } check(); } },
      stop: function () { stopped = true; env.clear(timer); }
    };
  }

  function clockText(seconds) {
    var whole = Math.floor(seconds), minutes = Math.floor(whole / 60), rest = whole % 60;
    return minutes + ":" + (rest < 10 ? "0" : "") + rest;
  }

  // The dialog: named, described, keeps the focus, closes with Escape, and speaks only now and then.
  function Dialog(document, texts, signIn, act) {
    var root = null, parts = {}, before = null, dismissed = false, spoken = null;

    function element(name, attributes, text) {
      var made = document.createElement(name);
      Object.keys(attributes).forEach(function (key) { made.setAttribute(key, attributes[key]); });
      if (text) { made.textContent = text; }
      return made;
    }

    function button(text, id, deed) {
      var made = element("button", { type: "button", id: id }, text);
      made.addEventListener("click", deed);
      return made;
    }

    function build() {
      root = element("div", { id: "curfew-session", role: "alertdialog", "aria-modal": "true",
        "aria-labelledby": "curfew-session-title", "aria-describedby": "curfew-session-left", tabindex: "-1" });
      parts.title = element("h2", { id: "curfew-session-title" }, texts.title);
      parts.left = element("p", { id: "curfew-session-left", "aria-live": "off" });
      parts.spoken = element("p", { id: "curfew-session-spoken", "aria-live": "polite" });
      parts.extend = button(texts.extend, "curfew-session-extend", act.extend);
      parts.dismiss = button(texts.dismiss, "curfew-session-dismiss", function () { dismissed = true; hide(); });
      parts.signIn = button(texts["sign-in"], "curfew-session-sign-in", act.signIn);
      root.addEventListener("keydown", keys);
      [parts.title, parts.left, parts.spoken, parts.extend, parts.dismiss, parts.signIn].forEach(function (part) { root.appendChild(part); });
      style();
    }

    function style() {
      var css = "#curfew-session{position:fixed;inset:auto 1rem 1rem auto;z-index:2147483647;max-width:22rem;" +
        "padding:1rem 1.25rem;border-radius:.75rem;border:1px solid #8886;font:1rem/1.5 system-ui,sans-serif;" +
        "background:#fff;color:#1a1a1a;box-shadow:0 .5rem 2rem #0004;animation:curfew-in .2s ease-out}" +
        "#curfew-session h2{margin:0 0 .5rem;font-size:1.1rem;color:inherit}#curfew-session p{margin:.25rem 0 .75rem;font-variant-numeric:tabular-nums}" +
        "#curfew-session-spoken{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}" +
        "#curfew-session button{font:inherit;margin-right:.5rem;padding:.4rem .9rem;border-radius:.5rem;border:1px solid currentColor;background:none;color:inherit}" +
        "#curfew-session-extend,#curfew-session-sign-in{background:#1a4fd6!important;color:#fff!important}" +
        "#curfew-session button:focus-visible{outline:3px solid #f5a623;outline-offset:2px}#curfew-session [hidden]{display:none}" +
        "@keyframes curfew-in{from{opacity:0;transform:translateY(.5rem)}}" +
        "@media (prefers-reduced-motion:reduce){#curfew-session{animation:none}}" +
        "@media (prefers-color-scheme:dark){#curfew-session{background:#1d1f24;color:#f2f2f2}}";
      // A sheet that is made here is no inline style: a page's policy of `default-src 'self'` lets it be.
      try {
        var sheet = new document.defaultView.CSSStyleSheet();
        sheet.replaceSync(css);
        document.adoptedStyleSheets = Array.from(document.adoptedStyleSheets).concat(sheet);
      } catch (_) {
        root.appendChild(element("style", {}, css));
      }
    }

    function buttons() { return [parts.extend, parts.dismiss, parts.signIn].filter(function (one) { return !one.hidden; }); }

    function keys(event) {
      if (event.key === "Escape" && !parts.dismiss.hidden) { dismissed = true; hide(); }
      if (event.key !== "Tab") { return; }
      var all = buttons(), at = all.indexOf(document.activeElement), last = all.length - 1;
      if (!all.length) { return; }
      event.preventDefault();
      var next = event.shiftKey ? (at <= 0 ? last : at - 1) : (at >= last ? 0 : at + 1);
      all[next].focus();
    }

    function hide() {
      if (!root || !root.parentNode) { return; }
      root.parentNode.removeChild(root);
      if (before && before.focus) { before.focus(); }
      before = spoken = null;
    }

    // A reader hears it at minutes, and near the end at 30 and 10 seconds and at the end itself, and
    // not every second.
    function speak(text, seconds) {
      var step = seconds <= 0 ? 0 : seconds > 60 ? Math.ceil(seconds / 60) * 60 : seconds > 30 ? 60 : seconds > 10 ? 30 : 10;
      if (step !== spoken) { spoken = step; parts.spoken.textContent = text; }
    }

    return function show(state) {
      if (state.phase === "active" || state.phase === "unknown") { dismissed = false; return hide(); }
      var ended = state.phase === "ended";
      if (dismissed && !ended) { return; }
      if (!root) { build(); }
      var text = ended ? texts.ended : texts.left.replace("{time}", clockText(state.left));
      parts.left.textContent = text;
      parts.title.textContent = ended ? texts.ended : texts.title;
      parts.left.hidden = ended;
      parts.extend.hidden = ended || !state.extendable;
      parts.dismiss.hidden = ended;
      parts.signIn.hidden = !signIn || !(ended || !state.extendable);
      if (!root.parentNode) {
        before = document.activeElement;
        document.body.appendChild(root);
        (buttons()[0] || root).focus();
      } else if (buttons().indexOf(document.activeElement) < 0) {
        (buttons()[0] || root).focus();
      }
      speak(text, ended ? 0 : Math.max(1, state.left));
    };
  }

  // Tabs: a channel, else the storage, whose event comes to all the others.
  function tabs(global, hear) {
    if (global.BroadcastChannel) {
      var channel = new global.BroadcastChannel(CHANNEL);
      channel.onmessage = function (event) { hear(event.data); };
      return function (message) { channel.postMessage(message); };
    }
    global.addEventListener("storage", function (event) {
      if (event.key !== CHANNEL || !event.newValue) { return; }
      try { hear(JSON.parse(event.newValue)); } catch (_) { /* not of ours */ }
    });
    return function (message) {
      try { global.localStorage.setItem(CHANNEL, JSON.stringify(message)); } catch (_) { /* no storage: a tab alone */ }
    };
  }

  function start(global, tag) {
    var document = global.document, data = tag.dataset, url = data.url || tag.src.replace(/\.js(\?.*)?$/, "");
    var texts = {};
    Object.keys(TEXTS).forEach(function (key) {
      texts[key] = tag.getAttribute("data-text-" + key) || TEXTS[key];
    });
    var session, post = function () {};
    var show = data.silent !== undefined ? function () {} : Dialog(document, texts, data.signIn, {
      extend: function () { session.extend(); },
      signIn: function () { global.location.assign(data.signIn); }
    });
    session = Session({
      wall: function () { return Date.now(); },
      steady: function () { return global.performance.now(); },
      later: function (ms, deed) { return global.setTimeout(deed, ms); },
      clear: function (timer) { global.clearTimeout(timer); },
      show: show,
      post: function (message) { post(message); },
      raise: function (name, detail) { document.dispatchEvent(new global.CustomEvent("curfew:" + name, { detail: detail })); },
      fetch: function (method, path) {
        var headers = method === "POST" ? { "Curfew-Extend": "1" } : {};
        return global.fetch(url + path, { method: method, credentials: "include", cache: "no-store", headers: headers }).then(function (answer) {
          var wait = Number(answer.headers.get("Retry-After")) || 0;
          if (answer.status !== 200) { return { status: answer.status, wait: wait }; }
          return answer.json().then(function (body) { return { status: 200, body: body }; });
        });
      }
    });
    post = tabs(global, session.heard);
    document.addEventListener("visibilitychange", function () { if (!document.hidden) { session.woke(); } });
    global.addEventListener("pageshow", session.woke);
    global.addEventListener("online", session.woke);
    session.check();
    return { check: session.check, extend: session.extend, stop: session.stop, state: session.state };
  }

  if (typeof module === "object" && module.exports) { module.exports = { Session: Session, Dialog: Dialog, tabs: tabs, start: start }; }
  else { global.curfewSession = start(global, global.document.currentScript); }
})(typeof window === "object" ? window : this);
