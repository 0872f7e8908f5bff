//! D7, nonces: where a policy asks for them, a proof made before it was asked for is worth nothing (RFC 9449 §8, §9).

use crate::KNOWN_GAPS;
use crate::support::answer::Answer;
use crate::support::config::{Changes, HOST, World};
use crate::support::mint::{Key, Mint, unb64, unique};
use crate::support::table::{Table, with};
use crate::support::wait;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATH: &str = "/nonced/1";
const URI: &str = "https://api.example.com/nonced/1";
const REQUIRED: &[&str] = &["dpop_nonce_required"];
/// How old a nonce may be, as the config of the worlds says.
const AGE: Duration = Duration::from_secs(6);

/// Somebody with a key and a token that is bound to it.
struct Client {
    key: Key,
    token: String,
}

impl Client {
    fn new(mint: &Mint) -> Self {
        let key = Key::p256("c");
        let token = mint.ec.token().claim("cnf", json!({"jkt": key.thumbprint()})).sign();
        Self { key, token }
    }

    /// A request with a proof that carries this as its nonce.
    fn with(&self, nonce: impl Into<Value>) -> Vec<u8> {
        self.to(PATH, self.key.proof(URI, &self.token).claim("nonce", nonce).sign())
    }

    fn without(&self) -> Vec<u8> {
        self.to(PATH, self.key.proof(URI, &self.token).sign())
    }

    fn to(&self, path: &str, proof: String) -> Vec<u8> {
        with(path, &[("Authorization", &format!("DPoP {}", self.token)), ("DPoP", &proof)])
    }
}

/// The one new nonce of an answer, which nobody may keep for others.
fn given(answer: &Option<Answer>) -> Result<String, String> {
    let answer = answer.as_ref().ok_or("no answer")?;
    let (nonces, stored) = (answer.all("dpop-nonce"), answer.all("cache-control"));
    match (&nonces[..], &stored[..]) {
        ([nonce], ["no-store"]) if unb64(nonce).len() == 32 => Ok((*nonce).to_owned()),
        _ => Err(format!("{nonces:?}, {stored:?}")),
    }
}

/// None of ours; that of the upstream, which the config has it send, is left alone.
fn nothing(answer: &Option<Answer>) -> Result<(), String> {
    let told = answer.as_ref().map(|answer| (answer.all("dpop-nonce"), answer.all("cache-control")));
    match told {
        Some((nonces, stored)) if nonces == ["theirs"] && stored == ["max-age=60"] => Ok(()),
        told => Err(format!("{told:?}")),
    }
}

#[test]
fn d_nonce() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "D7 nonces", KNOWN_GAPS);
    let client = Client::new(mint);
    let (nonce, made) = asked(&mut table, &client);
    forged(&mut table, &client, &nonce);
    elsewhere(&mut table, &client, &nonce);
    over_http2(&mut table, &client, &nonce);
    aged(&mut table, &client, &nonce, made);
    table.finish();
}

/// The first request is refused with a nonce, and the second is not.
fn asked(table: &mut Table, client: &Client) -> (String, Instant) {
    let made = Instant::now();
    let answer = table.refuse("D7 no nonce", client.without(), REQUIRED);
    let challenge = answer.as_ref().and_then(|answer| answer.header("www-authenticate")).unwrap_or_default().to_owned();
    let right = challenge.starts_with("DPoP ") && challenge.contains("error=\"use_dpop_nonce\"");
    table.check("D7 the challenge", if right { Ok(()) } else { Err(challenge) });
    let nonce = given(&answer);
    table.check("D7 and the nonce", nonce.clone().map(drop));
    let nonce = nonce.unwrap_or_default();
    let answer = table.admit("D7+ with the nonce", client.with(nonce.as_str()));
    table.check("D7+ a young nonce is not replaced", nothing(&answer));
    table.admit("D7+ and once more, in a new proof", client.with(nonce.as_str()));
    let proof = client.with(nonce.as_str());
    table.admit("D7+ a proof with the nonce", &proof);
    table.refuse("D7 the same proof again", &proof, &["dpop_proof_replayed"]);
    let second = given(&table.refuse("D7 no nonce again", client.without(), REQUIRED)).unwrap_or_default();
    let outcome = if second == nonce { Err("the same nonce".to_owned()) } else { Ok(()) };
    table.check("D7 no two nonces are alike", outcome);
    (nonce, made)
}

