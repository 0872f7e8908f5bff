//! `curfew revoke`, `curfew unrevoke` and `curfew revoked`, as an operator runs them.

use crate::support::mint::now;
use crate::world::{TOKEN, World, access, said};
use clap::CommandFactory as _;
use std::time::Instant;

#[test]
fn the_command_line_is_sound() {
    curfew::command::usage::Usage::command().debug_assert();
}

#[test]
fn revoke_ask_and_take_back() {
    let world = World::start("token: { file: DIR/token }");
    let (token, _, sub) = access();
    let name = ["--issuer", "corp", "--subject", &sub];
    let run = |words: &[&str], input: &str| {
        let output = world.command(words, input);
        assert!(!said(&output).contains(TOKEN) && !said(&output).contains(&token[..40]), "{}", said(&output));
        (output.status.code().unwrap(), said(&output))
    };
    assert_eq!(world.asks(&token), "admitted");
    assert_eq!(run(&[&["revoked"][..], &name].concat(), "").0, 5);
    assert_eq!(run(&[&["unrevoke"][..], &name].concat(), "").0, 5);
    let (code, text) = run(&[&["revoke", "--preview"][..], &name].concat(), "");
    assert!(code == 0 && text.contains("tokens: 1\n") && world.asks(&token) == "admitted", "{text}");
    let (code, text) = run(&[&["revoke", "--at", "now", "--reason", "stolen"][..], &name].concat(), "");
    assert!(code == 0 && text.contains("accepted: 1\n"), "{text}");
    assert_eq!(world.asks(&token), "subject_revoked");
    let (code, text) = run(&[&["revoked"][..], &name].concat(), "");
    assert!(code == 0 && text.contains("feed operator/corp") && text.contains("revoked: true"), "{text}");
    assert_eq!(run(&["revoked", "--token-file", "-"], &token).0, 0);
    assert_eq!(run(&[&["unrevoke"][..], &name].concat(), "").0, 0);
    assert_eq!(world.asks(&token), "admitted");
    assert_eq!(run(&["revoke", "--token-file", "-", "--json"], &token).0, 0);
    assert_eq!(world.asks(&token), "token_revoked");
    let first = &world.audited()[0];
    assert!(first["actor"] == "tester" && world.audited().iter().any(|line| line["reason"] == "stolen"), "{first}");
    let (code, text) = run(&["revoked"], "");
    assert!(code == 0 && text.contains("feed list") && text.contains("feed operator/corp"), "{text}");
    for wrong in [
        &["revoke", "--subject", "x"][..],
        &["revoke", "--issuer", "corp"],
        &["revoke", "--issuer", "nobody", "--subject", "x"],
        &["revoke", "--issuer", "corp", "--subject", "x", "--at", "yesterday"],
    ] {
        assert_eq!(run(wrong, "").0, 1, "{wrong:?}");
    }
    for wrong in
        [&["revoke", "--issuer", "corp", "--subject", "x", "--session", "y"][..], &["revoke", "--position-file", "x"]]
    {
        assert_eq!(run(wrong, "").0, 2, "{wrong:?}");
    }
    let nowhere = world.command_at("http://127.0.0.1:1", &["revoked"], "");
    assert!(nowhere.status.code() == Some(1) && said(&nowhere).contains("cannot be reached"), "{}", said(&nowhere));
    let clear = world.command_at("http://192.0.2.1:9901", &["revoked"], "");
    assert!(said(&clear).contains("not sent in the clear"), "{}", said(&clear));
}

/// One command revokes a hundred thousand subjects.
#[test]
fn a_hundred_thousand_subjects_in_one_import() {
    let world = World::start("token: { file: DIR/token }");
    let (token, _, sub) = access();
    assert_eq!(world.asks(&token), "admitted");
    let mut text: String = (0..99_999).map(|number| format!("user-{number}\n")).collect();
    text += &sub;
    let file = world.dir.path().join("subjects.txt");
    std::fs::write(&file, text).unwrap();
    let import = ["--issuer", "corp", "--import", file.to_str().unwrap()];
    let preview = world.command(&[&["revoke", "--preview"][..], &import].concat(), "");
    assert!(
        said(&preview).contains("entries: 100000\n") && said(&preview).contains("tokens: 1\n"),
        "{}",
        said(&preview)
    );
    let begun = Instant::now();
    let output = world.command(&[&["revoke", "--at", "now", "--reason", "INC-7"][..], &import].concat(), "");
    let took = begun.elapsed();
    println!("100,000 subjects in {took:?}\n{}", said(&output));
    assert!(output.status.success() && said(&output).contains("accepted: 100000\n"), "{}", said(&output));
    assert_eq!(world.asks(&token), "subject_revoked");
    assert_eq!(world.audited().iter().filter(|line| line["result"] == "asked").count(), 100_000);
    let output = world.command(&[&["unrevoke"][..], &import].concat(), "");
    assert!(said(&output).contains("lifted: 100000\n"), "{}", said(&output));
    assert_eq!(world.asks(&token), "admitted");
}

/// An import that broke off goes on from where it was, in the same file only.
#[test]
fn an_import_goes_on_where_it_stopped() {
    let world = World::start("token: { file: DIR/token }");
    let (one, _, first) = access();
    let (two, _, last) = access();
    let position = world.dir.path().join("position");
    let import = ["revoke", "--issuer", "corp", "--import", "-", "--position-file", position.to_str().unwrap()];
    let good: String = (0..10_000).map(|number| format!("user-{number}\n")).collect();
    let until = now() + 3600;
    let json = format!("{{\"type\":\"subject\",\"id\":\"{last}\",\"until\":{until}}}\n");
    let output = world.command(&import, &format!("{first}\n{good}{{\"type\":\"device\"}}\n{json}"));
    assert!(output.status.code() == Some(6) && said(&output).contains("line 10002: "), "{}", said(&output));
    assert_eq!((world.asks(&one), world.asks(&two)), ("subject_revoked".into(), "admitted".into()));
    let lines = world.audited().len();
    let output = world.command(&import, &format!("{first}\n{good}{json}"));
    assert!(output.status.success() && said(&output).contains("position: 10002\n"), "{}", said(&output));
    assert!(world.asks(&two) == "subject_revoked" && world.audited().len() < lines + 10, "only the rest was sent");
    let other = world.command(&import, &format!("x\n{good}{json}"));
    assert!(
        other.status.code() == Some(1) && said(&other).contains("not a position in this import"),
        "{}",
        said(&other)
    );
}
