//! A token is revoked by a claim that the issuer's settings list, and by no other.

use curfew::app::offline::Offline;
use curfew::control;
use curfew::decide::id::SourceName;
use curfew::decide::revocation::{Cutoff, Entry};
use curfew::state::fingerprint::ClaimValue;
use curfew::state::revocations::{Bounds, Revoked, Target};
use curfew::token::gather::gather;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const SECRET: &[u8] = b"a secret of thirty-two bytes, yes";

fn gateway() -> Offline {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), SECRET).unwrap();
    let config = format!(
        "version: 1\nlisteners: [{{ name: l, address: 127.0.0.1:8443, plaintext: true }}]\n\
         issuers: {{ i: {{ issuer: '{ISSUER}', keys: {{ secret: {{ file: '{}' }} }}, audiences: [api],\n\
         \x20 revocable_claims: [email, device, org.id, amr] }} }}\n\
         upstreams: {{ u: {{ endpoints: ['http://127.0.0.1:9'] }} }}\npolicies: {{ p: {{}} }}\n\
         routes: [{{ name: r, path: '/**', policy: p, upstream: u }}]\n",
        secret.path().display()
    );
    Offline::build(&control::read("claims.yaml", config).expect("a good config")).expect("a gateway")
}

/// What is known of a token with these claims; first at its first sight, then at its second.
fn known(gateway: &Offline, claims: &Value) -> [Option<Entry>; 2] {
    let (plan, state) = (gateway.plan(), gateway.state());
    let token =
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap();
    [(); 2].map(|()| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap());
        let presented = plan.routes[0].locations.take(&mut headers, None, false);
        let gathered = gather(&presented, &plan.issuers, plan.token_bytes, state, state.clock.now());
        gathered.evidence().revocation.entries.claim
    })
}

#[test]
fn a_token_is_revoked_by_the_claims_that_are_listed() {
    let gateway = gateway();
    let state = gateway.state();
    let bounds = Bounds { max_entries: 10, max_staleness: None };
    let feed = state.revocations.open(&SourceName::from("feed"), &"i".into(), bounds).unwrap();
    for (name, value) in [
        ("email", json!("a@b.c")),
        ("device", json!(7)),
        ("org.id", json!("o")),
        ("amr", json!("pwd")),
        ("tenant", json!("t")),
    ] {
        let print = state.fingerprints.of_claim(ISSUER, name, ClaimValue::of(&value).unwrap());
        let what = Revoked { target: Target::Claim(print), cutoff: Cutoff::Always, until: None };
        state.revocations.add(&feed, &what, state.clock.now().wall).unwrap();
    }
    for (claims, hit) in [
        (json!({"email": "a@b.c", "device": 8}), true),
        (json!({"email": "A@b.c", "device": 7.0}), true),
        (json!({"org": {"id": "o"}}), true),
        (json!({"email": "x@b.c", "device": "7"}), false),
        (json!({"amr": ["pwd"], "device": null, "email": {"a@b.c": 1}}), false),
        // Revoked, and yet not a claim that this issuer's settings list.
        (json!({"tenant": "t"}), false),
        (json!({}), false),
    ] {
        let mut token = json!({"iss": ISSUER, "sub": "u"});
        token.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        assert_eq!(known(&gateway, &token).map(|entry| entry.is_some()), [hit, hit], "{claims}");
    }
}
