//! What is told: every decision as metrics, as a span where somebody should see it, and as a line of the access log.
//! Nothing is decided here, and nothing secret is known here: an [`Exchange`] has no place for a credential.
//!
//! | file | tells |
//! |---|---|
//! | `context` | which trace a request belongs to |
//! | `exchange` | all that is known at its end |
//! | `describe`, `trail` | a judgement in words and as JSON, for everybody |
//! | `show`, `paint` | the same laid out for a terminal |
//! | `audit` | what operators did and which sessions ended, as a chain of lines |
//! | `records` | an exchange as a record that can be asked for afterwards |
//! | `record`, `span`, `checks`, `attempt` | an exchange as spans |
//! | `export`, `client`, `connect` | spans to a collector, over OTLP |
//! | `route`, `decisions`, `durations`, `tenants`, `issuer`, `renewals`, `shadow`, `meter`, `scrape`, `fleet`, `remembered`, `sharing`, `journal`, `introspection` | metrics |
//! | `access`, `output`, `log`, `panics` | lines |
//! | `scrub`, `secrets` | what clients wrote, without the secrets in it |

mod access;
mod attempt;
mod attributes;
pub mod audit;
mod checks;
mod client;
mod connect;
mod context;
mod decisions;
pub mod describe;
mod durations;
mod exchange;
mod export;
mod fleet;
mod histogram;
mod introspection;
mod issuer;
mod journal;
mod log;
mod meter;
pub mod names;
mod output;
mod paint;
mod panics;
mod random;
mod record;
pub mod records;
mod remembered;
mod renewals;
mod route;
mod scrape;
mod scrub;
mod secrets;
mod settings;
mod shadow;
mod sharing;
pub mod show;
mod span;
mod start;
mod tenants;
mod text;
mod trail;

pub use context::{Hex, Remote, TraceContext};
pub use exchange::{Asked, Attempt, Decision, Delivery, Exchange, Feed, Revoked, Sight, Untrusted};
pub use fleet::FleetSeen;
pub use introspection::Introspection;
pub use journal::Journal;
pub use log::start as start_log;
pub use meter::InFlight;
pub use paint::Paint;
pub use remembered::LookedThrough;
pub use route::{RouteMeter, UpstreamMeter};
pub use scrape::{Connections, Gauges};
pub use secrets::ParameterName;
pub use settings::{AccessLog, Endpoint, Format, HeaderText, Level, Log, Otlp, Protocol, Settings, Share};
pub use shadow::{ShadowMeter, Shadowed};
pub use sharing::SharingSeen;
pub use start::{Service, StartError, Telemetry};
pub use tenants::TenantsByClaim;
pub use text::{OPENMETRICS, TEXT, prefers_openmetrics};
