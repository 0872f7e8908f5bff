//! A: signatures and the confusion of keys.

use crate::KNOWN_GAPS;
use crate::support::answer::Answer;
use crate::support::config::{FETCHED, REVOKED, World};
use crate::support::mint::{CORP, Mint, PARTNER, b64, ecdsa_der, hs256, malleate, now, set, unb64};
use crate::support::provider::Provider;
use crate::support::table::{Table, get, refused};
use crate::support::{raw, wait};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATH: &str = "/orders/1";

/// The keys that are published verify, each with its own algorithm; nothing else does.
#[test]
fn a_signatures_and_keys() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "A", KNOWN_GAPS);
    twins(&mut table, mint);
    unsigned(&mut table, mint);
    public_key_as_secret(&mut table, mint);
    one_key_one_algorithm(&mut table, mint);
    keys_in_the_header(&mut table, mint);
    key_ids(&mut table, mint);
    ecdsa(&mut table, mint);
    critical(&mut table, mint);
    edited(&mut table, mint);
    table.finish();
}

fn twins(table: &mut Table, mint: &Mint) {
    table.admit("A+ RS256", get(PATH, &mint.rsa.token().sign()));
    table.admit("A+ ES256", get(PATH, &mint.ec.token().sign()));
    table.admit("A+ EdDSA", get(PATH, &mint.ed.token().sign()));
    table.admit("A+ ES256 of another issuer", get(PATH, &mint.partner.token().claim("iss", PARTNER).sign()));
    table.admit("A+ no kid, yet only one key fits", get(PATH, &mint.ec.token().headless("kid").sign()));
    let known_again = mint.ec.token().sign();
    for round in ["first", "second", "third"] {
        table.admit(&format!("A+ the same token, {round} time"), get(PATH, &known_again));
    }
}

fn unsigned(table: &mut Table, mint: &Mint) {
    let none = mint.ec.token().head("alg", "none");
    let (input, kept) = (none.input(), unb64(mint.ec.token().sign().rsplit('.').next().unwrap()));
    table.refuse(
        "A1 alg none, empty signature",
        get(PATH, &format!("{input}.")),
        &["alg_not_allowed", "token_malformed"],
    );
    table.refuse("A1 alg none, a signature", get(PATH, &none.with_signature(kept)), &["alg_not_allowed"]);
    table.refuse("A1 two segments", get(PATH, &input), &["token_malformed"]);
    let odd = [json!("None"), json!("nOnE"), json!("NONE"), json!(""), json!("es256"), json!("ES256 "), json!("HS1")];
    for alg in odd {
        let token = mint.ec.token().head("alg", alg.clone()).sign();
        table.refuse(&format!("A2 alg {alg}"), get(PATH, &token), &["alg_not_allowed"]);
    }
    for alg in [Value::Null, json!(["ES256"]), json!(7), json!({"a": "ES256"}), json!(true)] {
        let token = mint.ec.token().head("alg", alg.clone()).sign();
        table.refuse(&format!("A2 alg {alg}"), get(PATH, &token), &["alg_not_allowed", "token_malformed"]);
    }
    let token = mint.ec.token().headless("alg").sign();
    table.refuse("A2 alg missing", get(PATH, &token), &["alg_not_allowed", "token_malformed"]);
}

fn public_key_as_secret(table: &mut Table, mint: &Mint) {
    let jwk = mint.rsa.jwk();
    let secrets: [(&str, Vec<u8>); 6] = [
        ("PEM", mint.rsa.public_pem().into_bytes()),
        ("PEM, no last newline", mint.rsa.public_pem().trim_end().as_bytes().to_vec()),
        ("DER", mint.rsa.public_der()),
        ("JWK text", jwk.to_string().into_bytes()),
        ("modulus", unb64(jwk["n"].as_str().unwrap())),
        ("empty", Vec::new()),
    ];
    for (form, secret) in secrets {
        let token = mint.rsa.token().head("alg", "HS256");
        let token = token.with_signature(hs256(&secret, &token.input()));
        table.refuse(&format!("A3 HS256 with the public key as {form}"), get(PATH, &token), &["alg_not_allowed"]);
    }
}

