//! How many connections there are and were, and how each may be counted only once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::tls::HandshakeFailure;

/// What telemetry reads about connections, all listeners and workers together.
#[derive(Debug, Default)]
pub struct Counters {
    /// Open now, tunnels included.
    pub open: AtomicUsize,
    /// Taken since the start.
    pub accepted: AtomicU64,
    /// Closed at once, because as many were open as may be.
    pub refused: AtomicU64,
    /// The system could not give us a connection.
    pub accept_errors: AtomicU64,
    /// Dropped for their PROXY header, or for coming from where none may be sent.
    pub proxy_protocol: AtomicU64,
    /// Handshakes that took too long.
    pub handshake_timeout: AtomicU64,
    /// Handshakes that the client left.
    pub handshake_closed: AtomicU64,
    /// Handshakes for a name of no certificate.
    pub handshake_unknown_name: AtomicU64,
    /// Handshakes without a common version, cipher or protocol.
    pub handshake_incompatible: AtomicU64,
    /// Handshakes without the client's certificate where one is needed, or with one that is not taken.
    pub handshake_client_certificate: AtomicU64,
    /// Handshakes that broke the protocol, or whose client refused our certificate.
    pub handshake_protocol: AtomicU64,
    /// Sessions resumed.
    pub resumed: AtomicU64,
    pub(super) next_id: AtomicU64,
}

impl Counters {
    pub(super) fn handshake(&self, failure: HandshakeFailure) -> &AtomicU64 {
        match failure {
            HandshakeFailure::Timeout => &self.handshake_timeout,
            HandshakeFailure::Closed => &self.handshake_closed,
            HandshakeFailure::UnknownName => &self.handshake_unknown_name,
            HandshakeFailure::Incompatible => &self.handshake_incompatible,
            HandshakeFailure::ClientCertificate => &self.handshake_client_certificate,
            HandshakeFailure::Protocol => &self.handshake_protocol,
        }
    }
}

/// One of the connections that may be open. It counts as long as this lives, in a tunnel too.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Counters>);

impl Ticket {
    pub(super) fn take(counters: &Arc<Counters>, limit: usize) -> Option<Self> {
        let open = counters.open.fetch_add(1, Ordering::Relaxed);
        let ticket = Self(counters.clone());
        if open >= limit {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        Some(ticket)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
