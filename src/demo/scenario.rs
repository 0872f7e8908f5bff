//! THE table of the demo: each request, what it will answer, and why. The printed lines and `--once` are both made
//! from it; nothing about a request is said anywhere else.

use super::stories::STORIES;

/// How the token is put on the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// No token.
    Nothing,
    /// In the `Authorization` field.
    Bearer,
    /// In two `Authorization` fields.
    Twice,
    /// In the `Authorization` field of a request for a WebSocket, which stays open. Its reason is that of its end.
    Socket,
}

/// What is done before the request that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Nothing,
    /// The same request is made and admitted; then the token is revoked.
    Revocation,
    /// The same request is made and admitted; then nothing for a while.
    Silence,
    /// The same request is made and admitted, again and again for a while.
    Activity,
}

/// One request of the demo.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it shows, in a few words.
    pub name: &'static str,
    /// The shell variable that holds its token.
    pub variable: &'static str,
    /// What the provider is asked for, besides the grant. What begins with `$` is the token of that variable.
    pub wish: &'static [(&'static str, &'static str)],
    /// How the token is put on the request.
    pub sends: Sends,
    /// What is done before.
    pub before: Before,
    /// The method.
    pub method: &'static str,
    /// The path, sent as it stands.
    pub path: &'static str,
    /// The status it will answer.
    pub status: u16,
    /// The `reason` member of the problem body; none if the request is admitted.
    pub reason: Option<&'static str>,
    /// What the challenge tells the client to do, where that matters.
    pub challenge: &'static str,
    /// Why.
    pub why: &'static str,
}

/// What the demo's tokens are for unless they say otherwise; the gateway's config names the same.
pub const AUDIENCE: &str = "https://orders.demo.example";

/// A good token on the guarded route: what the rows below differ from.
pub(super) const GOOD: Scenario = Scenario {
    name: "a good token",
    variable: "GOOD",
    wish: &[],
    sends: Sends::Bearer,
    before: Before::Nothing,
    method: "GET",
    path: "/orders",
    status: 200,
    reason: None,
    challenge: "",
    why: "the upstream sees who called, and not the token",
};

/// A row that is refused as unauthorised.
pub(super) const fn refused(
    name: &'static str,
    variable: &'static str,
    reason: &'static str,
    why: &'static str,
) -> Scenario {
    Scenario { name, variable, status: 401, reason: Some(reason), why, ..GOOD }
}

/// The table.
#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    GOOD,
    Scenario { name: "a good token, signed with ES256", variable: "ES256", wish: &[("alg", "ES256")],
        why: "the provider has two keys, each for one algorithm", ..GOOD },
    Scenario { wish: &[("age", "900"), ("expires_in", "300")],
        ..refused("an expired token", "EXPIRED", "token_expired", "it expired ten minutes ago") },
    Scenario { name: "expired, inside the leeway", variable: "LEEWAY", wish: &[("age", "330"), ("expires_in", "300")],
        why: "it expired 30 s ago, and the issuer is granted 60 s", ..GOOD },
    Scenario { wish: &[("age", "600"), ("expires_in", "3600")], path: "/fresh",
        ..refused("too old for its route", "OLD", "token_too_old", "good for another 50 min, but this route wants it younger than 1 min") },
    Scenario { name: "as old, on another route", variable: "OLD_ELSEWHERE", wish: &[("age", "600"), ("expires_in", "3600")],
        why: "age is the route's affair", ..GOOD },
    Scenario { before: Before::Revocation,
        ..refused("a revoked token", "REVOKED", "token_revoked", "within a second of the provider being told") },
    Scenario { wish: &[("audience", "https://billing.example")],
        ..refused("a wrong audience", "ELSEWHERE", "audience_mismatch", "meant for https://billing.example") },
    Scenario { wish: &[("fault", "tampered")],
        ..refused("a tampered token", "TAMPERED", "signature_invalid", "its scope was widened after it was signed") },
    Scenario { wish: &[("fault", "unknown_key")],
        ..refused("an unknown key", "STRANGER", "key_unknown", "signed with a key the provider does not publish") },
    Scenario { name: "a scope that is not there", variable: "READER", method: "POST", wish: &[("scope", "orders.read")],
        status: 403, reason: Some("insufficient_scope"), why: "writing wants orders.write", ..GOOD },
    Scenario { name: "two tokens at once", variable: "TWO", sends: Sends::Twice, status: 400,
        reason: Some("multiple_credentials"), why: "which of them would the upstream believe?", ..GOOD },
    Scenario { sends: Sends::Nothing, ..refused("no token", "", "token_missing", "routes are guarded unless they say otherwise") },
    Scenario { name: "no token, on an open route", variable: "", sends: Sends::Nothing, path: "/public/hello",
        why: "this one says otherwise", ..GOOD },
    Scenario { name: "a path trick", variable: "", sends: Sends::Nothing, path: "/public/%2e%2e/orders", status: 400,
        reason: Some("path_ambiguous"), why: "an upstream might read it as /orders", ..GOOD },
];

/// All rows, in the order in which they are told.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(STORIES.iter().copied().flatten())
}

/// The scenario whose trace `--once` shows.
pub const TRACED: &str = "EXPIRED";

#[cfg(test)]
mod tests {
    use super::{AUDIENCE, Sends, TRACED, all};
    use crate::decide::reason::Reason;
    use std::collections::HashSet;

    #[test]
    fn every_promise_is_one_the_table_of_reasons_makes() {
        for row in all() {
            let Some(code) = row.reason else {
                assert_eq!(row.status, 200, "{}", row.name);
                continue;
            };
            let reason = Reason::ALL.iter().find(|reason| reason.code() == code).expect(row.name);
            // A WebSocket is opened first.
            let status = if row.sends == Sends::Socket { 101 } else { reason.status().as_u16() };
            assert_eq!(status, row.status, "{}", row.name);
        }
    }

    #[test]
    fn a_variable_holds_one_token_and_a_name_one_scenario() {
        let with_token = || all().filter(|row| row.sends != Sends::Nothing);
        let variables: HashSet<_> = with_token().map(|row| row.variable).collect();
        assert_eq!(variables.len(), with_token().count());
        assert!(variables.contains(TRACED) && !variables.contains(""));
        let names: HashSet<_> = all().map(|row| (row.name, row.path)).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn the_config_speaks_of_the_same_audience() {
        assert!(include_str!("../../config/demo.yaml").contains(&format!("audiences: ['{AUDIENCE}']")));
    }
}
