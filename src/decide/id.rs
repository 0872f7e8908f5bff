//! Names of things, each of its own type, so that none is taken for another.

use std::fmt;
use std::sync::Arc;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The name an issuer has in the config file.
    IssuerName,
    /// A `kid` (RFC 7517 §4.5) as the provider publishes it, or the thumbprint of a key without one.
    KeyId,
    /// The name of a route.
    RouteName,
    /// The name of a policy.
    PolicyName,
    /// The name of a revocation source.
    SourceName,
}

/// Which of the running process's revocation sources an entry came from: an index into its table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SourceId(pub u16);

/// 128 bits of a keyed hash of a kind, an issuer and a value: how the state names tokens, sessions and
/// subjects without holding them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint(pub [u8; 16]);

/// The SHA-256 thumbprint of a public key (RFC 7638 §3). It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Thumbprint(pub [u8; 32]);

/// The SHA-256 thumbprint of a certificate (RFC 8705 §3.1). It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct CertificateThumbprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
