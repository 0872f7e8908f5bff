//! D6 to D8: tokens that are bound to a key of the client (RFC 9449), and the proofs that come with them.

use crate::KNOWN_GAPS;
use crate::support::answer::Answer;
use crate::support::config::{HOST, World};
use crate::support::mint::{Key, Mint, Token, b64, hs256, now, unique};
use crate::support::raw::ask;
use crate::support::table::{Table, with};
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/orders/1";
const URI: &str = "https://api.example.com/orders/1";

/// A token that is bound to `key`.
fn bound(mint: &Mint, key: &Key) -> String {
    mint.ec.token().claim("cnf", json!({"jkt": key.thumbprint()})).sign()
}

fn sent(path: &str, token: &str, proofs: &[&str]) -> Vec<u8> {
    let authorization = format!("DPoP {token}");
    let mut headers = vec![("Authorization", authorization.as_str())];
    headers.extend(proofs.iter().map(|proof| ("DPoP", *proof)));
    with(path, &headers)
}

/// A bound token is of use to whoever holds its key, once a proof, and to nobody else.
#[test]
fn d_dpop() {
    let (world, mint) = (World::start(), Mint::get());
    let mut table = Table::new(&world, "D6-D8", KNOWN_GAPS);
    owner(&mut table, mint, &world);
    downgrade(&mut table, mint);
    claims(&mut table, mint);
    header(&mut table, mint);
    field(&mut table, mint);
    replay(&mut table, mint);
    addresses(&mut table, mint);
    challenges(&mut table, mint);
    table.finish();
}