fn one_key_one_algorithm(table: &mut Table, mint: &Mint) {
    let crossed = ["alg_not_allowed", "key_unknown"];
    table.refuse("A4 ES256 key under RS256", get(PATH, &mint.ec.token().head("alg", "RS256").sign()), &crossed);
    table.refuse("A4 RSA key under ES256", get(PATH, &mint.rsa.token().head("alg", "ES256").sign()), &crossed);
    table.refuse("A4 Ed25519 key under ES256", get(PATH, &mint.ed.token().head("alg", "ES256").sign()), &crossed);
    table.refuse(
        "A4 ES256 key under ES384",
        get(PATH, &mint.ec.token().head("alg", "ES384").sign()),
        &["alg_not_allowed"],
    );
    table.refuse("A4 ES384, not in the list", get(PATH, &mint.p384.token().sign()), &["alg_not_allowed"]);
    table.refuse("A4 PS256 by the RSA key", get(PATH, &mint.rsa.token().alg("PS256").sign()), &["alg_not_allowed"]);
    table.refuse("A4 RS512 by the RSA key", get(PATH, &mint.rsa.token().alg("RS512").sign()), &["alg_not_allowed"]);
    let swapped = mint.rsa.token();
    let pss = mint.rsa.sign_as("PS256", swapped.input().as_bytes());
    table.refuse("A4 a PS256 signature called RS256", get(PATH, &swapped.with_signature(pss)), &["signature_invalid"]);
}

fn keys_in_the_header(table: &mut Table, mint: &'static Mint) {
    let unknown = ["signature_invalid", "key_unknown"];
    let attacker = Provider::start();
    attacker.put("/jwks", set(&[&mint.stranger]).to_string());
    let own = |key: &'static crate::support::mint::Key| key.token().head("jwk", mint.stranger.jwk());
    table.refuse("A5 jwk of a stranger", get(PATH, &own(&mint.stranger).sign()), &unknown);
    table.refuse("A5 jwk, the kid of ours", get(PATH, &own(&mint.impostor).sign()), &["signature_invalid"]);
    table.refuse("A5 jwk, no kid", get(PATH, &own(&mint.stranger).headless("kid").sign()), &unknown);
    for member in ["jku", "x5u"] {
        let token = mint.stranger.token().head(member, attacker.url("/jwks"));
        table.refuse(&format!("A6 {member}"), get(PATH, &token.sign()), &["key_unknown"]);
        let token = mint.impostor.token().head(member, attacker.url("/jwks"));
        table.refuse(&format!("A6 {member}, the kid of ours"), get(PATH, &token.sign()), &["signature_invalid"]);
    }
    let fetched = attacker.connections();
    table.check("A6 nothing was fetched", if fetched == 0 { Ok(()) } else { Err(format!("{fetched} connections")) });
    let chain = crate::support::authority::Authority::get().root();
    let token = mint.impostor.token().head("x5c", json!([b64(chain.as_ref())]));
    table.refuse("A7 x5c", get(PATH, &token.sign()), &unknown);
    table.admit(
        "A5+ jwk beside a good signature is not looked at",
        get(PATH, &mint.ec.token().head("jwk", mint.stranger.jwk()).sign()),
    );
    let strict = mint.partner.token().claim("iss", PARTNER).head("jwk", mint.partner.jwk());
    table.refuse("A5 jwk, strict issuer", get(PATH, &strict.sign()), &["key_header_forbidden"]);
}

fn key_ids(table: &mut Table, mint: &Mint) {
    let long = "k".repeat(4000);
    for kid in ["../../dev/null", "' OR 1=1--", "|id", "ec-1\0", "EC-1", "ec-1 ", "", &long] {
        let shown: String = kid.escape_default().take(20).collect();
        let token = mint.ec.token().head("kid", kid).sign();
        table.refuse(
            &format!("A8 kid {shown:?}"),
            get(PATH, &token),
            &["key_unknown", "token_malformed", "token_too_large"],
        );
    }
    for kid in [json!(1), json!(["ec-1"]), json!({}), Value::Null, json!(true)] {
        let token = mint.ec.token().head("kid", kid.clone()).sign();
        table.refuse(&format!("A8 kid {kid}"), get(PATH, &token), &["token_malformed"]);
    }
    let huge = mint.ec.token().head("kid", "k".repeat(1 << 20)).sign();
    table.refuse_huge("A8 kid of 1 MiB", get(PATH, &huge), &["headers_too_large"]);
    let crossed = mint.partner.token().claim("iss", CORP).sign();
    table.refuse("A9 key of the partner, iss of corp", get(PATH, &crossed), &["key_unknown"]);
    let crossed = mint.ec.token().claim("iss", PARTNER).sign();
    table.refuse("A9 key of corp, iss of the partner", get(PATH, &crossed), &["key_unknown"]);
    table.refuse("A9 a key that nobody published", get(PATH, &mint.stranger.token().sign()), &["key_unknown"]);
    table.refuse("A16 a key of 1024 bits", get(PATH, &mint.weak.token().sign()), &["key_unknown"]);
}

