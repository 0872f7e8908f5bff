//! Keys: had by metadata, address and file; rotated; and kept while the provider does its worst.

use super::provider::{Provider, Script, dead, key};
use super::{House, bounded, corp, settings};
use curfew::decide::rules::Algorithm::EdDSA;
use curfew::idp::settings::{Discovery, IssuerSettings, KeySource, Settings};
use curfew::settings::Span;
use curfew::state::keys::{IssuerKeys, Lookup};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn holds(house: &House, keys: &IssuerKeys, kid: &str) -> bool {
    matches!(keys.find(Some(kid), EdDSA, house.now()), Lookup::Found(_))
}

/// Starts a house whose provider tells the truth, and waits until it is ready.
async fn at_peace() -> (House, Arc<Provider>, Arc<IssuerKeys>) {
    let (house, provider) = (House::open(), Provider::start(None).await);
    provider.truth(&[key("one")]);
    house.apply(&settings(corp(&provider)));
    house.ready().await;
    let keys = house.idp.keys("corp").unwrap();
    (house, provider, keys)
}

#[tokio::test]
async fn metadata_leads_to_keys_and_readiness_waits_for_them() {
    let (house, provider) = (House::open(), Provider::start(None).await);
    provider.script("/.well-known/openid-configuration", Script::status(503));
    house.apply(&settings(corp(&provider)));
    let why = || house.idp.readiness(house.now()).pop().map(|waits| (waits.what, waits.why));
    assert_eq!(why().unwrap(), ("issuers.corp".into(), "its first load is under way".into()));
    house.until(|| why().unwrap().1.contains("503")).await;
    let keys = house.idp.keys("corp").unwrap();
    assert!(matches!(keys.find(Some("one"), EdDSA, house.now()), Lookup::Unavailable));
    provider.truth(&[key("one")]);
    house.ready().await;
    assert!(holds(&house, &keys, "one"));
    let standing = keys.standing(house.now());
    assert_eq!((standing.keys, standing.last_error), (1, None));
    assert!(standing.skew_ms.is_some_and(|skew| skew.abs() < 60_000));
    assert!(provider.seen().iter().all(|seen| !seen.headers.contains_key("cookie")));
}

#[tokio::test]
async fn a_rotated_key_is_fetched_once_for_all_who_ask() {
    let (house, provider) = (House::open(), Provider::start(None).await);
    provider.truth(&[key("one")]);
    house.apply(&settings(IssuerSettings { refresh: Span::mins(10), ..corp(&provider) }));
    house.ready().await;
    let keys = house.idp.keys("corp").unwrap();
    let serial = match keys.find(Some("one"), EdDSA, house.now()) {
        Lookup::Found(key) => key.serial,
        _ => panic!("no key"),
    };
    provider.truth(&[key("two")]);
    let now = house.now();
    assert!(matches!(keys.find(Some("two"), EdDSA, now), Lookup::Unknown { refetch: true }));
    // From another runtime, as the workers are.
    let asking = Arc::clone(&keys);
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let ask = || asking.refetch(Some("two"), now);
            tokio::join!(ask(), ask(), asking.refetch(Some("three"), now))
        })
    });
    let answers = bounded(tokio::task::spawn_blocking(|| worker.join().unwrap())).await.unwrap();
    assert_eq!(answers, (true, true, false));
    assert!(holds(&house, &keys, "two") && !keys.contains(serial) && !keys.stands(serial, now));
    assert_eq!((provider.count("/keys"), provider.count("/.well-known/openid-configuration")), (2, 1));
    // The cool-down: a flood of names costs the provider nothing.
    for name in 0..100 {
        assert!(!keys.refetch(Some(&format!("made-up-{name}")), now).await);
    }
    assert_eq!(provider.count("/keys"), 2);
}

