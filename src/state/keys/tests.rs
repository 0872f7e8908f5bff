//! Is each published key used or ignored as it must be, and is each token's key found, or not?

use super::*;
use crate::decide::rules::Algorithm::{self, *};
use crate::decide::time::{Moment, Timestamp};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as lc, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const DEFAULT: &[Algorithm] = &[RS256, PS256, ES256, ES384, EdDSA, Ed25519];

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn at(seconds: u64) -> Moment {
    Moment { wall: Timestamp::from_secs(1_000_000 + seconds as i64), steady: Duration::from_secs(seconds) }
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A key pair that can publish and sign.
struct Pair {
    jwk: Value,
    sign: Sign,
}

fn rsa() -> &'static Pair {
    static PAIR: LazyLock<Pair> = LazyLock::new(|| {
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let jwk = json!({"kty": "RSA", "n": b64(public.modulus().big_endian_without_leading_zero()),
            "e": b64(public.exponent().big_endian_without_leading_zero())});
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&lc::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        Pair { jwk, sign: Box::new(sign) }
    });
    &PAIR
}

fn ec(crv: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Pair {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    let jwk = json!({"kty": "EC", "crv": crv, "x": b64(x), "y": b64(y)});
    Pair { jwk, sign: Box::new(move |message| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()) }
}

fn p256() -> Pair {
    ec("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
}

fn ed() -> Pair {
    let pair = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())});
    Pair { jwk, sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()) }
}

fn with(jwk: &Value, more: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jwk
}

fn set(keys: &[Value]) -> KeySet {
    parse(keys, DEFAULT, &KeySet::default()).unwrap()
}

fn parse(keys: &[Value], allowed: &[Algorithm], previous: &KeySet) -> Result<KeySet, SetFault> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), allowed, previous)
}

fn issuer(keys: &[Value]) -> IssuerKeys {
    let wait = Duration::from_secs(2);
    let cooldown = Duration::from_secs(30);
    let issuer = IssuerKeys::new(Patience { max_stale: Some(Duration::from_secs(3600)), cooldown, wait });
    issuer.replace(set(keys), at(0));
    issuer
}

/// What a look-up found, as a word.
fn word(lookup: Lookup) -> String {
    match lookup {
        Lookup::Found(key) => format!("found {}", key.id),
        Lookup::Unknown { refetch } => format!("unknown {refetch}"),
        Lookup::AlgorithmMismatch => "mismatch".into(),
        Lookup::Unavailable => "unavailable".into(),
    }
}