fn ecdsa(table: &mut Table, mint: &Mint) {
    let token = mint.ec.token();
    let good = mint.ec.sign_as("ES256", token.input().as_bytes());
    let mut forms: Vec<(&str, Vec<u8>)> = vec![
        ("r = s = 0", vec![0; 64]),
        ("r = 0", [vec![0; 32], good[32..].to_vec()].concat()),
        ("s = 0", [good[..32].to_vec(), vec![0; 32]].concat()),
        ("s = n", [&good[..32], &malleate(&[0; 64])[32..]].concat()),
        ("DER", ecdsa_der(&good)),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [good.clone(), vec![0]].concat()),
        ("96 bytes", vec![7; 96]),
        ("all ones", vec![0xff; 64]),
    ];
    forms.push(("r and s swapped", [&good[32..], &good[..32]].concat()));
    for (form, signature) in forms {
        table.refuse(&format!("A11 {form}"), get(PATH, &token.with_signature(signature)), &["signature_invalid"]);
    }
    table.refuse(
        "A11 no signature at all",
        get(PATH, &token.with_signature([])),
        &["signature_invalid", "token_malformed"],
    );
    let revoked = mint.ec.token().claim("jti", REVOKED);
    let good = mint.ec.sign_as("ES256", revoked.input().as_bytes());
    table.refuse("A12 revoked", get(PATH, &revoked.with_signature(&good)), &["token_revoked"]);
    let other = revoked.with_signature(malleate(&good));
    table.refuse("A12 revoked, its other signature", get(PATH, &other), &["token_revoked", "signature_invalid"]);
    let bent = bend(&revoked.with_signature(&good));
    table.refuse("A12 revoked, another last character", get(PATH, &bent), &["token_malformed"]);
    table.admit("A12+ not revoked", get(PATH, &mint.ec.token().sign()));
}

/// The same token for a decoder that does not mind the unused bits of the last character.
fn bend(token: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = token.as_bytes().to_vec();
    let last = bytes.last_mut().unwrap();
    let at = ALPHABET.iter().position(|byte| byte == last).unwrap();
    *last = ALPHABET[at ^ 1];
    String::from_utf8(bytes).unwrap()
}

fn critical(table: &mut Table, mint: &Mint) {
    let lists =
        [json!(["exp"]), json!([]), json!(["b64"]), json!("x"), json!(["alg"]), Value::Null, json!({}), json!([1])];
    for list in lists {
        let token = mint.ec.token().head("crit", list.clone()).head("b64", false).sign();
        table.refuse(&format!("A13 crit {list}"), get(PATH, &token), &["crit_unsupported"]);
    }
    let token = mint.ec.token();
    let unencoded = token.clone().head("b64", false).head("crit", json!(["b64"]));
    let input = format!("{}.{}", b64(unencoded.header_text()), token.payload_text());
    let bare = format!("{input}.{}", b64(mint.ec.sign_as("ES256", input.as_bytes())));
    table.refuse(
        "A13 an unencoded payload",
        get(PATH, &bare),
        &["malformed_authorization", "token_malformed", "crit_unsupported"],
    );
}

