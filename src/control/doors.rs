//! Where the line hands events to the sources: neither room knows the other.

use super::settings::Config;
use crate::idp::receive::Received;
use crate::idp::reception;
use crate::proxy::doors::{Answered, Door, Doors, Reception};
use crate::telemetry::Telemetry;
use bytes::Bytes;
use http::Request;
use std::net::IpAddr;
use std::sync::Arc;

/// The reception of the room of the identity providers, as the line sees it.
struct Hatch(Arc<reception::Reception>);

impl Reception for Hatch {
    fn admits(&self, source: &str, peer: IpAddr) -> bool {
        self.0.admits(source, peer)
    }

    fn receive(&self, source: &str, endpoint: usize, request: Request<Bytes>, peer: IpAddr) -> Answered {
        let (parts, body) = request.into_parts();
        Box::pin(self.0.receive(source, Received { endpoint, headers: parts.headers, body, peer }))
    }
}

/// Every path of a config at which a source is told, with the source's name and the place among its paths.
pub fn paths(config: &Config) -> impl Iterator<Item = (String, &str, usize)> {
    config.revocation.sources.iter().flat_map(|(name, source)| {
        let opening = source.kind().door();
        opening.into_iter().flat_map(move |(door, endpoints)| {
            let path = door.path(name);
            endpoints.iter().enumerate().map(move |(place, end)| (format!("{path}{end}"), name.as_str(), place))
        })
    })
}

/// The doors of a config.
pub(super) fn doors(config: &Config, reception: Arc<reception::Reception>, telemetry: &Telemetry) -> Doors {
    let door = |(path, source, endpoint): (String, &str, usize)| {
        let (settings, _) = config.revocation.sources.get(source)?.kind().door()?;
        let door = Door {
            source: source.into(),
            endpoint,
            hosts: settings.hosts.iter().map(|host| host.to_ascii_lowercase().into()).collect(),
            max_bytes: settings.max_bytes.len(),
            meter: telemetry.route(&format!("revocation.sources.{source}"), &path, "", &[]),
        };
        Some((path.into(), door))
    };
    Doors::new(Arc::new(Hatch(reception)), paths(config).filter_map(door))
}
