//! The embedded identity provider: discovery, keys, tokens, revocation, and the feed of what is revoked. It speaks
//! plain HTTP on loopback, which a config must allow by name. Its demo grant gives anybody any token, good or bad:
//! it is a toy, and nothing outside a demo may trust it.

use super::form::Form;
use super::keys::{KeyError, Keys};
use super::revocations::Revocations;
use super::serve::{self, Answer};
use super::tokens::{self, Minted, Wish};
use crate::state::clock::Clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, ETAG, IF_NONE_MATCH, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The only client there is, and its secret.
const CLIENT: &str = "demo";

/// The provider.
pub struct Provider {
    issuer: String,
    clock: Arc<dyn Clock>,
    keys: Mutex<Keys>,
    revoked: Mutex<Revocations>,
}

impl Provider {
    /// A provider with new keys.
    pub fn new(issuer: String, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let revoked = Mutex::new(Revocations::new(clock.now().wall));
        Ok(Self { issuer, keys: Mutex::new(Keys::generate()?), revoked, clock })
    }

    /// Answers a request, if it is for the provider.
    pub fn answer(&self, request: &Request<Bytes>) -> Option<Answer> {
        let (get, post) = (request.method() == Method::GET, request.method() == Method::POST);
        Some(match request.uri().path() {
            "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" if get => {
                serve::json(StatusCode::OK, &self.metadata())
            }
            "/jwks" if get => serve::json(StatusCode::OK, &held(&self.keys).set()),
            "/token" if post => self.token(request),
            "/revoke" if post => self.revoke(request),
            "/revocations" if get => self.feed(request),
            "/rotate" if post => self.rotate(request),
            _ => return None,
        })
    }

    /// OpenID Connect Discovery 1.0 §3, RFC 8414 §2.
    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "jwks_uri": at("/jwks"),
            "token_endpoint": at("/token"),
            "revocation_endpoint": at("/revoke"),
            "grant_types_supported": ["client_credentials", "demo"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "scopes_supported": ["orders.read", "orders.write"],
        })
    }

    /// RFC 6749 §4.4, and the demo grant. Whoever accepts `application/jwt` gets the bare token, for shells.
    fn token(&self, request: &Request<Bytes>) -> Answer {
        let form = Form::parse(request.body());
        match form.get("grant_type") {
            Some("demo") => {}
            Some("client_credentials") if client_is_known(request, &form) => {}
            Some("client_credentials") => return unknown_client(),
            Some(_) => return refusal("unsupported_grant_type", "client_credentials and demo are known"),
            None => return refusal("invalid_request", "grant_type is missing"),
        }
        match self.grant(&form) {
            Ok((Some(minted), _)) if accepts_bare(request) => {
                serve::answer(StatusCode::OK, "application/jwt", minted.token)
            }
            Ok((Some(minted), wish)) => granted(&minted, &wish),
            Ok((None, _)) => broken(),
            Err(field) => refusal("invalid_request", field),
        }
    }

    /// Makes the token that a form wishes for. One that names an earlier token in `refresh` goes on with its session. The
    /// error says which field is wrong; no token is made if signing fails.
    pub fn grant(&self, form: &Form) -> Result<(Option<Minted>, Wish), &'static str> {
        let (mut wish, now) = (Wish::read(form)?, self.clock.now().wall);
        let keys = held(&self.keys);
        if let Some(token) = form.get("refresh") {
            tokens::own(token, &keys).ok_or("refresh")?.refresh(&mut wish, now);
        }
        Ok((tokens::mint(&wish, &self.issuer, CLIENT, &keys, now), wish))
    }

    /// RFC 7009 §2: what is not one of our tokens is as good as revoked, and answered alike.
    fn revoke(&self, request: &Request<Bytes>) -> Answer {
        let form = Form::parse(request.body());
        let Some(token) = form.get("token") else { return refusal("invalid_request", "token is missing") };
        let own = tokens::own(token, &held(&self.keys));
        match own.map(|own| held(&self.revoked).add(own, self.clock.now().wall)) {
            None | Some(Ok(())) => serve::answer(StatusCode::OK, "text/plain", Bytes::new()),
            Some(Err(_full)) => serve::text(StatusCode::SERVICE_UNAVAILABLE, "too much is revoked\n"),
        }
    }

    fn feed(&self, request: &Request<Bytes>) -> Answer {
        let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes());
        let revoked = held(&self.revoked);
        let tag = format!("\"{}\"", revoked.cursor());
        let mut answer = match request.headers().get(IF_NONE_MATCH) {
            Some(seen) if seen.as_bytes() == tag.as_bytes() => {
                serve::answer(StatusCode::NOT_MODIFIED, "application/json", Bytes::new())
            }
            _ => serve::json(StatusCode::OK, &revoked.after(query.get("cursor"))),
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.headers_mut().insert(ETAG, tag);
        }
        answer
    }

    /// New keys. With `?forget`, the ones before are withdrawn at once, as after a theft.
    fn rotate(&self, request: &Request<Bytes>) -> Answer {
        // Made before the lock is taken: a key takes its time.
        let Ok(next) = Keys::next() else { return broken() };
        let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes());
        let mut keys = held(&self.keys);
        keys.rotate(next, query.get("forget").is_some());
        serve::json(StatusCode::OK, &json!({ "published": keys.ids() }))
    }
}

/// RFC 6749 §2.3.1: HTTP Basic, or in the form.
fn client_is_known(request: &Request<Bytes>, form: &Form) -> bool {
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{CLIENT}")));
    let field = request.headers().get(AUTHORIZATION);
    field.map_or_else(
        || form.get("client_id") == Some(CLIENT) && form.get("client_secret") == Some(CLIENT),
        |field| field.as_bytes() == basic.as_bytes(),
    )
}

fn accepts_bare(request: &Request<Bytes>) -> bool {
    request.headers().get(ACCEPT).is_some_and(|value| value.as_bytes() == b"application/jwt")
}

/// RFC 6749 §5.1.
fn granted(minted: &Minted, wish: &Wish) -> Answer {
    let told = json!({
        "access_token": minted.token, "token_type": "Bearer", "expires_in": minted.remaining, "scope": wish.scope,
    });
    serve::json(StatusCode::OK, &told)
}

/// RFC 6749 §5.2.
fn refusal(error: &str, description: &str) -> Answer {
    serve::json(StatusCode::BAD_REQUEST, &json!({ "error": error, "error_description": description }))
}

fn unknown_client() -> Answer {
    let told = json!({ "error": "invalid_client", "error_description": "the client is demo, and so is its secret" });
    let mut answer = serve::json(StatusCode::UNAUTHORIZED, &told);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"demo\""));
    answer
}

fn broken() -> Answer {
    serve::text(StatusCode::INTERNAL_SERVER_ERROR, "the key cannot be used\n")
}

/// A lock that a panic elsewhere cannot take from us: what it guards is whole after every statement.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
