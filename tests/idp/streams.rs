//! Feeds of lines: taken in while they come, coded, broken, endless, shrunk and signed. And the publisher of the runbook.

use super::House;
use super::feeds::{Fed, tokens};
use super::provider::{Provider, Script};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curfew::decide::revocation::Freshness;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

fn entry(jti: &str) -> String {
    json!({"type": "token", "id": jti}).to_string() + "\n"
}

fn text(head: &Value, jtis: &[&str]) -> String {
    let entries: String = jtis.iter().map(|jti| entry(jti)).collect();
    format!("{head}\n{entries}{}\n", json!({"end": true, "count": jtis.len()}))
}

fn lines(text: impl Into<Vec<u8>>) -> Script {
    Script::Raw(vec![("content-type", "application/x-ndjson".into())], text.into())
}

fn coded(coding: &str, body: Vec<u8>) -> Script {
    let headers = vec![("content-type", "application/x-ndjson".into()), ("content-encoding", coding.into())];
    Script::Raw(headers, body)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn follow(fed: &Fed, more: Value) {
    fed.house.apply(&fed.settings(fed.poll(more)));
}

#[tokio::test]
async fn a_snapshot_then_deltas_in_lines() {
    let fed = Fed::new().await;
    let all = text(&json!({"cursor": "1", "complete": true, "count": 2}), &["a", "b"]);
    fed.provider.script("/feed", coded("gzip", gzip(all.as_bytes())));
    let delta = text(&json!({"cursor": "2"}), &["c"]);
    fed.provider.script("/feed?cursor=1", coded("zstd", zstd::stream::encode_all(delta.as_bytes(), 3).unwrap()));
    fed.provider.script("/feed?cursor=2", lines(text(&json!({}), &[])));
    follow(&fed, json!({}));
    let seen = fed.provider.saw("/feed?cursor=2").await;
    assert_eq!(seen.headers["accept-encoding"], "zstd, gzip");
    fed.house.ready().await;
    assert!(["a", "b", "c"].iter().all(|jti| fed.revokes(jti)) && !fed.revokes("d"));
    fed.provider.script("/feed?cursor=2", lines(text(&json!({"cursor": "3", "complete": true}), &["c", "d"])));
    fed.house.until(|| fed.revokes("d") && !fed.revokes("a")).await;
    assert!(fed.revokes("c"));
}

/// However it breaks: what came counts, nothing is taken back, and it is told.
#[tokio::test]
async fn a_broken_stream_takes_nothing_back() {
    let fed = Fed::new().await;
    let good = text(&json!({"complete": true}), &["a", "z"]);
    let head = json!({"complete": true});
    let whole = text(&head, &["b", "z"]);
    let half = whole.trim_end().rsplit_once('\n').unwrap().0.to_owned();
    let bomb = format!("{head}\n{}", (" ".repeat(30_000) + "\n").repeat(1400));
    let endless = format!("{head}\n{}{}", entry("b"), "x".repeat(60_000));
    let many: Vec<String> = (0..200).map(|number| format!("m{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cut = gzip(whole.as_bytes());
    let rows = [
        ("without its last line", lines(half), "last line is missing"),
        ("another count", lines(text(&json!({"complete": true, "count": 3}), &["b", "z"])), "count"),
        ("half a gzip", coded("gzip", cut[..cut.len() - 9].to_vec()), "broken off"),
        ("a gzip that is none", coded("gzip", whole.clone().into_bytes()), "broken off"),
        ("a coding that nobody asked for", coded("br", whole.into_bytes()), "coding"),
        ("a bomb", coded("gzip", gzip(bomb.as_bytes())), "far longer"),
        ("an endless line", lines(endless), "a line of more than"),
        (
            "an entry that nobody reads",
            lines(format!("{head}\n{{\"type\":\"planet\"}}\n{}{}\n", entry("b"), json!({"end": true, "count": 2}))),
            "entry 1",
        ),
        ("more than it may hold", lines(text(&head, &many)), "more than 100"),
        ("longer than it may be", lines("{}\n".to_owned() + &entry("b").repeat(60_000)), "over 1048576 bytes"),
    ];
    follow(&fed, json!({"max_bytes": "1MiB", "max_entries": 100, "max_shrink": "off"}));
    for (row, script, why) in rows {
        fed.provider.script("/feed", lines(good.clone()));
        fed.house.until(|| fed.error().is_none() && fed.revokes("a")).await;
        fed.provider.script("/feed", script);
        fed.house.until(|| fed.error().is_some()).await;
        let error = fed.error().unwrap();
        assert!(error.contains(why), "{row}: {error}");
        assert!(fed.revokes("a") && fed.revokes("z"), "{row}");
    }
}

#[tokio::test]
async fn what_shrinks_suspiciously_is_held_back() {
    let fed = Fed::new().await;
    let many: Vec<String> = (0..100).map(|number| format!("m{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let all = json!({"complete": true});
    for few in [lines(text(&all, &["new"])), Script::json(&tokens(&["new"], json!({"complete": true})))] {
        fed.provider.script("/feed", lines(text(&all, &many)));
        follow(&fed, json!({"max_staleness": "30s"}));
        fed.house.until(|| fed.error().is_none() && fed.revokes("m99")).await;
        fed.provider.script("/feed", few);
        fed.house
            .until(|| fed.error().is_some_and(|error| error.contains("held back: 1 entries where there were 100")))
            .await;
        assert!(fed.revokes("m0") && fed.revokes("m99") && fed.revokes("new"));
        fed.house.clock.advance(Duration::from_secs(60));
        assert!(
            matches!(fed.freshness(), Freshness::Heard { age, max: Some(max), .. } if age > max),
            "it is not fresh"
        );
        // The publisher knows, or the operator does.
        fed.provider.script("/feed", lines(text(&json!({"complete": true, "shrunk": true}), &["new"])));
        fed.house.until(|| fed.error().is_none() && !fed.revokes("m0")).await;
    }
    fed.provider.script("/feed", lines(text(&all, &many)));
    fed.house.until(|| fed.revokes("m99") && !fed.revokes("new")).await;
    fed.provider.script("/feed", lines(text(&all, &["new"])));
    fed.house.until(|| fed.error().is_some()).await;
    follow(&fed, json!({"max_shrink": "off"}));
    fed.house.until(|| fed.revokes("new") && !fed.revokes("m0")).await;
}

struct Publisher {
    key: Ed25519KeyPair,
    iss: String,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Publisher {
    fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "feed", "x": b64(self.key.public_key().as_ref())})
    }

    /// Signs these entries, two a block.
    fn sign(&self, iat: i64, jtis: &[&str], more: Value) -> String {
        let blocks: Vec<String> = jtis.chunks(2).map(|some| some.iter().map(|jti| entry(jti)).collect()).collect();
        let sha256: Vec<String> = blocks.iter().map(|block| b64(digest(&SHA256, block.as_bytes()))).collect();
        let mut head =
            json!({"complete": true, "count": jtis.len(), "block": 2, "sha256": sha256, "iss": self.iss, "iat": iat});
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let jose = json!({"alg": "EdDSA", "kid": "feed", "typ": "revocation-feed+jwt"}).to_string();
        let input = format!("{}.{}", b64(jose), b64(head.to_string()));
        let signed = format!("{input}.{}", b64(self.key.sign(input.as_bytes()).as_ref()));
        let end = json!({"end": true, "count": jtis.len()});
        format!("{}\n{}{end}\n", json!({ "signed": signed }), blocks.concat())
    }
}

#[tokio::test]
async fn a_signed_feed_says_nothing_that_was_not_signed() {
    let fed = Fed::new().await;
    let publisher = Publisher { key: Ed25519KeyPair::generate().unwrap(), iss: fed.provider.url("") };
    let stranger = Publisher { key: Ed25519KeyPair::generate().unwrap(), iss: fed.provider.url("") };
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), json!({"keys": [publisher.jwk()]}).to_string()).unwrap();
    let now = fed.house.now().wall.secs();
    let good = publisher.sign(now, &["a", "b", "c"], json!({}));
    let forged = good.replace(&entry("b"), &entry("x"));
    let second = good.replace(&entry("c"), &entry("y"));
    let rows = [
        ("not signed", text(&json!({"complete": true}), &["x"]), "must be signed"),
        ("another's key", stranger.sign(now, &["x"], json!({})), "signature"),
        ("a forged block", forged, "not what was signed"),
        ("a forged second block", second, "not what was signed"),
        ("another issuer", publisher.sign(now, &["x"], json!({"iss": "https://other.example"})), "another issuer"),
        ("older", publisher.sign(now - 10, &["x"], json!({})), "older"),
        ("expired", publisher.sign(now, &["x"], json!({"exp": now - 100})), "expired"),
        ("from the future", publisher.sign(now + 1000, &["x"], json!({})), "future"),
        ("no digests", publisher.sign(now, &["x"], json!({"sha256": []})), "digest"),
    ];
    follow(&fed, json!({"signature": {"file": keys.path()}}));
    for (row, feed, why) in rows {
        fed.provider.script("/feed", lines(good.clone()));
        fed.house.until(|| fed.error().is_none() && fed.revokes("c")).await;
        fed.provider.script("/feed", lines(feed));
        fed.house.until(|| fed.error().is_some()).await;
        let error = fed.error().unwrap();
        assert!(error.contains(why), "{row}: {error}");
        assert!(fed.revokes("a") && fed.revokes("c") && !fed.revokes("x") && !fed.revokes("y"), "{row}");
    }
    fed.provider.script("/feed", Script::json(&tokens(&["x"], json!({"complete": true}))));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("only lines"))).await;
    // By the issuer's own keys, too; and what is signed is not taken unverified.
    fed.provider.script("/feed", lines(good));
    follow(&fed, json!({}));
    fed.house.until(|| fed.error().is_some_and(|error| error.contains("say by whom"))).await;
    fed.provider.keys(&[publisher.jwk()]);
    follow(&fed, json!({"signature": "issuer"}));
    fed.house.until(|| fed.error().is_none() && fed.age().is_some()).await;
    assert!(fed.revokes("a") && !fed.revokes("x"));
}

