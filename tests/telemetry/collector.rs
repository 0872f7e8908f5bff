//! Collectors to send to: OTLP over gRPC by tonic, and over HTTP by hyper. Both keep what they get.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// What a collector got.
#[derive(Clone, Default)]
pub struct Received(Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>);

impl Received {
    pub fn spans(&self) -> Vec<Span> {
        let got = self.0.lock().unwrap();
        let scopes = got.iter().flat_map(|(_, request)| &request.resource_spans).flat_map(|of| &of.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    pub fn resource(&self) -> BTreeMap<String, String> {
        let got = self.0.lock().unwrap();
        attributes(&got[0].1.resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.0.lock().unwrap()[0].0.get(name)?.to_str().unwrap().to_owned())
    }

    /// Everything, as the bytes that came.
    pub fn raw(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().flat_map(|(_, request)| request.encode_to_vec()).collect()
    }

    /// Waits until there are so many spans; a test that waits for ten seconds has failed.
    pub async fn wait(&self, count: usize) -> Vec<Span> {
        for _ in 0..500 {
            if self.spans().len() >= count {
                return self.spans();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} of {count} spans came", self.spans().len());
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let headers = request.metadata().clone().into_headers();
        self.0.lock().unwrap().push((headers, request.into_inner()));
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

/// The gRPC collector behind TLS, with a certificate that it makes and hands back as PEM.
pub async fn grpc_over_tls(listener: TcpListener) -> (Received, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let identity = tonic::transport::Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem());
    let received = Received::default();
    let tls = tonic::transport::ServerTlsConfig::new().identity(identity);
    let mut server = tonic::transport::Server::builder().tls_config(tls).unwrap();
    let server = server.add_service(TraceServiceServer::new(received.clone()));
    tokio::spawn(server.serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)));
    (received, made.cert.pem())
}

pub async fn grpc(listener: TcpListener) -> Received {
    let received = Received::default();
    let service = TraceServiceServer::new(received.clone());
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)));
    received
}

pub async fn http(listener: TcpListener) -> Received {
    let received = Received::default();
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(TokioIo::new(stream), kept.clone()));
        }
    });
    received
}

pub async fn serve<S: hyper::rt::Read + hyper::rt::Write + Unpin + 'static>(stream: S, kept: Received) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let kept = kept.clone();
        async move {
            assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            kept.0.lock().unwrap().push((parts.headers, ExportTraceServiceRequest::decode(body).unwrap()));
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
}

/// The HTTP collector behind TLS, with a certificate that it makes and hands back as PEM.
pub async fn https(listener: TcpListener) -> (Received, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], rustls::pki_types::PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    let (received, acceptor) = (Received::default(), tokio_rustls::TlsAcceptor::from(Arc::new(config)));
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, kept) = (acceptor.clone(), kept.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(TokioIo::new(stream), kept).await;
                }
            });
        }
    });
    (received, made.cert.pem())
}

pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Attributes by name, their values as text.
pub fn attributes(from: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    };
    from.iter().map(|pair| (pair.key.clone(), text(pair).unwrap_or_default())).collect()
}
