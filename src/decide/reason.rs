//! THE table of reasons: every answer that Curfew itself writes, on one screen. A row alone gives the HTTP
//! status, the `WWW-Authenticate` error, the `Proxy-Status` error, the metric label, the trace attribute,
//! the text for the client and the page for the operator. Rows are only ever added, never renamed.

use http::StatusCode;

/// What the `WWW-Authenticate` field says of a reason (RFC 6750 §3.1, RFC 9470 §3, RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No challenge: a token would not help.
    None,
    /// A challenge without an error code: nothing usable was presented.
    Bare,
    /// A challenge with this error code.
    Error(&'static str),
}

use Challenge::{Bare, Error, None as Silent};

macro_rules! reasons {
    ($($variant:ident => $code:literal, $status:literal, $challenge:expr, $proxy:literal, $told:literal, $cure:literal;)*) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $told] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        code: $code, status: $status, challenge: $challenge, proxy: $proxy, told: $told, cure: $cure,
                    },)*
                }
            }
        }
    };
}

struct Row {
    code: &'static str,
    status: u16,
    challenge: Challenge,
    proxy: &'static str,
    told: &'static str,
    cure: &'static str,
}

const INVALID: Challenge = Error("invalid_token");
const REQUEST: Challenge = Error("invalid_request");
const AGAIN: Challenge = Error("insufficient_user_authentication");
const PROOF: Challenge = Error("invalid_dpop_proof");

