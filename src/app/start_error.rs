//! Why the gateway did not start: what was being done, which setting asked for it, and what to do.

use crate::control::build::BuildError;
use crate::control::config::Spans;
use crate::control::settings::Config;
use std::error::Error;
use std::io;

/// What Linux says where no more files can be opened, by the process or by the machine.
const DESCRIPTORS: [i32; 2] = [24, 23];

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct StartError {
    what: String,
    /// The setting, such as `listeners[0].address`.
    setting: String,
    source: Box<dyn Error + Send + Sync>,
}

/// Says what was being done when it failed; where that is the name of a setting, the setting too.
pub(super) fn doing<E: Into<Box<dyn Error + Send + Sync>>>(what: &str) -> impl FnOnce(E) -> StartError + '_ {
    move |source| StartError { what: what.to_owned(), setting: what.to_owned(), source: source.into() }
}

/// Says of which settings the plan could not be built.
pub(super) fn building(config: &Config) -> impl FnOnce(BuildError) -> StartError + '_ {
    move |error| StartError { what: "the plan".into(), setting: error.setting(config), source: error.into() }
}

impl StartError {
    /// By this setting.
    pub(super) fn of(self, setting: &str) -> Self {
        Self { setting: setting.to_owned(), ..self }
    }

    /// The same with its place in the config, and what to do.
    #[must_use]
    pub fn told(&self, spans: &Spans) -> String {
        let place = spans.told(&self.setting).map(|place| format!("\n  at {place}")).unwrap_or_default();
        let advice = self.advice().map(|advice| format!("\n  {advice}")).unwrap_or_default();
        format!("{self}{place}{advice}")
    }

    fn advice(&self) -> Option<&'static str> {
        let listens = self.setting.ends_with("address");
        let mut cause: &(dyn Error + 'static) = &*self.source;
        while !cause.is::<io::Error>() {
            cause = cause.source()?;
        }
        let error = cause.downcast_ref::<io::Error>()?;
        if error.raw_os_error().is_some_and(|number| DESCRIPTORS.contains(&number)) {
            return Some("the process may open no more files: raise `LimitNOFILE`, or `ulimit -n`");
        }
        match (error.kind(), listens) {
            (io::ErrorKind::AddrInUse, _) => {
                Some("another process listens there: `ss -ltnp` tells which; end it, or write another address")
            }
            (io::ErrorKind::AddrNotAvailable, _) => {
                Some("no interface of this machine has this address: `ip address` tells which there are")
            }
            (io::ErrorKind::PermissionDenied, true) => {
                Some("a port below 1024 needs the capability CAP_NET_BIND_SERVICE; or write a higher one")
            }
            (io::ErrorKind::PermissionDenied, false) => Some("the user of the gateway must be able to use it"),
            (io::ErrorKind::StorageFull, _) => Some("the disk is full: make room, or name another place"),
            (io::ErrorKind::ReadOnlyFilesystem, _) => Some("it cannot be written there: name another place"),
            _ => None,
        }
    }
}
