//! §25 of the standards as the tests understand it. Written apart from the gateway's own table on purpose: a slip
//! there must not bless itself here.

/// What `WWW-Authenticate` must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No such field.
    None,
    /// A challenge without `error`.
    Bare,
    /// A challenge with this `error`.
    Error(&'static str),
}

/// One row of §25.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical {
    pub reason: &'static str,
    pub status: u16,
    pub challenge: Challenge,
}

const INVALID: Challenge = Challenge::Error("invalid_token");
const REQUEST: Challenge = Challenge::Error("invalid_request");
const AGAIN: Challenge = Challenge::Error("insufficient_user_authentication");
const PROOF: Challenge = Challenge::Error("invalid_dpop_proof");

const fn row(reason: &'static str, status: u16, challenge: Challenge) -> Canonical {
    Canonical { reason, status, challenge }
}

/// Every reason of §25 that the first cut can give.
pub const CANONICAL: &[Canonical] = &[
    row("token_missing", 401, Challenge::Bare),
    row("unsupported_auth_scheme", 401, Challenge::Bare),
    row("token_in_query", 401, Challenge::Bare),
    row("multiple_credentials", 400, REQUEST),
    row("malformed_authorization", 400, REQUEST),
    row("token_malformed", 401, INVALID),
    row("token_too_large", 401, INVALID),
    row("token_encrypted", 401, INVALID),
    row("alg_not_allowed", 401, INVALID),
    row("crit_unsupported", 401, INVALID),
    row("key_header_forbidden", 401, INVALID),
    row("token_type_invalid", 401, INVALID),
    row("issuer_untrusted", 401, INVALID),
    row("key_unknown", 401, INVALID),
    row("signature_invalid", 401, INVALID),
    row("claim_missing", 401, INVALID),
    row("claims_malformed", 401, INVALID),
    row("audience_mismatch", 401, INVALID),
    row("token_expired", 401, INVALID),
    row("token_not_yet_valid", 401, INVALID),
    row("token_issued_in_future", 401, INVALID),
    row("token_lifetime_excessive", 401, INVALID),
    row("token_too_old", 401, INVALID),
    row("token_revoked", 401, INVALID),
    row("session_revoked", 401, INVALID),
    row("subject_revoked", 401, INVALID),
    row("client_revoked", 401, INVALID),
    row("issued_before_cutoff", 401, INVALID),
    row("session_idle_timeout", 401, AGAIN),
    row("session_absolute_timeout", 401, AGAIN),
    row("dpop_downgrade", 401, INVALID),
    row("dpop_binding_missing", 401, INVALID),
    row("dpop_proof_missing", 401, PROOF),
    row("dpop_proof_invalid", 401, PROOF),
    row("dpop_proof_replayed", 401, PROOF),
    row("dpop_nonce_required", 401, Challenge::Error("use_dpop_nonce")),
    row("dpop_key_mismatch", 401, INVALID),
    row("mtls_cert_missing", 401, INVALID),
    row("mtls_cert_mismatch", 401, INVALID),
    row("mtls_binding_missing", 401, INVALID),
    row("cnf_unsupported", 401, INVALID),
    row("insufficient_scope", 403, Challenge::Error("insufficient_scope")),
    row("policy_denied", 403, Challenge::None),
    row("revocation_stale", 503, Challenge::None),
    row("key_unavailable", 503, Challenge::None),
    row("malformed_request", 400, Challenge::None),
    row("framing_ambiguous", 400, Challenge::None),
    row("transfer_coding_unknown", 501, Challenge::None),
    row("host_mismatch", 400, Challenge::None),
    row("misdirected_request", 421, Challenge::None),
    row("path_ambiguous", 400, Challenge::None),
    row("forbidden_header", 400, Challenge::None),
    row("headers_too_large", 431, Challenge::None),
    row("uri_too_long", 414, Challenge::None),
    row("body_too_large", 413, Challenge::None),
    row("route_not_found", 404, Challenge::None),
    row("method_not_allowed", 405, Challenge::None),
    row("upgrade_not_allowed", 403, Challenge::None),
    row("expectation_failed", 417, Challenge::None),
    row("request_timeout", 408, Challenge::None),
    row("too_early", 425, Challenge::None),
    row("loop_detected", 502, Challenge::None),
    row("upstream_unreachable", 503, Challenge::None),
    row("upstream_timeout", 504, Challenge::None),
    row("upstream_protocol_error", 502, Challenge::None),
];

#[allow(dead_code, reason = "not every binary looks up by name")]
/// The row of a reason; a test that names one that does not exist is itself wrong.
pub fn canonical(reason: &str) -> Canonical {
    *CANONICAL.iter().find(|row| row.reason == reason).unwrap_or_else(|| panic!("no such reason: {reason}"))
}