/// Whoever sends an old answer again would take back what was revoked since: after a restart too.
#[tokio::test]
async fn an_old_signed_feed_says_nothing_after_a_restart() {
    let (dir, provider) = (tempfile::tempdir().unwrap(), Provider::start(None).await);
    let publisher = Publisher { key: Ed25519KeyPair::generate().unwrap(), iss: provider.url("") };
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), json!({"keys": [publisher.jwk()]}).to_string()).unwrap();
    let fed = Fed::of(House::kept(dir.path()), provider.clone());
    let now = fed.house.now().wall.secs();
    let old = publisher.sign(now - 10, &["a"], json!({}));
    let settings = fed.settings(fed.poll(json!({"signature": {"file": keys.path()}})));
    for (iat, jtis) in [(now - 10, &["a"][..]), (now - 5, &["a", "b"]), (now, &["a", "b"])] {
        provider.script("/feed", lines(publisher.sign(iat, jtis, json!({}))));
        fed.house.apply(&settings);
        let last = *jtis.last().unwrap();
        fed.house.until(|| fed.revokes(last) && fed.error().is_none()).await;
    }
    let journal = fed.house.idp.journal().unwrap().clone();
    let polls = provider.seen().len();
    fed.house.until(|| provider.seen().len() > polls + 1).await;
    // Between two snapshots the journal rests, by the clock.
    fed.house.clock.set_steady(Duration::from_secs(2_000));
    fed.house.until(|| journal.standing().snapshots > 0 && !journal.standing().behind).await;
    journal.close();
    drop((fed, journal));
    provider.script("/feed", lines(old));
    let fed = Fed::of(super::restart::again(dir.path()).await, provider.clone());
    fed.house.apply(&settings);
    fed.house.until(|| fed.error().is_some()).await;
    assert!(fed.error().unwrap().contains("older"), "{:?}", fed.error());
    assert!(fed.revokes("a") && fed.revokes("b"));
    provider.script("/feed", lines(publisher.sign(now, &["a", "b"], json!({}))));
    fed.house.until(|| fed.error().is_none() && fed.age().is_some()).await;
}

