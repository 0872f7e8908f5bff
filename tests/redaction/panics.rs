//! What a panic says: this very program, started again as a process that starts the gateway's log and panics with a marked
//! token in its hands, in every way in which values get into such texts.

use crate::marks::{Marks, Sink};
use curfew::telemetry::{Format, Level, Log, start_log};
use std::process::Command;

/// Told to whoever is to panic: the format of its log, and the token.
const FORMAT: &str = "CURFEW_TEST_PANIC_FORMAT";
const TOKEN: &str = "CURFEW_TEST_PANIC_TOKEN";

/// As many ways there are below, and one more by a thread of its own.
const WAYS: usize = 5;

#[derive(Debug)]
#[allow(dead_code, reason = "it is there to be shown")]
struct Held<'a>(&'a str);

const fn failing(token: &str) -> Result<(), Held<'_>> {
    Err(Held(token))
}

fn panic_in_every_way(token: &str) {
    let tries: [&(dyn Fn() + std::panic::RefUnwindSafe); WAYS] = [
        &|| panic!("the token was {token}"),
        &|| failing(token).unwrap(),
        &|| _ = token.parse::<u8>().map_err(|_| token.to_owned()).expect("a number"),
        &|| assert_eq!(token, "another"),
        &|| drop(token[1..token.len() + 9].to_owned()),
    ];
    for way in tries {
        assert!(std::panic::catch_unwind(way).is_err());
    }
    let token = token.to_owned();
    let thread = std::thread::Builder::new().name("line-0".into());
    assert!(thread.spawn(move || std::panic::panic_any(token)).unwrap().join().is_err());
    assert!(std::panic::catch_unwind(|| panic!("a text of the program")).is_err());
}

/// Not a test by itself: what the others start.
#[test]
#[ignore = "it is started by the test below, as a process of its own"]
fn whoever_panics() {
    let (Ok(format), Ok(token)) = (std::env::var(FORMAT), std::env::var(TOKEN)) else { return };
    let format = if format == "json" { Format::Json } else { Format::Text };
    start_log(&Log { level: Level::Trace, format }).unwrap();
    panic_in_every_way(&token);
}

#[test]
fn a_panic_tells_where_it_was_and_no_secret() {
    for format in ["text", "json"] {
        let marks = Marks::new();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "panics::whoever_panics", "--ignored", "--nocapture"])
            .env(FORMAT, format)
            .env(TOKEN, marks.of("token in a panic"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{text}");
        let sinks = [
            Sink { name: "standard error".into(), bytes: output.stderr },
            Sink { name: "standard output".into(), bytes: output.stdout },
        ];
        let hits = marks.search(&sinks);
        assert!(hits.is_empty(), "{hits:#?}");
        let count = |what: &str| text.matches(what).count();
        assert_eq!(count("panicked: this is a fault of the gateway"), WAYS + 2, "{text}");
        assert_eq!(count("withheld, for it may hold a secret"), WAYS + 1, "{text}");
        assert_eq!((count("a text of the program"), count("line-0")), (1, 1), "{text}");
        assert!(count("panics.rs:") >= WAYS, "{text}");
        assert_eq!(count("panicked at"), 0, "the hook of before speaks too: {text}");
    }
}
