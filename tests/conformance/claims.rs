//! The checks of content: token type, required claims, audience, issuer, scope, permission.

use crate::world::{Want, World, at, table, words};
use curfew::decide::checks::audience::Audience;
use curfew::decide::checks::claims::Required;
use curfew::decide::checks::issuer::IssuerTrusted;
use curfew::decide::checks::permission::{Permission, Rule};
use curfew::decide::checks::scope::Scope;
use curfew::decide::checks::token_type::AccessTokenType;
use curfew::decide::claims::{ClaimFault, Claims, TokenType};
use curfew::decide::id::IssuerName;
use curfew::decide::reason::Reason;
use curfew::decide::rules::Profile;
use serde_json::{Value, json};

/// C9, C11: an access token and none of its issuer's other tokens.
#[test]
fn token_type() {
    let kind = |kind| {
        let mut world = World::good();
        world.token.kind = kind;
        world
    };
    let legacy = |world: World| world.ruled(|rules| rules.profile = Profile::Legacy);
    let bare = |change: fn(&mut Claims)| {
        let mut world = legacy(World::claims(change));
        world.token.kind = TokenType::Jwt;
        world
    };
    let wrong = Want::Fail(Reason::TokenTypeInvalid);
    table(
        "token_type",
        vec![
            ("at+jwt", AccessTokenType, kind(TokenType::AccessToken), Want::Pass),
            ("JWT", AccessTokenType, kind(TokenType::Jwt), wrong),
            ("none", AccessTokenType, kind(TokenType::Absent), wrong),
            ("other", AccessTokenType, kind(TokenType::Other), wrong),
            ("legacy, at+jwt", AccessTokenType, legacy(kind(TokenType::AccessToken)), Want::Pass),
            ("legacy, JWT", AccessTokenType, legacy(kind(TokenType::Jwt)), Want::Pass),
            ("legacy, none", AccessTokenType, legacy(kind(TokenType::Absent)), Want::Pass),
            ("legacy, other", AccessTokenType, legacy(kind(TokenType::Other)), wrong),
            ("legacy, an ID token's claims", AccessTokenType, bare(|claims| claims.foreign = true), wrong),
            ("legacy, only a client", AccessTokenType, bare(|claims| claims.scopes = None), Want::Pass),
            ("legacy, only a scope", AccessTokenType, bare(|claims| claims.client_id = None), Want::Pass),
            (
                "legacy, only azp",
                AccessTokenType,
                bare(|claims| {
                    (claims.scopes, claims.client_id) = (None, None);
                    claims.authorized_party = Some("app".into());
                }),
                Want::Pass,
            ),
            (
                "legacy, neither",
                AccessTokenType,
                bare(|claims| (claims.scopes, claims.client_id) = (None, None)),
                wrong,
            ),
        ],
    );
}

/// Claims that are needed are there, and the times do not contradict one another.
#[test]
fn required() {
    let plain = || Required::default();
    let also = |name: &'static str| Required { also: [name].into() };
    let without = |change: fn(&mut Claims)| World::claims(change);
    let missing = Want::Fail(Reason::ClaimMissing);
    let malformed = Want::Fail(Reason::ClaimsMalformed);
    let faulty = {
        let mut world = World::good();
        world.token.claims = Err(ClaimFault { claim: "exp", expected: "a number" });
        world
    };
    let ordered = |issued: i64, begins: Option<i64>, ends: i64| {
        World::claims(|claims| {
            claims.issued = Some(at(issued));
            claims.not_before = begins.map(at);
            claims.expires = Some(at(ends));
        })
    };
    let legacy = |world: World| world.ruled(|rules| rules.profile = Profile::Legacy);
    let sparse = |claims: &mut Claims| {
        (claims.subject, claims.client_id, claims.issued, claims.token_id) = (None, None, None, None);
        claims.audience = None;
    };
    table(
        "claims",
        vec![
            ("all there", plain(), World::good(), Want::Pass),
            ("no exp", plain(), without(|claims| claims.expires = None), missing),
            ("no aud", plain(), without(|claims| claims.audience = None), missing),
            ("no sub", plain(), without(|claims| claims.subject = None), missing),
            ("no client_id", plain(), without(|claims| claims.client_id = None), missing),
            ("no iat", plain(), without(|claims| claims.issued = None), missing),
            ("no jti", plain(), without(|claims| claims.token_id = None), missing),
            ("legacy, only exp", plain(), legacy(World::claims(sparse)), Want::Pass),
            ("legacy, no exp", plain(), legacy(without(|claims| claims.expires = None)), missing),
            ("the policy wants sub", also("sub"), legacy(World::claims(sparse)), missing),
            ("the policy wants auth_time", also("auth_time"), World::good(), missing),
            ("the policy wants nbf", also("nbf"), World::good(), missing),
            ("the policy wants sid", also("sid"), World::good(), Want::Pass),
            ("a name that nobody knows is never there", also("nonsense"), World::good(), missing),
            ("a claim of the wrong form", plain(), faulty, malformed),
            ("C5 exp = iat", plain(), ordered(-5, None, -5), malformed),
            ("C5 exp < iat", plain(), ordered(5, None, -5), malformed),
            ("C5 exp = nbf", plain(), ordered(-9, Some(5), 5), malformed),
            ("C5 exp < nbf", plain(), ordered(-9, Some(6), 5), malformed),
            ("exp 1 ms after both", plain(), ordered(4, Some(4), 5), Want::Pass),
            ("nbf before iat", plain(), ordered(4, Some(-100), 5), Want::Pass),
        ],
    );
}

