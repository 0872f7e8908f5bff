//! Presets: standards and good practice by name. What a preset wants of limits is in force where a policy says nothing;
//! that a policy keeps all of it is proven by `check`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a preset wants of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Free,
    /// That there is one.
    Some,
    /// That there is one, and it is this or less.
    Most(Duration),
}

/// What a preset wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Its name in config.
    pub name: &'static str,
    /// Where it is written.
    pub source: &'static str,
    /// `session.idle`.
    pub idle: Wanted,
    /// `session.absolute`.
    pub absolute: Wanted,
    /// `token.max_lifetime`.
    pub lifetime: Wanted,
    /// `step_up.auth_age` of policies that guard a method which changes something.
    pub changes: Wanted,
    /// The greatest leeway of the issuers.
    pub leeway: Option<Duration>,
    /// Are only tokens accepted that are bound to their sender?
    pub bound: bool,
    /// Must doubt about a revocation refuse?
    pub closed: bool,
}

macro_rules! presets {
    ($($text:literal $variant:ident $name:literal $source:literal { $($field:ident: $value:expr),* })*) => {
        /// A preset.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        pub enum Preset {
            $(#[doc = $text] #[serde(rename = $name)] $variant,)*
        }

        impl Preset {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What it wants.
            #[must_use]
            pub const fn wants(self) -> Wants {
                match self {
                    $(Self::$variant => Wants { $($field: $value,)* ..nothing($name, $source) },)*
                }
            }
        }
    };
}

const fn nothing(name: &'static str, source: &'static str) -> Wants {
    let (idle, absolute, lifetime, changes) = (Wanted::Free, Wanted::Free, Wanted::Free, Wanted::Free);
    Wants { name, source, idle, absolute, lifetime, changes, leeway: None, bound: false, closed: false }
}

const fn minutes(count: u64) -> Wanted {
    Wanted::Most(Duration::from_secs(count * 60))
}

const fn hours(count: u64) -> Wanted {
    minutes(count * 60)
}

presets! {
    "NIST SP 800-63B-4 §2.1.3: `session.absolute` at most 30 days."
    NistAal1 "nist-800-63b-4-aal1" "NIST SP 800-63B-4 §2.1.3" { absolute: hours(30 * 24) }

    "NIST SP 800-63B-4 §2.2.3: `session.idle` at most 1 hour, `session.absolute` at most 24 hours."
    NistAal2 "nist-800-63b-4-aal2" "NIST SP 800-63B-4 §2.2.3" { idle: hours(1), absolute: hours(24) }

    "NIST SP 800-63B-4 §2.3.3: `session.idle` at most 15 minutes, `session.absolute` at most 12 hours."
    NistAal3 "nist-800-63b-4-aal3" "NIST SP 800-63B-4 §2.3.3" { idle: minutes(15), absolute: hours(12) }

    "NIST SP 800-63B-3 §4.2.3: `session.idle` at most 30 minutes, `session.absolute` at most 12 hours."
    OldNistAal2 "nist-800-63b-3-aal2" "NIST SP 800-63B-3 §4.2.3" { idle: minutes(30), absolute: hours(12) }

    "NIST SP 800-63B-3 §4.3.3: `session.idle` at most 15 minutes, `session.absolute` at most 12 hours."
    OldNistAal3 "nist-800-63b-3-aal3" "NIST SP 800-63B-3 §4.3.3" { idle: minutes(15), absolute: hours(12) }

    "PCI DSS 4.0.1, 8.2.8: `session.idle` at most 15 minutes. Jobs that run without a user ask a policy of their own."
    PciDss "pci-dss-4.0.1" "PCI DSS 4.0.1, 8.2.8" { idle: minutes(15) }

    "OWASP ASVS 5, level 1 (7.4.1, 16.5.3): while it cannot be told whether a token is revoked, it is refused."
    AsvsL1 "asvs-5-l1" "OWASP ASVS 5, 7.4.1 and 16.5.3" { closed: true }

    "OWASP ASVS 5, level 2 (7.3.1, 7.3.2): as level 1, and there are `session.idle` and `session.absolute`."
    AsvsL2 "asvs-5-l2" "OWASP ASVS 5, 7.3.1, 7.3.2 and 16.5.3" { idle: Wanted::Some, absolute: Wanted::Some, closed: true }

    "OWASP ASVS 5, level 3 (7.5.3, 10.3.5): as level 2, `step_up.auth_age` where something is changed, and only tokens\nthat are bound to their sender."
    AsvsL3 "asvs-5-l3" "OWASP ASVS 5, 7.3.1, 7.3.2, 7.5.3, 10.3.5 and 16.5.3" {
        idle: Wanted::Some, absolute: Wanted::Some, changes: Wanted::Some, bound: true, closed: true
    }

    "RFC 6750 §5.3: `token.max_lifetime` at most 1 hour, and at most 60 seconds of leeway."
    Bearer "bearer-baseline" "RFC 6750 §5.3" { lifetime: hours(1), leeway: Some(Duration::from_secs(60)) }

    "Our advice for banks: `session.idle` at most 5 minutes, `session.absolute` at most 8 hours, `step_up.auth_age` at\nmost 5 minutes where something is changed, and only tokens that are bound to their sender."
    Banking "banking-strict" "our own advice" {
        idle: minutes(5), absolute: hours(8), changes: minutes(5), bound: true
    }
}

impl Preset {
    /// What it wants of a limit that rules may set.
    #[must_use]
    pub fn wanted(self, field: &str) -> Wanted {
        let wants = self.wants();
        match field {
            "session.idle" => wants.idle,
            "session.absolute" => wants.absolute,
            "token.max_lifetime" => wants.lifetime,
            _ => Wanted::Free,
        }
    }

    /// The most it allows of a limit, which holds where a policy says nothing.
    #[must_use]
    pub fn most(self, field: &str) -> Option<Duration> {
        if let Wanted::Most(most) = self.wanted(field) { Some(most) } else { None }
    }
}
