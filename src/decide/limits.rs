//! The limits of a policy that may differ from one request to the next, and which of several holds: the strictest.
//! For which requests a rule is, is told in `when`.

use super::finding::Limit;
use std::time::Duration;

macro_rules! limits {
    ($($text:literal $name:literal $field:ident,)*) => {
        /// The limits that hold for one request; none is no limit.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Limits {
            $(#[doc = $text] pub $field: Option<Limit<Duration>>,)*
            /// Of which classes the sign-in may be.
            pub acr: Option<Limit<Classes>>,
        }

        /// How config names the spans, in the order of [`Limits::spans`].
        pub const SPANS: &[&str] = &[$($name),*];

        impl Limits {
            /// The spans, by their names.
            #[must_use]
            pub fn spans(&self) -> [(&'static str, Option<Limit<Duration>>); SPANS.len()] {
                [$(($name, self.$field)),*]
            }

            /// Sets a span by its name.
            pub fn set(&mut self, name: &str, limit: Option<Limit<Duration>>) {
                match name {
                    $($name => self.$field = limit,)*
                    _ => {}
                }
            }

            /// Both of them: the stricter of each two; of two alike, the one that was there.
            #[must_use]
            pub fn and(&self, other: &Self) -> Self {
                Self { $($field: stricter(self.$field, other.$field),)* acr: fewer(self.acr, other.acr) }
            }

            /// These, and the others where these say nothing.
            #[must_use]
            pub fn or(&self, other: &Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* acr: self.acr.or(other.acr) }
            }

            /// What is [`OFF`] is no limit.
            #[must_use]
            pub fn settled(&self) -> Self {
                Self { $($field: self.$field.filter(|limit| limit.value != OFF),)* acr: self.acr }
            }
        }
    };
}

limits! {
    "The greatest age of a token."                "token.max_age"      max_age,
    "The longest lifetime of a token."            "token.max_lifetime" max_lifetime,
    "The longest silence of a session."           "session.idle"       idle,
    "The greatest length of a session."           "session.absolute"   absolute,
    "How long ago the user may have signed in."   "step_up.auth_age"   auth_age,
}

/// A span that is no limit: what a rule says that turns one off.
pub const OFF: Duration = Duration::MAX;

fn stricter(one: Option<Limit<Duration>>, other: Option<Limit<Duration>>) -> Option<Limit<Duration>> {
    match (one, other) {
        (Some(one), Some(other)) if other.value < one.value => Some(other),
        (one, other) => one.or(other),
    }
}

fn fewer(one: Option<Limit<Classes>>, other: Option<Limit<Classes>>) -> Option<Limit<Classes>> {
    match (one, other) {
        (Some(one), Some(other)) if !one.value.is_within(other.value) => {
            Some(Limit::new(one.value.and(other.value), other.origin))
        }
        (one, other) => one.or(other),
    }
}

/// Some of the classes of sign-in (`acr`) that a policy and its rules name, by their places in one list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u64);

impl Classes {
    /// How many classes a policy and its rules may name.
    pub const MOST: usize = u64::BITS as usize;

    /// Those of `all` that are among `some`. One that has no place is accepted nowhere.
    #[must_use]
    pub fn of(some: &[impl AsRef<str>], all: &[Box<str>]) -> Self {
        let is_named = |class: &str| some.iter().any(|one| one.as_ref() == class);
        let named = all.iter().enumerate().filter(|(_, class)| is_named(class));
        Self(named.fold(0, |bits, (place, _)| bits | Self::bit(place)))
    }

    /// Is the one at this place among them?
    #[must_use]
    pub fn has(self, place: usize) -> bool {
        self.0 & Self::bit(place) != 0
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Are all of them among these?
    #[must_use]
    pub fn is_within(self, others: Self) -> bool {
        self.0 & others.0 == self.0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    fn bit(place: usize) -> u64 {
        u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
    }
}
