//! What was acknowledged outlives changes of the config: an issuer that is called otherwise, a source that is of another
//! kind or leaves; in this process and in the next one.

use super::House;
use super::restart::again;
use super::support::mint::{Key, now, set, unique};
use bytes::Bytes;
use curfew::decide::id::IssuerName;
use curfew::decide::revocation::{Cutoff, Handles};
use curfew::idp::former::{Gone, Undropped};
use curfew::idp::receive::Received;
use curfew::idp::settings::Settings;
use curfew::idp::sink::NotKept;
use curfew::state::fingerprint::Kind;
use curfew::state::journal::Unwritten;
use curfew::state::revocations::{Revoked, Target};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;
use std::sync::LazyLock;

const ISS: &str = "https://id.example.com";

static KEY: LazyLock<Key> = LazyLock::new(|| Key::ed("provider"));

struct World {
    house: House,
    keys: tempfile::NamedTempFile,
    list: tempfile::NamedTempFile,
    /// What the issuer is called now.
    issuer: std::cell::RefCell<String>,
}

impl World {
    fn of(house: House) -> Self {
        let (keys, list) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(keys.path(), set(&[&*KEY]).to_string()).unwrap();
        Self { house, keys, list, issuer: std::cell::RefCell::default() }
    }

    /// Gives it settings: what the issuer is called, and the kind of its one source.
    async fn is(&self, issuer: &str, kind: Option<&str>) {
        self.set(issuer, kind);
        self.house.ready().await;
    }

    fn set(&self, issuer: &str, kind: Option<&str>) {
        let spoken_for = json!({"issuer": ISS, "keys": {"file": self.keys.path()}});
        let more = match kind {
            Some("file") => json!({"path": self.list.path(), "format": "ndjson"}),
            Some(_) => json!({"client_ids": ["shop"]}),
            None => Value::Null,
        };
        let source = kind.map(|kind| {
            let mut source = json!({"kind": kind, "issuer": issuer});
            source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            ("feed".to_owned(), serde_json::from_value(source).unwrap())
        });
        let issuers = [(issuer.to_owned(), serde_json::from_value(spoken_for).unwrap())].into();
        self.house.apply(&Settings { issuers, sources: source.into_iter().collect(), ..Settings::default() });
        *self.issuer.borrow_mut() = issuer.to_owned();
    }

    async fn end(&self, sid: &str) {
        let claims = json!({"iss": ISS, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
            "sid": sid, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
        let mut token = KEY.token().head("typ", "logout+jwt");
        token.claims.clear();
        let claims = claims.as_object().unwrap().iter();
        let token = claims.fold(token, |token, (name, value)| token.claim(name, value.clone())).sign();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let body = Bytes::from(format!("logout_token={token}"));
        let event = Received { endpoint: 0, headers, body, peer: IpAddr::from([127, 0, 0, 1]) };
        assert_eq!(self.house.idp.reception().receive("feed", event).await.status(), 200);
    }

    fn session(&self, sid: &str) -> curfew::decide::id::Fingerprint {
        self.house.fingerprints.of(Kind::Session, ISS, sid.as_bytes())
    }

    fn has_ended(&self, sid: &str) -> bool {
        let handles = Handles { session: Some(self.session(sid)), ..Handles::default() };
        let issuer = IssuerName::from(self.issuer.borrow().as_str());
        self.house.revocations.look_up(&issuer, &handles).session.is_some()
    }

    /// The feeds, and how many entries each holds.
    fn feeds(&self) -> Vec<(String, usize)> {
        let standing = self.house.revocations.standing(self.house.now());
        let mut feeds: Vec<_> = standing.iter().map(|one| (one.source.as_str().to_owned(), one.entries)).collect();
        feeds.sort();
        feeds
    }

    fn close(&self) {
        self.house.idp.journal().into_iter().for_each(|journal| journal.close());
    }
}

fn feeds(all: &[(&str, usize)]) -> Vec<(String, usize)> {
    all.iter().map(|(name, entries)| ((*name).to_owned(), *entries)).collect()
}

async fn next(world: World, dir: Option<&Path>) -> World {
    let Some(dir) = dir else { return world };
    world.close();
    drop(world);
    World::of(again(dir).await)
}

/// One source, of one kind after the other, or gone: what it was told stays, with a journal and without one.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_was_told_outlives_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    for kept in [None, Some(dir.path())] {
        let world = World::of(kept.map_or_else(House::open, House::kept));
        world.is("corp", Some("backchannel_logout")).await;
        world.end("one").await;
        world.is("corp", Some("file")).await;
        assert!(world.has_ended("one"), "{:?}", world.feeds());
        assert_eq!(world.feeds(), feeds(&[("feed", 0), ("former/corp/feed", 1)]));
        let world = next(world, kept).await;
        world.is("corp", Some("file")).await;
        assert!(world.has_ended("one"), "{:?}", world.feeds());
        // Told again, it is one source with all that it was told.
        world.is("corp", Some("backchannel_logout")).await;
        assert_eq!(world.feeds(), feeds(&[("feed", 1)]));
        world.end("two").await;
        world.is("corp", None).await;
        assert_eq!(world.feeds(), feeds(&[("former/corp/feed", 2)]));
        let world = next(world, kept).await;
        // Without it from the start, and its issuer called otherwise.
        world.is("partner", None).await;
        assert!(world.has_ended("one") && world.has_ended("two"), "{:?}", world.feeds());
        assert_eq!(world.feeds(), feeds(&[("former/partner/feed", 2)]));
        assert_eq!(world.house.idp.drop_former("former/corp/feed").await, Err(Undropped::NoFeed));
        assert_eq!(world.house.idp.drop_former("former/partner/feed").await, Ok(Gone { entries: 2, still_named: 0 }));
        assert!(!world.has_ended("one") && world.feeds().is_empty());
        let world = next(world, kept).await;
        world.is("partner", None).await;
        assert!(!world.has_ended("two") && world.feeds().is_empty(), "{:?}", world.feeds());
        world.close();
    }
}

