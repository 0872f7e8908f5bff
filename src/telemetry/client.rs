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
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use rustls::RootCertStore;
use secrecy::ExposeSecret;
use tokio_rustls::TlsConnector;

use super::connect::{self, Connector};
use super::settings::{HeaderText, Otlp, Protocol};
use super::start::StartError;

/// No answer of a collector is longer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The exporter that the settings describe. Runs in the runtime whose context it is built in.
pub(super) fn build(otlp: &Otlp) -> Result<SpanExporter, StartError> {
    let headers = headers(otlp)?;
    let roots = otlp.endpoint.is_secure().then(|| connect::roots(otlp.ca.as_deref())).transpose()?;
    let built = match otlp.protocol {
        Protocol::Grpc => grpc(otlp, headers, roots),
        Protocol::Http => http(otlp, &headers, roots.map(connect::tls).transpose()?),
    };
    built.map_err(StartError::Otlp)
}

/// The same for the lines of the audit log.
pub(super) fn logs(otlp: &Otlp) -> Result<LogExporter, StartError> {
    let headers = headers(otlp)?;
    let roots = otlp.endpoint.is_secure().then(|| connect::roots(otlp.ca.as_deref())).transpose()?;
    let built = match otlp.protocol {
        Protocol::Grpc => grpc_logs(otlp, headers, roots),
        Protocol::Http => http_logs(otlp, &headers, roots.map(connect::tls).transpose()?),
    };
    built.map_err(StartError::Otlp)
}

fn grpc_logs(otlp: &Otlp, headers: HeaderMap, roots: Option<RootCertStore>) -> Result<LogExporter, ExporterBuildError> {
    let builder = LogExporter::builder()
        .with_tonic()
        .with_endpoint(otlp.endpoint.grpc())
        .with_timeout(otlp.timeout.get())
        .with_metadata(MetadataMap::from_headers(headers))
        .with_retry_policy(RetryPolicy::disabled());
    match roots {
        Some(roots) => builder.with_tls_config(ClientTlsConfig::new().trust_anchors(roots.roots)).build(),
        None => builder.build(),
    }
}

fn http_logs(otlp: &Otlp, headers: &HeaderMap, tls: Option<TlsConnector>) -> Result<LogExporter, ExporterBuildError> {
    LogExporter::builder()
        .with_http()
        .with_http_client(Collector::new(Connector::new(tls), otlp.timeout.get()))
        .with_endpoint(otlp.endpoint.http_logs())
        .with_timeout(otlp.timeout.get())
        .with_headers(headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
        .with_retry_policy(RetryPolicy::disabled())
        .build()
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn grpc(otlp: &Otlp, headers: HeaderMap, roots: Option<RootCertStore>) -> Result<SpanExporter, ExporterBuildError> {
    let builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(otlp.endpoint.grpc())
        .with_timeout(otlp.timeout.get())
        .with_metadata(MetadataMap::from_headers(headers))
        .with_retry_policy(RetryPolicy::disabled());
    match roots {
        Some(roots) => builder.with_tls_config(ClientTlsConfig::new().trust_anchors(roots.roots)).build(),
        None => builder.build(),
    }
}

fn http(otlp: &Otlp, headers: &HeaderMap, tls: Option<TlsConnector>) -> Result<SpanExporter, ExporterBuildError> {
    SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(Connector::new(tls), otlp.timeout.get()))
        .with_endpoint(otlp.endpoint.http())
        .with_timeout(otlp.timeout.get())
        .with_headers(headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
        .with_retry_policy(RetryPolicy::disabled())
        .build()
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
