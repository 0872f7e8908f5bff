//! How the checks tell what they find, and the questions that more than one of them asks.

use crate::control::config::{Fault, Severity, Spans, advise};

/// The faults of one subject.
pub(super) struct Faults<'a> {
    spans: &'a Spans,
    list: Vec<Fault>,
}

impl<'a> Faults<'a> {
    pub(super) fn of(spans: &'a Spans) -> Self {
        Self { spans, list: Vec::new() }
    }

    /// The config cannot be used.
    pub(super) fn error(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(self.spans.fault(Severity::Error, path, message, help));
    }

    /// The config cannot be used, and the place may hold a secret that should not stand there.
    pub(super) fn error_unshown(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(self.spans.fault(Severity::Error, path, message, help).unshown());
    }

    /// The config can be used, but is unwise.
    pub(super) fn warn(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(self.spans.fault(Severity::Warning, path, message, help));
    }

    /// Nothing is told of what the text does not say.
    fn push(&mut self, fault: Fault) {
        if self.is_sound(&fault.path) {
            self.list.push(fault);
        }
    }

    /// Whether what stands at this path is what the text says, and not what a fault left of it.
    pub(super) fn is_sound(&self, path: &str) -> bool {
        self.spans.is_sound(path)
    }

    /// A name that is used, but is none of those there are.
    pub(super) fn unknown<'n>(
        &mut self,
        path: &str,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'n String>,
        add: &str,
    ) {
        if !self.spans.is_surely_without(add, name) {
            return;
        }
        let known: Vec<&str> = known.map(String::as_str).collect();
        let help = if known.is_empty() {
            format!("there is none yet: add it under `{add}`")
        } else {
            advise(name, &known, &format!("those under `{add}` are"))
        };
        self.error(path, format!("there is no {what} `{name}`"), help);
    }

    /// What a room says of its own settings: what is wrong, and after a colon perhaps what to do.
    pub(super) fn misfit(&mut self, path: &str, told: &str, advice: &str) {
        let (message, help) = told
            .split_once(": write ")
            .map_or((told, advice.to_owned()), |(message, what)| (message, format!("write {what}")));
        self.error(path, message, help);
    }

    pub(super) fn list(self) -> Vec<Fault> {
        self.list
    }
}

/// Is this a name that traces, metrics and URLs can carry as it is?
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// RFC 6265 §4.1.1: a cookie's name is a token.
pub(super) fn is_cookie_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(fits)
}

/// The scheme, and the host without its port, of an absolute URL.
pub(super) fn url(text: &str) -> Option<(String, String)> {
    let url: http::Uri = text.parse().ok()?;
    let host = url.host().filter(|host| !host.is_empty())?;
    Some((url.scheme_str()?.to_ascii_lowercase(), host.trim_matches(['[', ']']).to_ascii_lowercase()))
}

/// Does this host stay on this machine?
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.to_canonical().is_loopback())
}

/// `one`, or `one and two`, or `one, two and three`, each in backticks.
pub(super) fn and(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
