//! From a reason to a response. Everything in it is derived from the table of reasons; the texts are not
//! repeated here.

use crate::decide::checks::binding::{Binding, Dpop};
use crate::decide::evidence::Scheme;
use crate::decide::finding::{Finding, Quantity};
use crate::decide::policy::Policy;
use crate::decide::reason::{Challenge, Reason};
use crate::decide::rules::Algorithm;
use crate::decide::verdict::Verdict;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde::Serialize;
use std::fmt::Write as _;

/// How much a refusal tells the client. The trace and the log always get all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Only the status and a bare challenge.
    None,
    /// The reason.
    #[default]
    Coarse,
    /// The reason and the numbers that were compared.
    Full,
}

impl Exposure {
    /// The reason, as far as it is told: where streams end, too.
    #[must_use]
    pub fn told(self, reason: Reason) -> Option<&'static str> {
        (self != Self::None).then(|| reason.code())
    }
}

/// What does not change from one refusal to the next.
#[derive(Clone, Debug)]
pub struct Stationery {
    /// The name of this deployment in `Proxy-Status` (RFC 9209 §2).
    pub name: Box<str>,
    /// The realm of challenges (RFC 9110 §11.5).
    pub realm: Box<str>,
    /// Where the pages about reasons are; the reason's code is appended.
    pub problem_base: Box<str>,
    /// How much is told.
    pub exposure: Exposure,
}

/// What changes.
#[derive(Default)]
pub struct Particulars<'a> {
    /// The trace in which it can be looked up.
    pub trace_id: Option<&'a str>,
    /// The scopes that would be needed (RFC 6750 §3).
    pub scopes: &'a [Box<str>],
    /// For which schemes there is a challenge.
    pub schemes: Schemes,
    /// The methods that are allowed (RFC 9110 §10.2.1).
    pub allow: &'a [&'a http::Method],
    /// A number of the session's or of the client's own, fairly drawn: by it, those who try again are spread.
    pub lot: u32,
    /// What sign-in would help (RFC 9470 §3).
    pub again: Again<'a>,
    /// The trail, at full exposure.
    pub trail: Option<serde_json::Value>,
    /// The sentence about the numbers, or about the upstream's failure, at full exposure.
    pub detail: Option<String>,
    /// What the upstream's failure is called in `Proxy-Status`, in place of the reason's general word.
    pub failure: Option<&'static str>,
}

/// What sign-in would help (RFC 9470 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again<'a> {
    /// How long ago it may have been, in seconds.
    pub max_age: Option<u64>,
    /// Of which classes it may be.
    pub acr_values: Vec<&'a str>,
}

impl<'a> Again<'a> {
    /// All that the policy wants of a sign-in, so that one is enough.
    #[must_use]
    pub fn of(policy: Option<&'a Policy>, verdict: Option<&Verdict>) -> Self {
        let (Some(policy), Some((_, Finding::Fail { reason, compared }))) =
            (policy, verdict.and_then(Verdict::decisive))
        else {
            return Self::default();
        };
        let limits = verdict.and_then(|verdict| verdict.limits.as_ref());
        let acr_values = policy.classes_under(limits);
        let seconds = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
        let max_age = match (reason, compared.allowed) {
            (Reason::SessionIdleTimeout, _) => Some(0), // whoever was away signs in anew
            (Reason::AcrInsufficient, _) => policy.auth_age_under(limits).map(|age| age.as_secs()),
            (Reason::SessionAbsoluteTimeout | Reason::AuthTooOld | Reason::AuthTimeMissing, Quantity::Span(limit)) => {
                Some(seconds(limit))
            }
            _ => return Self::default(),
        };
        Self { max_age, acr_values }
    }

    fn write(&self, text: &mut String) {
        if let Some(seconds) = self.max_age {
            let _ = write!(text, ", max_age=\"{seconds}\"");
        }
        if !self.acr_values.is_empty() {
            let _ = write!(text, ", acr_values=\"{}\"", self.acr_values.join(" "));
        }
    }
}

/// The schemes for which there is a challenge (RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes {
    bearer: bool,
    dpop: bool,
}

impl Default for Schemes {
    fn default() -> Self {
        Self { bearer: true, dpop: false }
    }
}

impl Schemes {
    /// All that a route speaks where it is open which one was meant; else the one that was used.
    #[must_use]
    pub fn of(policy: Option<&Binding>, used: Scheme, reason: Reason) -> Self {
        let unclear = reason.challenge() == Challenge::Bare
            || matches!(reason, Reason::MultipleCredentials | Reason::MalformedAuthorization);
        match policy.filter(|binding| binding.speaks_dpop()).map_or(Dpop::Off, |binding| binding.dpop) {
            Dpop::Off => Self::default(),
            Dpop::Required => Self { bearer: false, dpop: true },
            Dpop::Optional if unclear => Self { bearer: true, dpop: true },
            Dpop::Optional => Self { bearer: used == Scheme::Bearer, dpop: used == Scheme::Dpop },
        }
    }
}

/// What a proof may be signed with, with a space between each.
fn algorithms() -> String {
    Algorithm::OF_PROOFS.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" ")
}

/// The problem details (RFC 9457 §3).
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<&'a serde_json::Value>,
}

/// Seconds after which a client may try again what fails only for now: from 1 up to this, so that those who were
/// refused together do not come back together. It is always the same for the same session.
const PATIENCE: u64 = 5;