reasons! {
// variant => code, status, challenge, Proxy-Status error, what the client is told, what the operator does
TokenMissing => "token_missing", 401, Bare, "http_request_error", "no access token was sent", "The client obtains a token and sends it as 'Authorization: Bearer'. If the route should be public, say 'access: open'.";
UnsupportedAuthScheme => "unsupported_auth_scheme", 401, Bare, "http_request_error", "the authorization scheme is not supported", "The client sends 'Authorization: Bearer <token>', or 'DPoP' where the policy speaks it; other schemes are not spoken here.";
TokenInQuery => "token_in_query", 401, Bare, "http_request_error", "access tokens are not accepted in the query string", "The client moves the token from the URL to the Authorization header. URLs end up in logs: treat that token as leaked.";
MultipleCredentials => "multiple_credentials", 400, REQUEST, "http_request_error", "more than one credential was sent", "Find who adds the second credential: often a proxy in between, or a cookie beside a header.";
MalformedAuthorization => "malformed_authorization", 400, REQUEST, "http_request_error", "the Authorization header is not well formed", "The client sends 'Bearer', one space, and the token, nothing else.";
TokenMalformed => "token_malformed", 401, INVALID, "http_request_error", "the token is not a well-formed JWT", "The trail names the part that is wrong. Opaque tokens need introspection; a truncated token often means a header limit on the way.";
TokenTooLarge => "token_too_large", 401, INVALID, "http_request_error", "the token is too large", "Have the provider put fewer claims into it, or raise 'limits.token_bytes'.";
TokenEncrypted => "token_encrypted", 401, INVALID, "http_request_error", "encrypted tokens are not accepted", "Have the provider issue signed (JWS) access tokens for this resource.";
AlgNotAllowed => "alg_not_allowed", 401, INVALID, "http_request_error", "the token's signature algorithm is not allowed", "If the provider changed its algorithm, add it to the issuer's 'algorithms'. Otherwise this is an attack.";
CritUnsupported => "crit_unsupported", 401, INVALID, "http_request_error", "the token uses a critical extension that is not supported", "No JOSE extension is understood here (RFC 7515 §4.1.11). Have the provider leave 'crit' out.";
KeyHeaderForbidden => "key_header_forbidden", 401, INVALID, "http_request_error", "the token's header carries a key", "Strict mode refuses 'jwk', 'jku', 'x5u' and 'x5c'. They are never used; turn strict mode off if the provider insists on sending them.";
TokenTypeInvalid => "token_type_invalid", 401, INVALID, "http_request_error", "this is not an access token", "The client sends the access token, not the ID token. If the provider does not set 'typ: at+jwt', set 'profile: legacy' on the issuer.";
IssuerUntrusted => "issuer_untrusted", 401, INVALID, "http_request_error", "the token's issuer is not trusted here", "Compare the token's 'iss' with the configured issuer byte by byte: trailing slash, case, http and https all count. The route may also list 'issuers'.";
KeyUnknown => "key_unknown", 401, INVALID, "http_request_error", "the token's signing key is unknown", "If the provider just rotated its keys, look at the age of its key set in the metrics; otherwise the token is from another environment, or forged.";
SignatureInvalid => "signature_invalid", 401, INVALID, "http_request_error", "the token's signature does not verify", "The token was altered, or signed by another key under the same key id.";
ClaimMissing => "claim_missing", 401, INVALID, "http_request_error", "the token lacks a claim that is required here", "The trail names the claim. Have the provider add it, or relax 'require' for this policy.";
ClaimsMalformed => "claims_malformed", 401, INVALID, "http_request_error", "a claim of the token is malformed", "The trail names the claim. Times are JSON numbers, 'exp' lies after 'iat' and 'nbf'.";
AudienceMismatch => "audience_mismatch", 401, INVALID, "http_request_error", "the token is meant for another audience", "The client requests a token for this resource. Compare the token's 'aud' with 'audiences'.";
TokenExpired => "token_expired", 401, INVALID, "http_request_error", "the token has expired", "The client renews it. If many at once: look for clock skew, or a client that does not renew.";
TokenNotYetValid => "token_not_yet_valid", 401, INVALID, "http_request_error", "the token is not valid yet", "Clock skew between the provider and this gateway, or a token issued for later. Look at the skew in the metrics.";
TokenIssuedInFuture => "token_issued_in_future", 401, INVALID, "http_request_error", "the token was issued in the future", "The clock of the provider is ahead of this gateway's. Mend the clocks before you widen the leeway.";
TokenLifetimeExcessive => "token_lifetime_excessive", 401, INVALID, "http_request_error", "the token lives longer than is accepted here", "Shorten the access token lifetime at the provider, or raise 'token.max_lifetime'.";
TokenTooOld => "token_too_old", 401, INVALID, "http_request_error", "the token was issued too long ago for this route", "The client renews its token, though it has not expired. 'token.max_age' of the policy sets the limit.";
TokenRevoked => "token_revoked", 401, INVALID, "http_request_error", "the token has been revoked", "The trail names the source and the instant of the revocation.";
StatusSuspended => "status_suspended", 401, INVALID, "http_request_error", "the token is suspended", "Its status list says SUSPENDED: it may come back.";
StatusInvalid => "status_invalid", 401, INVALID, "http_request_error", "the token's status is not acceptable", "The index lies outside its status list, or the status value is reserved.";
SessionRevoked => "session_revoked", 401, INVALID, "http_request_error", "the session has been revoked", "The user signs in again. The trail names the source of the revocation.";
SubjectRevoked => "subject_revoked", 401, INVALID, "http_request_error", "the user's tokens have been revoked", "The user signs in again: tokens issued up to the cut-off in the trail are refused.";
ClientRevoked => "client_revoked", 401, INVALID, "http_request_error", "the client's tokens have been revoked", "Tokens of this client issued before the cut-off are refused.";
IssuedBeforeCutoff => "issued_before_cutoff", 401, INVALID, "http_request_error", "the token was issued before the issuer's cut-off", "Everything this issuer issued before the cut-off is refused. The client renews its token.";
ClaimsChanged => "claims_changed", 401, INVALID, "http_request_error", "the token's claims are out of date", "The provider announced changed claims. The client renews its token.";
IntrospectionInactive => "introspection_inactive", 401, INVALID, "http_request_error", "the provider says the token is not active", "The provider gives no cause: its own log has it. The trail says whether it was asked for this request, or shortly before.";
SessionIdleTimeout => "session_idle_timeout", 401, AGAIN, "http_request_error", "the session was idle for too long", "The user signs in again; renewing the token does not help. 'session.idle' sets the limit. Tokens with neither a session id nor 'auth_time' cannot show that he did: his session begins anew once it is forgotten, 'sessions.remember' after it was last used; have the provider put one of the two into them; and 'auth_time', where it keeps the session id over a sign-in.";
SessionAbsoluteTimeout => "session_absolute_timeout", 401, AGAIN, "http_request_error", "the session has reached its maximum length", "The user signs in again. 'session.absolute' sets the limit. Tokens with neither a session id nor 'auth_time' cannot show that he did: his session begins anew once it is forgotten, 'sessions.remember' after it was last used; have the provider put one of the two into them; and 'auth_time', where it keeps the session id over a sign-in.";
AuthTooOld => "auth_too_old", 401, AGAIN, "http_request_error", "a more recent sign-in is needed", "The client sends the user to sign in with the 'max_age' of the challenge (RFC 9470).";
AuthTimeMissing => "auth_time_missing", 401, AGAIN, "http_request_error", "the token does not say when the user signed in", "Have the provider include 'auth_time' in access tokens.";
AcrInsufficient => "acr_insufficient", 401, AGAIN, "http_request_error", "a stronger sign-in is needed", "The client sends the user to sign in with the 'acr_values' of the challenge (RFC 9470).";
SessionUnidentified => "session_unidentified", 401, INVALID, "http_request_error", "the token names no session", "Have the provider include the session claim, or name another in the issuer's 'session_claim'.";
SessionUnavailable => "session_unavailable", 503, Silent, "proxy_internal_response", "it cannot be told at the moment whether the session has ended", "As many sessions are remembered as 'sessions.max' allows, and this one is not among them. Raise it, or shorten 'sessions.remember', or have issuers asked instead ('sessions.on_full'); metrics tell how many there are.";
SessionStateUnknown => "session_state_unknown", 503, Silent, "proxy_internal_response", "it cannot be told at the moment whether the session has ended", "The Redis in which instances share their sessions does not answer, and this instance does not know enough of the session. Look at 'curfew_session_store_connected' and the log; the policy's 'session.on_state_loss' decides what happens meanwhile.";
DpopDowngrade => "dpop_downgrade", 401, INVALID, "http_request_error", "a sender-constrained token was sent as a bearer token", "The client sends it with the DPoP scheme and a proof; a stolen token looks just like this.";
DpopBindingMissing => "dpop_binding_missing", 401, INVALID, "http_request_error", "the token is not bound to a key", "The client asks the provider for a DPoP-bound token.";
DpopProofMissing => "dpop_proof_missing", 401, PROOF, "http_request_error", "the DPoP proof is missing", "The client sends a DPoP header with each request.";
DpopProofInvalid => "dpop_proof_invalid", 401, PROOF, "http_request_error", "the DPoP proof is not valid", "The trail names what is wrong with it.";
DpopProofReplayed => "dpop_proof_replayed", 401, PROOF, "http_request_error", "the DPoP proof was used before", "The client makes a new proof for each request.";
DpopUnavailable => "dpop_unavailable", 503, Silent, "proxy_internal_response", "it cannot be told at the moment whether the DPoP proof was used before", "The memory of used proofs is full, or that of its key, or the proof is older than what is remembered. It empties as they expire: make fresh proofs, add instances, or shorten 'token.dpop_max_age'.";
DpopNonceRequired => "dpop_nonce_required", 401, Error("use_dpop_nonce"), "http_request_error", "a DPoP nonce is required", "The client repeats the request with the nonce of this answer.";
DpopKeyMismatch => "dpop_key_mismatch", 401, INVALID, "http_request_error", "the DPoP proof is of another key than the token", "The token was stolen, or the client lost its key.";
MtlsCertMissing => "mtls_cert_missing", 401, INVALID, "http_request_error", "the token is bound to a client certificate, and none was sent", "The client connects with its certificate (RFC 8705). The listener must ask for one: see its 'client_certificates'.";
MtlsCertMismatch => "mtls_cert_mismatch", 401, INVALID, "http_request_error", "the token is bound to another client certificate", "The token was stolen, or the client renewed its certificate and not its token.";
MtlsBindingMissing => "mtls_binding_missing", 401, INVALID, "http_request_error", "the token is not bound to a client certificate", "The client asks the provider for a token that is bound to its certificate (RFC 8705), over a connection with that certificate.";
CnfUnsupported => "cnf_unsupported", 401, INVALID, "http_request_error", "the token is bound in a way that cannot be checked here", "Have the provider issue tokens without this 'cnf' member for this resource. For 'x5t#S256', look whether the policy says 'mtls: off'.";
InsufficientScope => "insufficient_scope", 403, Error("insufficient_scope"), "http_request_denied", "the token does not have the scope that is needed", "The client asks for the scopes that the challenge names.";
PolicyDenied => "policy_denied", 403, Silent, "http_request_denied", "the token's claims do not permit this", "The trail names the rule of the policy that did not hold.";
RevocationStale => "revocation_stale", 503, Silent, "proxy_internal_response", "it cannot be told at the moment whether the token is revoked", "A revocation source has not been heard within 'max_staleness'. Look at its last error; the policy's 'on_stale' decides what happens meanwhile.";
StatusUnavailable => "status_unavailable", 503, Silent, "proxy_internal_response", "the token's status list cannot be had at the moment", "The status list could not be fetched or has expired.";
KeyUnavailable => "key_unavailable", 503, Silent, "proxy_internal_response", "the issuer's keys cannot be had at the moment", "The key set was never fetched, or is older than 'max_stale'. Look at the issuer's last fetch error.";
IntrospectionUnavailable => "introspection_unavailable", 503, Silent, "proxy_internal_response", "the token cannot be verified at the moment", "The introspection endpoint fails, is too slow, or refuses this gateway's credentials: the log and the trail say which. Nothing is wrong with the token.";
MalformedRequest => "malformed_request", 400, Silent, "http_request_error", "the request is malformed", "The client, or a proxy before this one, sends what HTTP does not allow.";
FramingAmbiguous => "framing_ambiguous", 400, Silent, "http_request_error", "where the request ends is ambiguous", "A request smuggling attempt, or a proxy before this one that frames requests carelessly (RFC 9112 §6.3).";
TransferCodingUnknown => "transfer_coding_unknown", 501, Silent, "http_request_error", "the transfer coding is not supported", "Only 'chunked' is spoken here.";
HostMismatch => "host_mismatch", 400, Silent, "http_request_error", "the request does not name one host", "The Host field is missing, repeated, malformed, or differs from the request's target.";
MisdirectedRequest => "misdirected_request", 421, Silent, "http_request_error", "this host is not served on this connection", "The client opens a new connection for this host. The certificate of the connection does not cover it.";
PathAmbiguous => "path_ambiguous", 400, Silent, "http_request_error", "the path can be read in more than one way", "Dot segments, '//', ';', encoded slashes and double encoding are refused, because a backend might read them otherwise.";
ForbiddenHeader => "forbidden_header", 400, Silent, "http_request_error", "the request carries a header that is not allowed", "A header that only the gateway may set, or a Connection field that names a protected one.";
HeadersTooLarge => "headers_too_large", 431, Silent, "http_request_error", "the request's header section is too large", "Raise 'limits' if this is legitimate; often it is a cookie that grows.";
UriTooLong => "uri_too_long", 414, Silent, "http_request_error", "the request's target is too long", "Raise 'limits.uri_bytes' if this is legitimate.";
BodyTooLarge => "body_too_large", 413, Silent, "http_request_error", "the request's body is too large", "Raise 'body_limit' of the route if this is legitimate.";
RouteNotFound => "route_not_found", 404, Silent, "http_request_error", "there is nothing at this address", "No route matches host and path. An unmatched request is always refused.";
MethodNotAllowed => "method_not_allowed", 405, Silent, "http_request_error", "the method is not allowed here", "Add the method to the route's 'methods'.";
UpgradeNotAllowed => "upgrade_not_allowed", 403, Silent, "http_request_denied", "this address does not allow a WebSocket", "Say 'websocket: true' on the route.";
ExpectationFailed => "expectation_failed", 417, Silent, "http_request_error", "the expectation cannot be met", "Only 'Expect: 100-continue' is known.";
RequestTimeout => "request_timeout", 408, Silent, "http_request_error", "the request did not arrive in time", "A slow network, or a slow-loris attack.";
TooEarly => "too_early", 425, Silent, "http_request_error", "the request came in early data", "The client repeats it after the handshake.";
CrossSite => "cross_site", 403, Silent, "http_request_denied", "a page of another site may not do this", "A page of another site asked for more time in a user's name, or a client without an origin did not send 'Curfew-Extend'. Name the origin of your own page in 'sessions.door.origins'.";
ExtendNotAllowed => "extend_not_allowed", 403, Silent, "http_request_denied", "more time cannot be asked for here", "Say 'session.extend: allow' in the policy of the session door's route.";
RateLimited => "rate_limited", 429, Silent, "http_request_error", "too many requests", "The client waits as 'Retry-After' says.";
Overloaded => "overloaded", 503, Silent, "proxy_internal_response", "the gateway is busy", "More requests at once than 'limits.requests' allows, streams included. Add capacity, or raise the limit.";
LoopDetected => "loop_detected", 502, Silent, "proxy_loop_detected", "the request came back to this gateway", "An upstream points at this gateway. Look at the Via field.";
UpstreamUnreachable => "upstream_unreachable", 503, Silent, "destination_unavailable", "the service behind the gateway cannot be reached", "No endpoint of the upstream could be reached; the trace names the endpoint and the error.";
UpstreamTimeout => "upstream_timeout", 504, Silent, "http_response_timeout", "the service behind the gateway did not answer in time", "Look at the upstream's latency, and at the route's 'timeouts'.";
UpstreamProtocolError => "upstream_protocol_error", 502, Silent, "http_protocol_error", "the service behind the gateway answered with an error", "The upstream broke the connection, or does not speak the configured protocol.";
StreamExpired => "stream_expired", 401, INVALID, "http_request_denied", "the token ended while the stream was open", "The client opens the stream again with a new token.";
EventRefused => "event_refused", 400, Silent, "http_request_denied", "the event is not accepted", "A provider, or somebody in its name, sent an event to a revocation source that is malformed, not signed by it, or not about its own users. The answer's body and 'curfew_revocation_events' tell more.";
EventNotKept => "event_not_kept", 503, Silent, "proxy_internal_response", "the event cannot be kept at the moment", "A revocation source could not keep an event, so it did not acknowledge it. Look at the source's last error, its 'max_entries', and the issuer's keys.";
InternalError => "internal_error", 500, Silent, "proxy_internal_error", "an internal error", "A fault of the gateway itself. The log has the details; please report it.";
}

