//! How a session is named: by the first of its token's claims that there is, of those which tell sessions apart. The
//! issuer is always part of the name, so that equal values of two issuers never meet.

use crate::decide::claims::Claims;
use crate::decide::id::Fingerprint;
use crate::decide::session::{Key, KeySource};
use crate::state::fingerprint::{Fingerprints, Kind};

/// The name of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The name itself, under a key that nobody outside knows.
    pub print: Fingerprint,
    /// What it was made of.
    pub source: KeySource,
}

impl Name {
    /// That of no session.
    pub const NONE: Self = Self { print: Fingerprint([0; 16]), source: KeySource::Token };

    /// What judging needs to know of it.
    #[must_use]
    pub fn key(&self) -> Key {
        let Fingerprint([.., a, b, c, d]) = self.print;
        Key { source: self.source, lot: u32::from_le_bytes([a, b, c, d]) }
    }
}

/// Names the session of a token that has the name `token`.
#[must_use]
pub fn name(prints: &Fingerprints, issuer: &str, claims: &Claims, token: Fingerprint) -> Name {
    if let Some(session) = claims.session.as_deref().filter(|session| !session.is_empty()) {
        return Name { print: prints.of(Kind::Session, issuer, session.as_bytes()), source: KeySource::Claim };
    }
    let (Some(subject), Some(client)) = (claims.subject.as_deref(), claims.client()) else {
        return Name { print: token, source: KeySource::Token };
    };
    let length = (subject.len() as u64).to_le_bytes();
    let user = [&length, subject.as_bytes(), client.as_bytes()].concat();
    match claims.auth_time {
        Some(at) => {
            let sign_in = [&at.millis().to_le_bytes(), &*user].concat();
            Name { print: prints.of(Kind::SignIn, issuer, &sign_in), source: KeySource::SignIn }
        }
        None => Name { print: prints.of(Kind::SubjectAtClient, issuer, &user), source: KeySource::Client },
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, name};
    use crate::decide::claims::Claims;
    use crate::decide::id::Fingerprint;
    use crate::decide::session::KeySource;
    use crate::decide::time::Timestamp;
    use crate::state::fingerprint::Fingerprints;

    type Change<'a> = &'a dyn Fn(&mut Claims);

    fn full() -> Claims {
        Claims {
            session: Some("s".into()),
            subject: Some("u".into()),
            client_id: Some("c".into()),
            auth_time: Some(Timestamp::from_secs(7)),
            ..Claims::default()
        }
    }

    /// The first that there is, and never the same of two issuers, or of two ways to name.
    #[test]
    fn the_first_that_there_is() {
        let prints = Fingerprints::derived(b"a key for tests").unwrap();
        let named = |issuer: &str, change: Change<'_>| -> Name {
            let mut claims = full();
            change(&mut claims);
            name(&prints, issuer, &claims, Fingerprint([9; 16]))
        };
        let none = |_: &mut Claims| {};
        let steps: [(Change<'_>, KeySource); 7] = [
            (&none, KeySource::Claim),
            (&|claims| claims.session = None, KeySource::SignIn),
            (&|claims| claims.session = Some("".into()), KeySource::SignIn),
            (&|claims| (claims.session, claims.auth_time) = (None, None), KeySource::Client),
            (&|claims| (claims.session, claims.subject) = (None, None), KeySource::Token),
            (&|claims| (claims.session, claims.client_id) = (None, None), KeySource::Token),
            (
                &|claims| (claims.session, claims.client_id, claims.authorized_party) = (None, None, Some("c".into())),
                KeySource::SignIn,
            ),
        ];
        for (at, (change, source)) in steps.iter().enumerate() {
            assert_eq!(named("i", change).source, *source, "{at}");
            assert_eq!(named("i", change) == named("j", change), *source == KeySource::Token, "{at}");
        }
        let sign_in = named("i", &|claims| claims.session = None);
        let later = named("i", &|claims| (claims.session, claims.auth_time) = (None, Some(Timestamp::from_secs(8))));
        assert_ne!(sign_in, later);
        let moved = |subject: &'static str, client: &'static str| {
            named("i", &move |claims: &mut Claims| {
                (claims.session, claims.subject, claims.client_id) = (None, Some(subject.into()), Some(client.into()));
            })
        };
        assert_ne!(moved("ab", "c"), moved("a", "bc"));
    }
}
