//! The worker threads. Each has a runtime of its own, takes connections from the same sockets, and keeps what it
//! takes for life: nothing on the line is shared that need not be.

use crate::notice::supervised;
use crate::proxy::accept::{Hooks, Listener};
use crate::proxy::body::Upload;
use crate::proxy::connection::{ConnectionFault, ConnectionInfo};
use crate::proxy::drain::Report;
use crate::proxy::gate::{Gate, Shared};
use crate::proxy::stack::Stack;
use crate::upstream::Connections;
use crate::upstream::headers::Hop;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::LocalOptions;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What a worker needs.
#[derive(Clone)]
pub struct Work {
    /// The listeners.
    pub listeners: Vec<Listener>,
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// How many requests there may be at once.
    pub slots: Arc<Semaphore>,
    /// Cancelled when it is time to go.
    pub drain: CancellationToken,
    /// How long going may take.
    pub grace: Duration,
}

/// How often connections that nobody uses are looked for.
const TIDY: Duration = Duration::from_secs(5);

/// Starts a worker; `sockets` belong to the listeners, in their order.
///
/// # Errors
/// If the system gives no thread.
pub fn start(number: usize, work: Work, sockets: Vec<TcpListener>) -> io::Result<JoinHandle<io::Result<Report>>> {
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        // Its connections and its share of new ones are gone with it: nobody is to find that out at the end.
        runtime.block_on(serve(work, sockets)).inspect_err(|error| {
            tracing::error!(worker = number, %error, "a worker ended: the others go on; restart the gateway, and please report it");
        })
    })
}

async fn serve(work: Work, sockets: Vec<TcpListener>) -> io::Result<Report> {
    let connections: Rc<Connections<Upload>> = Rc::default();
    let (kept, shared) = (Rc::clone(&connections), Arc::clone(&work.shared));
    let tidying = move || tidy(Rc::clone(&kept), Arc::clone(&shared));
    tokio::task::spawn_local(async move { supervised("letting idle upstream connections go", tidying).await });
    let mut serving = Vec::new();
    for (listener, socket) in work.listeners.iter().zip(sockets) {
        let hooks = Hooks { factory: factory(&work, &connections), on_fault };
        let served = listener.clone().serve(socket, hooks, work.drain.clone(), work.grace);
        serving.push(tokio::task::spawn_local(served));
    }
    let mut total = Report::default();
    for served in serving {
        let report = served.await.map_err(io::Error::other)??;
        total.drained += report.drained;
        total.cut += report.cut;
    }
    Ok(total)
}

fn factory(
    work: &Work,
    connections: &Rc<Connections<Upload>>,
) -> impl Fn(Rc<ConnectionInfo>, crate::proxy::framing::FramingHandle) -> Stack + use<> {
    let (shared, slots, connections) = (Arc::clone(&work.shared), Arc::clone(&work.slots), Rc::clone(connections));
    move |info, framing| {
        let hop = Hop::new(info.peer.ip(), info.tls.is_some());
        let (shared, connections) = (Arc::clone(&shared), Rc::clone(&connections));
        let gate = Gate { shared, connections, info, framing, hop, fallen: Rc::default() };
        Stack::around(gate, Arc::clone(&slots))
    }
}

/// Below any request there is nobody to answer: the operator may want to know.
fn on_fault(info: &ConnectionInfo, fault: ConnectionFault) {
    tracing::debug!(listener = &*info.listener, peer = %info.peer, ?fault, "a connection ended in an error");
}

async fn tidy(connections: Rc<Connections<Upload>>, shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TIDY).await;
        let plan = shared.plan.load_full();
        connections.tidy(|id| {
            plan.routes.iter().find(|route| route.pool.id() == id).map(|route| route.pool.settings.idle_timeout.get())
        });
    }
}