/// C8: meant for us, byte for byte; the policy's own list goes before the issuer's.
#[test]
fn audience() {
    let to = |audiences: &[&str]| World::claims(|claims| claims.audience = Some(words(audiences)));
    let issuer = Audience::default;
    let policy = |among: &[&str]| Audience { among: Some(words(among)) };
    let mismatch = Want::Fail(Reason::AudienceMismatch);
    table(
        "audience",
        vec![
            ("ours", issuer(), to(&["api"]), Want::Pass),
            ("our second", issuer(), to(&["api2"]), Want::Pass),
            ("ours among others", issuer(), to(&["x", "api", "y"]), Want::Pass),
            ("another", issuer(), to(&["x"]), mismatch),
            ("none", issuer(), to(&[]), mismatch),
            ("missing", issuer(), World::claims(|claims| claims.audience = None), mismatch),
            ("a prefix of ours", issuer(), to(&["ap"]), mismatch),
            ("ours and more", issuer(), to(&["api/"]), mismatch),
            ("another case", issuer(), to(&["API"]), mismatch),
            ("the policy's", policy(&["special"]), to(&["special"]), Want::Pass),
            ("the issuer's is not the policy's", policy(&["special"]), to(&["api"]), mismatch),
            ("a policy that names none", policy(&[]), to(&["api"]), mismatch),
            ("any, spelled", issuer(), to(&["x"]).ruled(|rules| rules.audiences = None), Want::Unasked),
            ("any, narrowed", policy(&["y"]), to(&["x"]).ruled(|rules| rules.audiences = None), mismatch),
        ],
    );
}

/// C7: an issuer that this route trusts.
#[test]
fn issuer() {
    let among = |names: &[&str]| IssuerTrusted { among: names.iter().map(|name| IssuerName::from(*name)).collect() };
    table(
        "issuer",
        vec![
            ("all are", among(&[]), World::good(), Want::Pass),
            ("listed", among(&["other", "corp"]), World::good(), Want::Pass),
            ("not listed", among(&["other"]), World::good(), Want::Fail(Reason::IssuerUntrusted)),
            ("another case", among(&["Corp"]), World::good(), Want::Fail(Reason::IssuerUntrusted)),
        ],
    );
}

/// Every scope that is needed, byte for byte.
#[test]
fn scope() {
    let all = |scopes: &[&str]| Some(Scope { all: words(scopes) });
    let missing = Want::Fail(Reason::InsufficientScope);
    table(
        "scope",
        vec![
            ("not asked", None, World::good(), Want::Unasked),
            ("held", all(&["orders.read"]), World::good(), Want::Pass),
            ("both held", all(&["orders.read", "profile"]), World::good(), Want::Pass),
            ("one of two", all(&["orders.read", "orders.write"]), World::good(), missing),
            ("a prefix", all(&["orders"]), World::good(), missing),
            ("another case", all(&["Orders.read"]), World::good(), missing),
            ("no scope at all", all(&["profile"]), World::claims(|claims| claims.scopes = None), missing),
            ("none is needed", all(&[]), World::claims(|claims| claims.scopes = None), Want::Pass),
        ],
    );
}

/// The rules about claims.
#[test]
fn permission() {
    let rule = |claim: &str, any_of: &[Value]| Rule { claim: claim.into(), any_of: any_of.into() };
    let rules = |rules: Vec<Rule>| Some(Permission { rules: rules.into() });
    let with = |value: Value| {
        World::claims(|claims| {
            if let Value::Object(map) = value {
                claims.rest = map;
            }
        })
    };
    let vip = || rules(vec![rule("roles", &[json!("vip"), json!("admin")])]);
    let denied = Want::Fail(Reason::PolicyDenied);
    table(
        "permission",
        vec![
            ("not asked", None, World::good(), Want::Unasked),
            ("the value", vip(), with(json!({"roles": "vip"})), Want::Pass),
            ("in a list", vip(), with(json!({"roles": ["user", "admin"]})), Want::Pass),
            ("another value", vip(), with(json!({"roles": "user"})), denied),
            ("an empty list", vip(), with(json!({"roles": []})), denied),
            ("missing", vip(), with(json!({})), denied),
            ("null", vip(), with(json!({"roles": null})), denied),
            ("of another type", vip(), with(json!({"roles": {"vip": true}})), denied),
            ("nested", rules(vec![rule("a.b", &[json!(1)])]), with(json!({"a": {"b": 1}})), Want::Pass),
            ("nested too shallow", rules(vec![rule("a.b", &[json!(1)])]), with(json!({"a": 1})), denied),
            (
                "a name with a dot",
                rules(vec![rule("a.b", &[json!(1)])]),
                with(json!({"a.b": 1, "a": {"b": 2}})),
                Want::Pass,
            ),
            ("a number is no text", rules(vec![rule("n", &[json!(1)])]), with(json!({"n": "1"})), denied),
            (
                "both rules",
                rules(vec![rule("a", &[json!(1)]), rule("b", &[json!(2)])]),
                with(json!({"a": 1, "b": 3})),
                denied,
            ),
            ("no rules", rules(vec![]), World::good(), Want::Pass),
        ],
    );
}
