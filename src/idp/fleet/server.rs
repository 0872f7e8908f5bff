//! The Redis, and how it is reached: one server, a cluster, or the server that sentinels name. What is said to it is
//! in `words`.

use super::settings::{RedisSettings, SCHEMES, Topology};
use crate::settings::{LONGEST_PEM, Secret, SecretError, read_bounded};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, FromRedisValue, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, TlsCertificates, TlsMode,
};
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// Why nothing came of what was asked.
#[derive(Debug, Error)]
pub enum ServerError {
    /// It did not answer in time.
    #[error("no answer in time")]
    Time,
    /// It cannot be reached, or does not do what it was asked.
    #[error("{0}")]
    Redis(#[from] RedisError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file cannot be read.
    #[error("{0} cannot be read: {1}")]
    File(String, std::io::Error),
    /// This instance has another key than those that are there already.
    #[error("the other instances have another `telemetry.hash_key`, or another fleet uses the same `prefix`")]
    OtherKey,
    /// What is kept there was divided for sessions that are needed for much shorter.
    #[error(
        "sessions are to be remembered more than 32 times as long as when the store was begun: change the `prefix`"
    )]
    TooLong,
    /// The stream is not the one that was joined.
    #[error("the stream was lost, and begins anew")]
    Lost,
}

/// What is needed to reach it.
pub(in crate::idp) struct Server {
    settings: RedisSettings,
}

