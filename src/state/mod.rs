//! Everything that outlives a request: keys, revocations, and the clock. Each has one writer.
//!
//! | what | written by | read by |
//! |---|---|---|
//! | `keys` | `idp`'s task of the issuer | `token/verify` |
//! | `revocations` | `idp`'s task of the source | `token/gather` |
//! | `introspection` | `idp`'s task of the issuer | `token/gather` |
//! | `statuses` | `idp`'s task of the source | `token/gather` |
//! | `journal` | `idp`'s sinks | the next process |
//! | `proofs` | an admitted request | the next one with the same proof |
//! | `sessions` | an admitted request, and one whose session has ended | `token/gather` |
//! | `others` | an admitted request that waits | `idp`'s task of the sessions |
//! | `nonces` | nobody | whoever reads a DPoP proof that must carry one |
//! | `fingerprint` | nobody | whoever names a token, a session or a subject |
//! | `clock` | nobody | whoever begins something |

pub mod clock;
pub mod fingerprint;
pub mod introspection;
pub mod journal;
pub mod keys;
pub mod nonces;
pub mod proofs;
pub mod revocations;
pub mod sessions;
pub mod statuses;
pub mod verified;

use std::sync::Arc;

/// All of it.
pub struct State {
    /// The clock.
    pub clock: Arc<dyn clock::Clock>,
    /// How names are hashed.
    pub fingerprints: Arc<fingerprint::Fingerprints>,
    /// Tokens whose signature was verified before.
    pub verified: verified::VerifiedTokens,
    /// DPoP proofs that were used.
    pub proofs: proofs::UsedProofs,
    /// Sessions: when each was begun, used and left alone.
    pub sessions: Arc<sessions::Sessions>,
    /// Where it is asked what other instances know of them, where they are shared.
    pub others: Option<Arc<sessions::Desk>>,
    /// Nonces that proofs may have to carry.
    pub nonces: nonces::Nonces,
    /// What is revoked.
    pub revocations: Arc<revocations::Revocations>,
    /// What status lists say.
    pub statuses: Arc<statuses::StatusLists>,
}
