//! The layers around the gate: no more requests at once than the config allows, and a fault of ours is an
//! answer, not a dropped connection.

use super::body::Download;
use super::gate::Gate;
use crate::decide::reason::Reason;
use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service as HyperService;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Service as _, ServiceBuilder, ServiceExt as _};

/// What hyper calls for each request of one connection.
pub struct Stack {
    gate: Rc<Gate>,
    slots: Arc<Semaphore>,
}

impl Stack {
    /// The layers around a connection's gate; `slots` are shared by all connections.
    #[must_use]
    pub fn around(gate: Gate, slots: Arc<Semaphore>) -> Self {
        Self { gate: Rc::new(gate), slots }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Download>, Infallible>>>>;

impl HyperService<Request<Incoming>> for Stack {
    type Response = Response<Download>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let gate = Rc::clone(&self.gate);
        // The number that this request was just given, before another one is begun.
        let id = gate.framing.served();
        let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&self.slots));
        let line = |request| Rc::clone(&gate).answer(request, id).map(Ok::<_, Infallible>);
        let mut limited = ServiceBuilder::new().layer(limit).service(tower::service_fn(line));
        let Some(Ok(ready)) = limited.ready().now_or_never() else {
            return Box::pin(std::future::ready(Ok(gate.decline(request, Reason::Overloaded))));
        };
        // The request is gone with a panic; what is left is to answer and to say so in the log.
        let whatever_happens = AssertUnwindSafe(ready.call(request)).catch_unwind();
        Box::pin(whatever_happens.map(move |answer| answer.unwrap_or_else(|_| Ok(gate.broken()))))
    }
}