fn edited(table: &mut Table, mint: &Mint) {
    for (name, key) in [("RS256", &mint.rsa), ("ES256", &mint.ec), ("EdDSA", &mint.ed)] {
        let (token, other) = (key.token(), key.token().claim("sub", "bob"));
        let signature = key.sign_as(key.alg(), token.input().as_bytes());
        table.refuse(
            &format!("A15 {name}, payload edited"),
            get(PATH, &other.with_signature(&signature)),
            &["signature_invalid"],
        );
        let renamed = token.clone().head("extra", "x");
        table.refuse(
            &format!("A15 {name}, header edited"),
            get(PATH, &renamed.with_signature(&signature)),
            &["signature_invalid"],
        );
        let mut flipped = signature.clone();
        flipped[9] ^= 1;
        table.refuse(
            &format!("A15 {name}, one bit of the signature"),
            get(PATH, &token.with_signature(flipped)),
            &["signature_invalid"],
        );
        let cached = token.with_signature(&signature);
        table.admit(&format!("A15+ {name}"), get(PATH, &cached));
        // Now that the token is known, its neighbours must not profit from that.
        let after = other.with_signature(&signature);
        table.refuse(
            &format!("A15 {name}, payload edited, original cached"),
            get(PATH, &after),
            &["signature_invalid"],
        );
        let stranger = other.with_signature(mint.stranger.sign_as("ES256", other.input().as_bytes()));
        table.refuse(&format!("A15 {name}, signed by a stranger"), get(PATH, &stranger), &["signature_invalid"]);
    }
}

/// A10: keys that nobody knows make at most one fetch per cool-down. A14: a key that left the set stops working after
/// the refetch that an unknown key brings about. One table, in this order, since both watch the same key set.
#[test]
fn a_fetched_keys() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "A fetched", KNOWN_GAPS);
    let of = |key: &'static crate::support::mint::Key| key.token().claim("iss", FETCHED);
    table.admit("A10+ a fetched key", get(PATH, &of(&mint.ec).sign()));
    table.admit("A14+ the key that will leave", get(PATH, &of(&mint.rsa).sign()));
    table.check("A10 a thousand unknown keys", flood(&world, mint));
    table.admit("A10+ afterwards", get(PATH, &of(&mint.ec).sign()));
    world.provider.put("/jwks", set(&[&mint.ec, &mint.ed]).to_string());
    table
        .check("A14 a new key is found within its cool-down", turns(&world, &of(&mint.ed).sign(), |a| a.status == 200));
    let passed = world.upstream.count();
    table.check("A14 a key that left", turns(&world, &of(&mint.rsa).sign(), |a| refused(a, &["key_unknown"]).is_ok()));
    table.expect_upstream(1 + world.upstream.count() - passed);
    let known = of(&mint.ec).sign();
    table.admit("A14+ a key that stayed", get(PATH, &known));
    table.finish();
}

fn flood(world: &World, mint: &Mint) -> Result<(), String> {
    let (before, start) = (world.provider.fetched("/jwks"), Instant::now());
    let mut conn = world.h1().open().map_err(|error| error.to_string())?;
    for number in 0..1000 {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": format!("random-{number}")}).to_string();
        let payload = json!({"iss": FETCHED, "exp": now() + 60}).to_string();
        let token = format!("{}.{}.{}", b64(header), b64(payload), b64([7; 64]));
        _ = mint;
        let answer = raw::ask(&mut conn, &get(PATH, &token), Duration::ZERO).map_err(|error| error.to_string())?;
        refused(&answer, &["key_unknown"])?;
    }
    let (fetches, span) = (world.provider.fetched("/jwks") - before, start.elapsed());
    // One a second at most, and one at the start.
    let allowed = span.as_secs() as usize + 2;
    println!("A10: 1000 unknown keys in {span:?}, {fetches} fetches");
    if (1..=allowed).contains(&fetches) { Ok(()) } else { Err(format!("{fetches} fetches in {span:?}")) }
}

fn turns(world: &World, token: &str, wanted: impl Fn(&Answer) -> bool) -> Result<(), String> {
    let mut last = String::new();
    let turned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait::until("the answer to turn", Duration::from_secs(6), || {
            let mut conn = world.h1().open().ok()?;
            let answer = raw::ask(&mut conn, &get(PATH, token), Duration::ZERO).ok()?;
            last = answer.brief();
            wanted(&answer).then_some(())
        });
    }));
    turned.map_err(|_| format!("it stayed {last}"))
}
