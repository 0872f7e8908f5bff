//! Who may ask what changes or tells something of users: whoever has the token; without one, this machine only.

use super::problem::Problem;
use crate::decide::id::CertificateThumbprint;
use crate::settings::Secret;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret as _;
use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};

/// A shorter token could be guessed.
const SHORTEST: usize = 16;

/// Why the token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error(transparent)]
    Secret(#[from] crate::settings::SecretError),
    /// It could be guessed.
    #[error("the token has fewer than {SHORTEST} characters: make one with `openssl rand -hex 32`")]
    Short,
}

/// What is asked of whoever asks.
pub struct Guard {
    /// The hash of the token, so that none lies in memory. Hashes are compared in constant time.
    token: Option<blake3::Hash>,
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// From where.
    pub peer: SocketAddr,
    proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    /// The beginning of the token's hash, which tells one token from the next.
    Token(String),
    /// A certificate that the listener's roots vouch for.
    Certificate(String),
    /// It is on this machine.
    Loopback,
}

/// How an audit log tells it.
impl Display for Who {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.proof {
            Proof::Token(hash) => write!(f, "token:{hash}"),
            Proof::Certificate(thumbprint) => write!(f, "certificate:{thumbprint}"),
            Proof::Loopback => f.write_str("loopback"),
        }
    }
}

/// The connection that a request came over.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where.
    pub address: SocketAddr,
    /// Its certificate, if roots of ours vouched for it in the handshake.
    pub vouched: Option<CertificateThumbprint>,
}

impl Guard {
    /// Reads the token. Blocks for its file.
    ///
    /// # Errors
    /// If it cannot be read, or be trusted to be secret.
    pub fn new(token: Option<&Secret>) -> Result<Self, TokenError> {
        let Some(token) = token else { return Ok(Self { token: None }) };
        let token = token.read()?;
        let token = token.expose_secret().as_bytes();
        if token.len() < SHORTEST { Err(TokenError::Short) } else { Ok(Self { token: Some(blake3::hash(token)) }) }
    }

    /// Whether a token is asked for.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.token.is_some()
    }

    /// Lets a request in. By which name and from which page it comes is asked before, in `origin`.
    ///
    /// # Errors
    /// What it lacks.
    pub fn admit(&self, parts: &Parts, peer: &Peer) -> Result<Who, Problem> {
        let proof = match &self.token {
            Some(hash) => Self::bearer(hash, &parts.headers)?,
            None => match &peer.vouched {
                Some(certificate) => Proof::Certificate(hex(certificate)),
                None => Self::local(peer.address.ip())?,
            },
        };
        Ok(Who { peer: peer.address, proof })
    }

    fn bearer(hash: &blake3::Hash, headers: &HeaderMap) -> Result<Proof, Problem> {
        let wrong = |detail| Problem::new(StatusCode::UNAUTHORIZED, detail);
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(wrong("this needs the token of admin.token, as `Authorization: Bearer …`"));
        };
        let (scheme, token) = line.to_str().ok().and_then(|line| line.split_once(' ')).unwrap_or_default();
        let known = scheme.eq_ignore_ascii_case("bearer") && blake3::hash(token.as_bytes()) == *hash;
        let short = || hash.to_hex().chars().take(8).collect();
        known.then(|| Proof::Token(short())).ok_or_else(|| wrong("this is not the token of admin.token"))
    }

    fn local(peer: IpAddr) -> Result<Proof, Problem> {
        if peer.to_canonical().is_loopback() {
            return Ok(Proof::Loopback);
        }
        let detail = "without admin.token, and without client certificates, this is answered on loopback only";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

/// The beginning of a thumbprint tells one certificate from the next.
fn hex(thumbprint: &CertificateThumbprint) -> String {
    thumbprint.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Guard, Peer};

    fn status(guard: &Guard, from: &str, fields: &[(&str, &str)]) -> u16 {
        let mut request = http::Request::builder();
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer = Peer { address: from.parse().unwrap(), vouched: None };
        guard.admit(&parts, &peer).map_or_else(|problem| problem.status.as_u16(), |_| 200)
    }

    #[test]
    fn without_a_token_only_this_machine_is_let_in() {
        let guard = Guard { token: None };
        for (from, expected) in
            [("127.0.0.1:1", 200), ("[::1]:1", 200), ("[::ffff:127.0.0.1]:1", 200), ("10.0.0.1:1", 403)]
        {
            assert_eq!(status(&guard, from, &[]), expected, "{from}");
        }
    }

    #[test]
    fn the_token_is_asked_of_everybody() {
        let guard = Guard { token: Some(blake3::hash(b"a long enough token")) };
        for (fields, expected) in [
            (&[("authorization", "Bearer a long enough token")][..], 200),
            (&[("authorization", "bearer a long enough token")], 200),
            (&[("authorization", "Bearer a long enough token ")], 401),
            (&[("authorization", "Basic a long enough token")], 401),
            (&[("authorization", "Bearer ")], 401),
            (&[("authorization", "Bearer")], 401),
            (&[("authorization", "Bearer a long enough token"), ("authorization", "Bearer x")], 401),
            (&[], 401),
        ] {
            assert_eq!(status(&guard, "127.0.0.1:1", fields), expected, "{fields:?}");
        }
    }
}
