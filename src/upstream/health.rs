//! Probes: each endpoint is asked for a path now and then, over a connection of its own.

use super::connect::{self, Sender};
use super::endpoint::Endpoint;
use super::pool::Pool;
use super::settings::Health;
use super::told;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, header::HOST};
use http_body_util::Empty;
use std::pin::pin;
use std::sync::Arc;
use tokio::runtime::LocalOptions;
use tokio_util::sync::CancellationToken;

/// Probes every endpoint of a pool until cancelled, on a thread of its own: a probe uses the line's own way to
/// connect, which never leaves its thread.
pub fn start(pool: Arc<Pool>, cancelled: CancellationToken) {
    let name = format!("health-{}", pool.name);
    let work = move || {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let Ok(runtime) = built else { return };
        runtime.block_on(async { cancelled.run_until_cancelled(watch(&pool)).await });
    };
    if let Err(error) = std::thread::Builder::new().name(name).spawn(work) {
        tracing::error!(%error, "no thread for health probes: endpoints count as healthy");
    }
}

async fn watch(pool: &Pool) {
    let Some(settings) = pool.settings.health.as_ref().on() else { return std::future::pending().await };
    join_all(pool.endpoints.iter().map(|endpoint| probe(pool, endpoint, settings))).await;
}

async fn probe(pool: &Pool, endpoint: &Arc<Endpoint>, settings: &Health) {
    let (mut good, mut bad) = (0_u32, 0_u32);
    loop {
        let asked = tokio::time::timeout(settings.timeout.get(), ask(pool, endpoint, settings)).await;
        let answer = asked.unwrap_or_else(|_| Err("no answer within `timeout`".to_owned()));
        (good, bad) = if answer.is_ok() { (good.saturating_add(1), 0) } else { (0, bad.saturating_add(1)) };
        if good >= settings.healthy && endpoint.set_healthy(true) {
            told::probed(pool, endpoint, None);
        } else if bad >= settings.unhealthy && endpoint.set_healthy(false) {
            told::probed(pool, endpoint, answer.err().as_deref());
        }
        tokio::time::sleep(settings.interval.get()).await;
    }
}

/// Does it answer as it should? If not, why.
async fn ask(pool: &Pool, endpoint: &Arc<Endpoint>, settings: &Health) -> Result<(), String> {
    let address = endpoint.addresses().first().copied().ok_or("its name has no address")?;
    let opened = connect::open::<Empty<Bytes>>(pool, endpoint, address, false).await;
    let (sender, driver) =
        opened.map_err(|(kind, error)| format!("{}: {}", kind.proxy_error(), told::whole(&*error)))?;
    let uri = format!("{}{}", String::from(endpoint.address.clone()), settings.path);
    let mut request = Request::get(uri).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let response = async {
        match sender {
            Sender::Http1(mut sender) => {
                if let Ok(host) = endpoint.address.authority().parse() {
                    request.headers_mut().insert(HOST, host);
                }
                *request.uri_mut() = settings.path.parse().unwrap_or_default();
                sender.send_request(request).await
            }
            Sender::Http2(mut sender, _) => sender.send_request(request).await,
        }
    };
    let (mut response, mut driver, mut open) = (pin!(response), driver, true);
    // The answer is what counts, even if the connection has ended with it.
    let answered = loop {
        tokio::select! {
            biased;
            answered = &mut response => break answered,
            () = &mut driver, if open => open = false,
        }
    };
    let status = answered.map_err(|error| told::whole(&error))?.status();
    let well = settings.status.as_ref().map_or(status.is_success(), |wanted| status == wanted.0);
    if well { Ok(()) } else { Err(format!("status {}", status.as_u16())) }
}
