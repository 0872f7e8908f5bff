//! The judgement as a whole: the order of the questions, and what happens without ground to stand on.

use crate::world::{World, at, policy};
use curfew::decide::checks::scope::Scope;
use curfew::decide::claims::{ClaimFault, Confirmation, TokenType};
use curfew::decide::evidence::{Credential, Evidence};
use curfew::decide::id::Thumbprint;
use curfew::decide::policy::QUESTIONS;
use curfew::decide::reason::Reason;
use curfew::decide::rules::Algorithm;
use curfew::decide::verdict::Outcome;
use std::time::Duration;

/// The good request is admitted, for as long as its token lives.
#[test]
fn the_good_request() {
    match policy().judge(&World::good().evidence()).outcome {
        Outcome::Admit(permit) => assert_eq!(permit.curfew(), Some(Duration::from_millis(601_500))),
        refused => panic!("{refused:?}"),
    }
}

/// Without a token there is exactly one failure, whichever reason the transport gave, and everything else is moot.
#[test]
fn without_a_token() {
    let world = World { credential: Credential::Unusable(Reason::TokenMissing), ..World::good() };
    let verdict = policy().judge(&world.tokenless());
    assert_eq!(verdict.reason(), Some(Reason::TokenMissing));
    let outcomes: Vec<_> = verdict.answers().map(|(_, finding)| finding.outcome()).collect();
    assert_eq!(outcomes.len(), QUESTIONS.len());
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "pass").count(), 0);
}

/// Evidence with a hole in it admits nobody: the credential is said to be there, and nothing was read.
#[test]
fn a_hole_in_the_evidence() {
    let world = World::good();
    let verdict = policy().judge(&world.tokenless());
    assert_eq!(verdict.reason(), Some(Reason::InternalError));
    let ruleless = Evidence { rules: None, ..world.evidence() };
    assert!(policy().judge(&ruleless).reason().is_some());
}

/// Everything is wrong with this token. Mended step by step, it gives each reason in the order of the table.
#[test]
fn the_first_failure_names_the_reason() {
    let mut policy = policy();
    policy.scope = Some(Scope { all: crate::world::words(&["orders.write"]) });
    let mut world = World::claims(|claims| {
        claims.confirmation = Confirmation::Dpop(Thumbprint::default());
        claims.audience = Some(crate::world::words(&["x"]));
        claims.not_before = Some(at(100_000));
        claims.expires = Some(at(500_000));
        claims.issued = Some(at(90_000));
    });
    let good = world.token.claims.clone();
    world.token.claims = Err(ClaimFault { claim: "exp", expected: "a number" });
    world.token.kind = TokenType::Other;
    world.token.algorithm = Algorithm::HS256;
    type Mend = Box<dyn FnOnce(&mut World)>;
    let mends: Vec<(Reason, Mend)> = vec![
        (Reason::AlgNotAllowed, Box::new(|world| world.token.algorithm = Algorithm::ES256)),
        (Reason::TokenTypeInvalid, Box::new(|world| world.token.kind = TokenType::AccessToken)),
        (Reason::ClaimsMalformed, Box::new(move |world| world.token.claims = good)),
        (Reason::DpopDowngrade, claim(|claims| claims.confirmation = Confirmation::Unbound)),
        (Reason::AudienceMismatch, claim(|claims| claims.audience = Some(crate::world::words(&["api"])))),
        (Reason::TokenNotYetValid, claim(|claims| claims.not_before = None)),
        (Reason::TokenIssuedInFuture, claim(|claims| claims.issued = Some(at(-1)))),
        (Reason::InsufficientScope, claim(|claims| claims.scopes = Some(crate::world::words(&["orders.write"])))),
    ];
    for (reason, mend) in mends {
        assert_eq!(policy.judge(&world.evidence()).reason(), Some(reason));
        mend(&mut world);
    }
    assert_eq!(policy.judge(&world.evidence()).reason(), None);
}

fn claim(change: fn(&mut curfew::decide::claims::Claims)) -> Box<dyn FnOnce(&mut World)> {
    Box::new(move |world| {
        if let Ok(claims) = &mut world.token.claims {
            change(claims);
        }
    })
}

/// §25, written down a second time in the tests' own words: every reason, its status, and its challenge.
#[test]
fn the_table_of_reasons_is_that_of_the_standards() {
    use crate::reasons::{CANONICAL, Challenge};
    use curfew::decide::reason::Challenge as Told;
    for row in CANONICAL {
        let reason = Reason::from_code(row.reason).unwrap_or_else(|| panic!("{} is missing", row.reason));
        let challenge = match reason.challenge() {
            Told::None => Challenge::None,
            Told::Bare => Challenge::Bare,
            Told::Error(error) => Challenge::Error(error),
        };
        assert_eq!((reason.status().as_u16(), challenge), (row.status, row.challenge), "{}", row.reason);
    }
}
