//! What settings say of sessions and of step-up, and what the plan makes of it. How a session is judged is told by
//! `decide/checks`, how it is remembered by `state/sessions`.

use super::policies::resolve;
use super::presets::Preset;
use crate::decide::checks::absolute::Absolute;
use crate::decide::checks::idle::{Idle, Unidentified};
use crate::decide::checks::step_up::{Acr, AuthAge};
use crate::decide::finding::Origin;
use crate::decide::policy::Policy;
use crate::decide::session::{OnFull, OnStateLoss};
use crate::decide::session_terms::SessionTerms;
use crate::settings::{OrOff, Span};
use crate::state::sessions::{Pace, Terms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a policy says of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// The longest time a session may be left alone, by our own clock and without leeway, at most `30d`; `off` for none.
    /// A session that was ever left alone for longer has ended here, until its user signs in again: a refreshed token
    /// does not revive it. Default: what `defaults` says, else `off`.
    pub idle: Option<OrOff<Span>>,
    /// The greatest length of a session, from `auth_time`, else from when its token was issued that was seen first; `off`
    /// for none. Default: what `defaults` says, else `off`.
    pub absolute: Option<OrOff<Span>>,
    /// By how much at most a session reaches its greatest length earlier, each by a part of its own, so that those which
    /// began together do not end together. Never later. Default: what `defaults` says, else `0s`.
    pub jitter: Option<Span>,
    /// By how much at most a silence ends a session earlier than `idle`, each by a part of its own, so that those which
    /// were left alone together do not end together. Never later, and at most half of `idle`. Sessions have the same parts
    /// on all instances that have the same `telemetry.hash_key`. Default: what `defaults` says, else `0s`.
    pub idle_jitter: Option<Span>,
    /// A token that has neither the issuer's `session_claim` nor a subject and a client: `deny`, or `token` (it is a
    /// session of its own, which its successor does not continue). Default: what `defaults` says, else `deny`.
    pub unidentified: Option<Unidentified>,
    /// With `sessions.state: redis`, while Redis does not answer and this instance did not see enough of the session
    /// itself: `deny` (503), `local` (what this instance saw, else what the token proves) or `allow` (taken for alive,
    /// unless this instance knows that it has ended). Default: what `defaults` says, else `deny`.
    pub on_state_loss: Option<OnStateLoss>,
    /// How long before its end the user is to be warned of it, where the session door or the route's `session_headers`
    /// tell it. Default: what `defaults` says, else `2m`.
    pub warn_before: Option<Span>,
    /// May the user ask for more time at the session door? `deny` or `allow`; it is then an activity, and no more than
    /// one. Default: what `defaults` says, else `deny`.
    pub extend: Option<Extend>,
}

/// Whether asking for more time is an activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extend {
    /// It is.
    Allow,
    /// It is refused.
    #[default]
    Deny,
}

impl SessionPolicy {
    /// What holds beside the limits: what the policy says, else the defaults, else what is built in.
    #[must_use]
    pub fn over(&self, usual: &Self) -> SessionTerms {
        let span = |own: Option<Span>, usual: Option<Span>| own.or(usual).map_or(Duration::ZERO, Span::get);
        SessionTerms {
            jitter: span(self.jitter, usual.jitter),
            idle_jitter: span(self.idle_jitter, usual.idle_jitter),
            unidentified: self.unidentified.or(usual.unidentified).unwrap_or_default(),
            on_state_loss: self.on_state_loss.or(usual.on_state_loss).unwrap_or_default(),
        }
    }
}

/// What a policy says of the sign-in behind a token (RFC 9470).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepUpPolicy {
    /// How long ago the user may have signed in, `now - auth_time`; `off` for none. Who signed in earlier is challenged
    /// with this `max_age`. Default: what `defaults` says, else `off`.
    pub auth_age: Option<OrOff<Span>>,
    /// The classes of sign-in that are accepted, those preferred first: the token's `acr` is one of them. Who has another
    /// is challenged with these `acr_values`. Default: what `defaults` says, else any.
    pub acr: Option<Vec<String>>,
}

/// The checks of sessions and sign-ins, as a policy and the defaults say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks {
    /// The longest silence.
    pub idle: Option<Idle>,
    /// The greatest length.
    pub absolute: Option<Absolute>,
    /// How long ago the user may have signed in.
    pub auth_age: Option<AuthAge>,
    /// In which way.
    pub acr: Option<Acr>,
}

impl Checks {
    /// Builds them.
    #[must_use]
    pub fn of(
        policy: (&SessionPolicy, &StepUpPolicy),
        preset: Option<Preset>,
        defaults: (&SessionPolicy, &StepUpPolicy),
    ) -> Self {
        let ((session, step_up), (usual, usual_step_up)) = (policy, defaults);
        let limit = |field, own, usual| resolve(own, preset.and_then(|preset| preset.most(field)), usual, None);
        let terms = session.over(usual);
        let acr = step_up.acr.as_ref().map(|acr| (acr, Origin::Policy));
        let acr = acr.or(usual_step_up.acr.as_ref().map(|acr| (acr, Origin::Defaults)));
        Self {
            idle: limit("session.idle", session.idle, usual.idle).map(|limit| terms.idle(limit)),
            absolute: limit("session.absolute", session.absolute, usual.absolute).map(|limit| terms.absolute(limit)),
            auth_age: limit("step_up.auth_age", step_up.auth_age, usual_step_up.auth_age)
                .map(|limit| AuthAge { limit }),
            acr: acr
                .map(|(among, origin)| Acr { among: among.iter().map(|one| one.as_str().into()).collect(), origin }),
        }
    }
}

/// How sessions are kept, if any policy asks for something that has to be remembered.
pub fn terms<'a>(policies: impl Iterator<Item = &'a Policy>, kept: (usize, OnFull, Duration)) -> Option<Terms> {
    let asking: Vec<&Policy> = policies.filter(|policy| policy.asks_of_sessions()).collect();
    let absolute: Option<Vec<Duration>> = asking.iter().map(|policy| policy.longest_session()).collect();
    let (max, on_full, remember) = kept;
    let terms = Terms { max, remember, absolute: absolute.and_then(|all| all.into_iter().max()), on_full };
    (!asking.is_empty()).then_some(terms)
}

/// How often sessions are told to other instances, and how long one is left alone before they are asked.
pub fn pace<'a>(policies: impl Iterator<Item = &'a Policy>, interval: Option<Duration>) -> Pace {
    let strictest = policies.filter_map(Policy::shortest_idle).min();
    let usual = strictest.map_or(Duration::from_secs(60), |idle| idle / 10);
    let usual = usual.clamp(Duration::from_millis(100), Duration::from_secs(600));
    Pace { interval: interval.unwrap_or(usual), strictest: strictest.unwrap_or(Duration::MAX) }
}
