//! As whom the gateway asks (RFC 7662 §2.1): what stands in a question besides the token, and over which connections it
//! goes.

use super::assertion::{SigningKey, assertion};
use super::rotating::{MAX_BYTES, Rotating};
use super::settings::{ClientAuth, PrivateKeyJwt, TlsClientAuth};
use crate::decide::time::Moment;
use crate::idp::build::BuildError;
use crate::idp::connect;
use crate::idp::exchange::Exchange;
use crate::idp::form::encoded;
use crate::idp::guard::Allowed;
use crate::settings::{Secret, read_bounded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names the kind of an assertion (RFC 7523 §2.2), escaped as in a form.
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// How long an answer may be, where it may come from, and by which roots it is known.
pub(super) struct Way {
    pub(super) allowed: Allowed,
    pub(super) max_bytes: usize,
    pub(super) ca: Option<PathBuf>,
}

/// Who the gateway is.
pub(super) struct Credentials {
    proof: Proof,
    /// For all questions, where the connection proves nothing.
    exchange: Option<Arc<Exchange>>,
}

enum Proof {
    Header((HeaderName, HeaderValue)),
    Body(SecretString),
    Key(Box<PrivateKeyJwt>, Rotating<SigningKey>),
    /// The connections are made with a certificate (RFC 8705 §2), and made anew with another one.
    Certificate(SecretString, Rotating<Arc<Exchange>>),
}

/// What one question needs.
pub(super) struct Presented<'a> {
    pub(super) exchange: Arc<Exchange>,
    pub(super) auth: Option<&'a (HeaderName, HeaderValue)>,
    /// What the body begins with.
    pub(super) body: SecretString,
    /// Only over TLS does it prove anything.
    pub(super) needs_tls: bool,
}

impl Credentials {
    /// Reads what they are made of.
    pub(super) fn new(auth: &ClientAuth, way: Way) -> Result<Self, BuildError> {
        let proof = match auth {
            // Both are escaped as in a form first (RFC 6749 §2.3.1).
            ClientAuth::ClientSecretBasic(client) => {
                let secret = client.client_secret.read()?;
                let pair = format!("{}:{}", encoded(&client.client_id), encoded(secret.expose_secret()));
                Proof::Header(header(format!("Basic {}", STANDARD.encode(pair)), &client.client_secret)?)
            }
            ClientAuth::ClientSecretPost(client) => {
                let secret = client.client_secret.read()?;
                let (id, secret) = (encoded(&client.client_id), encoded(secret.expose_secret()));
                Proof::Body(SecretString::from(format!("client_id={id}&client_secret={secret}&")))
            }
            ClientAuth::Bearer(secret) => {
                let token = secret.read()?;
                Proof::Header(header(format!("Bearer {}", token.expose_secret()), secret)?)
            }
            ClientAuth::PrivateKeyJwt(of) => {
                let algorithm = of.algorithm;
                let make = move |files: &[Vec<u8>]| {
                    SigningKey::read(files.first().map(Vec::as_slice).unwrap_or_default(), algorithm)
                };
                let key = Rotating::new(vec![of.key.clone()], make);
                Proof::Key(of.clone(), key.map_err(|why| unfit("private_key_jwt.key", &of.key, &why))?)
            }
            ClientAuth::TlsClientAuth(of) => return certified(of, way),
        };
        let exchange = Exchange::new(way.allowed, way.max_bytes, way.ca.as_deref())?;
        Ok(Self { proof, exchange: Some(Arc::new(exchange)) })
    }

    /// What a question needs now, of this issuer. `None` if nothing can be proven now.
    pub(super) async fn present(&self, issuer: &str, now: Moment) -> Option<Presented<'_>> {
        let none = || SecretString::from("");
        let (auth, body) = match &self.proof {
            Proof::Header(header) => (Some(header), none()),
            Proof::Body(body) => (None, body.clone()),
            Proof::Key(of, key) => {
                let said = assertion(&*key.current(now.steady).await, of, issuer, now.wall)?;
                let id = encoded(&of.client_id);
                let body = format!("client_id={id}&client_assertion_type={JWT_BEARER}&client_assertion={said}&");
                (None, SecretString::from(body))
            }
            Proof::Certificate(body, exchange) => {
                let exchange = Arc::clone(&*exchange.current(now.steady).await);
                return Some(Presented { exchange, auth: None, body: body.clone(), needs_tls: true });
            }
        };
        Some(Presented { exchange: Arc::clone(self.exchange.as_ref()?), auth, body, needs_tls: false })
    }

    /// Whether the connection itself says who asks.
    pub(super) const fn by_certificate(&self) -> bool {
        matches!(self.proof, Proof::Certificate(..))
    }
}

impl ClientAuth {
    /// What is wrong with what its files hold now.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let read = |path: &Path| read_bounded(path, MAX_BYTES).map_err(|error| error.to_string());
        let tried = match self {
            Self::PrivateKeyJwt(of) => read(&of.key).and_then(|pem| SigningKey::read(&pem, of.algorithm).map(drop)),
            Self::TlsClientAuth(of) => read(&of.cert).and_then(|cert| {
                let key = read(&of.key)?;
                connect::is_pair(&cert, &key).map_err(|error| error.to_string())
            }),
            Self::ClientSecretBasic(_) | Self::ClientSecretPost(_) | Self::Bearer(_) => Ok(()),
        };
        tried.err()
    }
}

fn certified(of: &TlsClientAuth, way: Way) -> Result<Credentials, BuildError> {
    let Way { allowed, max_bytes, ca } = way;
    let make = move |files: &[Vec<u8>]| {
        let [cert, key] = files else { return Err("a certificate and its key".into()) };
        let tls = connect::tls_with(ca.as_deref(), Some((cert, key))).map_err(|error| error.to_string())?;
        Ok(Arc::new(Exchange::over(tls, allowed, max_bytes)))
    };
    let exchange = Rotating::new(vec![of.cert.clone(), of.key.clone()], make);
    let exchange = exchange.map_err(|why| unfit("tls_client_auth", &of.cert, &why))?;
    // Who it is said to be is compared with the certificate (RFC 8705 §2).
    let body = SecretString::from(format!("client_id={}&", encoded(&of.client_id)));
    Ok(Credentials { proof: Proof::Certificate(body, exchange), exchange: None })
}

fn header(text: String, secret: &Secret) -> Result<(HeaderName, HeaderValue), BuildError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| BuildError::HeaderValue(secret.to_string()))?;
    value.set_sensitive(true);
    Ok((AUTHORIZATION, value))
}

fn unfit(field: &'static str, path: &Path, why: &str) -> BuildError {
    let told = why.strip_prefix(&format!("{}: ", path.display())).unwrap_or(why);
    BuildError::Identity { field, path: path.display().to_string(), why: told.to_owned() }
}
