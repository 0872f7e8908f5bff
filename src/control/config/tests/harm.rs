//! No text does harm: it panics nothing, fills nothing, and shows no secret.

use proptest::prelude::*;

use super::*;

#[test]
fn a_misplaced_secret_is_never_shown() {
    let text = "version: 1\nissuers: { a: { url: 'https://a', secret: hunter2, extra: 1 } }\n";
    let told = parse::<House>("c.yaml", text).unwrap_err().faults;
    assert_eq!(told.len(), 2);
    for colour in [true, false] {
        let shown = render_all(&told, text, colour);
        assert!(shown.contains("a secret is never written into the settings") && !shown.contains("hunter2"), "{shown}");
    }
    let text = "version: 1\nissuers:\n  a:\n    url: https://a\n    sceret: hunter2\n    secret: { vault: hunter2 }\n";
    let told = parse::<House>("c.yaml", text).unwrap_err().faults;
    assert_eq!(told.len(), 2);
    assert!(!render_all(&told, text, false).contains("hunter2"));
    assert!(!serde_json::to_string(&told).unwrap().contains("hunter2"));
}

#[test]
fn what_is_shown_cannot_steer_the_terminal() {
    let text = "version: \"\u{1b}[2J\u{202e}\"\nlimits: { header: \"\\e[2J\" }\n";
    let told = parse::<House>("c\u{1b}.yaml", text).unwrap_err().faults;
    assert!(!render_all(&told, text, false).contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("version: {}x\n", " ".repeat(5_000));
    let told = parse::<House>("c.yaml", &text).unwrap_err().faults;
    let shown = told[0].render(&text, false);
    assert!(shown.len() < 1_000 && shown.contains("x\n"), "{shown}");
}

#[test]
fn what_is_large_or_deep_or_grows_is_bounded() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nversion: 1\n";
    assert!(faults(bomb).iter().any(|fault| fault.contains("aliases are not used")));
    let mega = 1 << 20;
    let entries: String = (0..100_000).map(|n| format!("k{n}: 0, ")).collect();
    let deep = [
        "[".repeat(mega),
        "{a: ".repeat(mega / 4),
        "- ".repeat(mega / 2),
        "a: ".repeat(mega / 3),
        "? ".repeat(mega / 2),
        (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("version: 1\nroutes: [{}]", "{},".repeat(mega / 3)),
        format!("version: 1\nx: [{}]", "*a,".repeat(mega / 3)),
        format!("version: 1\nroutes: [{{ path: /, source: {{ kind: poll, {} }} }}]", entries),
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
        if let Err(Broken { faults: told, .. }) = parse::<House>("c.yaml", &text) {
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
        if let Err(Broken { faults: told, .. }) = parse::<House>("c.yaml", &text) {
            prop_assert!(!told.is_empty());
            render_all(&told, &text, false);
        }
    }
}

/// A large house that is right is read once, and a large one with a few faults not many times.
#[test]
fn a_large_house_is_read() {
    let route = "- { path: /a, source: { kind: poll, url: 'https://a', every: 1s } }\n";
    let text = format!("version: 1\nroutes:\n{}", route.repeat(5_000));
    assert_eq!(parse::<House>("c.yaml", &text).unwrap().value.routes.len(), 5_000);
    let faulty = format!("{text}- {{ path: /a, source: {{ kind: poll, url: 'http://a', every: 1 }} }}\nxyz: 1\n");
    assert_eq!(parse::<House>("c.yaml", &faulty).unwrap_err().faults.len(), 3);
}
