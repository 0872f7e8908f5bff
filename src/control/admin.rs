//! The admin listener: is it alive, is it ready and if not why, metrics, and the config that is in force.
//! It asks for no token, so that it belongs on loopback.

use crate::telemetry::{OPENMETRICS, TEXT, Telemetry};
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the admin listener shows.
pub trait Showing: Send + Sync + 'static {
    /// What is not ready yet, each with why; empty when all is.
    fn not_ready(&self) -> Vec<String>;
    /// The config that is in force, secrets as their references only, as JSON.
    fn config(&self) -> String;
    /// The metrics.
    fn telemetry(&self) -> &Telemetry;
}

/// How many connections it serves at once, and how long one may take.
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until cancelled.
pub async fn serve(listener: TcpListener, shown: Arc<impl Showing>, cancelled: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let accepted = cancelled.run_until_cancelled(listener.accept()).await;
        let Some(accepted) = accepted else { return };
        let Ok((stream, _)) = accepted else { continue };
        let shown = Arc::clone(&shown);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&request, &*shown);
                async { Ok::<_, Infallible>(response) }
            });
            let mut builder = http1::Builder::new();
            let connection = builder
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service);
            // Whether the asker stayed to the end is no matter of ours.
            let _ = tokio::time::timeout(PATIENCE, connection).await;
            drop(slot);
        });
    }
}

fn answer(request: &Request<Incoming>, shown: &impl Showing) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, "alive\n".into()),
        "/readyz" => ready(&shown.not_ready()),
        "/metrics" => metrics(request, shown.telemetry()),
        "/config" => typed(StatusCode::OK, "application/json", shown.config()),
        _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz, /metrics and /config\n".into()),
    }
}

fn ready(missing: &[String]) -> Response<Full<Bytes>> {
    if missing.is_empty() {
        return text(StatusCode::OK, "ready\n".into());
    }
    text(
        StatusCode::SERVICE_UNAVAILABLE,
        missing.iter().fold("not ready:\n".to_owned(), |all, one| all + "  " + one + "\n"),
    )
}

/// Prometheus says by `Accept` whether it reads OpenMetrics.
fn metrics(request: &Request<Incoming>, telemetry: &Telemetry) -> Response<Full<Bytes>> {
    let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("application/openmetrics-text") {
        typed(StatusCode::OK, OPENMETRICS, telemetry.render())
    } else {
        typed(StatusCode::OK, TEXT, telemetry.render_classic())
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
