//! Sessions: each limit can be reached, each can be kept, and what is remembered is remembered for long enough.

use std::time::Duration;

use super::tell::Faults;
use crate::control::config::{Fault, Spans, join};
use crate::control::settings::Config;
use crate::proxy::session_door::SessionDoorSettings;
use crate::proxy::sessions::{Extend, SessionPolicy, StepUpPolicy};
use crate::proxy::settings::{Access, TokenPolicy};
use crate::settings::{OrOff, Span};

/// The longest silence that is remembered is 49 days.
pub(super) const IDLE_CAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Tokens tell times in seconds, and a stream is looked at a few times in one.
pub(super) const LEAST: Duration = Duration::from_secs(1);

/// What a policy, or the defaults, say of all this.
type Said<'a> = (&'a SessionPolicy, &'a StepUpPolicy, &'a TokenPolicy);

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    let defaults = (&config.defaults.session, &config.defaults.step_up, &config.defaults.token);
    policy("defaults", defaults, defaults, &mut faults);
    let mut longest = on(config.defaults.session.idle);
    for (name, settings) in &config.policies {
        policy(&join("policies", name), (&settings.session, &settings.step_up, &settings.token), defaults, &mut faults);
        let rules = settings.when.iter().filter_map(|rule| on(rule.session.idle)).max();
        longest = longest.max(on(settings.session.idle)).max(rules);
    }
    if config.sessions.max == 0 {
        faults.error("sessions.max", "no session can be remembered", "write at least 1; the default is 1000000");
    }
    if longest.is_some_and(|idle| idle > config.sessions.remember.get()) {
        let help = "make it longer than every `session.idle`, and than tokens can be refreshed";
        faults.error("sessions.remember", "a session is forgotten before it was left alone for too long", help);
    }
    if let Some(settings) = &config.sessions.door {
        door(config, settings, &mut faults);
    }
    faults.list()
}

/// The session door is guarded by a route that asks for a token, and stands in nobody's way.
fn door(config: &Config, settings: &SessionDoorSettings, faults: &mut Faults<'_>) {
    match config.routes.iter().find(|route| route.name == settings.route) {
        None => {
            let help = "write the `name` of a guarded route";
            faults.error("sessions.door.route", format!("there is no route `{}`", settings.route), help);
        }
        Some(route) if route.access == Access::Open => {
            let help = "name a guarded route: its token and policy say whose session it is";
            faults.error("sessions.door.route", format!("the route `{}` is open", route.name), help);
        }
        Some(_) => {}
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_' | b'~');
    let path = &settings.path;
    if !path.starts_with('/') || path.ends_with('/') || path.contains("//") || !path.bytes().all(fits) {
        let help = "write a path such as `/.curfew/session`, of letters, digits and `/ - . _ ~`";
        faults.error("sessions.door.path", format!("`{path}` is not such a path"), help);
    }
    for (at, origin) in settings.origins.iter().enumerate() {
        let uri = origin.parse::<http::Uri>().ok();
        let whole = |uri: &http::Uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?));
        if uri.as_ref().and_then(whole).is_none_or(|whole| whole != *origin) || origin.contains('*') {
            let help = "write scheme, host and port as browsers do, in lower case: `https://app.example.com`";
            faults.error(&format!("sessions.door.origins[{at}]"), format!("`{origin}` is no origin"), help);
        }
    }
}

fn on(span: Option<OrOff<Span>>) -> Option<Duration> {
    span.and_then(OrOff::on).map(Span::get)
}

fn policy(path: &str, (session, step_up, token): Said<'_>, defaults: Said<'_>, faults: &mut Faults<'_>) {
    let (idle, absolute) = (on(session.idle.or(defaults.0.idle)), on(session.absolute.or(defaults.0.absolute)));
    let short = |span: Option<OrOff<Span>>| on(span).is_some_and(|span| span < LEAST);
    let help = "write at least `1s`, or `off`";
    for (field, said) in
        [("session.idle", session.idle), ("session.absolute", session.absolute), ("step_up.auth_age", step_up.auth_age)]
    {
        if short(said) {
            faults.error(&format!("{path}.{field}"), "nobody could keep this", help);
        }
    }
    if on(session.idle).is_some_and(|idle| idle > IDLE_CAP) {
        faults.error(&format!("{path}.session.idle"), "silences are not remembered for so long", "write at most `30d`");
    }
    if let (Some(idle), Some(absolute)) = (idle, absolute)
        && (session.idle.is_some() || session.absolute.is_some())
        && idle >= absolute
    {
        let field = if session.idle.is_some() { "idle" } else { "absolute" };
        let help = "make `idle` shorter than `absolute`, or leave it out";
        faults.warn(&format!("{path}.session.{field}"), "no session is left alone for so long: it ends before", help);
    }
    let dated = token.require.iter().chain(&defaults.2.require).any(|claim| claim == "auth_time");
    if on(session.absolute).is_some() && !dated {
        let help = "say `token: { require: [auth_time] }`, if your provider puts it into access tokens";
        let message = "a token without `auth_time` begins a session anew whenever this gateway was restarted";
        faults.warn(&format!("{path}.session.absolute"), message, help);
    }
    warning(path, session, (idle, absolute), faults);
    sign_in(path, step_up, absolute, faults);
}

type Limits = (Option<Duration>, Option<Duration>);

fn warning(path: &str, session: &SessionPolicy, (idle, absolute): Limits, faults: &mut Faults<'_>) {
    if session.extend == Some(Extend::Allow) && idle.is_none() {
        let help = "say `idle`, or remove it";
        faults.warn(&format!("{path}.session.extend"), "more time moves only the end by `idle`: there is none", help);
    }
    let Some(before) = session.warn_before.map(Span::get) else { return };
    let path = format!("{path}.session.warn_before");
    if idle.is_some_and(|idle| before >= idle) {
        faults.warn(&path, "the user is always warned, however busy", "make it shorter than `idle`");
    } else if absolute.is_some_and(|absolute| before >= absolute) {
        faults.warn(&path, "the user is warned from the sign-in on", "make it shorter than `absolute`");
    }
}

fn sign_in(path: &str, step_up: &StepUpPolicy, absolute: Option<Duration>, faults: &mut Faults<'_>) {
    if let (Some(age), Some(absolute)) = (on(step_up.auth_age), absolute)
        && age >= absolute
    {
        let help = "make `auth_age` shorter than `session.absolute`, or leave it out";
        faults.warn(&format!("{path}.step_up.auth_age"), "no sign-in gets so old: its session ends before", help);
    }
    if let Some(acr) = &step_up.acr {
        classes(path, acr, faults);
    }
}

/// Can these be accepted, and asked for?
pub(super) fn classes(path: &str, acr: &[String], faults: &mut Faults<'_>) {
    if acr.is_empty() {
        let help = "name those that are accepted, or remove the line to accept any";
        faults.error(&format!("{path}.step_up.acr"), "no sign-in is of a class that is accepted", help);
    }
    // OpenID Connect Core §3.1.2.1: `acr_values` has spaces between; RFC 9110 §5.6.4: it stands between quotes.
    let fits = |value: &str| !value.is_empty() && value.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    for (at, value) in acr.iter().enumerate().filter(|(_, value)| !fits(value)) {
        let help = "write each class as an item of its own, as the provider names it";
        faults.error(&format!("{path}.step_up.acr[{at}]"), format!("`{value}` is not one class"), help);
    }
}
