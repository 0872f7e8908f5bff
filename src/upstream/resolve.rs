//! From names to addresses, again and again. The last good answer stays while there is no other.

use super::pool::Pool;
use tokio::net::lookup_host;

/// Resolves every name of a pool.
pub async fn once(pool: &Pool) {
    for endpoint in pool.endpoints.iter().filter(|endpoint| endpoint.is_named()) {
        match lookup_host((endpoint.address.host.as_str(), endpoint.address.port)).await {
            Ok(addresses) => endpoint.resolve_to(addresses.collect()),
            Err(error) => tracing::warn!(upstream = &*pool.name, endpoint = &*endpoint.name, %error, "cannot resolve"),
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
