//! Laws of reading a DPoP proof: what was changed after it was signed proves nothing, and neither does what was signed
//! for something else.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use curfew::decide::evidence::Proof;
use curfew::state::fingerprint::Fingerprints;
use curfew::token::proof::{Sent, read};
use curfew::token::target::Target;
use http::{HeaderMap, HeaderValue, Request};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::OnceLock;

const TOKEN: &str = "a.bound.token";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

fn claims() -> Value {
    let ath = b64(digest(&SHA256, TOKEN.as_bytes()));
    json!({"jti": "one", "htm": "GET", "htu": "https://api.example.com/orders/1", "iat": 1_800_000_000, "ath": ath})
}

fn signed(claims: &Value) -> String {
    let (x, y) = key().public_key().as_ref()[1..].split_at(32);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)});
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let input = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = key().sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", b64(signature))
}

fn reading(proof: &[u8]) -> Proof {
    static NAMES: OnceLock<Fingerprints> = OnceLock::new();
    let Ok(value) = HeaderValue::from_bytes(proof) else { return Proof::Absent };
    let mut headers = HeaderMap::new();
    headers.insert("dpop", value);
    let request = Request::get("/orders/1").header("host", "api.example.com").body(()).unwrap();
    let (parts, ()) = request.into_parts();
    let names = NAMES.get_or_init(|| Fingerprints::random().unwrap());
    read(&Sent::look(&headers), TOKEN, &Target::of(&parts, true, false), names, None).0
}

fn proves(proof: &[u8]) -> bool {
    matches!(reading(proof), Proof::Signed(_))
}

fn good() -> &'static [u8] {
    static GOOD: OnceLock<String> = OnceLock::new();
    GOOD.get_or_init(|| signed(&claims())).as_bytes()
}

#[test]
fn the_proof_that_is_mutated_is_good() {
    assert!(proves(good()), "{:?}", reading(good()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// One byte replaced, put in or left out, anywhere.
    #[test]
    fn no_mutated_proof_proves(at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f, kind in 0u8..3) {
        let mut proof = good().to_vec();
        let at = at.index(proof.len());
        match kind {
            0 => proof[at] = byte,
            1 => proof.insert(at, byte),
            _ => drop(proof.remove(at)),
        }
        // White space around a value is no part of it, and is taken off before it comes here.
        prop_assume!(proof != good());
        prop_assert!(!proves(&proof), "{}", String::from_utf8_lossy(&proof));
    }

    /// Cut short, or with something behind it.
    #[test]
    fn no_part_of_a_proof_proves(length in any::<prop::sample::Index>(), more in "[A-Za-z0-9_.,= -]{1,20}") {
        prop_assert!(!proves(&good()[..length.index(good().len())]));
        prop_assert!(!proves(&[good(), more.as_bytes()].concat()));
    }

    /// Signed well, for something else.
    #[test]
    fn no_proof_of_something_else_proves(
        claim in prop::sample::select(vec!["jti", "htm", "htu", "iat", "ath"]),
        value in prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[ -~]{0,40}".prop_map(Value::from)],
    ) {
        let mut changed = claims();
        // Any text of some length is a good `jti`.
        prop_assume!(claim != "jti" || value.as_str().is_none_or(str::is_empty));
        changed[claim] = value;
        prop_assert!(!proves(signed(&changed).as_bytes()), "{changed}");
    }

    /// Nothing that is sent may panic.
    #[test]
    fn anything_can_be_read(field in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!proves(&field));
    }
}
