//! Probes: each endpoint is asked for a path now and then, over a connection of its own.

use super::connect::{self, Sender};
use super::endpoint::Endpoint;
use super::pool::Pool;
use super::settings::Health;
use super::told;
use crate::notice::supervised;
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
    let told = |error: std::io::Error, upstream: &str| {
        tracing::error!(upstream, %error, "no thread for health probes: endpoints count as healthy");
    };
    let named = pool.name.clone();
    let work = move || {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match built {
            Ok(runtime) => drop(runtime.block_on(cancelled.run_until_cancelled(watch(&pool, ask)))),
            Err(error) => told(error, &pool.name),
        }
    };
    if let Err(error) = std::thread::Builder::new().name(name).spawn(work) {
        told(error, &named);
    }
}

/// Each endpoint is probed by itself: one whose probe dies stays as it was found last, until it is probed again.
async fn watch(pool: &Pool, ask: impl AsyncFn(&Pool, &Arc<Endpoint>, &Health) -> Result<(), String>) {
    let Some(settings) = pool.settings.health.as_ref().on() else { return std::future::pending().await };
    let watched = async |endpoint: &Arc<Endpoint>| {
        let what = format!("the health probe of {} of upstream `{}`", endpoint.name, pool.name);
        supervised(&what, || probe(pool, endpoint, settings, &ask)).await;
    };
    join_all(pool.endpoints.iter().map(watched)).await;
}

async fn probe(
    pool: &Pool,
    endpoint: &Arc<Endpoint>,
    settings: &Health,
    ask: &impl AsyncFn(&Pool, &Arc<Endpoint>, &Health) -> Result<(), String>,
) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Settings;
    use std::cell::Cell;
    use std::time::Duration;

    /// One endpoint's probe dies again and again; it is begun anew, and the other one is probed meanwhile.
    #[tokio::test(start_paused = true)]
    async fn a_probe_that_dies_is_begun_anew() {
        let settings = serde_json::json!({
            "endpoints": ["http://127.0.0.1:1", "http://127.0.0.1:2"],
            "health": { "path": "/", "interval": "1s", "unhealthy": 2 },
        });
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let pool = Pool::build("a", &settings).unwrap();
        let (frail, well) = (Cell::new(0), Cell::new(0));
        let ask = async |_: &Pool, endpoint: &Arc<Endpoint>, _: &Health| {
            if endpoint.name.ends_with(":2") {
                well.set(well.get() + 1);
                return Ok(());
            }
            frail.set(frail.get() + 1);
            assert!(frail.get() > 3, "the probe is to die");
            Err("status 503".to_owned())
        };
        let _ = tokio::time::timeout(Duration::from_secs(20), watch(&pool, ask)).await;
        assert!(well.get() >= 19 && frail.get() > 5, "{} {}", well.get(), frail.get());
        let used: Vec<bool> = pool.endpoints().iter().map(|endpoint| endpoint.is_used()).collect();
        assert_eq!(used, [false, true], "what the probe found after it was begun anew counts");
    }
}