/// The files of the journal that say something, to another directory.
fn moved(from: &Path, to: &Path) {
    let files = std::fs::read_dir(from).unwrap().map(|file| file.unwrap());
    let words = files.filter(|file| file.metadata().unwrap().len() > 0);
    words.for_each(|file| std::fs::rename(file.path(), to.join(file.file_name())).unwrap());
}

/// What operators lift before it could be read does not come back when it can be, and they are told that it is not kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lifted_before_it_could_be_read_stays_lifted() {
    let (dir, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::of(House::kept(dir.path()));
    world.is("corp", None).await;
    let target = |world: &World, sid| Target::Session(world.session(sid));
    let entered =
        ["one", "two"].map(|sid| Revoked { target: target(&world, sid), cutoff: Cutoff::Always, until: None });
    world.house.idp.operator("corp").unwrap().revoke(&entered).await.unwrap();
    let world = next(world, Some(dir.path())).await;
    let journal = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    moved(&journal, aside.path());
    world.set("corp", None);
    assert!(!world.has_ended("one"));
    let lifted = world.house.idp.opened("corp").unwrap().lift(&[target(&world, "one")]).await;
    assert_eq!(lifted, Err(NotKept::Unwritten(Unwritten)));
    moved(aside.path(), &journal);
    super::bounded(async {
        while !world.has_ended("two") || world.feeds().len() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            world.house.clock.advance(std::time::Duration::from_secs(1));
        }
    })
    .await;
    assert!(!world.has_ended("one"));
    world.close();
}

/// A source that leaves before what it was told could be read: that is enforced once it can be.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_outlives_its_source() {
    let (dir, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::of(House::kept(dir.path()));
    world.is("corp", Some("backchannel_logout")).await;
    world.end("one").await;
    let world = next(world, Some(dir.path())).await;
    let journal = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    moved(&journal, aside.path());
    world.set("corp", Some("backchannel_logout"));
    world.set("corp", None);
    // Where it is being read again, there is a feed for that beside its own.
    let nothing = world.feeds();
    assert!(!world.has_ended("one") && nothing.contains(&("former/corp/feed".to_owned(), 0)), "{nothing:?}");
    let dropped = world.house.idp.drop_former("former/corp/feed").await;
    assert_eq!(dropped, Err(Undropped::NotKept(NotKept::Unwritten(Unwritten))), "it would come back");
    moved(aside.path(), &journal);
    super::bounded(async {
        while !world.has_ended("one") || world.feeds().len() > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            // It is read again after a rest, as this clock tells it.
            world.house.clock.advance(std::time::Duration::from_secs(1));
        }
    })
    .await;
    assert_eq!(world.feeds(), feeds(&[("former/corp/feed", 1)]));
    world.close();
}

/// What a source asked for leaves with it: nothing of it stays in what is told under its name, without an end.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_does_not_stay_in_what_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for kept in [None, Some(dir.path())] {
        let world = World::of(kept.map_or_else(House::open, House::kept));
        std::fs::write(world.list.path(), "{\"type\":\"session\",\"id\":\"one\"}\n").unwrap();
        world.is("corp", Some("file")).await;
        assert!(world.has_ended("one"));
        if kept.is_none() {
            world.is("corp", Some("backchannel_logout")).await;
            assert_eq!(world.feeds(), feeds(&[("feed", 0)]));
        }
        let world = next(world, kept).await;
        world.is("corp", Some("backchannel_logout")).await;
        assert_eq!((world.feeds(), world.has_ended("one")), (feeds(&[("feed", 0)]), false));
        world.close();
    }
}

/// An issuer that is called otherwise: what operators entered, and what was told, is enforced and theirs to take back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_entered_outlives_the_name_of_its_issuer() {
    let dir = tempfile::tempdir().unwrap();
    for kept in [None, Some(dir.path())] {
        let world = World::of(kept.map_or_else(House::open, House::kept));
        world.is("corp", Some("backchannel_logout")).await;
        world.end("told").await;
        let target = Target::Session(world.session("entered"));
        let what = Revoked { target, cutoff: Cutoff::Always, until: None };
        world.house.idp.operator("corp").unwrap().revoke(&[what]).await.unwrap();
        for (round, name) in ["partner", "third", "corp"].into_iter().enumerate() {
            let world_is = world.is(name, Some("backchannel_logout"));
            world_is.await;
            assert!(world.has_ended("entered") && world.has_ended("told"), "{round}: {:?}", world.feeds());
            assert_eq!(world.feeds(), feeds(&[("feed", 1), (&format!("operator/{name}"), 1)]));
        }
        let world = next(world, kept).await;
        world.is("other", Some("backchannel_logout")).await;
        assert!(world.has_ended("entered") && world.has_ended("told"), "{:?}", world.feeds());
        assert_eq!(world.house.idp.opened("other").unwrap().lift(&[target]).await, Ok(vec![true]));
        assert!(!world.has_ended("entered") && world.has_ended("told"));
        let world = next(world, kept).await;
        world.is("corp", Some("backchannel_logout")).await;
        assert!(!world.has_ended("entered") && world.has_ended("told"));
        world.close();
    }
}
