//! The session door: where an app asks when its user's session ends, which is no activity, and asks for more time, which
//! is one. It is guarded as the route that it names. The script for pages is served beside it, to everybody.

use super::body::Download;
use super::entry::{self, Refusal};
use super::gate::{Gate, refuse};
use super::origin::{self, Origins};
use super::pace::Pace;
use super::plan::Route;
use super::report::Report;
use super::telling::Telling;
use crate::decide::outlook::Outlook;
use crate::decide::reason::Reason;
use crate::decide::time::{Moment, millis};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where users and their browsers ask when their session ends.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionDoorSettings {
    /// The route by whose token and policy it is guarded.
    pub route: String,
    /// Its path, byte for byte, on every host: `GET` tells when the session ends, `POST` of this and `/extend` asks for
    /// more time, and this and `.js` is the script for pages. Default `/.curfew/session`.
    #[serde(default = "usual")]
    pub path: String,
    /// The origins of other sites whose pages may ask, with the user's cookies, such as `https://app.example.com`.
    /// Default: none, only pages of the same host.
    #[serde(default)]
    pub origins: Vec<String>,
}

fn usual() -> String {
    "/.curfew/session".into()
}

/// Where users ask.
pub struct SessionDoor {
    /// Its path.
    pub path: Box<str>,
    /// As what it is guarded and counted; it shows no user.
    pub route: Arc<Route>,
    /// How a session is told.
    pub telling: Telling,
    /// Who may ask from elsewhere.
    pub origins: Origins,
    /// How often one session may ask for more time.
    pub pace: Pace,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    State,
    Extend,
    Script,
}

impl Asked {
    fn methods(self) -> &'static [Method] {
        match self {
            Self::State | Self::Script => &[Method::GET, Method::HEAD],
            Self::Extend => &[Method::POST],
        }
    }
}

impl SessionDoor {
    /// What is asked of it, by the path as it came.
    pub(super) fn find(&self, parts: &Parts) -> Option<Asked> {
        match parts.uri.path().strip_prefix(&*self.path)? {
            "" => Some(Asked::State),
            "/extend" => Some(Asked::Extend),
            ".js" => Some(Asked::Script),
            _ => None,
        }
    }

    /// What is told of a session. `limits` has the first end first; a session without limits has no end.
    fn told(&self, outlook: Outlook, now: Moment) -> Value {
        let end = |(end, left): (crate::decide::outlook::End, _)| {
            let ends = now.wall.plus(left).millis();
            json!({ "reason": end.name(), "ends": ends / 1000, "in": millis(left) / 1000,
                "extendable": self.telling.extends(end) })
        };
        let limits: Vec<Value> = outlook.ends().into_iter().map(end).collect();
        let first = limits.first();
        let of = |name: &str| first.and_then(|first| first.get(name)).cloned().unwrap_or_default();
        json!({
            "now": now.wall.millis() / 1000,
            "ends": of("ends"),
            "in": of("in"),
            "reason": of("reason"),
            "extendable": first.is_some_and(|first| first.get("extendable") == Some(&Value::Bool(true))),
            "warn_before": self.telling.warn_before.as_secs(),
            "limits": limits,
        })
    }
}

impl Gate {
    /// Answers what is asked at the session door.
    pub(super) async fn ask(
        &self,
        door: &SessionDoor,
        asked: Asked,
        parts: &mut Parts,
        mut report: Box<Report>,
    ) -> Response<Download> {
        report.seen = self.seen(parts);
        report.route = Some(Arc::clone(&door.route));
        let origin = origin::of(parts, self.info.tls.is_some(), &door.origins);
        let mut response = match self.answered(door, asked, parts, &mut report).await {
            Ok(mut response) => {
                report.status = response.status();
                report.tell_trace(response.headers_mut());
                report.tell();
                response.map(Download::from)
            }
            Err(refusal) => refuse(&refusal, report),
        };
        origin.permit(response.headers_mut());
        response
    }

    async fn answered(
        &self,
        door: &SessionDoor,
        asked: Asked,
        parts: &mut Parts,
        report: &mut Report,
    ) -> Result<Response<Bytes>, Refusal> {
        self.framed(parts)?;
        if !self.info.covers(&super::authority::host(parts, self.info.tls.is_some())?) {
            return Err(Reason::MisdirectedRequest.into());
        }
        let origin = origin::of(parts, self.info.tls.is_some(), &door.origins);
        if parts.method == Method::OPTIONS && origin.is_named() {
            return Ok(origin::preflight(asked.methods()));
        }
        if !asked.methods().contains(&parts.method) {
            return Err(Refusal { reason: Reason::MethodNotAllowed, allow: asked.methods().to_vec() });
        }
        if asked == Asked::Script {
            return Ok(script(parts));
        }
        if asked == Asked::Extend && !origin.is_ours(parts) {
            return Err(Reason::CrossSite.into());
        }
        let proven = entry::clean(parts, &report.plan, self.info.peer.ip())?;
        let plan = Arc::clone(&report.plan);
        self.judge(parts, proven, &plan, &door.route, report).await?;
        let outlook = report.outlook.unwrap_or_default();
        if asked == Asked::State {
            return Ok(json(&door.told(outlook, report.moment)));
        }
        self.extended(door, outlook, report).await.map_err(Refusal::from)
    }

    /// It is an activity, where the policy says so.
    async fn extended(&self, door: &SessionDoor, outlook: Outlook, report: &Report) -> Result<Response<Bytes>, Reason> {
        if !door.telling.extend {
            return Err(Reason::ExtendNotAllowed);
        }
        // More time would not be remembered.
        if report.session.is_unkept() {
            return Err(Reason::SessionUnavailable);
        }
        if !door.pace.admits(report.lot(), report.moment) {
            return Err(Reason::RateLimited);
        }
        report.tell_active().await?;
        let policy = door.route.policy.as_ref();
        let longest = policy.and_then(|policy| policy.longest_silence(report.limits.as_ref(), &report.session));
        Ok(json(&door.told(outlook.active(longest), report.moment)))
    }
}

fn json(told: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(told.to_string()));
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    put(&mut response, fields);
    response
}

const SCRIPT: &str = include_str!("assets/session.js");

/// The script holds no secret, and is asked for anew whenever a page is opened.
fn script(parts: &Parts) -> Response<Bytes> {
    let tag = format!("\"{}\"", blake3::hash(SCRIPT.as_bytes()).to_hex().get(..32).unwrap_or_default());
    let known = parts.headers.get(IF_NONE_MATCH).is_some_and(|known| {
        known.to_str().is_ok_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
    });
    let mut response = Response::new(if known || parts.method == Method::HEAD { Bytes::new() } else { SCRIPT.into() });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let fields = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    put(&mut response, fields);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn put<const N: usize>(response: &mut Response<Bytes>, fields: [(HeaderName, &'static str); N]) {
    response.headers_mut().extend(fields.map(|(name, value)| (name, HeaderValue::from_static(value))));
}