#[test]
fn every_kind_of_key_verifies_what_it_signed_and_nothing_else() {
    let kinds = [
        (ec("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING), ES256),
        (ec("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING), ES384),
        (ec("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING), ES512),
        (ed(), EdDSA),
    ];
    for (pair, algorithm) in kinds.iter().map(|(pair, algorithm)| (pair, *algorithm)).chain([(rsa(), RS256)]) {
        let set = set(std::slice::from_ref(&pair.jwk));
        let key = &set.keys()[0];
        assert_eq!(key.algorithm, algorithm);
        let signature = (pair.sign)(b"a.b");
        let text = b64(&signature);
        assert!(key.verify(b"a.b", &text), "{algorithm:?}");
        assert!(!key.verify(b"a.c", &text));
        for bad in ["", "=", "ä", &text[1..], &format!("{text}A"), &format!("{text}AA"), &format!("{text}=")] {
            assert!(!key.verify(b"a.b", bad), "{algorithm:?} {bad}");
        }
        let flipped: Vec<u8> = signature.iter().map(|byte| byte ^ 1).collect();
        assert!(!key.verify(b"a.b", &b64(&flipped)));
        assert!(!key.verify(b"a.b", &b64(&vec![0; signature.len()])));
    }
}

#[test]
fn a_bad_key_is_ignored_and_the_set_is_not() {
    let (p256, ed, rsa) = (p256().jwk, ed().jwk, &rsa().jwk);
    let short = b64(&[&[0xc1][..], &[0x35; 127]].concat());
    let cases = [
        (json!("a string"), KeyFault::Malformed),
        (json!({}), KeyFault::MissingMember),
        (json!({"kty": "XX"}), KeyFault::UnknownKind),
        (json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}), KeyFault::UnknownKind),
        (json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}), KeyFault::UnknownKind),
        (json!({"kty": "oct", "k": "c2VjcmV0"}), KeyFault::Symmetric),
        (json!({"kty": "RSA", "e": "AQAB"}), KeyFault::MissingMember),
        (json!({"kty": "RSA", "n": short, "e": "AQAB"}), KeyFault::Weak),
        (with(rsa, json!({"e": "AA"})), KeyFault::Weak),
        (with(rsa, json!({"n": "***"})), KeyFault::Malformed),
        (with(rsa, json!({"n": 5})), KeyFault::Malformed),
        (with(rsa, json!({"use": "enc"})), KeyFault::NotForVerifying),
        (with(rsa, json!({"key_ops": ["encrypt"]})), KeyFault::NotForVerifying),
        (with(rsa, json!({"alg": "ES256"})), KeyFault::AlgorithmUnfit),
        (with(rsa, json!({"alg": "HS256"})), KeyFault::AlgorithmUnfit),
        (with(rsa, json!({"alg": "RSA-OAEP"})), KeyFault::AlgorithmUnfit),
        (with(rsa, json!({"d": "AQAB"})), KeyFault::Private),
        (with(&p256, json!({"d": "AQAB", "use": "enc"})), KeyFault::Private),
        (with(&p256, json!({"x": b64(&[1; 32])})), KeyFault::NotOnCurve),
        (with(&p256, json!({"crv": "P-384"})), KeyFault::NotOnCurve),
        (with(&p256, json!({"alg": "ES384"})), KeyFault::AlgorithmUnfit),
        (with(&ed, json!({"x": b64(&[1; 31])})), KeyFault::NotOnCurve),
        (with(&ed, json!({"alg": "ES256"})), KeyFault::AlgorithmUnfit),
        (with(&ed, json!({"kid": "k".repeat(257)})), KeyFault::LongKid),
    ];
    for (bad, fault) in cases {
        let set = set(&[bad.clone(), with(rsa, json!({"kid": "good", "use": "sig", "key_ops": ["verify"]}))]);
        assert_eq!(set.ignored().iter().map(|one| one.fault).collect::<Vec<_>>(), [fault], "{bad}");
        assert_eq!(set.keys().len(), 1);
    }
}

#[test]
fn what_is_no_set_is_refused() {
    for body in ["", "[]", "{}", r#"{"keys":{}}"#, "<html></html>", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[}"#] {
        assert_eq!(
            KeySet::parse(body.as_bytes(), DEFAULT, &KeySet::default()).err(),
            Some(SetFault::NotASet),
            "{body}"
        );
    }
    let many = vec![json!({}); MAX_KEYS + 1];
    assert_eq!(parse(&many, DEFAULT, &KeySet::default()).err(), Some(SetFault::TooManyKeys));
    assert!(parse(&[], DEFAULT, &KeySet::default()).is_ok_and(|set| set.keys().is_empty()));
}

#[test]
fn a_key_has_one_algorithm() {
    for (more, allowed, algorithm) in [
        (json!({}), DEFAULT, RS256),
        (json!({}), &[PS256, RS256], RS256),
        (json!({}), &[ES256, PS384, RS512], PS384),
        (json!({}), &[ES256], RS256),
        (json!({"alg": "PS256"}), DEFAULT, PS256),
    ] {
        let set = parse(&[with(&rsa().jwk, more)], allowed, &KeySet::default()).unwrap();
        assert_eq!(set.keys()[0].algorithm, algorithm);
    }
}

#[test]
fn a_name_of_two_keys_names_neither() {
    let (one, two, three) = (p256().jwk, p256().jwk, ed().jwk);
    let named = |jwk: &Value, kid: &str| with(jwk, json!({ "kid": kid }));
    let set = set(&[named(&one, "a"), named(&two, "a"), named(&one, "a"), named(&three, "b"), named(&three, "b")]);
    assert_eq!(set.keys().iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(set.ignored(), [Ignored { kid: Some("a".into()), fault: KeyFault::DuplicateKid }]);
}

/// RFC 7638 §3.1 has the thumbprint of this key.
#[test]
fn a_key_without_a_name_is_named_by_its_thumbprint() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let set = set(&[json!({"kty": "RSA", "n": n, "e": "AQAB"})]);
    assert_eq!(set.keys()[0].id.as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_key_of_a_token_is_found_or_it_is_told_why_not() {
    let keys = issuer(&[
        with(&rsa().jwk, json!({"kid": "r"})),
        with(&p256().jwk, json!({"kid": "e1"})),
        with(&p256().jwk, json!({"kid": "e2"})),
        with(&ed().jwk, json!({"kid": "d", "alg": "Ed25519"})),
    ]);
    let long = "k".repeat(257);
    for (kid, algorithm, found) in [
        (Some("r"), RS256, "found r"),
        (Some("r"), PS256, "mismatch"),
        (Some("r"), HS256, "mismatch"),
        (Some("R"), RS256, "unknown true"),
        (Some(""), RS256, "unknown true"),
        (Some("d"), EdDSA, "found d"),
        (Some("d"), Ed25519, "found d"),
        (None, RS256, "found r"),
        (None, EdDSA, "found d"),
        (None, ES256, "unknown false"),
        (None, ES384, "unknown true"),
        (Some(&long), RS256, "unknown false"),
    ] {
        assert_eq!(word(keys.find(kid, algorithm, at(1))), found, "{kid:?} {algorithm:?}");
    }
}

#[test]
fn keys_age_and_an_unchanged_key_keeps_its_serial() {
    let (old, kept) = (with(&p256().jwk, json!({"kid": "old"})), with(&ed().jwk, json!({"kid": "kept"})));
    let keys = issuer(&[old, kept.clone()]);
    let serial = |kid, algorithm| match keys.find(Some(kid), algorithm, at(0)) {
        Lookup::Found(key) => key.serial,
        _ => panic!("{kid}"),
    };
    let (gone, stays) = (serial("old", ES256), serial("kept", EdDSA));
    assert!(keys.stands(gone, at(3599)) && !keys.stands(gone, at(3600)) && keys.contains(gone));
    assert_eq!(word(keys.find(Some("kept"), EdDSA, at(3600))), "unavailable");

    let body = json!({ "keys": [kept] }).to_string();
    keys.publish(body.as_bytes(), DEFAULT, at(3600)).unwrap();
    assert!(!keys.contains(gone) && keys.stands(stays, at(7199)) && serial("kept", EdDSA) == stays);
    keys.confirm(at(7200));
    assert!(keys.stands(stays, at(10_799)));

    // A refused set leaves all as it was.
    assert!(keys.publish(b"{}", DEFAULT, at(9_000)).is_err());
    keys.failed("no set");
    let standing = keys.standing(at(7_210));
    assert_eq!((standing.age, standing.keys, standing.fetches.failed), (Some(Duration::from_secs(10)), 1, 1));
    assert_eq!(standing.last_error.as_deref(), Some("no set"));
}

#[test]
fn nothing_loaded_is_unavailable_and_what_was_kept_has_its_age() {
    let keys = issuer(&[]);
    let fresh = IssuerKeys::new(Patience {
        max_stale: Some(Duration::from_secs(3600)),
        cooldown: Duration::from_secs(30),
        wait: Duration::ZERO,
    });
    assert_eq!(word(fresh.find(None, ES256, at(0))), "unavailable");
    assert_eq!(word(keys.find(None, ES256, at(0))), "unknown true");
    let body = json!({ "keys": [p256().jwk] }).to_string();
    let kept = |ago: i64| Timestamp::from_secs(1_000_000 - ago);
    fresh.restore(body.as_bytes(), DEFAULT, kept(3600), at(0)).unwrap();
    assert_eq!(fresh.age(at(0)), None);
    fresh.restore(body.as_bytes(), DEFAULT, kept(3590), at(0)).unwrap();
    assert!(fresh.is_ready(at(9)) && !fresh.is_ready(at(10)));
    // From a wall clock that was ahead: as if fetched now.
    fresh.restore(body.as_bytes(), DEFAULT, kept(-500), at(0)).unwrap();
    assert_eq!(fresh.age(at(0)), Some(Duration::ZERO));
}

#[test]
fn a_secret_is_one_key_whatever_name_the_token_gives_it() {
    for (length, allowed, algorithm) in
        [(32, &[][..], HS256), (47, &[], HS256), (48, &[], HS384), (64, &[], HS512), (64, &[HS256, HS512], HS256)]
    {
        let set = secret_set(&vec![7; length], allowed).unwrap();
        assert_eq!(set.keys()[0].algorithm, algorithm);
        let keys = IssuerKeys::new(Patience { max_stale: None, cooldown: Duration::ZERO, wait: Duration::ZERO });
        keys.replace(set, at(0));
        assert_eq!(word(keys.find(Some("any"), algorithm, at(u32::MAX.into()))), "found secret");
        assert_eq!(word(keys.find(None, RS256, at(0))), "mismatch");
    }
    for (length, allowed) in [(31, &[][..]), (0, &[]), (32, &[HS384]), (63, &[HS512])] {
        assert!(secret_set(&vec![7; length], allowed).is_err(), "{length}");
    }
    let set = secret_set(&[7; 32], &[]).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    let tag = b64(aws_lc_rs::hmac::sign(&key, b"a.b").as_ref());
    assert!(set.keys()[0].verify(b"a.b", &tag) && !set.keys()[0].verify(b"a.c", &tag));
}

/// Many who ask share one fetch; after it the cool-down holds, and then the name is known to be unknown.
#[tokio::test(start_paused = true)]
async fn one_refetch_serves_all_and_floods_cost_nothing() {
    let keys = Arc::new(issuer(&[with(&p256().jwk, json!({"kid": "old"}))]));
    let new = with(&p256().jwk, json!({"kid": "new"}));
    let ask = |kid: &'static str, now| {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { keys.refetch(Some(kid), now).await })
    };
    let asked: Vec<_> = [("new", 40), ("new", 40), ("other", 41)].map(|(kid, s)| ask(kid, at(s))).into();
    keys.refetch_asked().await;
    let ticket = keys.open_ticket();
    tokio::task::yield_now().await;
    keys.replace(set(&[new]), at(41));
    keys.answer(ticket);
    let mut answers = Vec::new();
    for one in asked {
        answers.push(one.await.unwrap());
    }
    assert_eq!(answers, [true, true, false]);
    // One fetch was asked for, and none is open.
    assert!(tokio::time::timeout(Duration::from_secs(60), keys.refetch_asked()).await.is_err());
    let sought = |kid, s| keys.was_sought(Some(kid), at(s));
    assert!(sought("other", 69) && !sought("x", 69) && !sought("other", 71) && keys.was_sought(None, at(69)));
    keys.failed("no route");
    assert!(!sought("other", 69), "nobody looked");
    for kid in ["x", "y", "z"] {
        assert_eq!(word(keys.find(Some(kid), ES256, at(69))), "unknown false");
        assert!(!keys.refetch(Some(kid), at(69)).await);
    }
    assert_eq!(word(keys.find(Some("x"), ES256, at(70))), "unknown true");
    assert_eq!(word(keys.find(Some("other"), ES256, at(70))), "unknown false");
    assert_eq!(word(keys.find(Some("other"), ES256, at(71))), "unknown true");
}

/// A task that never answers holds a request for the wait, no longer, and the next asks anew.
#[tokio::test(start_paused = true)]
async fn a_dead_task_holds_nobody() {
    let keys = issuer(&[]);
    let began = tokio::time::Instant::now();
    assert!(!keys.refetch(Some("k"), at(0)).await);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert!(!keys.refetch(Some("k"), at(3)).await && !keys.refetch(Some("k"), at(29)).await);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(word(keys.find(Some("k"), ES256, at(30))), "unknown true");
}
