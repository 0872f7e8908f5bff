//! After an upgrade: bytes both ways, until either side ends, the token does, or nobody says anything for too
//! long. What the bytes mean is not known here.

use super::body::AtEnd;
use crate::decide::reason::Reason;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::time::Instant;

/// The bounds of a tunnel.
pub struct Terms {
    /// When it must end.
    pub until: Option<Instant>,
    /// What that end means.
    pub over: Reason,
    /// How long the upstream may take to switch.
    pub silence: Option<Duration>,
}

/// Runs a tunnel to its end, and tells it.
pub async fn run(client: OnUpgrade, upstream: OnUpgrade, terms: Terms, at_end: Box<impl AtEnd>) {
    let pump = async {
        let switch = async { tokio::try_join!(client, upstream) };
        let switched = tokio::time::timeout(terms.silence.unwrap_or(SWITCH), switch).await;
        let Ok(Ok((client, upstream))) = switched else { return Some(Reason::UpstreamProtocolError) };
        // An error on either side is that side's end: there is nobody left to tell.
        let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
        None
    };
    let cut = match terms.until {
        None => pump.await,
        // Dropping the pump closes both connections.
        Some(until) => tokio::time::timeout_at(until, pump).await.unwrap_or(Some(terms.over)),
    };
    at_end.end(cut);
}

/// How long both sides may take to switch, where nothing else bounds it.
const SWITCH: Duration = Duration::from_secs(10);