#[tokio::test]
async fn a_provider_at_its_worst_takes_no_key_away() {
    let (house, provider, _) = at_peace().await;
    house.apply(&settings(IssuerSettings { fetch_timeout: Span::millis(300), ..corp(&provider) }));
    let keys = house.idp.keys("corp").unwrap();
    let page = |kind: &str| Script::Say(200, vec![("content-type", kind.into())], "<html>sorry</html>".into());
    let many: Vec<_> = (0..101).map(|n| key(&n.to_string())).collect();
    for (worst, why) in [
        (page("text/html"), "not JSON"),
        (page("application/json"), "not JSON"),
        (Script::Say(200, vec![("content-encoding", "gzip".into())], "{}".into()), "not JSON"),
        (Script::Flood, "over 524288 bytes"),
        (Script::Hang, "in time"),
        (Script::status(500), "500"),
        (Script::status(304), "304"),
        (Script::redirect("http://127.0.0.2:9/keys"), "redirects"),
        (Script::redirect("/keys"), "redirects"),
        (Script::json(&json!({"error": "x"})), "not a JWK set"),
        (Script::json(&json!({ "keys": many })), "more than 100 keys"),
    ] {
        provider.script("/keys", worst);
        let told = || keys.standing(house.now()).last_error.is_some_and(|error| error.contains(why));
        house.until(told).await;
        assert!(holds(&house, &keys, "one"), "{why}");
    }
    provider.truth(&[key("one")]);
    house.until(|| keys.standing(house.now()).last_error.is_none()).await;
}

/// Metadata of another issuer is not believed, and what was believed before goes on.
#[tokio::test]
async fn metadata_that_lies_is_not_believed() {
    let (house, provider, keys) = at_peace().await;
    let lie = json!({"issuer": provider.url("/"), "jwks_uri": provider.url("/evil")});
    provider.script("/.well-known/openid-configuration", Script::json(&lie));
    provider.script("/evil", Script::json(&json!({"keys": [key("evil")]})));
    provider.keys(&[key("two")]);
    let told = || keys.standing(house.now()).last_error.is_some_and(|error| error.contains("another issuer"));
    house.until(|| told() && holds(&house, &keys, "two")).await;
    assert_eq!(provider.count("/evil"), 0);
}

#[tokio::test]
async fn the_two_documents_must_agree() {
    let (house, provider) = (House::open(), Provider::start(None).await);
    provider.truth(&[key("one")]);
    let other = json!({"issuer": provider.url(""), "jwks_uri": provider.url("/other")});
    provider.script("/.well-known/oauth-authorization-server", Script::json(&other));
    let auto = KeySource::Discovery(Discovery::Auto);
    house.apply(&settings(IssuerSettings { keys: auto, ..corp(&provider) }));
    let why = || house.idp.readiness(house.now()).pop().map(|waits| waits.why).unwrap_or_default();
    house.until(|| why().contains("disagree")).await;
    provider.script("/.well-known/oauth-authorization-server", Script::status(404));
    house.ready().await;
}