/// A process that ends with its test.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The publisher of the runbook, as it stands there.
#[tokio::test]
async fn the_publisher_of_the_runbook_is_understood() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/runbook/feeds.md")).unwrap();
    let code = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (program, revoked) = (dir.path().join("publisher.py"), dir.path().join("revoked.ndjson"));
    std::fs::write(&program, code).unwrap();
    std::fs::write(&revoked, entry("a")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut python = std::process::Command::new("python3");
    let python = python.arg(&program).arg(port.to_string()).arg(&revoked).stderr(std::process::Stdio::null());
    let _child = Ends(python.spawn().unwrap());
    let fed = Fed::new().await;
    follow(&fed, json!({"url": format!("http://127.0.0.1:{port}/"), "timeout": "5s"}));
    fed.house.ready().await;
    assert!(fed.revokes("a") && !fed.revokes("b"));
    let append = |text: String| {
        std::fs::OpenOptions::new().append(true).open(&revoked).unwrap().write_all(text.as_bytes()).unwrap();
    };
    append(entry("b"));
    fed.house.until(|| fed.revokes("b")).await;
    // A line that is half written is told when it is whole.
    let (half, rest) = (entry("c").split_at(9).0.to_owned(), entry("c").split_at(9).1.to_owned());
    append(entry("d") + &half);
    fed.house.until(|| fed.revokes("d")).await;
    append(rest);
    fed.house.until(|| fed.revokes("c") && fed.error().is_none()).await;
    // Another file in its place, shorter or longer than it was: none of it is passed over.
    for rotated in [&["e", "f"][..], &["g", "h", "i", "j", "k", "l"]] {
        let aside = dir.path().join("new");
        std::fs::write(&aside, rotated.iter().map(|jti| entry(jti)).collect::<String>()).unwrap();
        std::fs::rename(&aside, &revoked).unwrap();
        fed.house.until(|| rotated.iter().all(|jti| fed.revokes(jti))).await;
    }
}
