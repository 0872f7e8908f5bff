//! `curfew explain`: what the gateway would decide about a request, and why.

use super::completions::print;
use super::exit::Exit;
use super::usage;
use crate::app::offline::{Explained, Offline};
use crate::control;
use crate::control::config::render_all;
use crate::decide::time::Timestamp;
use crate::telemetry::{Paint, describe, show};
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

/// Explains.
#[must_use]
pub fn explain(what: &usage::Explain) -> Exit {
    let path = &what.config.config;
    let loaded = match control::load(path) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let source = control::source(path).unwrap_or_default();
            eprintln!("{}", render_all(&faults, &source, std::io::stderr().is_terminal()));
            return Exit::Faulty;
        }
    };
    let asked = request(what).and_then(|parts| Ok((parts, what.at.as_deref().map(instant).transpose()?)));
    let (parts, at) = match asked {
        Ok(asked) => asked,
        Err(fault) => {
            eprintln!("curfew explain: {fault}");
            return Exit::Broke;
        }
    };
    let offline = match Offline::build(&loaded) {
        Ok(offline) => offline,
        Err(error) => {
            eprintln!("curfew explain: {error}");
            return Exit::Broke;
        }
    };
    for missing in offline.missing() {
        eprintln!("curfew explain: going on without {missing}");
    }
    let explained = offline.explain(parts, at, what.client_ip);
    let text = if what.json { json(&explained, &offline) } else { text(&explained, &offline) };
    match print(text.as_bytes()) {
        Exit::Done if explained.reason.is_some() => Exit::Refused,
        exit => exit,
    }
}

/// The request in question, as the gateway would see it.
fn request(what: &usage::Explain) -> Result<Parts, String> {
    let malformed = || {
        format!(
            "`{}` is no request: write a method and a URL, such as 'GET https://api.example.com/orders'",
            what.request
        )
    };
    let (method, url) = what.request.trim().split_once(' ').ok_or_else(malformed)?;
    let url: Uri = url.trim().parse().map_err(|_| malformed())?;
    let authority = url.authority().ok_or_else(malformed)?.as_str();
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).map_err(|_| malformed())?)
        .uri(target)
        .header(HOST, authority);
    for field in &what.headers {
        let (name, value) =
            field.split_once(':').ok_or_else(|| format!("`{field}` is no header field: write 'Name: value'"))?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| format!("`{name}` is no field name"))?;
        request = request.header(name, value.trim());
    }
    if let Some(path) = &what.token_file {
        let token = token(path).map_err(|error| format!("the token in {}: {error}", path.display()))?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token has characters that no header field can hold".to_owned())?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.body(()).map(|request| request.into_parts().0).map_err(|_| malformed())
}

/// A token is never an argument: arguments are seen by everybody on the machine.
pub(super) fn token(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    }
    Ok(text.trim().to_owned())
}

/// Far more than any token that is accepted.
const LONGEST: u64 = 1 << 20;

fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && let Some(instant) = Timestamp::from_numeric_floor(seconds)
    {
        return Ok(instant);
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|instant| Timestamp::from_millis(instant.as_millisecond()))
        .map_err(|_| format!("`{text}` is no instant: write it as 2026-11-02T15:04:05Z, or as seconds since 1970"))
}

fn text(explained: &Explained, offline: &Offline) -> String {
    let mut out = String::new();
    let at_the_door = explained.reason.filter(|_| explained.verdict.is_none());
    // A judgement tells its outcome itself; what was refused before it came to one, or needs none, is told here.
    match at_the_door {
        Some(reason) => {
            let _ = writeln!(out, "refused before any token was looked at: {} ({})", reason.code(), reason.status());
        }
        None if explained.verdict.is_none() => out.push_str("admitted: the route is open\n"),
        None => {}
    }
    let _ = writeln!(out, "  at        {}", explained.moment.wall);
    let _ = writeln!(out, "  config    {}", offline.revision());
    if let Some(route) = &explained.route {
        let policy = if route.policy.is_some() { &*route.meter.policy } else { "none: the route is open" };
        let _ = writeln!(out, "  route     {} ({})\n  policy    {policy}", route.meter.name, route.meter.template);
    }
    if let Some(verdict) = &explained.verdict {
        let shown = show::trail(&describe::Trail::of(verdict), Paint::on(std::io::stdout().is_terminal()));
        let _ = writeln!(out, "\n{}", shown.trim_end());
    }
    if let Some((source, learned)) = offline.revoked_by(explained) {
        let _ = writeln!(out, "revoked by: revocation.sources.{source}, learned {learned}");
    }
    if let Some(reason) = at_the_door {
        let _ = writeln!(out, "\n  the client is told: {}\n  what to do: {}", reason.told(), reason.cure());
    }
    out
}

fn json(explained: &Explained, offline: &Offline) -> String {
    let value = serde_json::json!({
        "decision": if explained.reason.is_some() { "deny" } else { "allow" },
        "reason": explained.reason.map(crate::decide::reason::Reason::code),
        "status": explained.reason.map(|reason| reason.status().as_u16()),
        "at": explained.moment.wall.to_string(),
        "revision": offline.revision(),
        "route": explained.route.as_ref().map(|route| &*route.meter.name),
        "policy": explained.route.as_ref().map(|route| &*route.meter.policy),
        "revoked_by": offline.revoked_by(explained).map(|(source, learned)| {
            serde_json::json!({ "source": source.as_str(), "learned": learned.to_string() })
        }),
        "trail": explained.verdict.as_ref().map(describe::Trail::of),
    });
    format!("{value:#}\n")
}
