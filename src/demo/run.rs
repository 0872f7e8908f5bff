//! The whole life of a demo: certificates, provider, upstream, gateway, then lines to paste or requests to make.
//! How the gateway is started and stopped is told from outside; after that it is spoken to like any other.

use super::address::{self, Addresses};
use super::certificates::{self, CertificateError};
use super::collector::Collector;
use super::keys::KeyError;
use super::once;
use super::print;
use super::provider::Provider;
use super::request::{self, Client, RequestError};
use super::script::Script;
use super::serve::{self, Server};
use super::upstream;
use crate::state::clock::Clock;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

/// What is wanted of the demo.
#[derive(Clone, Debug)]
pub struct Options {
    /// Make every request of the demo, print what came of it, and end.
    pub once: bool,
    /// The gateway's port, from which the others follow. Without one: the usual ports, and free ones for `once`.
    pub port: Option<u16>,
    /// Where certificates and the gateway's config are kept.
    pub folder: PathBuf,
}

/// How the demo ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything answered as promised, or somebody ended the demo.
    Kept,
    /// Something did not answer as promised; it was told.
    Broken,
}

/// Why there is no demo.
#[derive(Debug, Error)]
pub enum DemoError {
    /// There are no certificates.
    #[error("the demo's certificates: {0}")]
    Certificates(#[from] CertificateError),
    /// There are no signing keys.
    #[error("the demo's provider: {0}")]
    Keys(#[from] KeyError),
    /// Somebody else listens there.
    #[error("{0} cannot be listened on: {1}. Is another demo running? --port moves this one")]
    Address(SocketAddr, io::Error),
    /// The config cannot be written.
    #[error("{0}: {1}")]
    Config(PathBuf, io::Error),
    /// The gateway did not start.
    #[error("the gateway did not start: {0}")]
    Gateway(String),
    /// The gateway started and did not become ready.
    #[error("the gateway is not ready after {READY_WITHIN:?}; it says: {0}")]
    NotReady(String),
    /// The requests took too long, all together.
    #[error("the demo's requests took longer than {ONCE_WITHIN:?}")]
    TooSlow,
    /// The demo cannot speak to its own gateway.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What is told cannot be printed, or signals cannot be heard.
    #[error(transparent)]
    Io(#[from] io::Error),
}

const READY_WITHIN: Duration = Duration::from_secs(15);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const ONCE_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Runs the demo: until it is ended by a signal, or through its requests once. `start` is given the config file and
/// returns when the gateway listens; `stop` gets what `start` returned, and drains it. Both may block, and run on a
/// thread where they may.
///
/// # Errors
/// If there is no demo; a promise that is not kept is an [`Outcome`].
pub async fn run<R, E, Start, Stop>(
    options: &Options,
    clock: Arc<dyn Clock>,
    out: &mut impl Write,
    start: Start,
    stop: Stop,
) -> Result<Outcome, DemoError>
where
    R: Send + 'static,
    E: Display,
    Start: FnOnce(PathBuf) -> Result<R, E> + Send + 'static,
    Stop: FnOnce(R) + Send + 'static,
{
    certificates::prepare(&options.folder, clock.now().wall)?;
    let world = World::build(options, clock).await?;
    let config = world.config.clone();
    let started = spawn_blocking(move || start(config).map_err(|error| error.to_string())).await;
    let running = started.unwrap_or_else(|broke| Err(broke.to_string())).map_err(DemoError::Gateway)?;
    let shown = if options.once { world.once(out).await } else { world.stay(out).await };
    // The gateway drains while provider and upstream still answer.
    let _late = tokio::time::timeout(STOPPED_WITHIN, spawn_blocking(move || stop(running))).await;
    if options.once {
        let _gone = std::fs::remove_file(&world.config);
    }
    shown
}

/// Everything around the gateway.
struct World {
    addresses: Addresses,
    authority: PathBuf,
    config: PathBuf,
    client: Client,
    _provider: Server,
    _upstream: Server,
}

impl World {
    async fn build(options: &Options, clock: Arc<dyn Clock>) -> Result<Self, DemoError> {
        let wanted = Addresses::wanted(options.once, options.port);
        let taken = address::take(wanted).await.map_err(|(address, error)| DemoError::Address(address, error))?;
        let addresses = taken.addresses;
        let provider = Arc::new(Provider::new(format!("http://{}", addresses.provider), clock)?);
        let (collector, issuing) = (Arc::new(Collector::default()), Arc::clone(&provider));
        let authority = certificates::authority(&options.folder);
        Ok(Self {
            config: config(options, &addresses)?,
            client: Client::new(&authority)?,
            authority,
            addresses,
            _provider: serve::start(taken.provider, move |request| {
                let (provider, collector) = (Arc::clone(&provider), Arc::clone(&collector));
                async move { provide(&provider, &collector, &request).await }
            }),
            _upstream: serve::start(taken.upstream, move |request| {
                let provider = Arc::clone(&issuing);
                async move { upstream::answer(&provider, request) }
            }),
        })
    }

    /// Prints the lines and waits for a signal.
    async fn stay(&self, out: &mut impl Write) -> Result<Outcome, DemoError> {
        let ended = Ended::listen()?;
        self.ready().await?;
        let script = Script { addresses: &self.addresses, authority: &self.authority, config: &self.config };
        out.write_all(script.text().as_bytes())?;
        out.flush()?;
        ended.wait().await;
        Ok(Outcome::Kept)
    }

    /// Makes the requests and prints what came of them.
    async fn once(&self, out: &mut impl Write) -> Result<Outcome, DemoError> {
        let play = async {
            self.ready().await?;
            let results = once::all(&self.client, &self.addresses).await;
            writeln!(out, "{}", print::table(&results))?;
            let trace = once::trace(&self.client, &self.addresses, &results).await;
            let arrived = trace.is_some();
            writeln!(out, "{}", trace.unwrap_or_else(|| "No trace arrived of the refusal that was asked for.".into()))?;
            let broken = results.iter().filter(|result| result.trouble.is_some()).count();
            writeln!(out, "{} of {} answered as promised.", results.len() - broken, results.len())?;
            Ok(if broken == 0 && arrived { Outcome::Kept } else { Outcome::Broken })
        };
        tokio::time::timeout(ONCE_WITHIN, play).await.unwrap_or(Err(DemoError::TooSlow))
    }

    /// Waits until the gateway says it is ready, on its admin listener like any probe.
    async fn ready(&self) -> Result<(), DemoError> {
        let mut said = String::from("nothing");
        let asking = async {
            loop {
                let request = request::to(self.addresses.admin, "GET", "/readyz", String::new())?;
                match self.client.plainly(self.addresses.admin, request).await {
                    Ok(reply) if reply.status.is_success() => return Ok(()),
                    Ok(reply) => said = reply.text(),
                    Err(error) => said = error.to_string(),
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        };
        let answer = tokio::time::timeout(READY_WITHIN, asking).await;
        answer.unwrap_or_else(|_| Err(DemoError::NotReady(said.trim().to_owned())))
    }
}

pub(super) async fn provide(
    provider: &Provider,
    collector: &Collector,
    request: &http::Request<bytes::Bytes>,
) -> serve::Answer {
    if let Some(answer) = provider.answer(request) {
        return answer;
    }
    let answer = collector.answer(request).await;
    answer.unwrap_or_else(|| {
        serve::text(http::StatusCode::NOT_FOUND, "neither the provider nor the collector has this\n")
    })
}

/// Writes the config of this run. A run of `once` has a file of its own: it must not change the one that a demo
/// beside it is reading.
fn config(options: &Options, addresses: &Addresses) -> Result<PathBuf, DemoError> {
    let name = if options.once { format!("once-{}.yaml", addresses.gateway.port()) } else { "curfew.yaml".into() };
    let path = options.folder.join(name);
    let broken = |error| DemoError::Config(path.clone(), error);
    let folder: PathBuf = std::path::absolute(&options.folder).map_err(broken)?;
    std::fs::write(&path, super::config::filled(addresses, &folder)).map_err(broken)?;
    Ok(path)
}

/// Ctrl-C, or a polite kill.
struct Ended {
    interrupt: Signal,
    terminate: Signal,
}

impl Ended {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
