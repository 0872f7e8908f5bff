//! What the reader of a connection, its service and its driver tell each other: the fault, whether a tunnel opened,
//! how many requests are being answered, since when it is quiet. One small value for each connection.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::task::AtomicWaker;
use http::{HeaderMap, HeaderName};
use tokio::time::{Duration, Instant};

use super::fault::Fault;
use super::glimpse::Glimpse;

/// The field that marks the request which stands for a refused head.
pub const FAULT_FIELD: HeaderName = HeaderName::from_static("curfew-fault");

/// What a service is given of its connection's framing.
pub type FramingHandle = Arc<FramingState>;

const OPEN: u8 = 0;
const UNDECIDED: u8 = 1;
const SETTLED: u8 = 2;
const TUNNEL: u8 = 3;

/// What the parts of one connection share. Atomics, because an upgraded connection must be `Send` for hyper; they
/// are never contended.
#[derive(Debug)]
pub struct FramingState {
    fault: OnceLock<Fault>,
    /// What the refused head said.
    glimpse: OnceLock<Arc<Glimpse>>,
    decision: AtomicU8,
    in_flight: AtomicU32,
    served: AtomicU64,
    born: Instant,
    quiet_since: AtomicU64,
    /// A head was begun and has not come whole.
    partial: AtomicBool,
    /// The connection is to end: every further answer says so.
    leaving: AtomicBool,
    reader: AtomicWaker,
}

impl FramingState {
    /// For a connection that begins now.
    pub fn new() -> FramingHandle {
        Arc::new(Self {
            fault: OnceLock::new(),
            glimpse: OnceLock::new(),
            decision: AtomicU8::new(OPEN),
            in_flight: AtomicU32::new(0),
            served: AtomicU64::new(0),
            born: Instant::now(),
            quiet_since: AtomicU64::new(0),
            partial: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        })
    }

    /// What was wrong with the stream, if anything was. Whoever answers after a fault closes the connection.
    #[inline]
    pub fn fault(&self) -> Option<Fault> {
        self.fault.get().copied()
    }

    /// Whether this request stands for the head that was refused: its answer is the fault's. Cheap while all is well.
    #[inline]
    pub fn is_synthetic(&self, headers: &HeaderMap) -> bool {
        self.fault.get().is_some() && headers.get(FAULT_FIELD).is_some_and(|value| value.as_bytes() == nonce())
    }

    /// What the head said for which this request stands, if it stands for one.
    #[inline]
    pub fn glimpse(&self, headers: &HeaderMap) -> Option<&Arc<Glimpse>> {
        self.glimpse.get().filter(|_| self.is_synthetic(headers))
    }

    /// Requests that are being answered, their bodies included.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Requests that were begun on this connection.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Since when nothing was being answered. Only meaningful while nothing is.
    fn quiet_since(&self) -> Instant {
        self.born + Duration::from_millis(self.quiet_since.load(Ordering::Relaxed))
    }

    /// Whether a request is on its way that hyper does not know of yet.
    pub(in crate::proxy) fn is_arriving(&self) -> bool {
        self.partial.load(Ordering::Relaxed)
    }

    /// From here on every answer says that the connection ends with it.
    pub(in crate::proxy) fn say_farewell(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether answers say that the connection ends.
    pub(in crate::proxy) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// When the connection is due to be closed for being quiet this long; never while something is being answered.
    pub(in crate::proxy) fn quiet_until(&self, span: Duration) -> Instant {
        match self.in_flight() {
            0 => self.quiet_since() + span,
            _ => Instant::now() + span,
        }
    }

    /// A request reached the service; its number.
    pub(in crate::proxy) fn begin(&self) -> u64 {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// An answer went out whole, or was given up.
    pub(in crate::proxy) fn end(&self) {
        let quiet = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.quiet_since.store(quiet, Ordering::Relaxed);
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the request last read waits for its answer to say what the next byte is.
    #[inline]
    pub(in crate::proxy) fn is_undecided(&self) -> bool {
        self.decision.load(Ordering::Relaxed) == UNDECIDED
    }

    /// The answer opens a tunnel: from here on the bytes are not HTTP.
    pub(in crate::proxy) fn tunnel(&self) {
        self.decide(TUNNEL);
    }

    /// The answer opens no tunnel: another head follows.
    pub(in crate::proxy) fn settle(&self) {
        self.decide(SETTLED);
    }

    fn decide(&self, decision: u8) {
        if self.is_undecided() {
            self.decision.store(decision, Ordering::Relaxed);
            self.reader.wake();
        }
    }

    pub(super) fn await_decision(&self) {
        self.decision.store(UNDECIDED, Ordering::Relaxed);
    }

    /// What was decided since it was last asked: `Some(true)` is a tunnel.
    pub(super) fn decision(&self) -> Option<bool> {
        match self.decision.load(Ordering::Relaxed) {
            TUNNEL => Some(true),
            SETTLED => Some(false),
            _ => None,
        }
    }

    pub(super) fn resume(&self) {
        self.decision.store(OPEN, Ordering::Relaxed);
    }

    pub(super) fn set_arriving(&self, is_arriving: bool) {
        self.partial.store(is_arriving, Ordering::Relaxed);
    }

    pub(super) fn wait(&self, waker: &std::task::Waker) {
        self.reader.register(waker);
    }

    /// What was read of the head that is refused.
    pub(super) fn show(&self, glimpse: Glimpse) {
        // What was shown first was whole.
        let _ = self.glimpse.set(Arc::new(glimpse));
    }

    pub(super) fn record(&self, fault: Fault) {
        // The first fault names the answer; nothing is read after it.
        let _ = self.fault.set(fault);
    }
}

/// The request that stands for a refused head. Nobody outside can write it: the value is random in each process.
pub(super) fn synthetic() -> Vec<u8> {
    let mut request = Vec::with_capacity(128);
    request.extend_from_slice(b"GET / HTTP/1.1\r\nhost: invalid\r\nconnection: close\r\ncurfew-fault: ");
    request.extend_from_slice(nonce());
    request.extend_from_slice(b"\r\n\r\n");
    request
}

fn nonce() -> &'static [u8] {
    static NONCE: OnceLock<[u8; 32]> = OnceLock::new();
    NONCE.get_or_init(|| {
        let mut random = [0u8; 32];
        // Without randomness the value would only be guessable, and a guess gains a client nothing but its own 400.
        let _ = aws_lc_rs::rand::fill(&mut random);
        random.map(|byte| b'a' + (byte & 0x0f))
    })
}
