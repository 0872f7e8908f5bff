//! The exporters: OTLP over gRPC, and over HTTP by a client of our own on hyper.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{LogExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use rustls::RootCertStore;
use secrecy::ExposeSecret;

use super::connect::{self, Connector};
use super::settings::{HeaderText, Otlp, Protocol};
use super::start::StartError;

/// No answer of a collector is longer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The exporter of spans that the settings describe. Runs in the runtime whose context it is built in.
pub(super) fn build(otlp: &Otlp) -> Result<SpanExporter, StartError> {
    let (builder, endpoint) = (SpanExporter::builder(), &otlp.endpoint);
    let built = match otlp.protocol {
        Protocol::Grpc => over_grpc(builder.with_tonic(), endpoint.grpc(), otlp)?.build(),
        Protocol::Http => over_http(builder.with_http(), endpoint.http(), otlp)?.build(),
    };
    built.map_err(StartError::Otlp)
}

/// The same for the lines of the audit log.
pub(super) fn logs(otlp: &Otlp) -> Result<LogExporter, StartError> {
    let (builder, endpoint) = (LogExporter::builder(), &otlp.endpoint);
    let built = match otlp.protocol {
        Protocol::Grpc => over_grpc(builder.with_tonic(), endpoint.grpc(), otlp)?.build(),
        Protocol::Http => over_http(builder.with_http(), endpoint.http_logs(), otlp)?.build(),
    };
    built.map_err(StartError::Otlp)
}

fn over_grpc<B: WithExportConfig + WithTonicConfig>(
    builder: B,
    endpoint: impl Into<String>,
    otlp: &Otlp,
) -> Result<B, StartError> {
    let builder = builder
        .with_endpoint(endpoint)
        .with_timeout(otlp.timeout.get())
        .with_metadata(MetadataMap::from_headers(headers(otlp)?))
        .with_retry_policy(RetryPolicy::disabled());
    Ok(match roots(otlp)? {
        Some(roots) => builder.with_tls_config(ClientTlsConfig::new().trust_anchors(roots.roots)),
        None => builder,
    })
}

fn over_http<B: WithExportConfig + WithHttpConfig>(
    builder: B,
    endpoint: impl Into<String>,
    otlp: &Otlp,
) -> Result<B, StartError> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let tls = roots(otlp)?.map(connect::tls).transpose()?;
    Ok(builder
        .with_http_client(Collector::new(Connector::new(tls), otlp.timeout.get()))
        .with_endpoint(endpoint)
        .with_timeout(otlp.timeout.get())
        .with_headers(headers(otlp)?.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
        .with_retry_policy(RetryPolicy::disabled()))
}

fn roots(otlp: &Otlp) -> Result<Option<RootCertStore>, StartError> {
    otlp.endpoint.is_secure().then(|| connect::roots(otlp.ca.as_deref())).transpose()
}

fn headers(otlp: &Otlp) -> Result<HeaderMap, StartError> {
    otlp.headers.iter().map(|(name, value)| header(name, value)).collect()
}

fn header(name: &str, value: &HeaderText) -> Result<(HeaderName, HeaderValue), StartError> {
    let fault = || StartError::Header(name.to_owned());
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault())?;
    let mut value = match value {
        HeaderText::Text(text) => HeaderValue::from_str(text),
        HeaderText::Secret(secret) => HeaderValue::from_str(secret.read()?.expose_secret()),
    }
    .map_err(|_| fault())?;
    value.set_sensitive(true);
    Ok((key, value))
}

/// The HTTP client of the exporter.
struct Collector {
    client: Client<Connector, Full<Bytes>>,
    timeout: Duration,
}

impl Collector {
    fn new(connector: Connector, timeout: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { client, timeout }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = async {
            let (parts, body) = self.client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        tokio::time::timeout(self.timeout, exchange).await?
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

/// What `async_trait` makes of the method, written by hand.
impl HttpClient for Collector {
    fn send_bytes<'client, 'answer>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        Box::pin(self.send(request))
    }
}
