//! The doctor: is everything well that the gateway stands on, and what breaks next? Looks, asks, and says; it changes
//! nothing, neither here nor at a provider.
//!
//! | file | holds |
//! |---|---|
//! | `finding` | what is found, and in which order it is told |
//! | `checkup` | all probes at once, bounded in time |
//! | `text` | the config, though it have faults |
//! | `known` | what a gateway knows that runs |
//! | `alone` | the same, found out without one |
//! | `issuers`, `feeds` | clocks and keys; how fresh revocations are |
//! | `pem`, `certificates` | certificates in files, and when they end |
//! | `upstreams`, `stores` | who has to answer |
//! | `secrets`, `disks`, `process` | files, space, and what the system allows |

mod alone;
mod certificates;
mod checkup;
mod disks;
mod feeds;
mod finding;
mod issuers;
mod known;
mod pem;
mod process;

mod secrets;
mod stores;
mod text;
mod upstreams;

pub use alone::alone;
pub use checkup::{Checkup, checkup};
pub use finding::{Finding, Outlook};
pub use known::{Known, KnownEndpoint};
pub use text::{Subject, subject};
