//! From names to addresses, again and again. The last good answer stays while there is no other.

use super::endpoint::Endpoint;
use super::pool::Pool;
use futures_util::future::join_all;
use std::io;
use std::time::Duration;
use tokio::net::lookup_host;

/// How long a name is looked up before that counts as no answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Resolves every name of a pool; a slow one does not keep the others waiting.
pub async fn once(pool: &Pool) {
    join_all(pool.endpoints.iter().filter(|endpoint| endpoint.is_named()).map(|endpoint| look_up(pool, endpoint)))
        .await;
}

async fn look_up(pool: &Pool, endpoint: &Endpoint) {
    let asked = lookup_host((endpoint.address.host.as_str(), endpoint.address.port));
    let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match answer {
        Ok(addresses) => {
            endpoint.resolve_to(addresses.collect());
            if let Some(out) = endpoint.unresolved.over() {
                tracing::info!(upstream = &*pool.name, endpoint = &*endpoint.name, %out, "resolves again");
            }
        }
        Err(error) => {
            if let Some(repeats) = endpoint.unresolved.met(&error.to_string()) {
                tracing::warn!(upstream = &*pool.name, endpoint = &*endpoint.name, %error, repeats, "cannot resolve");
            }
        }
    }
}

/// Does so for ever.
pub async fn keep(pool: &Pool) {
    if !pool.endpoints.iter().any(|endpoint| endpoint.is_named()) {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(pool.settings.dns_refresh.get()).await;
        once(pool).await;
    }
}
