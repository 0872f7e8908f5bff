//! Delivery: from a request to the response of one of several endpoints. Nothing here knows a token or a route.

mod acquire;
mod address;
pub mod balancer;
pub mod balancers;
mod connect;
mod connections;
mod deliver;
mod endpoint;
mod examine;
mod failure;
pub mod headers;
mod health;
mod pool;
mod progress;
mod resolve;
mod settings;
mod shelf;
mod spare;
mod streams;
mod timer;
mod told;
mod trust;
mod wire;

pub use connections::Connections;
pub use deliver::{Delivered, Empty, Terms, deliver};
pub use endpoint::{Endpoint, Lease};
pub use examine::{Seen, examine};
pub use failure::{Class, Failure, FailureKind};
pub use pool::{BuildError, Pool};
pub use settings::{Address, Balance, Health, HostHeader, Outlier, Percent, Protocol, Settings, Status, Tls};
pub use wire::Wire;
