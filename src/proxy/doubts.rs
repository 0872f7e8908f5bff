//! From the settings of a policy to what is done while it cannot be told whether a token is revoked.

use super::settings::{Defaults, PolicySettings};
use crate::decide::checks::freshness::{Freshness, OnStale};
use crate::decide::checks::introspection::{Introspection, IntrospectionRule, WhenFull};
use crate::decide::checks::status::{Status, StatusRule};
use crate::decide::finding::{Limit, Origin};
use crate::decide::policy::Policy;
use crate::decide::session::OnFull;

/// What the policy says, else the defaults; with where it was written.
fn said<T>(policy: Option<T>, defaults: Option<T>) -> Option<Limit<T>> {
    let of = |value: Option<T>, origin| value.map(|value| Limit::new(value, origin));
    of(policy, Origin::Policy).or(of(defaults, Origin::Defaults))
}

fn rule(settings: &PolicySettings, defaults: &Defaults) -> Limit<IntrospectionRule> {
    said(settings.revocation.introspection, defaults.revocation.introspection).unwrap_or_default()
}

/// What holds while knowledge is not fresh.
#[must_use]
pub fn freshness(settings: &PolicySettings, defaults: &Defaults) -> Freshness {
    let rule = rule(settings, defaults);
    let silent = if rule.value == IntrospectionRule::WhenStale { OnStale::Introspect } else { OnStale::Deny };
    let on_stale = said(settings.revocation.on_stale, defaults.revocation.on_stale);
    let on_stale = on_stale.unwrap_or(Limit::new(silent, rule.origin));
    let cold_start = said(settings.revocation.cold_start, defaults.revocation.cold_start);
    let cold_start = cold_start.map_or(on_stale, |said| Limit::new(said.value.into(), said.origin));
    Freshness { on_stale, cold_start }
}

pub(super) fn status(settings: &PolicySettings, defaults: &Defaults) -> Option<Status> {
    let rule = settings.revocation.status.or(defaults.revocation.status).unwrap_or_default();
    let Freshness { on_stale, cold_start } = freshness(settings, defaults);
    let status = Status { required: rule == StatusRule::Required, on_stale, cold_start };
    (rule != StatusRule::Off).then_some(status)
}

/// The question, if there is any moment at which it could be asked.
pub(super) fn introspection(
    settings: &PolicySettings,
    defaults: &Defaults,
    when_full: WhenFull,
) -> Option<Introspection> {
    let (rule, freshness) = (rule(settings, defaults), freshness(settings, defaults));
    let asks = [freshness.on_stale.value, freshness.cold_start.value].contains(&OnStale::Introspect);
    let asks = asks || rule.value != IntrospectionRule::Never || when_full != WhenFull::Never;
    asks.then(|| Introspection { rule, freshness, status: status(settings, defaults), when_full })
}

/// When the issuer is asked about sessions that there is no room to remember.
pub(super) fn when_full(policy: &Policy, at_bound: OnFull) -> WhenFull {
    match (at_bound, policy.shortest_idle()) {
        (OnFull::Introspect, Some(_)) => WhenFull::Always,
        (OnFull::Introspect, None) if policy.asks_of_sessions() => WhenFull::Undated,
        _ => WhenFull::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::{WhenFull, freshness, introspection, status};
    use crate::decide::checks::freshness::OnStale::{self, Allow, Deny, Introspect};
    use crate::proxy::settings::{Defaults, PolicySettings};

    fn settings(policy: &str, defaults: &str) -> (PolicySettings, Defaults) {
        let block = |text: &str| format!(r#"{{"revocation":{{{text}}}}}"#);
        (serde_json::from_str(&block(policy)).unwrap(), serde_json::from_str(&block(defaults)).unwrap())
    }

    fn doubts(policy: &str, defaults: &str) -> (OnStale, OnStale, bool) {
        let (policy, defaults) = settings(policy, defaults);
        let found = freshness(&policy, &defaults);
        let asked = introspection(&policy, &defaults, WhenFull::Never);
        // Whoever hands a decision over to the issuer's word asks for it.
        assert!(asked.is_none_or(|asked| asked.freshness == found && asked.status == status(&policy, &defaults)));
        (found.on_stale.value, found.cold_start.value, asked.is_some())
    }

    #[test]
    fn what_is_not_said_follows_from_what_is() {
        let (stale, always) = (r#""introspection":"when_stale""#, r#""introspection":"always""#);
        for (policy, defaults, doubt) in [
            ("", "", (Deny, Deny, false)),
            (r#""on_stale":"allow""#, "", (Allow, Allow, false)),
            (r#""cold_start":"accept""#, "", (Deny, Allow, false)),
            (r#""cold_start":"introspect""#, "", (Deny, Introspect, true)),
            (r#""on_stale":"introspect""#, "", (Introspect, Introspect, true)),
            (r#""on_stale":"introspect","introspection":"never""#, "", (Introspect, Introspect, true)),
            (stale, "", (Introspect, Introspect, true)),
            (stale, r#""on_stale":"deny""#, (Deny, Deny, true)),
            (stale, r#""on_stale":"allow","cold_start":"deny""#, (Allow, Deny, true)),
            (always, "", (Deny, Deny, true)),
            ("", stale, (Introspect, Introspect, true)),
            (r#""introspection":"never""#, stale, (Deny, Deny, false)),
        ] {
            assert_eq!(doubts(policy, defaults), doubt, "{policy} under {defaults}");
        }
    }
}
