//! What stands around the gate: no more requests at once than the config allows, each until its response has ended.

use super::body::Download;
use super::gate::Gate;
use crate::decide::reason::Reason;
use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service as HyperService;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What hyper calls for each request of one connection.
pub struct Stack {
    gate: Rc<Gate>,
    slots: Arc<Semaphore>,
}

impl Stack {
    /// What stands around a connection's gate; `slots` are shared by all connections.
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
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Box::pin(std::future::ready(Ok(gate.decline(request, Reason::Overloaded))));
        };
        Box::pin(gate.answer(request, id, slot).map(Ok))
    }
}