fn owner(table: &mut Table, mint: &Mint, world: &World) {
    for key in [&Key::p256("c"), &Key::p384("c"), &Key::ed("c"), &Key::rsa("c")] {
        let token = bound(mint, key);
        let name = format!("D7+ a proof by {}", key.alg());
        table.admit(&name, sent(PATH, &token, &[&key.proof(URI, &token).sign()]));
    }
    let seen = world.upstream.last();
    let gone = seen.all("authorization").is_empty() && seen.all("dpop").is_empty();
    table.check("D+ token and proof are taken off", if gone { Ok(()) } else { Err(format!("{seen:?}")) });
    let (key, plain) = (Key::p256("c"), mint.ec.token().sign());
    let token = bound(mint, &key);
    let proof = key.proof("https://api.example.com/passing/1", &token).sign();
    table.admit("D+ judged, token kept", sent("/passing/1", &token, &[&proof]));
    let seen = world.upstream.last();
    let kept = seen.all("authorization") == [format!("DPoP {token}")] && seen.all("dpop") == [proof.as_str()];
    table.check("D+ forward_token keeps both", if kept { Ok(()) } else { Err(format!("{seen:?}")) });
    let bearer = format!("Bearer {plain}");
    table.admit("D6+ a bearer token, a proof beside it", with(PATH, &[("Authorization", &bearer), ("DPoP", "x")]));
    let gone = world.upstream.last().all("dpop").is_empty();
    table.check("D+ the idle proof is taken off", if gone { Ok(()) } else { Err("the upstream saw it".into()) });
    let post = key.proof(URI, &token).claim("htm", "POST").sign();
    let request = String::from_utf8(sent(PATH, &token, &[&post])).unwrap().replacen("GET", "POST", 1);
    table.admit("D7+ htm POST of a POST", request.replacen("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1));
    let proof = key.proof(URI, &token).sign();
    let fields: [(&[u8], &[u8]); 6] = [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", HOST.as_bytes()),
        (b":path", PATH.as_bytes()),
        (b"authorization", &format!("dpop {token}").into_bytes()),
        (b"dpop", proof.as_bytes()),
    ];
    table.admit_h2("D7+ over HTTP/2", &fields);
    let proof = key.proof("http://api.example.com/orders/1", &token).sign();
    table.admit_at("D8+ over plain HTTP, by an http URI", &world.plain(), sent(PATH, &token, &[&proof]));
    let proof = key.proof(URI, &token).sign();
    let reasons = &["dpop_proof_invalid"];
    table.refuse_at("D8 over plain HTTP, by an https URI", &world.plain(), sent(PATH, &token, &[&proof]), reasons);
}

fn downgrade(table: &mut Table, mint: &Mint) {
    let (key, thief) = (Key::p256("c"), Key::p256("t"));
    let (token, plain) = (bound(mint, &key), mint.ec.token().sign());
    let proof = |key: &Key, token: &str| key.proof(URI, token).sign();
    let bearer = format!("Bearer {token}");
    let request = with(PATH, &[("Authorization", &bearer), ("DPoP", &proof(&key, &token))]);
    table.refuse("D6 a DPoP token as Bearer, its good proof beside it", request, &["dpop_downgrade"]);
    table.refuse(
        "D6 a DPoP token in a cookie",
        with("/cookie/1", &[("Cookie", &format!("session={token}"))]),
        &["dpop_downgrade"],
    );
    let request = sent(PATH, &plain, &[&proof(&key, &plain)]);
    table.refuse("D6 a bearer token as DPoP", request, &["dpop_binding_missing"]);
    let both = format!("DPoP {token}, Bearer {token}");
    table.refuse("D6 both schemes in a line", with(PATH, &[("Authorization", &both)]), &["multiple_credentials"]);
    table.refuse("D7 no proof", sent(PATH, &token, &[]), &["dpop_proof_missing"]);
    table.refuse("D7 a thief's key", sent(PATH, &token, &[&proof(&thief, &token)]), &["dpop_key_mismatch"]);
    let claims = format!("Bearer {plain}");
    table.refuse(
        "D6 a bearer token where bound ones are required",
        with("/bound/1", &[("Authorization", &claims)]),
        &["dpop_binding_missing"],
    );
    let there = key.proof("https://api.example.com/bound/1", &token).sign();
    table.admit("D6+ a bound token where it is required", sent("/bound/1", &token, &[&there]));
    let there = key.proof("https://api.example.com/unspoken/1", &token).sign();
    table.refuse("D6 DPoP where it is off", sent("/unspoken/1", &token, &[&there]), &["unsupported_auth_scheme"]);
    let forged = mint.stranger.token().claim("cnf", json!({"jkt": key.thumbprint()})).sign();
    table.refuse("D7 a forged token, well proven", sent(PATH, &forged, &[&proof(&key, &forged)]), &["key_unknown"]);
    let old = mint
        .ec
        .token()
        .claim("cnf", json!({"jkt": key.thumbprint()}))
        .claim("exp", now() - 400)
        .claim("iat", now() - 900);
    let old = old.sign();
    table.refuse("D7 an expired token, well proven", sent(PATH, &old, &[&proof(&key, &old)]), &["token_expired"]);
}

/// Refused, and the answer's detail says for what.
fn flawed(table: &mut Table, name: &str, request: Vec<u8>, detail: &str) {
    let Some(answer) = table.refuse(name, request, &["dpop_proof_invalid"]) else { return };
    let told = answer.json().and_then(|body| Some(body.get("detail")?.as_str()?.to_owned())).unwrap_or_default();
    let outcome = if told.contains(detail) { Ok(()) } else { Err(format!("{detail:?} is not in {told:?}")) };
    table.check(&format!("{name}, in the detail"), outcome);
}

fn claims(table: &mut Table, mint: &Mint) {
    let key = Key::p256("c");
    let token = bound(mint, &key);
    let other = bound(mint, &key);
    let mut row = |name: &str, proof: Token<'_>, detail: &str| {
        flawed(table, name, sent(PATH, &token, &[&proof.sign()]), detail);
    };
    let good = || key.proof(URI, &token);
    row("D7 htm of another method", good().claim("htm", "POST"), "'htm'");
    row("D7 htm in lower case", good().claim("htm", "get"), "'htm'");
    row("D7 htm of another type", good().claim("htm", json!(["GET"])), "no 'htm'");
    row("D7 htm missing", good().without("htm"), "no 'htm'");
    row("D7 htu of another path", good().claim("htu", "https://api.example.com/orders/2"), "'htu'");
    row("D7 htu of another host", good().claim("htu", "https://www.example.com/orders/1"), "'htu'");
    row("D7 htu of another port", good().claim("htu", "https://api.example.com:8443/orders/1"), "'htu'");
    row("D7 htu of another scheme", good().claim("htu", "http://api.example.com/orders/1"), "'htu'");
    row("D7 htu with user information", good().claim("htu", "https://api.example.com@evil.example/orders/1"), "'htu'");
    row("D7 htu without scheme", good().claim("htu", "/orders/1"), "'htu'");
    row("D7 htu with another case of the path", good().claim("htu", "https://api.example.com/Orders/1"), "'htu'");
    row("D7 htu with %2F", good().claim("htu", "https://api.example.com/orders%2F1"), "'htu'");
    row("D7 htu missing", good().without("htu"), "no 'htu'");
    row("D7 ath of another token", key.proof(URI, &other), "'ath'");
    row("D7 ath missing", good().without("ath"), "no 'ath'");
    row("D7 ath empty", good().claim("ath", ""), "'ath'");
    row("D7 iat too old", good().claim("iat", now() - 62), "iat");
    row("D7 iat in the future", good().claim("iat", now() + 30), "iat");
    row("D7 iat as text", good().claim("iat", now().to_string()), "no 'iat'");
    row("D7 iat missing", good().without("iat"), "no 'iat'");
    row("D7 jti missing", good().without("jti"), "no 'jti'");
    row("D7 jti empty", good().claim("jti", ""), "no 'jti'");
    row("D7 jti of another type", good().claim("jti", 7), "no 'jti'");
    row("D7 jti of 257 bytes", good().claim("jti", "x".repeat(257)), "no 'jti'");
    table.admit("D7+ iat 50 s ago", sent(PATH, &token, &[&good().claim("iat", now() - 50).sign()]));
    let long = unique("") + &"x".repeat(200);
    table.admit("D7+ jti of 200 bytes and more", sent(PATH, &token, &[&good().claim("jti", long).sign()]));
    let twice = good().sign_payload(|text| text.replacen('{', r#"{"htm":"POST","#, 1).into_bytes());
    flawed(table, "D7 htm twice", sent(PATH, &token, &[&twice]), "strict JSON");
}

fn header(table: &mut Table, mint: &Mint) {
    let key = Key::p256("c");
    let token = bound(mint, &key);
    let good = || key.proof(URI, &token);
    let jwk = |change: fn(&mut Value)| {
        let mut jwk = key.bare_jwk();
        change(&mut jwk);
        good().head("jwk", jwk)
    };
    let mut row = |name: &str, proof: String, detail: &str| flawed(table, name, sent(PATH, &token, &[&proof]), detail);
    for typ in ["JWT", "at+jwt", "DPOP+JWT", "application/dpop+jwt", ""] {
        row(&format!("D7 typ {typ:?}"), good().head("typ", typ).sign(), "'typ'");
    }
    row("D7 typ missing", good().headless("typ").sign(), "'typ'");
    for alg in ["none", "HS256", "RS512", "es256", ""] {
        row(&format!("D7 alg {alg:?}"), good().alg(alg).sign(), "'alg'");
    }
    let confused = good().alg("HS256");
    let secret = serde_json::to_vec(&key.bare_jwk()).unwrap();
    row("D7 HS256 by the public key", confused.with_signature(hs256(&secret, &confused.input())), "'alg'");
    row("D7 no signature", format!("{}.", good().input()), "signature");
    row("D7 alg of another kind of key", good().head("alg", "PS256").sign(), "'jwk'");
    row("D7 jwk missing", good().headless("jwk").sign(), "no 'jwk'");
    row("D7 jwk as text", good().head("jwk", key.bare_jwk().to_string()).sign(), "no 'jwk'");
    row("D7 jwk private", jwk(|jwk| jwk["d"] = json!("AAAA")).sign(), "private");
    row("D7 jwk private, null", jwk(|jwk| jwk["d"] = Value::Null).sign(), "private");
    row("D7 jwk symmetric", good().head("jwk", json!({"kty": "oct", "k": b64("x".repeat(32))})).sign(), "shared");
    row("D7 jwk not on its curve", jwk(|jwk| jwk["y"] = jwk["x"].clone()).sign(), "'jwk'");
    row("D7 jwk of another key", good().head("jwk", Key::p256("t").bare_jwk()).sign(), "signature");
    row("D7 crit", good().head("crit", json!(["exp"])).sign(), "'crit'");
    row("D7 b64", good().head("b64", false).sign(), "'b64'");
    row("D7 kid of the provider, no jwk", good().headless("jwk").head("kid", "ec-1").sign(), "no 'jwk'");
    row("D7 the token as its own proof", token.clone(), "'typ'");
}

fn field(table: &mut Table, mint: &Mint) {
    let key = Key::p256("c");
    let token = bound(mint, &key);
    let proof = || key.proof(URI, &token).sign();
    let mut row = |name: &str, proofs: &[&str], detail: &str| flawed(table, name, sent(PATH, &token, proofs), detail);
    let one = proof();
    row("D7 two fields", &[&proof(), &proof()], "more than one");
    row("D7 the same field twice", &[&one, &one], "more than one");
    row("D7 two proofs in a field", &[&format!("{},{}", proof(), proof())], "more than one");
    row("D7 an empty field", &[""], "DPoP");
    row("D7 five segments", &["a.b.c.d.e"], "five segments");
    row("D7 two segments", &["a.b"], "segments");
    row("D7 JSON", &[r#"{"payload":"x"}"#], "alphabet");
    row("D7 a huge proof", &[&format!("{}.{}", one, "A".repeat(8192))], "8 KiB");
    row("D7 padding", &[&format!("{one}=")], "alphabet");
}

fn replay(table: &mut Table, mint: &Mint) {
    let key = Key::p256("c");
    let (token, second) = (bound(mint, &key), bound(mint, &key));
    let jti = unique("replayed");
    let proof = key.proof(URI, &token).claim("jti", jti.as_str());
    let text = proof.sign();
    table.admit("D7+ a first use", sent(PATH, &token, &[&text]));
    table.refuse("D7 a second use", sent(PATH, &token, &[&text]), &["dpop_proof_replayed"]);
    table.refuse("D7 the jti in a new proof", sent(PATH, &token, &[&proof.clone().sign()]), &["dpop_proof_replayed"]);
    let again = key.proof(URI, &second).claim("jti", jti.as_str()).sign();
    table.refuse("D7 the jti beside another token", sent(PATH, &second, &[&again]), &["dpop_proof_replayed"]);
    let stranger = Key::p256("s");
    let theirs = bound(mint, &stranger);
    let proof = stranger.proof(URI, &theirs).claim("jti", jti.as_str()).sign();
    table.admit("D7+ the same jti by another key", sent(PATH, &theirs, &[&proof]));
    race(table, mint);
    // Who is refused for something else has not used the proof.
    let proof = key.proof("https://api.example.com/scoped/1", &token).sign();
    for name in ["D7 refused for its scope", "D7 refused for its scope again"] {
        table.refuse(name, sent("/scoped/1", &token, &[&proof]), &["insufficient_scope"]);
    }
}

/// Of many who send one proof at once, one is the first.
fn race(table: &mut Table, mint: &Mint) {
    let (key, door) = (Key::p256("c"), table.world().h1());
    let token = bound(mint, &key);
    let request = sent(PATH, &token, &[&key.proof(URI, &token).sign()]);
    let status =
        || door.open().and_then(|mut conn| ask(&mut conn, &request, Duration::ZERO)).map(|answer| answer.status);
    let told: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(status)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let count = |status| told.iter().filter(|one| one.as_ref().is_ok_and(|one| *one == status)).count();
    table.expect_upstream(1);
    let outcome = if (count(200), count(401)) == (1, 7) { Ok(()) } else { Err(format!("{told:?}")) };
    table.check("D7 one proof eight times at once", outcome);
}

fn addresses(table: &mut Table, mint: &Mint) {
    let key = Key::p256("c");
    let token = bound(mint, &key);
    let mut row = |name: &str, path: &str, htu: &str| {
        table.admit(&format!("D8+ {name}"), sent(path, &token, &[&key.proof(htu, &token).sign()]));
    };
    row("scheme and host in upper case, port, dots", "/orders/b", "HTTPS://Api.Example.Com:443/orders/a/../b");
    row("an escape of the unreserved", "/orders/~b", "https://api.example.com/orders/%7eb");
    row("the same in the request", "/orders/%7Eb", "https://api.example.com/orders/~b");
    row("a query in the request", "/orders/1?a=b", URI);
    row("a query in both", "/orders/1?a=b", "https://api.example.com/orders/1?c=d");
    row("a fragment in htu", PATH, "https://api.example.com/orders/1#top");
    row("an escape in lower case", "/orders/a%C3%A9", "https://api.example.com/orders/a%c3%a9");
}

fn challenges(table: &mut Table, mint: &Mint) {
    let key = Key::p256("c");
    let token = bound(mint, &key);
    let schemes = |answer: Option<Answer>| -> Vec<String> {
        let lines = |answer: &Answer| answer.all("www-authenticate").iter().map(|line| (*line).to_owned()).collect();
        let lines: Vec<String> = answer.as_ref().map(lines).unwrap_or_default();
        lines.iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    };
    let bearer = |path: &str, token: &str| with(path, &[("Authorization", &format!("Bearer {token}"))]);
    let rows: [(&str, Vec<u8>, &str, &[&str]); 9] = [
        ("nothing", with(PATH, &[]), "token_missing", &["Bearer", "DPoP"]),
        ("nothing, required", with("/bound/1", &[]), "token_missing", &["DPoP"]),
        ("nothing, off", with("/unspoken/1", &[]), "token_missing", &["Bearer"]),
        ("another scheme", with(PATH, &[("Authorization", "Foo x")]), "unsupported_auth_scheme", &["Bearer", "DPoP"]),
        ("no proof", sent(PATH, &token, &[]), "dpop_proof_missing", &["DPoP"]),
        ("a bad token as DPoP", sent(PATH, "x.y.z", &["p"]), "token_malformed", &["DPoP"]),
        ("a bad token as Bearer", bearer(PATH, "x.y.z"), "token_malformed", &["Bearer"]),
        ("a bound token as Bearer", bearer(PATH, &token), "dpop_downgrade", &["Bearer"]),
        ("a bad token where binding is required", bearer("/bound/1", "x.y.z"), "token_malformed", &["DPoP"]),
    ];
    for (name, request, reason, expected) in rows {
        let told = schemes(table.refuse(&format!("D1 {name}"), request, &[reason]));
        let outcome = if told == expected { Ok(()) } else { Err(format!("{told:?} instead of {expected:?}")) };
        table.check(&format!("D1 {name}: the schemes of its challenge"), outcome);
    }
}