fn patience(lot: u32) -> u64 {
    1 + ((u64::from(lot) * PATIENCE) >> 32)
}

impl Stationery {
    /// Writes the refusal.
    #[must_use]
    pub fn refuse(&self, reason: Reason, about: &Particulars<'_>) -> Response<Bytes> {
        let mut response = Response::new(self.body(reason, about));
        *response.status_mut() = reason.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        if about.schemes.bearer {
            put(headers, WWW_AUTHENTICATE, self.challenge("Bearer", reason, about));
        }
        // One line for each scheme: clients read a line of several challenges badly (RFC 9110 §11.6.1).
        if about.schemes.dpop
            && let Some(challenge) = self.challenge("DPoP", reason, about)
            && let Ok(value) = HeaderValue::try_from(format!("{challenge}, algs=\"{}\"", algorithms()))
        {
            headers.append(WWW_AUTHENTICATE, value);
        }
        put(headers, HeaderName::from_static("proxy-status"), Some(self.proxy_status(reason, about.failure)));
        if reason.passes() {
            headers.insert(RETRY_AFTER, HeaderValue::from(patience(about.lot)));
        }
        if reason == Reason::MethodNotAllowed {
            let names: Vec<&str> = about.allow.iter().map(|method| method.as_str()).collect();
            put(headers, ALLOW, Some(names.join(", ")));
        }
        if reason.closes() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn body(&self, reason: Reason, about: &Particulars<'_>) -> Bytes {
        let told = self.exposure != Exposure::None;
        let page = format!("{}{}", self.problem_base, reason.code());
        let status = reason.status();
        let full = self.exposure == Exposure::Full;
        let problem = Problem {
            r#type: if told { &page } else { "about:blank" },
            title: if told { reason.told() } else { status.canonical_reason().unwrap_or_default() },
            status: status.as_u16(),
            detail: about.detail.as_deref().filter(|_| full),
            reason: told.then(|| reason.code()),
            trace_id: about.trace_id,
            checks: about.trail.as_ref().filter(|_| full),
        };
        // These are texts of our own and numbers: writing them as JSON cannot fail.
        serde_json::to_vec(&problem).unwrap_or_default().into()
    }

    /// One challenge of one scheme (RFC 6750 §3, RFC 9449 §7.1).
    fn challenge(&self, scheme: &str, reason: Reason, about: &Particulars<'_>) -> Option<String> {
        let error = match reason.challenge() {
            Challenge::None => return None,
            Challenge::Bare => None,
            Challenge::Error(error) => Some(error),
        };
        let mut text = format!("{scheme} realm=\"{}\"", self.realm);
        if let Some(error) = error.filter(|_| self.exposure != Exposure::None) {
            let _ = write!(text, ", error=\"{error}\", error_description=\"{}\"", reason.told());
        }
        if reason == Reason::InsufficientScope {
            let _ = write!(text, ", scope=\"{}\"", about.scopes.join(" "));
        }
        if error.is_some() && self.exposure != Exposure::None {
            about.again.write(&mut text);
        }
        Some(text)
    }

    fn proxy_status(&self, reason: Reason, failure: Option<&'static str>) -> String {
        let finer = failure.filter(|_| self.exposure != Exposure::None);
        let mut text = format!("{}; error={}", self.name, finer.unwrap_or(reason.proxy_error()));
        if self.exposure != Exposure::None {
            let _ = write!(text, "; details=\"{}\"", reason.code());
        }
        text
    }
}

/// Realm, name and scopes were checked when the config was read; a value that still does not fit is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{Exposure, Particulars, Reason, Stationery};

    fn paper(exposure: Exposure) -> Stationery {
        Stationery { name: "edge".into(), realm: "r".into(), problem_base: "https://p/".into(), exposure }
    }

    #[test]
    fn a_refusal_is_its_row_of_the_table() {
        for reason in Reason::ALL {
            let response =
                paper(Exposure::Coarse).refuse(*reason, &Particulars { trace_id: Some("t"), ..Particulars::default() });
            assert_eq!(response.status(), reason.status());
            let body: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
            assert_eq!(body["reason"], reason.code());
            assert_eq!(body["status"], reason.status().as_u16());
            assert_eq!(body["type"], format!("https://p/{}", reason.code()));
            assert_eq!(
                response.status() == 401,
                response.headers().contains_key("www-authenticate") && response.status() == 401
            );
            assert!(response.headers()["proxy-status"].to_str().expect("text").contains(reason.code()));
        }
    }

    #[test]
    fn exposure_bounds_what_is_told() {
        let about =
            Particulars { trail: Some(serde_json::json!([1])), detail: Some("d".into()), ..Particulars::default() };
        let text = |exposure| {
            let response = paper(exposure).refuse(Reason::TokenExpired, &about);
            let headers: Vec<_> = response.headers().values().map(|v| v.to_str().expect("text").to_owned()).collect();
            format!("{} {}", headers.join(" "), String::from_utf8_lossy(response.body()))
        };
        assert!(!text(Exposure::None).contains("expired"));
        assert!(text(Exposure::Coarse).contains("token_expired") && !text(Exposure::Coarse).contains("checks"));
        assert!(text(Exposure::Full).contains(r#""checks":[1]"#));
    }
}
