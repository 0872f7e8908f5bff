//! What the engine promises: every fault at once, each at its place, and no text that harms.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::settings::{Bytes, OrOff, Secret, Span};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct House {
    version: u32,
    #[serde(default)]
    issuers: BTreeMap<String, Issuer>,
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Issuer {
    url: Url,
    #[serde(default)]
    leeway: Option<Span>,
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    secret: Option<Secret>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let https = text.starts_with("https://");
        if https { Ok(Self(text)) } else { Err(format!("`{text}` is not an https URL\nwrite `https://…`")) }
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Keys {
    #[default]
    Discovery,
    File(String),
    Poll {
        every: Span,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Route {
    path: String,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    idle: OrOff<Span>,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    window: Option<Window>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Access {
    #[default]
    Guarded,
    Open,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Source {
    Poll { url: Url, every: Span, port: Option<u16>, back: Option<Back> },
    File { path: String },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Back {
    first: Span,
    most: Span,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "Bounds")]
struct Window(Span, Span);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    least: Span,
    most: Span,
}

impl TryFrom<Bounds> for Window {
    type Error = String;

    fn try_from(bounds: Bounds) -> Result<Self, String> {
        if bounds.least > bounds.most {
            Err("`least` is more than `most`".into())
        } else {
            Ok(Self(bounds.least, bounds.most))
        }
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    header: Bytes,
    streams: Option<NonZeroU16>,
}

/// The faults as `line:column path | message | help`.
fn faults(text: &str) -> Vec<String> {
    let told = parse::<House>("curfew.yaml", text).map(|parsed| parsed.value).expect_err("the text has faults");
    told.iter().map(brief).collect()
}

fn brief(fault: &Fault) -> String {
    let place = fault.location.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
    format!("{place} {} | {} | {}", fault.path, fault.message, fault.help.as_deref().unwrap_or(""))
}

const GOOD: &str = r#"
version: 1
issuers:
  main: { url: "https://id.example", leeway: 60s, keys: { poll: { every: 5m } }, secret: { env: KEY } }
  "log.in":
    url: https://log.in
    keys: discovery
routes:
  - path: /a
    idle: off
    source: { kind: poll, url: https://r.example, every: 10s, port: 80, back: { first: 1s, most: 1m } }
    window: { least: 1s, most: 2s }
  - path: 1.10
    access: open
    idle: 15m
    source:
      path: revoked.json
      kind: file
limits:
  header: 16KiB
"#;

#[test]
fn a_right_text_is_its_value_and_its_places() {
    let Parsed { value, spans } = parse::<House>("curfew.yaml", GOOD).unwrap();
    assert_eq!(value.issuers["main"].keys, Keys::Poll { every: Span::mins(5) });
    assert_eq!(value.issuers["main"].secret, Some(Secret::Env("KEY".into())));
    assert_eq!(value.routes[0].idle, OrOff::Off);
    assert_eq!(value.routes[1].path, "1.10", "a path is text as it stands");
    assert_eq!(value.routes[1].source, Some(Source::File { path: "revoked.json".into() }));
    assert_eq!(value.limits.header, Bytes::kib(16));

    let at = |path: &str| spans.at(path).map(|at| (at.line, at.column, &GOOD[at.start..at.end]));
    assert_eq!(at("routes[1].access"), Some((14, 13, "open")));
    assert_eq!(at("routes[1]"), Some((13, 5, "path")));
    assert_eq!(at("limits"), Some((19, 1, "limits")));
    assert_eq!(at(r#"issuers["log.in"].url"#), Some((6, 10, "https://log.in")));
    assert_eq!(at("routes[2]"), None);
    assert_eq!(spans.near("routes[1].window.least"), spans.at("routes[1]"));
    let warning = spans.fault(Severity::Warning, "routes[1].access", "nobody is asked", "");
    assert_eq!(brief(&warning), "14:13 routes[1].access | nobody is asked | ");
}

#[test]
fn json_is_read_too() {
    let json = r#"{"version": 1, "routes": [{"path": "/", "idle": "off"}], "limits": {"header": 4096}}"#;
    assert_eq!(parse::<House>("c.json", json).unwrap().value.limits.header, Bytes::kib(4));
}

#[test]
fn six_different_faults_are_told_at_once() {
    let text = "\
version: one
issuers:
  main:
    url: http://id.example
    leaway: 60s
routes:
  - path: /a
    idle: 900
    access: opn
  - access: open
";
    let told = parse::<House>("curfew.yaml", text).unwrap_err();
    let expected = "\
error: expected a whole number from 0 to 4294967295, found the text `one`
 --> curfew.yaml:1:10
  |
1 | version: one
  |          ^^^
  = at: version
  = help: write a whole number from 0 to 4294967295 here

error: `http://id.example` is not an https URL
 --> curfew.yaml:4:10
  |
4 |     url: http://id.example
  |          ^^^^^^^^^^^^^^^^^
  = at: issuers.main.url
  = help: write `https://…`

error: unknown key `leaway`
 --> curfew.yaml:5:5
  |
5 |     leaway
  |     ^^^^^^
  = at: issuers.main.leaway
  = help: did you mean `leeway`?

error: a duration needs a unit: write `900s` for seconds or `900ms` for milliseconds, not `900`
 --> curfew.yaml:8:11
  |
8 |     idle: 900
  |           ^^^
  = at: routes[0].idle

error: `opn` is not a word that can stand here
 --> curfew.yaml:9:13
  |
9 |     access: opn
  |             ^^^
  = at: routes[0].access
  = help: did you mean `open`?

error: `path` is missing
  --> curfew.yaml:10:5
   |
10 |   - access: open
   |     ^^^^^^
   = at: routes[1]
   = help: add `path: …` to this mapping; it has no default

6 errors, 0 warnings in curfew.yaml
";
    assert_eq!(render_all(&told, text, false), expected);
    assert!(told[0].render(text, true).contains("\x1b[1;31merror\x1b[0m"));
    let json = serde_json::to_value(&told[2]).unwrap();
    assert_eq!(json["location"]["line"], 5);
    assert_eq!(json["severity"], "error");
    assert_eq!(json["help"], "did you mean `leeway`?");
}

#[test]
fn each_fault_is_told_at_its_place() {
    let table: &[(&str, &[&str])] = &[
        ("", &["1:1  | `version` is missing | add `version: …` to this mapping; it has no default"]),
        ("# nothing\n", &["1:1  | `version` is missing | add `version: …` to this mapping; it has no default"]),
        (
            "[]",
            &[
                "1:1  | expected a mapping with keys such as `version`, `issuers`, `routes`, `limits`, found a list | write a mapping with keys such as `version`, `issuers`, `routes`, `limits` here",
            ],
        ),
        (
            "version:\n",
            &[
                "1:1 version | expected a whole number from 0 to 4294967295, found nothing | write a whole number from 0 to 4294967295 here",
            ],
        ),
        (
            "version: 1\nversion: 2\nxyz: 1\n",
            &[
                "2:1 version | the key `version` is given twice | keep one of the two; only the first was checked",
                "3:1 xyz | unknown key `xyz` | valid keys: `version`, `issuers`, `routes`, `limits`",
            ],
        ),
        (
            "version: 1\nlimits: { header: 8K, streams: 0 }\n",
            &[
                "2:19 limits.header | `8K` is not a size: write a whole number with B, kB, MB, GB, KiB, MiB or GiB, for example `8KiB` | ",
                "2:32 limits.streams | expected a whole number from 1 to 65535, found the number `0` | write a whole number from 1 to 65535 here",
            ],
        ),
        // All missing keys, though they have types of their own.
        (
            "version: 1\nroutes:\n- path: /\n  source: { kind: poll }\n  window: {}\n",
            &[
                "4:3 routes[0].source | `url` is missing | add `url: …` to this mapping; it has no default",
                "4:3 routes[0].source | `every` is missing | add `every: …` to this mapping; it has no default",
                "5:3 routes[0].window | `least` is missing | add `least: …` to this mapping; it has no default",
                "5:3 routes[0].window | `most` is missing | add `most: …` to this mapping; it has no default",
            ],
        ),
        // Inside an internally tagged enum, which serde reads from a buffer.
        (
            "version: 1\nroutes:\n- path: /\n  source: { kind: poll, url: http://a, evry: 1s, port: 70000, every: 5 }\n",
            &[
                "4:30 routes[0].source.url | `http://a` is not an https URL | write `https://…`",
                "4:40 routes[0].source.evry | unknown key `evry` | did you mean `every`?",
                "4:56 routes[0].source.port | expected a whole number from 0 to 65535, found the number `70000` | write a whole number from 0 to 65535 here",
                "4:70 routes[0].source.every | a duration needs a unit: write `5s` for seconds or `5ms` for milliseconds, not `5` | ",
            ],
        ),
        (
            "version: 1\nroutes:\n- path: /\n  source: { kind: poll, url: https://a, every: 1s, back: { first: 1, mots: 2s } }\n",
            &[
                "4:67 routes[0].source.back.first | a duration needs a unit: write `1s` for seconds or `1ms` for milliseconds, not `1` | ",
                "4:70 routes[0].source.back.mots | unknown key `mots` | did you mean `most`?",
                "4:52 routes[0].source.back | `most` is missing | add `most: …` to this mapping; it has no default",
            ],
        ),
        (
            "version: 1\nroutes:\n- path: /\n  source: { kind: pol }\n- path: /b\n  source: { path: x }\n",
            &[
                "4:19 routes[0].source.kind | `pol` is not a word that can stand here | did you mean `poll`?",
                "6:3 routes[1].source | `kind` is missing | add `kind: …` to this mapping; it has no default",
            ],
        ),
        // Externally tagged: the word, its value, too many words.
        (
            "version: 1\nissuers:\n  a: { url: 'https://a', keys: { pol: {} } }\n  b: { url: 'https://b', keys: { poll: { every: 1x } } }\n  c: { url: 'https://c', keys: { file: a, poll: b } }\n  d: { url: 'https://d', keys: file }\n",
            &[
                "3:34 issuers.a.keys.pol | `pol` is not a word that can stand here | did you mean `poll`?",
                "4:49 issuers.b.keys.poll.every | `1x` is not a duration: write for example `15m`, `1h30m` or `500ms` | ",
                "5:26 issuers.c.keys | expected a mapping with a single key, found a mapping | write a mapping with a single key here",
                "6:32 issuers.d.keys | expected the word as a key, with its value, found a word alone | write the word as a key, with its value here",
            ],
        ),
        // What a mapping says of itself, and not when a part of it is known to be wrong.
        (
            "version: 1\nroutes:\n- path: /\n  window: { least: 2s, most: 1s }\n- path: /b\n  window: { least: 2s, most: 1 }\n",
            &[
                "4:3 routes[0].window | `least` is more than `most` | ",
                "6:30 routes[1].window.most | a duration needs a unit: write `1s` for seconds or `1ms` for milliseconds, not `1` | ",
            ],
        ),
        (
            "a: &x 1\nversion: *x\nlimits: !!map {}\n",
            &[
                "1:1 a | unknown key `a` | valid keys: `version`, `issuers`, `routes`, `limits`",
                "2:10 version | aliases are not used in settings | write the value out, or give it a name under `policies` or `defaults`",
                "3:15 limits | tags are not used in settings | remove the tag that begins with `!`",
            ],
        ),
        (
            "version: 1\n---\nversion: 1\n",
            &["2:1  | a second document begins here | keep one document in a settings file"],
        ),
        (
            "version: 1\n[a]: b\n",
            &["2:1  | a collection cannot be a key | a key is one word; quote it if it looks like a list or a mapping"],
        ),
    ];
    for (text, expected) in table {
        let mut told = faults(text);
        let mut expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "{text}");
    }
}

#[test]
fn a_syntax_error_stands_alone() {
    for text in ["routes: [1, 2\nversion: 1", "a: b: c", "version: \"1", "*x : 1\n", "%YAML 3.0\n---\n1"] {
        let told = faults(text);
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn a_misplaced_secret_is_never_shown() {
    let text = "version: 1\nissuers: { a: { url: 'https://a', secret: hunter2, extra: 1 } }\n";
    let told = parse::<House>("c.yaml", text).unwrap_err();
    assert_eq!(told.len(), 2);
    for colour in [true, false] {
        let shown = render_all(&told, text, colour);
        assert!(shown.contains("a secret is never written into the settings") && !shown.contains("hunter2"), "{shown}");
    }
    let text = "version: 1\nissuers:\n  a:\n    url: https://a\n    sceret: hunter2\n    secret: { vault: hunter2 }\n";
    let told = parse::<House>("c.yaml", text).unwrap_err();
    assert_eq!(told.len(), 2);
    assert!(!render_all(&told, text, false).contains("hunter2"));
    assert!(!serde_json::to_string(&told).unwrap().contains("hunter2"));
}

#[test]
fn what_is_shown_cannot_steer_the_terminal() {
    let text = "version: \"\u{1b}[2J\u{202e}\"\nlimits: { header: \"\\e[2J\" }\n";
    let told = parse::<House>("c\u{1b}.yaml", text).unwrap_err();
    assert!(!render_all(&told, text, false).contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("version: {}x\n", " ".repeat(5_000));
    let told = parse::<House>("c.yaml", &text).unwrap_err();
    let shown = told[0].render(&text, false);
    assert!(shown.len() < 1_000 && shown.contains("x\n"), "{shown}");
}

#[test]
fn what_is_large_or_deep_or_grows_is_bounded() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nversion: 1\n";
    assert!(faults(bomb).iter().any(|fault| fault.contains("aliases are not used")));
    let mega = 1 << 20;
    let deep = [
        "[".repeat(mega),
        "{a: ".repeat(mega / 4),
        "- ".repeat(mega / 2),
        "a: ".repeat(mega / 3),
        "? ".repeat(mega / 2),
        (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("version: 1\nroutes: [{}]", "{},".repeat(mega / 3)),
        format!("version: 1\nx: [{}]", "*a,".repeat(mega / 3)),
        "x".repeat((16 << 20) + 1),
    ];
    for text in deep {
        let told = faults(&text);
        assert!((1..=100).contains(&told.len()));
    }
}

#[test]
fn faults_are_counted_to_a_hundred() {
    let text = format!("version: 1\nroutes:\n{}", "- { pth: /a, idle: 5 }\n".repeat(200));
    assert_eq!(faults(&text).len(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No text panics, and what is told can be rendered.
    #[test]
    fn no_text_panics(text in "(?s).{0,200}") {
        if let Err(told) = parse::<House>("c.yaml", &text) {
            prop_assert!(!told.is_empty());
            render_all(&told, &text, true);
        }
    }

    /// Neither does a text that is nearly right: some of its bytes are gone, doubled or replaced.
    #[test]
    fn no_damaged_text_panics(edits in prop::collection::vec((0..GOOD.len(), 0..3u8, any::<char>()), 1..8)) {
        let mut chars: Vec<char> = GOOD.chars().collect();
        for (at, edit, c) in edits {
            let at = at % chars.len();
            match edit {
                0 => drop(chars.remove(at)),
                1 => chars.insert(at, c),
                _ => chars[at] = if c.is_ascii() { c } else { ':' },
            }
        }
        let text: String = chars.into_iter().collect();
        if let Err(told) = parse::<House>("c.yaml", &text) {
            prop_assert!(!told.is_empty());
            render_all(&told, &text, false);
        }
    }
}
