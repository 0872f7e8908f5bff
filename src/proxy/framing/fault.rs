//! What can be wrong with an HTTP/1.1 byte stream. Which answer it gets is the gate's to say.

/// Why a byte stream was not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FramingReason {
    /// Where the message ends can be read in more than one way (RFC 9112 §6.3, §7.1).
    FramingAmbiguous,
    /// The bytes break the grammar (RFC 9112 §2.2, §3, §5).
    MalformedRequest,
    /// `Host` is missing, doubled, invalid, or not what the target says (RFC 9112 §3.2).
    HostMismatch,
    /// The request target is longer than allowed.
    UriTooLong,
    /// The header or trailer section, one field, or their number is larger than allowed.
    HeadersTooLarge,
    /// A transfer coding before `chunked` that nobody here decodes (RFC 9112 §6.1).
    UnknownTransferCoding,
    /// A version other than HTTP/1.1 and HTTP/1.0.
    VersionNotSupported,
    /// The peer began a message and did not finish it in time.
    RequestTimeout,
}

/// One violation: its kind, and in words which rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of violation.
    pub reason: FramingReason,
    /// The broken rule, for the operator. Never quotes the peer.
    pub detail: &'static str,
}

impl Fault {
    /// Two readers could disagree about where this message ends.
    pub(super) const fn ambiguous(detail: &'static str) -> Self {
        Self { reason: FramingReason::FramingAmbiguous, detail }
    }

    /// The grammar is broken.
    pub(super) const fn malformed(detail: &'static str) -> Self {
        Self { reason: FramingReason::MalformedRequest, detail }
    }

    /// The authority is missing, doubled, or invalid.
    pub(super) const fn host(detail: &'static str) -> Self {
        Self { reason: FramingReason::HostMismatch, detail }
    }

    /// A header section, a field, or their number is over its limit.
    pub(super) const fn too_large(detail: &'static str) -> Self {
        Self { reason: FramingReason::HeadersTooLarge, detail }
    }

    /// The target is over its limit.
    pub(super) const fn uri_too_long() -> Self {
        Self { reason: FramingReason::UriTooLong, detail: "the request target is longer than allowed" }
    }

    /// The clock ran out.
    pub(super) const fn timeout(detail: &'static str) -> Self {
        Self { reason: FramingReason::RequestTimeout, detail }
    }
}