#[tokio::test]
async fn private_keys_in_the_set_are_ignored_and_told() {
    let (house, provider, keys) = at_peace().await;
    let mut leaked = key("leaked");
    leaked["d"] = json!("c2VjcmV0");
    provider.keys(&[leaked, key("one"), json!({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"})]);
    house.until(|| keys.standing(house.now()).private == 1).await;
    let standing = keys.standing(house.now());
    assert_eq!((standing.keys, standing.ignored), (1, 2));
    assert!(holds(&house, &keys, "one") && !holds(&house, &keys, "leaked"));
}

#[tokio::test]
async fn what_is_unchanged_is_fresh_again() {
    let (house, provider, keys) = at_peace().await;
    provider.script("/keys", Script::Tagged("\"v1\"", json!({"keys": [key("tagged")]}).to_string()));
    house.until(|| holds(&house, &keys, "tagged")).await;
    house.clock.advance(Duration::from_secs(3_600));
    assert_eq!(keys.age(house.now()), Some(Duration::from_secs(3_600)));
    house.until(|| keys.age(house.now()) == Some(Duration::ZERO)).await;
    assert!(holds(&house, &keys, "tagged"));
    assert!(provider.seen().iter().any(|seen| seen.headers.get("if-none-match").is_some_and(|tag| tag == "\"v1\"")));
}

#[tokio::test]
async fn redirects_at_home_are_followed() {
    let (house, provider, keys) = at_peace().await;
    provider.script("/moved", Script::json(&json!({"keys": [key("moved")]})));
    provider.script("/keys", Script::redirect("/moved"));
    house.until(|| holds(&house, &keys, "moved")).await;
    provider.script("/keys", Script::redirect(&provider.url("/moved")));
    provider.script("/moved", Script::json(&json!({"keys": [key("again")]})));
    house.until(|| holds(&house, &keys, "again")).await;
}

/// The last good keys serve over a restart with a dead provider, up to their age, and no longer.
#[tokio::test]
async fn keys_outlive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(None).await;
    provider.truth(&[key("one")]);
    let with_dir = |house: &House, patience| {
        let issuer = IssuerSettings { max_stale: patience, ..corp(&provider) };
        house.apply(&Settings { state_dir: Some(dir.path().into()), ..settings(issuer) });
        house.idp.keys("corp").unwrap()
    };
    let first = House::open();
    with_dir(&first, Span::hours(24));
    first.ready().await;
    bounded(async {
        while std::fs::read_dir(dir.path()).unwrap().flatten().all(|file| file.path().extension().unwrap() != "json") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(first);
    provider.script("/keys", Script::status(500));

    let second = House::open();
    second.clock.advance(Duration::from_secs(3_600));
    let keys = with_dir(&second, Span::hours(24));
    assert!(second.idp.readiness(second.now()).is_empty() && holds(&second, &keys, "one"));
    assert!(keys.age(second.now()).is_some_and(|age| age >= Duration::from_secs(3_600)));
    second.clock.advance(Duration::from_secs(23 * 3_600));
    assert!(matches!(keys.find(Some("one"), EdDSA, second.now()), Lookup::Unavailable));

    let third = House::open();
    third.clock.advance(Duration::from_secs(3_600));
    with_dir(&third, Span::mins(30));
    assert_eq!(third.idp.readiness(third.now()).len(), 1);
}

#[tokio::test]
async fn a_file_of_keys_is_watched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    std::fs::write(&path, json!({"keys": [key("one")]}).to_string()).unwrap();
    let house = House::open();
    let issuer = IssuerSettings { keys: KeySource::File(path.clone()), ..IssuerSettings::new("https://corp.example") };
    house.apply(&settings(issuer));
    house.ready().await;
    let keys = house.idp.keys("corp").unwrap();
    assert!(holds(&house, &keys, "one"));
    std::fs::write(&path, "{").unwrap();
    house.until(|| keys.standing(house.now()).last_error.is_some()).await;
    assert!(holds(&house, &keys, "one"));
    std::fs::write(&path, json!({"keys": [key("two")]}).to_string()).unwrap();
    house.until(|| holds(&house, &keys, "two")).await;
    assert!(!holds(&house, &keys, "one"));
}

/// One dead issuer is no matter of the others.
#[tokio::test]
async fn issuers_are_isolated_and_keep_their_state_over_a_reload() {
    let (house, provider) = (House::open(), Provider::start(None).await);
    provider.truth(&[key("one")]);
    let gone = IssuerSettings { allow_http: true, ..IssuerSettings::new(&dead().await) };
    let mut both = settings(corp(&provider));
    both.issuers.insert("dead".into(), gone);
    house.apply(&both);
    let ready = || house.idp.readiness(house.now()).iter().map(|waits| waits.what.clone()).collect::<Vec<_>>();
    house.until(|| ready() == ["issuers.dead"]).await;

    // The issuer did not change: it keeps its keys and its task.
    let keys = house.idp.keys("corp").unwrap();
    house.apply(&settings(corp(&provider)));
    assert!(Arc::ptr_eq(&keys, &house.idp.keys("corp").unwrap()) && house.idp.keys("dead").is_none());
    // It changed, and its keys come from where they came before: it goes on with those it has.
    provider.script("/keys", Script::Hang);
    house.apply(&settings(IssuerSettings { max_stale: Span::hours(1), ..corp(&provider) }));
    let changed = house.idp.keys("corp").unwrap();
    assert!(!Arc::ptr_eq(&keys, &changed) && holds(&house, &changed, "one"));
    // A fault changes nothing.
    let faulty =
        Settings { issuers: [("corp".to_owned(), IssuerSettings::new("urn:x"))].into(), ..Settings::default() };
    assert_eq!(house.idp.apply(&faulty).unwrap_err()[0].place, "issuers.corp");
    assert!(Arc::ptr_eq(&changed, &house.idp.keys("corp").unwrap()));
}

/// A name that leads into the inner network is not connected to, whatever the URL looks like.
#[tokio::test]
async fn inner_addresses_are_not_connected_to() {
    let (house, provider) = (House::open(), Provider::start(None).await);
    let url = provider.url("/keys").replace("http://127.0.0.1", "https://localhost").parse().unwrap();
    let issuer = IssuerSettings { keys: KeySource::Url(url), allow_http: false, ..corp(&provider) };
    house.apply(&settings(issuer));
    let why = || house.idp.readiness(house.now()).pop().map(|waits| waits.why).unwrap_or_default();
    house.until(|| why().contains("no address that may be fetched from")).await;
    assert!(provider.seen().is_empty());
}

/// TLS is checked against the roots that the settings name, and against no other.
#[tokio::test]
async fn the_roots_are_those_of_the_settings() {
    let authority = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().unwrap();
    let private = rustls::pki_types::PrivateKeyDer::try_from(authority.signing_key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![authority.cert.der().clone()], private).unwrap();
    let provider = Provider::start(Some(Arc::new(config).into())).await;
    provider.truth(&[key("one")]);
    let dir = tempfile::tempdir().unwrap();
    let with_roots = |pem: String| {
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, pem).unwrap();
        let (private, http) = (true, false);
        settings(IssuerSettings { ca: Some(ca), allow_private_network: private, allow_http: http, ..corp(&provider) })
    };
    let house = House::open();
    house.apply(&with_roots(other.cert.pem()));
    let why = || house.idp.readiness(house.now()).pop().map(|waits| waits.why).unwrap_or_default();
    house.until(|| why().contains("certificate")).await;
    let house = House::open();
    house.apply(&with_roots(authority.cert.pem()));
    house.ready().await;
    let house = House::open();
    assert!(house.idp.apply(&with_roots("no certificate".into())).is_err());
}

/// A secret that was rotated in its place is another key, and whoever asked with the old one asks with the new one.
#[tokio::test]
async fn a_secret_that_was_rotated_is_taken_up() {
    let (house, dir) = (House::open(), tempfile::tempdir().unwrap());
    let path = dir.path().join("secret");
    let write = |secret: &str| std::fs::write(&path, secret.repeat(8)).unwrap();
    for introspection in [false, true] {
        write("first-secret");
        let mut corp = json!({"issuer": "https://i", "keys": {"secret": {"file": path}}, "algorithms": ["HS256"]});
        if introspection {
            corp = json!({"issuer": "https://i", "keys": {"url": "https://i/keys"}, "introspection":
                {"endpoint": "https://i/ask", "auth": {"bearer": {"file": path}}}});
        }
        let settings = settings(serde_json::from_value(corp).unwrap());
        house.apply(&settings);
        let kept = || house.idp.keys("corp").unwrap();
        let first = kept();
        house.apply(&settings);
        assert!(Arc::ptr_eq(&first, &kept()) && !house.idp.has_old_secrets(&settings));
        write("other-secret");
        assert!(house.idp.has_old_secrets(&settings));
        house.apply(&settings);
        assert!(!Arc::ptr_eq(&first, &kept()) && !house.idp.has_old_secrets(&settings), "{introspection}");
    }
}
