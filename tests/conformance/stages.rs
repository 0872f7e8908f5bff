//! The checks of how far a token got: presence, form, algorithm, issuer, key, signature; and that the first failure
//! alone names the reason.

use crate::world::{Want, World, policy, table};
use curfew::decide::checks::algorithm::AlgorithmAllowed;
use curfew::decide::checks::form::Form;
use curfew::decide::checks::key::Key;
use curfew::decide::checks::presence::Presence;
use curfew::decide::checks::signature::Signature;
use curfew::decide::evidence::{Credential, Flaw, Stage};
use curfew::decide::reason::Reason;
use curfew::decide::rules::{Algorithm, Algorithms};

fn flawed(stage: Stage, reason: Reason) -> World {
    World { flaw: Some(Flaw { stage, reason, detail: "a test" }), ..World::good() }
}

/// Exactly one credential.
#[test]
fn presence() {
    let unusable = |reason| World { credential: Credential::Unusable(reason), ..World::good() };
    let mut rows = vec![("one", Presence, World::good(), Want::Pass)];
    for reason in [
        Reason::TokenMissing,
        Reason::UnsupportedAuthScheme,
        Reason::TokenInQuery,
        Reason::MultipleCredentials,
        Reason::MalformedAuthorization,
    ] {
        rows.push((reason.code(), Presence, unusable(reason), Want::Fail(reason)));
    }
    table("presence", rows);
}

/// Each stage fails where the token failed, passes for what came before, and is moot for what came after.
#[test]
fn stages() {
    let broken = || flawed(Stage::Form, Reason::TokenMalformed);
    let forged = || flawed(Stage::Signature, Reason::SignatureInvalid);
    let lost = || flawed(Stage::Key, Reason::KeyUnknown);
    table(
        "form",
        vec![
            ("good", Form, World::good(), Want::Pass),
            ("failed", Form, broken(), Want::Fail(Reason::TokenMalformed)),
            ("failed later", Form, lost(), Want::Pass),
            ("encrypted", Form, flawed(Stage::Form, Reason::TokenEncrypted), Want::Fail(Reason::TokenEncrypted)),
        ],
    );
    table(
        "key",
        vec![
            ("good", Key, World::good(), Want::Pass),
            ("failed", Key, lost(), Want::Fail(Reason::KeyUnknown)),
            ("failed before", Key, broken(), Want::Moot),
            ("failed later", Key, forged(), Want::Pass),
            ("keys not to be had", Key, flawed(Stage::Key, Reason::KeyUnavailable), Want::Fail(Reason::KeyUnavailable)),
        ],
    );
    table(
        "signature",
        vec![
            ("good", Signature, World::good(), Want::Pass),
            ("failed", Signature, forged(), Want::Fail(Reason::SignatureInvalid)),
            ("failed before", Signature, lost(), Want::Moot),
        ],
    );
}

/// The algorithm is asked again of a token that was verified before: the settings may have changed since.
#[test]
fn algorithm() {
    let of = |algorithm| {
        let mut world = World::good();
        world.token.algorithm = algorithm;
        world
    };
    let carrying = |strict: bool| {
        let mut world = World::good().ruled(|rules| rules.strict_header = strict);
        world.token.key_header = true;
        world
    };
    let none = World::good().ruled(|rules| rules.algorithms = Algorithms::default());
    table(
        "algorithm",
        vec![
            ("allowed", AlgorithmAllowed, of(Algorithm::ES256), Want::Pass),
            ("allowed too", AlgorithmAllowed, of(Algorithm::RS256), Want::Pass),
            ("not allowed", AlgorithmAllowed, of(Algorithm::PS256), Want::Fail(Reason::AlgNotAllowed)),
            ("symmetric", AlgorithmAllowed, of(Algorithm::HS256), Want::Fail(Reason::AlgNotAllowed)),
            ("none is allowed", AlgorithmAllowed, none, Want::Fail(Reason::AlgNotAllowed)),
            ("a key in the header", AlgorithmAllowed, carrying(false), Want::Pass),
            ("a key in the header, strict", AlgorithmAllowed, carrying(true), Want::Fail(Reason::KeyHeaderForbidden)),
            (
                "failed",
                AlgorithmAllowed,
                flawed(Stage::Algorithm, Reason::CritUnsupported),
                Want::Fail(Reason::CritUnsupported),
            ),
            ("failed before", AlgorithmAllowed, flawed(Stage::Form, Reason::TokenMalformed), Want::Moot),
            ("failed later", AlgorithmAllowed, flawed(Stage::Issuer, Reason::IssuerUntrusted), Want::Pass),
        ],
    );
    // One bit a member: no algorithm stands in for another.
    for one in Algorithm::ALL {
        let set = Algorithms::from_iter([*one]);
        let held: Vec<_> = Algorithm::ALL.iter().filter(|algorithm| set.contains(**algorithm)).collect();
        assert_eq!(held, [one]);
        assert_eq!(Algorithm::from_name(one.name()), Some(*one));
        assert_eq!(Algorithm::from_name(&one.name().to_lowercase()), None);
    }
}

/// Whatever stage a token fails at, the verdict gives exactly that reason.
#[test]
fn each_stage_names_the_reason() {
    let stages = [
        (Stage::Form, Reason::TokenTooLarge),
        (Stage::Algorithm, Reason::AlgNotAllowed),
        (Stage::Issuer, Reason::IssuerUntrusted),
        (Stage::Key, Reason::KeyUnknown),
        (Stage::Signature, Reason::SignatureInvalid),
    ];
    for (stage, reason) in stages {
        let world = flawed(stage, reason);
        let verdict = policy().judge(&world.evidence());
        assert_eq!(verdict.reason(), Some(reason));
        assert_eq!(verdict.answers().filter(|(_, finding)| finding.reason().is_some()).count(), 1);
    }
}
