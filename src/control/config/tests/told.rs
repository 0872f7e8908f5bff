//! Every fault at once, each at its place, in words that help.

use super::*;

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
    let told = parse::<House>("curfew.yaml", text).unwrap_err().faults;
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
                "2:1 version | the key `version` is given twice, first on line 1 | keep one of the two; only the first was checked",
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
                "2:10 version | aliases are not used in settings | write the value out where it is used",
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

/// What serde reads by trying, by taking the rest, or by place.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it can be read is asked")]
struct Loose {
    #[serde(default)]
    either: Option<Either>,
    #[serde(default)]
    pair: Option<(u8, String)>,
    #[serde(default)]
    by_port: BTreeMap<u16, bool>,
    #[serde(default)]
    by_word: BTreeMap<Access, u8>,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only whether it can be read is asked")]
enum Either {
    Number(u8),
    Inner { inner: u8 },
}

#[test]
fn what_serde_buffers_whole_is_told_as_near_as_can_be() {
    let table: &[(&str, &[&str])] = &[
        ("either: { inner: 300 }", &["1:1 either | this is none of the forms that can stand here | "]),
        ("either: x", &["1:9 either | this is none of the forms that can stand here | "]),
        (
            "pair: [1, a]\nby_port: { 80: true, x: true }",
            &[
                "2:22 by_port.x | expected a whole number from 0 to 65535, found the text `x` | write a whole number from 0 to 65535 here",
            ],
        ),
        ("pair: [1]", &["1:1 pair | expected a tuple of size 2, found 1 of them | write a tuple of size 2 here"]),
        (
            "by_word: { open: 1, opn: 2 }",
            &["1:21 by_word.opn | `opn` is not a word that can stand here | did you mean `open`?"],
        ),
        (
            "a: 1\nb: 300\nc: x\n",
            &[
                "2:4 b | expected a whole number from 0 to 255, found the number `300` | write a whole number from 0 to 255 here",
                "3:4 c | expected a whole number from 0 to 255, found the text `x` | write a whole number from 0 to 255 here",
            ],
        ),
    ];
    for (text, expected) in table {
        let told: Vec<_> = parse::<Loose>("c.yaml", text).unwrap_err().faults.iter().map(brief).collect();
        assert_eq!(told, *expected, "{text}");
    }
}

/// One fault is told as one fault, wherever it is, and at its place.
#[test]
fn a_fault_brings_no_others() {
    let tree = reader::read(GOOD).tree;
    let scalars = (0..tree.len()).filter(|id| matches!(tree.node(*id).content, tree::Content::Scalar { .. }));
    for id in scalars {
        let range = tree.node(id).range.clone();
        for wrong in ["{ zz: 1 }", "[[]]"] {
            let text = format!("{}{wrong}{}", &GOOD[..range.start], &GOOD[range.end..]);
            let told = parse::<House>("c.yaml", &text).unwrap_err().faults;
            let path = tree.path(id);
            assert_eq!(told.len(), 1, "{path}: {told:?}");
            assert!(told[0].path.starts_with(&path), "{path}: {told:?}");
        }
        if let tree::Step::Key { range: key, .. } = &tree.node(id).step {
            let text = format!("{}{}", &GOOD[..key.start], &GOOD[key.start..].replacen(&GOOD[key.clone()], "zz", 1));
            let told = parse::<House>("c.yaml", &text).unwrap_err().faults;
            // A required key that is misspelled is unknown and missing.
            assert!((1..=2).contains(&told.len()), "{text}: {told:?}");
        }
    }
}
