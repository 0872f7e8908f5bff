//! The contract of revocation sources: a source is a task that writes into a [`Sink`]. Which kinds there are is
//! listed in `sources`.

use super::build::BuildError;
use super::receive::{Opening, Receiver};
use super::settings::Misfit;
use super::sink::Sink;
use crate::settings::Secret;
use crate::state::revocations::Bounds;
use std::future::Future;
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

pub use super::sources::SourceSettings;

/// A task, as long as its source lives.
pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A source, ready to run.
pub trait Source: Send + Sync {
    /// Hears and writes until cancelled. Reports its own faults to the sink; if it panics it is started anew.
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a>;

    /// What takes in the events that are sent to it, if it has a door.
    fn receiver(&self) -> Option<&dyn Receiver> {
        None
    }
}

/// The settings of one kind of source.
pub trait SourceKind {
    /// The name of the issuer it speaks for.
    fn issuer(&self) -> &str;

    /// How much it may hold, and how old its knowledge may be.
    fn bounds(&self) -> Bounds;

    /// How long an entry is kept that does not say how long it is needed.
    fn retain(&self) -> Option<std::time::Duration>;

    /// Where it is told, if it is.
    fn door(&self) -> Option<Opening<'_>> {
        None
    }

    /// Whether it is told of events, which no other instance could ask for: then the fleet is told of them.
    fn is_told(&self) -> bool {
        self.door().is_some()
    }

    /// Whether it asks for changes, and so says itself when it has caught up with them.
    fn catches_up(&self) -> bool {
        false
    }

    /// The secrets that it holds from when it is made.
    fn held(&self) -> Vec<&Secret> {
        Vec::new()
    }

    /// What does not go together in these settings.
    fn misfits(&self) -> Vec<Misfit>;

    /// Makes the source; reads what it needs of files and secrets.
    ///
    /// # Errors
    /// If something it needs cannot be had.
    fn build(&self) -> Result<Box<dyn Source>, BuildError>;
}

/// Lists the kinds of sources: one line a kind. The line's doc comment is its description in the schema.
macro_rules! sources {
    ($($(#[$doc:meta])* $word:literal $kind:ident: $settings:ty),* $(,)?) => {
        /// One revocation source, by its `kind`.
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(tag = "kind")]
        pub enum SourceSettings {
            $($(#[$doc])* #[serde(rename = $word)] $kind($settings),)*
        }

        impl SourceSettings {
            /// Its kind, in a word.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $word,)*
                }
            }

            /// What every kind of source says of itself.
            #[must_use]
            pub fn kind(&self) -> &dyn $crate::idp::source::SourceKind {
                match self {
                    $(Self::$kind(settings) => settings,)*
                }
            }
        }
    };
}

pub(super) use sources;
