//! A connection for a request where none of those that are kept will do: opened now, or shared with somebody who has
//! just opened it.

use super::connect::{self, Fault, Sender};
use super::connections::{Connections, Need};
use super::deliver::Terms;
use super::endpoint::Endpoint;
use super::failure::FailureKind;
use super::pool::Pool;
use super::progress::Tracked;
use super::shelf::Held;
use super::timer::Timer;
use bytes::Bytes;
use http_body::Body;
use std::rc::Rc;
use std::sync::Arc;
use tokio::time::Instant;

/// A new connection, or one that somebody else has just opened and shares.
pub(super) async fn fresh<B>(
    connections: &Connections<B>,
    pool: &Pool,
    endpoint: &Arc<Endpoint>,
    terms: &Terms,
    need: Need<'_>,
) -> Result<Held<Tracked<B>>, Fault>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let until = terms.until(Instant::now(), terms.connect);
    let opening = if need.switching { None } else { connections.turn(need) };
    let turn = match &opening {
        Some(opening) => Some(tokio::time::timeout_at(until, opening.lock()).await.map_err(|_| late())?),
        None => None,
    };
    if turn.is_some()
        && let Some(held) = connections.take(need, Instant::now(), |address| endpoint.has(address))
    {
        return Ok(held);
    }
    let Some(slot) = connections.slot(need) else {
        let full = || (FailureKind::ConnectionLimit, "it has max_connections of this worker".into());
        return connections.squeeze(need).ok_or_else(full);
    };
    let (sender, driver, address) = connect_to_any(pool, endpoint, until, need.switching).await?;
    let slot = Rc::new(slot);
    let driven = Rc::clone(&slot);
    tokio::task::spawn_local(async move {
        driver.await;
        drop(driven);
    });
    let opened = Instant::now();
    let held = Held { sender, address, opened, timer: Timer::default(), stream: None, slot: Some(slot) };
    Ok(if need.switching { held } else { connections.share(need.key, held) })
}

fn late() -> Fault {
    (FailureKind::ConnectTimeout, "no connection within connect".into())
}

/// A name may have addresses that lead nowhere (RFC 8305 §4): each has its share of the time.
async fn connect_to_any<B>(
    pool: &Pool,
    endpoint: &Endpoint,
    until: Instant,
    switching: bool,
) -> Result<(Sender<Tracked<B>>, connect::Driver, std::net::SocketAddr), Fault>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut fault: Fault = (FailureKind::Dns, "its name has no address".into());
    let addresses = endpoint.addresses();
    for (address, left) in addresses.iter().zip((1..=addresses.len() as u32).rev()) {
        let share = until.saturating_duration_since(Instant::now()) / left;
        let opened = connect::open(pool, endpoint, *address, switching);
        fault = match tokio::time::timeout(share, opened).await {
            Ok(Ok((sender, driver))) => return Ok((sender, driver, *address)),
            Ok(Err(fault)) => fault,
            Err(_) => late(),
        };
        if !matches!(fault.0, FailureKind::ConnectRefused | FailureKind::ConnectTimeout) {
            break;
        }
    }
    Err(fault)
}
