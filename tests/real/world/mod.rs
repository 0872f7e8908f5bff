//! What the tests talk to and talk with: processes, certificates, provider, upstream, gateway, client.

pub mod certs;
pub mod client;
pub mod config;
pub mod gateway;
pub mod load;
pub mod process;
pub mod provider;
pub mod upstream;
pub mod wait;

use config::Config;
use gateway::Gateway;
use provider::Provider;
use upstream::Upstream;

/// A provider, an upstream, and a gateway between them.
pub struct World {
    pub gateway: Gateway,
    pub provider: Provider,
    pub upstream: Upstream,
}

impl World {
    /// Starts all three, with the config as it is.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts all three, with a config that `edit` has changed.
    pub async fn start_with(edit: impl Fn(&mut Config)) -> Self {
        let provider = Provider::start();
        let upstream = Upstream::start().await;
        let gateway = Gateway::start(|directory| {
            let mut config = Config::new(directory, &provider.issuer(), upstream.port);
            edit(&mut config);
            config
        })
        .await;
        Self { gateway, provider, upstream }
    }
}
