//! What was polled is there after a restart, and the poll goes on where it was.

use super::House;
use super::feeds::{Fed, tokens};
use super::provider::{Provider, Script};
use curfew::decide::revocation::{Cutoff, Freshness};
use curfew::state::fingerprint::Kind;
use curfew::state::revocations::{Revoked, Target};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

fn lines(head: &Value, jtis: &[&str]) -> Script {
    let entries: String = jtis.iter().map(|jti| json!({"type": "token", "id": jti}).to_string() + "\n").collect();
    let text = format!("{head}\n{entries}{}\n", json!({"end": true, "count": jtis.len()}));
    Script::Raw(vec![("content-type", "application/x-ndjson".into())], text.into())
}

fn document(head: &Value, jtis: &[&str]) -> Script {
    Script::json(&tokens(jtis, head.clone()))
}

/// The next process; the tasks of the former one end on their own time.
pub async fn again(dir: &Path) -> House {
    super::bounded(async {
        loop {
            match std::panic::catch_unwind(|| House::kept(dir)) {
                Ok(house) => break house,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

async fn goes_on(answer: fn(&Value, &[&str]) -> Script, snapshot: bool) {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(None).await;
    let fed = Fed::of(House::kept(dir.path()), provider.clone());
    provider.script("/feed", answer(&json!({"cursor": "1", "complete": true}), &["a", "b"]));
    provider.script("/feed?cursor=1", answer(&json!({"cursor": "2"}), &["c"]));
    provider.script("/feed?cursor=2", answer(&json!({}), &[]));
    fed.house.apply(&fed.settings(fed.poll(json!({}))));
    provider.saw("/feed?cursor=2").await;
    let journal = fed.house.idp.journal().unwrap().clone();
    super::bounded(async {
        while snapshot && journal.standing().snapshots == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    journal.close();
    let lasting = fed.settings(fed.poll(json!({})));
    drop((fed, journal));

    let from_the_start = || provider.seen().iter().filter(|seen| seen.target == "/feed").count();
    let asked = from_the_start();
    provider.script("/feed?cursor=1", Script::status(503));
    provider.script("/feed?cursor=2", Script::status(503));
    let house = again(dir.path()).await;
    let fed = Fed::of(house, provider.clone());
    fed.house.apply(&lasting);
    // It is enforced before anybody is asked, and fresh only when somebody answered.
    assert!(["a", "b"].iter().all(|jti| fed.revokes(jti)));
    assert!(snapshot || fed.revokes("c"));
    assert!(matches!(fed.freshness(), Freshness::Cold { .. }) && !fed.house.idp.readiness(fed.house.now()).is_empty());
    provider.script("/feed?cursor=1", answer(&json!({"cursor": "2"}), &["c"]));
    provider.script("/feed?cursor=2", answer(&json!({"cursor": "3"}), &["d"]));
    provider.script("/feed?cursor=3", answer(&json!({}), &[]));
    fed.house.until(|| fed.revokes("d")).await;
    fed.house.ready().await;
    assert!(fed.revokes("c"));
    assert_eq!(from_the_start(), asked, "all of it was asked for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_goes_on_after_a_restart() {
    goes_on(document, false).await;
}

/// Here all came entry by entry, so that a snapshot keeps it; what came while that was made is asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_poll_goes_on_after_a_restart() {
    goes_on(lines, true).await;
}

/// What an operator entered is enforced after a restart, and is the operator's to take back.
#[tokio::test(flavor = "multi_thread")]
async fn operators_find_what_they_entered() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(None).await;
    let mut former: Option<Fed> = None;
    for round in 0..3 {
        if let Some(fed) = former.take() {
            fed.house.idp.journal().unwrap().close();
        }
        let fed = Fed::of(again(dir.path()).await, provider.clone());
        fed.house.apply(&fed.settings(fed.poll(json!({}))));
        let token = fed.house.fingerprints.of(Kind::Token, &fed.provider.url(""), b"a");
        assert_eq!((fed.house.idp.opened("corp").is_some(), fed.revokes("a")), (round > 0, round == 1));
        let operator = fed.house.idp.operator("corp").unwrap();
        let what = Revoked { target: Target::Token(token), cutoff: Cutoff::Always, until: None };
        if round == 0 {
            operator.revoke(&[what]).await.unwrap();
        } else {
            assert_eq!(operator.lift(&[what.target]).await.unwrap(), [round == 1]);
        }
        former = Some(fed);
    }
}
