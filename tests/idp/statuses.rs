//! Status lists: fetched, verified, unpacked and kept fresh; what is wrong with one is told, and it is not gone by.

use super::provider::{Provider, Script};
use super::{House, corp, settings};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curfew::decide::status::{Listed, Status};
use curfew::idp::settings::Settings;
use curfew::idp::source::SourceSettings;
use curfew::state::fingerprint::Kind;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// 1,0,0,1,1,1,0,1,1,1,0,0,0,1,0,1: the first vector of the draft.
const FIRST: &str = "eNrbuRgAAhcBXQ";
/// All sixteen are valid.
const CLEAR: &str = "eNpjYAAAAAIAAQ";

struct Lists {
    house: House,
    provider: Arc<Provider>,
    key: Ed25519KeyPair,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Lists {
    async fn new() -> Self {
        let (house, provider) = (House::open(), Provider::start(None).await);
        let key = Ed25519KeyPair::generate().unwrap();
        let x = b64(key.public_key().as_ref());
        provider.truth(&[json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x})]);
        Self { house, provider, key }
    }

    fn now(&self) -> f64 {
        self.house.now().wall.millis() as f64 / 1000.0
    }

    fn claims(&self, path: &str, bits: u8, lst: &str, more: Value) -> Value {
        let mut claims =
            json!({"sub": self.provider.url(path), "iat": self.now(), "status_list": {"bits": bits, "lst": lst}});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": "one", "typ": typ}).to_string();
        let input = format!("{}.{}", b64(header), b64(claims.to_string()));
        format!("{input}.{}", b64(self.key.sign(input.as_bytes()).as_ref()))
    }

    fn serve(&self, path: &str, token: String) {
        self.provider.script(path, said(token));
    }

    /// Publishes a good list.
    fn list(&self, path: &str, lst: &str, more: Value) {
        self.serve(path, self.sign("statuslist+jwt", &self.claims(path, 1, lst, more)));
    }

    fn follow(&self, more: Value) {
        let mut source = json!({"kind": "status_list", "issuer": "corp", "allow_http": true, "min_refresh": "1s"});
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let source: SourceSettings = serde_json::from_value(source).unwrap();
        self.house
            .apply(&Settings { sources: [("lists".to_owned(), source)].into(), ..settings(corp(&self.provider)) });
    }

    fn status(&self, path: &str, index: u64) -> Status {
        let uri = self.provider.url(path);
        let print = self.house.fingerprints.of(Kind::StatusList, &self.provider.url(""), uri.as_bytes());
        let listed = Listed { uri: uri.into(), index };
        self.house.statuses.look_up(&"corp".into(), &print, &listed, self.house.now())
    }

    fn value(&self, path: &str, index: u64) -> Option<u8> {
        if let Status::Said { value, .. } = self.status(path, index) { Some(value) } else { None }
    }

    fn error(&self) -> Option<Arc<str>> {
        self.house.revocations.standing(self.house.now()).pop().and_then(|feed| feed.last_error)
    }
}

fn said(token: String) -> Script {
    Script::Say(200, vec![("content-type", "application/statuslist+jwt".into())], token)
}