impl Reason {
    /// The code: metric label, trace attribute, member `reason` of the problem body.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What `WWW-Authenticate` says.
    #[must_use]
    pub const fn challenge(self) -> Challenge {
        self.row().challenge
    }

    /// The `error` of the `Proxy-Status` field (RFC 9209 §2.3).
    #[must_use]
    pub const fn proxy_error(self) -> &'static str {
        self.row().proxy
    }

    /// What the client is told: a sentence without its full stop, of characters that
    /// `error_description` may hold (RFC 6750 §3).
    #[must_use]
    pub const fn told(self) -> &'static str {
        self.row().told
    }

    /// What the operator, or the client's developer, does about it.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        self.row().cure
    }

    /// Is it an entry of the revocation set that says so?
    #[must_use]
    pub const fn is_revocation(self) -> bool {
        matches!(
            self,
            Self::TokenRevoked
                | Self::SessionRevoked
                | Self::SubjectRevoked
                | Self::ClientRevoked
                | Self::IssuedBeforeCutoff
        )
    }

    /// May the client simply try again a little later?
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self.row().status, 429 | 503 | 504)
    }

    /// Was framing in doubt, so that the connection must not be used again?
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(
            self,
            Self::MalformedRequest
                | Self::FramingAmbiguous
                | Self::TransferCodingUnknown
                | Self::HostMismatch
                | Self::HeadersTooLarge
                | Self::UriTooLong
                | Self::RequestTimeout
        )
    }

    /// The reason with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::{Challenge, Reason};
    use std::collections::HashSet;

    /// The table keeps its own laws: codes are unique and snake_case, texts fit their fields, and a 401
    /// always carries a challenge (RFC 9110 §15.5.2).
    #[test]
    fn the_table_is_sound() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(reason.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", reason.code());
            assert!(reason.told().bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
            assert_eq!(reason.status() == 401, reason.challenge() != Challenge::None && reason.status() == 401);
            assert_ne!(reason.status().as_u16(), 200);
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
    }
}