/// A connection.
#[derive(Clone)]
pub(in crate::idp) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// An address of the settings, as the client has it.
pub(super) fn address(url: &str) -> Option<ConnectionAddr> {
    let (scheme, secure) = SCHEMES.into_iter().find(|(scheme, _)| url.starts_with(scheme))?;
    let rest = url.strip_prefix(scheme)?;
    if scheme == "unix://" {
        return rest.starts_with('/').then(|| ConnectionAddr::Unix(rest.into()));
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (rest, 6379),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let named = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    let host = named.then(|| host.to_owned())?;
    Some(if secure {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}

fn file(path: &Path) -> Result<Vec<u8>, ServerError> {
    read_bounded(path, LONGEST_PEM).map_err(|error| ServerError::File(path.display().to_string(), error))
}

fn secret(secret: Option<&Secret>) -> Result<Option<SecretString>, ServerError> {
    Ok(secret.map(Secret::read).transpose()?)
}

impl Server {
    /// Reads what is needed once, so that what is missing is told now; nothing is opened.
    pub(in crate::idp) fn new(settings: &RedisSettings) -> Result<Self, ServerError> {
        let server = Self { settings: settings.clone() };
        server.certificates()?;
        secret(settings.password.as_ref())?;
        secret(settings.sentinel_password.as_ref())?;
        Ok(server)
    }

    fn is_secure(&self) -> bool {
        self.settings.urls.iter().any(|url| url.starts_with("rediss://"))
    }

    fn certificates(&self) -> Result<TlsCertificates, ServerError> {
        let RedisSettings { ca, cert, key, .. } = &self.settings;
        let client_tls = match (cert, key) {
            (Some(cert), Some(key)) => Some(ClientTlsConfig { client_cert: file(cert)?, client_key: file(key)? }),
            _ => None,
        };
        Ok(TlsCertificates { client_tls, root_cert: ca.as_deref().map(file).transpose()? })
    }

    /// How long one answer may take.
    pub(in crate::idp) fn timeout(&self) -> Duration {
        self.settings.timeout.get()
    }

    /// Connects. Whatever it is asked later is answered within the timeout and so much more.
    pub(in crate::idp) async fn connect(&self, more: Duration) -> Result<Link, ServerError> {
        let patience = self.timeout() + more;
        // A cluster or sentinels are asked for several addresses, one after the other.
        let all = self.timeout() * (1 + u32::try_from(self.settings.urls.len()).unwrap_or(u32::MAX).min(8));
        tokio::time::timeout(all, self.connecting(patience)).await.map_err(|_| ServerError::Time)?
    }

    async fn connecting(&self, patience: Duration) -> Result<Link, ServerError> {
        let addresses = self.settings.urls.iter().filter_map(|url| address(url));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout()))
            .set_response_timeout(Some(patience));
        Ok(match self.settings.topology {
            Topology::Server => {
                let client = self.client(addresses)?;
                Link::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Topology::Cluster => Link::Cluster(self.cluster(addresses, patience)?.get_async_connection().await?),
            Topology::Sentinel => {
                let mut client = self.sentinels(addresses)?.build()?;
                Link::One(client.get_async_connection_with_config(&config).await?)
            }
        })
    }

    fn client(&self, mut addresses: impl Iterator<Item = ConnectionAddr>) -> Result<Client, ServerError> {
        let mut user = RedisConnectionInfo::default();
        if let Some(name) = &self.settings.username {
            user = user.set_username(name);
        }
        if let Some(password) = secret(self.settings.password.as_ref())? {
            user = user.set_password(password.expose_secret());
        }
        let address = addresses.next().ok_or(ServerError::Time)?;
        let info = address.into_connection_info()?.set_redis_settings(user);
        Ok(if self.is_secure() { Client::build_with_tls(info, self.certificates()?)? } else { Client::open(info)? })
    }

    fn cluster(
        &self,
        addresses: impl Iterator<Item = ConnectionAddr>,
        patience: Duration,
    ) -> Result<ClusterClient, ServerError> {
        let mut builder = ClusterClient::builder(addresses).connection_timeout(self.timeout());
        // Whoever asks decides about another attempt, and makes it over a new connection.
        builder = builder.response_timeout(patience).retries(1);
        if self.is_secure() {
            builder = builder.tls(TlsMode::Secure).certs(self.certificates()?);
        }
        if let Some(name) = &self.settings.username {
            builder = builder.username(name);
        }
        if let Some(password) = secret(self.settings.password.as_ref())? {
            builder = builder.password(password.expose_secret());
        }
        Ok(builder.build()?)
    }

    fn sentinels(&self, addresses: impl Iterator<Item = ConnectionAddr>) -> Result<SentinelClientBuilder, ServerError> {
        let RedisSettings { service, username, password, sentinel_username, sentinel_password, .. } = &self.settings;
        let service = service.as_deref().unwrap_or_default();
        let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?;
        if self.is_secure() {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            builder = builder.set_client_to_sentinel_tls_mode(TlsMode::Secure);
            builder = builder.set_client_to_redis_certificates(self.certificates()?);
            builder = builder.set_client_to_sentinel_certificates(self.certificates()?);
        }
        if let Some(name) = username {
            builder = builder.set_client_to_redis_username(name);
        }
        if let Some(password) = secret(password.as_ref())? {
            builder = builder.set_client_to_redis_password(password.expose_secret());
        }
        if let Some(name) = sentinel_username {
            builder = builder.set_client_to_sentinel_username(name);
        }
        if let Some(password) = secret(sentinel_password.as_ref())? {
            builder = builder.set_client_to_sentinel_password(password.expose_secret());
        }
        Ok(builder)
    }
}

impl Link {
    /// Asks, and waits for the answer for so long. The client's own patience does not hold while it reconnects.
    pub(in crate::idp) async fn ask<T: FromRedisValue>(
        &mut self,
        what: &Pipeline,
        within: Duration,
    ) -> Result<T, ServerError> {
        let asked = async {
            match self {
                Self::One(link) => what.query_async(link).await,
                Self::Cluster(link) => what.query_async(link).await,
            }
        };
        Ok(tokio::time::timeout(within, asked).await.map_err(|_| ServerError::Time)??)
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_plain() {
        let read = |url| address(url).map(|address| address.to_string());
        assert_eq!(read("redis://cache"), Some("cache:6379".into()));
        assert_eq!(read("rediss://cache.example:7000"), Some("cache.example:7000".into()));
        assert_eq!(read("redis://[::1]:7"), Some("::1:7".into()));
        assert_eq!(read("redis://[::1]"), Some("::1:6379".into()));
        assert_eq!(read("unix:///run/redis.sock"), Some("/run/redis.sock".into()));
        for bad in ["cache:6379", "redis://", "redis://u:p@h", "redis://h/0", "unix://x", "redis://h:x", "http://h"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
