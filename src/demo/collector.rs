//! A tiny OTLP receiver over HTTP: it keeps the last spans it was sent and shows them as text. It speaks protobuf,
//! not JSON, and knows traces, not metrics or logs.

use super::serve::{self, Answer};
use super::trail;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many spans are kept.
const MOST: usize = 1000;
/// How many are listed.
const LISTED: usize = 20;
/// How long a look-up waits for a span: exporters send in batches, and try again when they fail.
const PATIENCE: Duration = Duration::from_secs(5);
const LAST: &str = "last";

/// The last spans.
#[derive(Default)]
pub struct Collector {
    spans: Mutex<VecDeque<Span>>,
    arrived: Notify,
}

impl Collector {
    /// Answers a request, if it is for the collector.
    pub async fn answer(&self, request: &Request<Bytes>) -> Option<Answer> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/traces") => Some(self.receive(request)),
            (&Method::GET, "/traces") => Some(serve::text(StatusCode::OK, self.list())),
            (&Method::GET, path) => Some(self.show(path.strip_prefix("/traces/")?).await),
            _ => None,
        }
    }

    /// OTLP 1.x §OTLP/HTTP: a binary protobuf body, answered by another.
    fn receive(&self, request: &Request<Bytes>) -> Answer {
        let content_type = request.headers().get(http::header::CONTENT_TYPE);
        if content_type.is_none_or(|value| value.as_bytes() != b"application/x-protobuf") {
            return serve::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only application/x-protobuf is read here\n");
        }
        match ExportTraceServiceRequest::decode(request.body().as_ref()) {
            Ok(export) => self.keep(export),
            Err(_) => return serve::text(StatusCode::BAD_REQUEST, "this is not an ExportTraceServiceRequest\n"),
        }
        serve::answer(StatusCode::OK, "application/x-protobuf", ExportTraceServiceResponse::default().encode_to_vec())
    }

    fn keep(&self, export: ExportTraceServiceRequest) {
        let scopes = export.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.with(|spans| {
            spans.extend(scopes.flat_map(|scope| scope.spans));
            let surplus = spans.len().saturating_sub(MOST);
            spans.drain(..surplus);
        });
        self.arrived.notify_waiters();
    }

    /// The trail of a trace, or of the last one. Waits a while for it to arrive.
    async fn show(&self, id: &str) -> Answer {
        let waiting = async {
            loop {
                let mut arrived = std::pin::pin!(self.arrived.notified());
                // Before the look, so that nothing arrives unnoticed between the two.
                arrived.as_mut().enable();
                if let Some(text) = self.trail(id) {
                    return text;
                }
                arrived.await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(text) => serve::text(StatusCode::OK, text),
            Err(_) => serve::text(StatusCode::NOT_FOUND, "no span of this trace has arrived\n"),
        }
    }

    fn trail(&self, id: &str) -> Option<String> {
        self.with(|spans| {
            let wanted = if id == LAST { spans.back()?.trace_id.clone() } else { trail::parse_id(id)? };
            let found: Vec<&Span> = spans.iter().filter(|span| span.trace_id == wanted).collect();
            (!found.is_empty()).then(|| found.into_iter().map(trail::text).collect::<Vec<_>>().join("\n"))
        })
    }

    /// The newest requests, one a line, the newest last; what the gateway asked of upstreams is in their trails.
    fn list(&self) -> String {
        let lines = self.with(|spans| {
            let requests = || spans.iter().filter(|span| span.kind != SpanKind::Client as i32);
            let unseen = requests().count().saturating_sub(LISTED);
            requests().skip(unseen).map(trail::line).collect::<String>()
        });
        if lines.is_empty() { "no span has arrived yet\n".into() } else { lines }
    }

    fn with<T>(&self, look: impl FnOnce(&mut VecDeque<Span>) -> T) -> T {
        look(&mut self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::{Collector, MOST};
    use bytes::Bytes;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;
    use std::sync::Arc;

    fn export(ids: impl Iterator<Item = u32>) -> Request<Bytes> {
        let spans = ids
            .map(|id| Span { trace_id: [[0; 12].as_slice(), &id.to_be_bytes()].concat(), ..Span::default() })
            .collect();
        let scope = ScopeSpans { spans, ..ScopeSpans::default() };
        let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
        let body = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
        let request = Request::post("/v1/traces").header("content-type", "application/x-protobuf");
        request.body(Bytes::from(body)).unwrap()
    }

    fn get(path: &str) -> Request<Bytes> {
        Request::get(path).body(Bytes::new()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_last_spans_are_kept() {
        let collector = Collector::default();
        for batch in 0..3_u32 {
            let ids = batch * 500..batch * 500 + 500;
            assert_eq!(collector.answer(&export(ids)).await.unwrap().status(), StatusCode::OK);
        }
        assert_eq!(collector.spans.lock().unwrap().len(), MOST);
        let shown = async |id: u32| collector.answer(&get(&format!("/traces/{id:032x}"))).await.unwrap().status();
        assert_eq!(shown(1499).await, StatusCode::OK);
        assert_eq!(shown(499).await, StatusCode::NOT_FOUND);
        assert!(collector.answer(&get("/elsewhere")).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_waits_for_its_span() {
        let collector = Arc::new(Collector::default());
        let waiting = tokio::spawn({
            let collector = Arc::clone(&collector);
            async move { collector.answer(&get(&format!("/traces/{:032x}", 7))).await.unwrap() }
        });
        tokio::task::yield_now().await;
        collector.answer(&export(7..8)).await.unwrap();
        let answer = waiting.await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains(&format!("{:032x}", 7)));
    }

    #[tokio::test]
    async fn what_is_not_otlp_is_refused() {
        let collector = Collector::default();
        let mut request = Request::post("/v1/traces").body(Bytes::from_static(b"\xff\xff")).unwrap();
        assert_eq!(collector.answer(&request).await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        request.headers_mut().insert("content-type", "application/x-protobuf".parse().unwrap());
        assert_eq!(collector.answer(&request).await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
}