fn forged(table: &mut Table, client: &Client, nonce: &str) {
    let changed = |at: usize| {
        let mut bytes = nonce.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'Q' { b'g' } else { b'Q' };
        String::from_utf8(bytes).unwrap()
    };
    for (name, nonce) in [
        ("empty", json!("")),
        ("made up", json!("abc")),
        ("made up, of the right length", json!("A".repeat(43))),
        ("with another time", json!(changed(5))),
        ("with other salt", json!(changed(15))),
        ("with another hash", json!(changed(30))),
        ("with padding", json!(format!("{nonce}="))),
        ("with a tail", json!(format!("{nonce}.{nonce}"))),
        ("cut short", json!(nonce[..42])),
        ("of 4 KiB", json!("A".repeat(4096))),
        ("in a list", json!([nonce])),
        ("a number", json!(7)),
        ("null", Value::Null),
    ] {
        let answer = table.refuse(&format!("D7 a nonce {name}"), client.with(nonce), REQUIRED);
        table.check(&format!("D7 a nonce {name}: a good one comes back"), given(&answer).map(drop));
    }
    let proof = client.key.proof(URI, &client.token).head("nonce", nonce).sign();
    table.refuse("D7 the nonce in the header", client.to(PATH, proof), REQUIRED);
    let beside = String::from_utf8(client.without()).unwrap();
    let beside = beside.replacen("\r\nDPoP:", &format!("\r\nDPoP-Nonce: {nonce}\r\nDPoP:"), 1);
    table.refuse("D7 the nonce in a field", beside, REQUIRED);
    let proof = client
        .key
        .proof(URI, &client.token)
        .claim("nonce", nonce)
        .sign_payload(|text| text.replacen('{', r#"{"nonce":"x","#, 1).into_bytes());
    table.refuse("D7 two nonces", client.to(PATH, proof), &["dpop_proof_invalid"]);
    let proof = client.key.proof(URI, &client.token).claim("nonce", nonce);
    let other = Key::p256("t").proof(URI, &client.token).claim("nonce", nonce).sign();
    table.refuse("D7 the nonce in a thief's proof", client.to(PATH, other), &["dpop_key_mismatch"]);
    let old = proof.clone().claim("iat", crate::support::mint::now() - 62).sign();
    table.refuse("D7 the nonce in an old proof", client.to(PATH, old), &["dpop_proof_invalid"]);
    let htm = proof.claim("htm", "POST").sign();
    table.refuse("D7 the nonce, htm of another method", client.to(PATH, htm), &["dpop_proof_invalid"]);
    table.refuse(
        "D7 no proof at all",
        with(PATH, &[("Authorization", &format!("DPoP {}", client.token))]),
        &["dpop_proof_missing"],
    );
}

/// Where nobody asks, nobody looks, and nothing is given.
fn elsewhere(table: &mut Table, client: &Client, nonce: &str) {
    for (name, said) in [("none", None), ("one of ours", Some(nonce)), ("one of somebody's", Some("abc"))] {
        let proof = client.key.proof("https://api.example.com/orders/1", &client.token);
        let proof = said.map_or(proof.clone(), |nonce| proof.claim("nonce", nonce)).sign();
        let answer = table.admit(&format!("D7+ where nonces are off: {name}"), client.to("/orders/1", proof));
        let given = answer.map(|answer| answer.all("dpop-nonce").len());
        let outcome = if given == Some(0) { Ok(()) } else { Err(format!("{given:?}")) };
        table.check(&format!("D7+ where nonces are off: {name}: nothing is given"), outcome);
    }
    let plain = format!("Bearer {}", Mint::get().ec.token().sign());
    let answer =
        table.admit("D7+ a bearer token proves nothing, and needs no nonce", with(PATH, &[("Authorization", &plain)]));
    table.check("D7+ nor is it given one", nothing(&answer));
}

fn over_http2(table: &mut Table, client: &Client, nonce: &str) {
    let authorization = format!("DPoP {}", client.token);
    let proof = client.key.proof(URI, &client.token).claim("nonce", nonce).sign();
    let without = client.key.proof(URI, &client.token).sign();
    let fields = |proof: &str| {
        let fields = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", PATH)];
        let own = [("authorization", authorization.clone()), ("dpop", proof.to_owned())];
        let usual = fields.map(|(name, value)| (name, value.to_owned()));
        usual.into_iter().chain(own).collect::<Vec<(&str, String)>>()
    };
    let (good, bad) = (fields(&proof), fields(&without));
    table.admit_h2("D7+ with the nonce, over HTTP/2", &lent(&good));
    table.refuse_h2("D7 without, over HTTP/2", &lent(&bad), REQUIRED);
}

fn lent<'a>(fields: &'a [(&str, String)]) -> Vec<(&'a [u8], &'a [u8])> {
    fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

/// From half its age on a nonce is replaced by the answer, whatever that is; beyond it it is worth nothing.
fn aged(table: &mut Table, client: &Client, nonce: &str, made: Instant) {
    let old = |age: Duration| wait::until("age", AGE * 2, || (made.elapsed() > age).then_some(()));
    old(AGE / 2 + Duration::from_millis(200));
    let fresh = given(&table.admit("D7+ a nonce past its half", client.with(nonce)));
    table.check("D7+ is replaced", fresh.clone().map(drop));
    let uri = "https://api.example.com/nonced-scoped/1";
    let proof = client.key.proof(uri, &client.token).claim("nonce", nonce).sign();
    let answer = table.refuse(
        "D7 past its half, without the scope",
        client.to("/nonced-scoped/1", proof),
        &["insufficient_scope"],
    );
    table.check("D7 is replaced there too", given(&answer).map(drop));
    old(AGE + Duration::from_millis(200));
    let answer = table.refuse("D7 an old nonce", client.with(nonce), REQUIRED);
    table.check("D7 an old nonce: a good one comes back", given(&answer).map(drop));
    table.admit("D7+ the one that replaced it", client.with(fresh.unwrap_or_default()));
}

/// Instances that share a secret take each other's nonces, also while it is being replaced.
#[test]
fn d_nonce_of_a_fleet() {
    let start = |nonce_keys| World::start_with(&Changes { nonce_keys, ..Changes::default() });
    let (first, second) = (start(&["old"]), start(&["new", "old"]));
    let (third, stranger) = (start(&["new"]), start(&[]));
    let client = Client::new(Mint::get());
    let mut table = Table::new(&first, "D7 nonces of a fleet", KNOWN_GAPS);
    let nonce = given(&table.refuse("D7 no nonce", client.without(), REQUIRED)).unwrap_or_default();
    table.admit("D7+ where it was made", client.with(nonce.as_str()));
    table.finish();
    let mut table = Table::new(&second, "D7 the secret is replaced", KNOWN_GAPS);
    table.admit("D7+ of the old secret", client.with(nonce.as_str()));
    let newer = given(&table.refuse("D7 no nonce", client.without(), REQUIRED)).unwrap_or_default();
    table.finish();
    let mut table = Table::new(&third, "D7 the secret was replaced", KNOWN_GAPS);
    table.admit("D7+ of the new secret", client.with(newer.as_str()));
    table.refuse("D7 of the old secret", client.with(nonce.as_str()), REQUIRED);
    table.finish();
    let mut table = Table::new(&stranger, "D7 another gateway", KNOWN_GAPS);
    table.refuse("D7 of another gateway", client.with(nonce.as_str()), REQUIRED);
    table.refuse("D7 of another gateway, made up", client.with(unique("nonce")), REQUIRED);
    let own = given(&table.refuse("D7 no nonce", client.without(), REQUIRED)).unwrap_or_default();
    table.admit("D7+ its own", client.with(own));
    table.finish();
}
