//! One question, asked over the network: where, as whom, and for how long. What the answer says of the token is told in
//! `answer`.

use super::credentials::{Credentials, Way};
use super::settings::IntrospectionSettings;
use crate::decide::time::Moment;
use crate::idp::build::BuildError;
use crate::idp::discovery;
use crate::idp::exchange::Form;
use crate::idp::fetch::{FetchError, Fetcher, Manner};
use crate::idp::form::encoded;
use crate::idp::settings::{Discovery, IssuerSettings, KeySource};
use crate::idp::signed::Signer;
use crate::idp::web_url::WebUrl;
use crate::token::json;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long an answer may be: it is the claims of one token.
const MAX_ANSWER: usize = 64 * 1024;

const PLAIN: &str = "application/json";
const SIGNED: &str = "application/token-introspection+jwt";

/// Why nothing was learnt.
pub(super) struct Failure {
    /// In words of our own, for the trail.
    pub(super) word: &'static str,
    /// For the log; nothing of the token is in it.
    pub(super) told: String,
}

pub(super) struct Asker {
    credentials: Credentials,
    fetcher: Fetcher,
    issuer: Box<str>,
    discovery: Option<Discovery>,
    /// Where it is asked; found when it is first needed, and again after a failure.
    endpoint: Mutex<Option<WebUrl>>,
    /// Whose signature an answer must have, and for whom it must be.
    signed: Option<(Signer, String)>,
    timeout: Duration,
}

impl Asker {
    pub(super) fn new(
        issuer: &IssuerSettings,
        settings: &IntrospectionSettings,
        signer: Signer,
    ) -> Result<Self, BuildError> {
        let (allowed, timeout) = (issuer.allowed_places(), settings.timeout.get());
        let manner = Manner { allowed, timeout, max_bytes: MAX_ANSWER };
        let client = settings.auth.client_id().filter(|_| settings.signed);
        Ok(Self {
            credentials: Credentials::new(
                &settings.auth,
                Way { allowed, max_bytes: MAX_ANSWER, ca: issuer.ca.clone() },
            )?,
            fetcher: Fetcher::new(manner, issuer.ca.as_deref())?,
            issuer: issuer.issuer.as_str().into(),
            discovery: match (&settings.endpoint, &issuer.keys) {
                (None, KeySource::Discovery(kind)) => Some(*kind),
                _ => None,
            },
            endpoint: Mutex::new(settings.endpoint.clone()),
            signed: client.map(|client| (signer, client.to_owned())),
            timeout,
        })
    }

    /// Asks. The whole is bounded in time, finding the endpoint included.
    pub(super) async fn ask(&self, token: &SecretString, now: Moment) -> Result<Map<String, Value>, Failure> {
        let late = |_| Failure { word: "its issuer gave no answer in time", told: "no answer in time".to_owned() };
        let asked = tokio::time::timeout(self.timeout, self.question(token, now)).await.map_err(late);
        let answer = asked.and_then(|answer| answer);
        if answer.is_err() && self.discovery.is_some() {
            // It may have moved.
            *self.endpoint.lock().await = None;
        }
        answer
    }

    async fn question(&self, token: &SecretString, now: Moment) -> Result<Map<String, Value>, Failure> {
        let url = self.endpoint().await?;
        let presented = self.credentials.present(&self.issuer, now).await.ok_or_else(|| Failure {
            word: "the gateway cannot say who it is",
            told: "the gateway could not sign who it is".to_owned(),
        })?;
        if presented.needs_tls && !url.is_secure() {
            let told = format!("{url} is no https, and nobody is known there by a certificate");
            return Err(Failure { word: "the gateway cannot say who it is", told });
        }
        let form = format!(
            "{}token_type_hint=access_token&token={}",
            presented.body.expose_secret(),
            encoded(token.expose_secret())
        );
        let accept = if self.signed.is_some() { SIGNED } else { PLAIN };
        let form = Form { url: &url, body: form, accept, auth: presented.auth, timeout: self.timeout };
        let reply = presented.exchange.post(form).await.map_err(|error| unreachable(&error))?;
        match reply.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let told = format!("{url} refuses the gateway's own credentials ({})", reply.status);
                return Err(Failure { word: "its issuer refuses the gateway's credentials", told });
            }
            status => {
                let told = format!("{url} answered {status}");
                return Err(Failure { word: "its issuer answered with a fault", told });
            }
        }
        if reply.media_type.as_deref() != Some(accept) {
            let told = format!("{url} answered something that is not {accept}");
            return Err(Failure { word: "its issuer's answer is of another type", told });
        }
        match &self.signed {
            Some((signer, client)) => verified(signer, client, &reply.body, &url, now).await,
            None => json::object(&reply.body).map_err(|_| malformed(&url)),
        }
    }

    async fn endpoint(&self) -> Result<WebUrl, Failure> {
        let mut known = self.endpoint.lock().await;
        if let (None, Some(kind)) = (&*known, self.discovery) {
            let word = "its issuer's metadata cannot be had";
            let found =
                discovery::introspection(&self.fetcher, &self.issuer, kind, self.credentials.by_certificate()).await;
            *known = found.map_err(|error| Failure { word, told: error.to_string() })?;
        }
        known.clone().ok_or_else(|| Failure {
            word: "its issuer names no introspection endpoint",
            told: "the issuer's metadata names no `introspection_endpoint`".to_owned(),
        })
    }
}

fn unreachable(error: &FetchError) -> Failure {
    let word = match error {
        FetchError::Slow(_) => "its issuer gave no answer in time",
        FetchError::Body { .. } => "its issuer's answer is too long, or broke off",
        _ => "its issuer cannot be reached",
    };
    Failure { word, told: error.to_string() }
}

fn malformed(url: &WebUrl) -> Failure {
    Failure { word: "its issuer's answer is malformed", told: format!("the answer of {url} is no strict JSON object") }
}

/// A signed answer (RFC 9701 §5): by the issuer, for this gateway, and of the right type: no other token of the issuer
/// can be passed off as one.
async fn verified(
    signer: &Signer,
    client: &str,
    body: &[u8],
    url: &WebUrl,
    now: Moment,
) -> Result<Map<String, Value>, Failure> {
    let fault = |what: &str| Failure {
        word: "its issuer's signed answer cannot be believed",
        told: format!("the signed answer of {url}: {what}"),
    };
    let text = std::str::from_utf8(body).map_err(|_| malformed(url))?.trim_ascii();
    let (typ, payload) = signer.open(text, MAX_ANSWER, now).await.map_err(|error| fault(&error.to_string()))?;
    if &*typ != "token-introspection+jwt" {
        return Err(fault("its `typ` is not token-introspection+jwt"));
    }
    let mut payload = json::object(&payload).map_err(|_| malformed(url))?;
    if payload.get("iss").and_then(Value::as_str) != Some(&signer.iss) {
        return Err(fault("its `iss` is another"));
    }
    let meant = match payload.get("aud") {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(client)),
        _ => false,
    };
    match payload.remove("token_introspection") {
        _ if !meant => Err(fault("it is not meant for this client")),
        Some(Value::Object(answer)) => Ok(answer),
        _ => Err(fault("it has no `token_introspection`")),
    }
}