#[tokio::test]
async fn a_list_is_kept_fresh_by_its_own_word() {
    let lists = Lists::new().await;
    lists.list("/s/1", CLEAR, json!({"ttl": 1, "exp": lists.now() + 100.0}));
    lists.follow(json!({"lists": [lists.provider.url("/s/1")], "max_staleness": "9s", "accept": [3]}));
    lists.house.ready().await;
    assert_eq!((lists.value("/s/1", 0), lists.value("/s/1", 15)), (Some(0), Some(0)));
    assert_eq!(lists.status("/s/1", 16), Status::Outside { places: 16 });
    let seen = lists.provider.saw("/s/1").await;
    assert_eq!(seen.headers["accept"], "application/statuslist+jwt");
    assert_eq!(lists.status("/s/2", 0), Status::Foreign, "nothing else is ever fetched");
    // It changes, and is fetched again without being asked for.
    lists.list("/s/1", FIRST, json!({"ttl": 1, "exp": lists.now() + 100.0}));
    lists.house.until(|| lists.value("/s/1", 0) == Some(1)).await;
    let values: Vec<u8> = (0..16).map(|index| lists.value("/s/1", index).unwrap()).collect();
    assert_eq!(values, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    // It ages, and then it expires.
    lists.provider.script("/s/1", Script::status(500));
    lists.house.until(|| lists.error().is_some_and(|error| error.contains("500"))).await;
    lists.house.clock.advance(Duration::from_secs(11));
    let Status::Said { age, max, .. } = lists.status("/s/1", 0) else { panic!("it is still there") };
    assert!(age > max && max == Duration::from_secs(10), "{age:?} {max:?}");
    lists.house.clock.advance(Duration::from_secs(160));
    assert!(matches!(lists.status("/s/1", 0), Status::Expired(_)));
    // The source leaves, and its lists with it.
    lists.house.apply(&settings(corp(&lists.provider)));
    assert_eq!(lists.status("/s/1", 0), Status::Foreign);
}

/// Each fault beside the good list that is known: it stays, and the fault is told.
#[tokio::test]
async fn a_bad_list_changes_nothing() {
    let lists = Lists::new().await;
    let bomb = {
        use std::io::Write;
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![0; 20 << 20]).unwrap();
        b64(packer.finish().unwrap())
    };
    let good = lists.claims("/s/1", 1, FIRST, json!({}));
    let with = |more: Value| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lists.sign("statuslist+jwt", &claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        lists.sign("statuslist+jwt", &claims)
    };
    let stranger =
        Lists { house: House::open(), provider: Arc::clone(&lists.provider), key: Ed25519KeyPair::generate().unwrap() };
    let page = Script::Say(200, vec![("content-type", "text/html".into())], with(json!({})));
    let coded = vec![("content-type", "application/statuslist+jwt".into()), ("content-encoding", "br".into())];
    let rows = [
        ("another `sub`", said(with(json!({"sub": lists.provider.url("/s/2")}))), "another place"),
        ("no `sub`", said(without("sub")), "not the claims"),
        ("no `iat`", said(without("iat")), "not the claims"),
        ("from the future", said(with(json!({"iat": lists.now() + 1000.0}))), "future"),
        ("expired", said(with(json!({"exp": lists.now() - 61.0}))), "expired"),
        ("exp is a word", said(with(json!({"exp": "soon"}))), "not the claims"),
        ("exp is null", said(with(json!({"exp": null}))), "not the claims"),
        ("ttl 0", said(with(json!({"ttl": 0}))), "ttl"),
        ("ttl -1", said(with(json!({"ttl": -1}))), "ttl"),
        ("bits 3", said(with(json!({"status_list": {"bits": 3, "lst": FIRST}}))), "1, 2, 4 or 8"),
        ("not packed", said(with(json!({"status_list": {"bits": 1, "lst": "uaM"}}))), "unpacked"),
        ("a bomb", said(with(json!({"status_list": {"bits": 1, "lst": bomb}}))), "larger"),
        ("another issuer", said(with(json!({"iss": "https://other.example"}))), "another issuer"),
        ("an access token", said(lists.sign("at+jwt", &good)), "statuslist+jwt"),
        ("no typ", said(lists.sign("", &good)), "statuslist+jwt"),
        ("another's key", said(stranger.sign("statuslist+jwt", &good)), "signature"),
        ("an older list", said(with(json!({"iat": lists.now() - 10.0}))), "older"),
        ("a page", page, "statuslist+jwt"),
        ("an unasked coding", Script::Say(200, coded, with(json!({}))), "statuslist+jwt"),
        ("elsewhere", Script::redirect("https://evil.example/s/1"), "redirects"),
        ("round and round", Script::redirect("/s/1"), "redirects"),
        ("gone", Script::status(404), "404"),
        ("nothing", said(String::new()), "well-formed"),
    ];
    // The good one clears: what were valid in a bad one would be seen.
    for (row, script, why) in rows {
        lists.list("/s/1", CLEAR, json!({"ttl": 3600}));
        lists.follow(json!({"lists": [lists.provider.url("/s/1")], "max_refresh": "1s"}));
        lists.house.until(|| lists.error().is_none() && lists.value("/s/1", 0) == Some(0)).await;
        lists.provider.script("/s/1", script);
        lists.house.until(|| lists.error().is_some()).await;
        let error = lists.error().unwrap();
        assert!(error.contains(why), "{row}: {error}");
        assert_eq!(lists.value("/s/1", 0), Some(0), "{row}");
        lists.house.apply(&settings(corp(&lists.provider)));
    }
}

/// Whoever sends an old list again makes nothing valid by it, though the source's settings were changed in between.
#[tokio::test]
async fn an_older_list_is_known_by_other_settings_too() {
    let lists = Lists::new().await;
    lists.list("/s/1", FIRST, json!({"ttl": 3600}));
    let named = json!([lists.provider.url("/s/1")]);
    lists.follow(json!({"lists": named, "max_refresh": "1s"}));
    lists.house.until(|| lists.value("/s/1", 0) == Some(1)).await;
    lists.list("/s/1", CLEAR, json!({"ttl": 3600, "iat": lists.now() - 10.0}));
    lists.follow(json!({"lists": named, "max_refresh": "2s"}));
    lists.house.until(|| lists.error().is_some_and(|error| error.contains("older"))).await;
    assert_eq!(lists.value("/s/1", 0), Some(1));
}

/// What a token names below a prefix is fetched once, for everybody; no name leads out of there, and there is an end.
#[tokio::test]
async fn lists_are_fetched_when_a_token_names_them() {
    let lists = Lists::new().await;
    for path in ["/s/1", "/s/2", "/s/3", "/other", "/s/../other"] {
        lists.list(path, FIRST, json!({}));
    }
    lists.follow(json!({"under": [lists.provider.url("/s/")], "max_lists": 2}));
    lists.house.ready().await;
    for path in ["/s/1", "/s/2"] {
        assert_eq!(lists.status(path, 0), Status::Missing);
        assert!((0..100).all(|_| lists.status(path, 0) == Status::Missing));
        lists.house.until(|| lists.value(path, 0) == Some(1)).await;
        assert_eq!(lists.provider.count(path), 1);
    }
    assert_eq!(lists.status("/s/3", 0), Status::Missing);
    lists.house.until(|| lists.error().is_some_and(|error| error.contains("max_lists"))).await;
    for path in ["/other", "/s/../other", "/s/%2e%2e/other", "/s/1@evil", "/s/1#x"] {
        assert_eq!(lists.status(path, 0), Status::Foreign, "{path}");
    }
    assert_eq!(lists.provider.count("/other") + lists.provider.count("/s/3"), 0);
}
