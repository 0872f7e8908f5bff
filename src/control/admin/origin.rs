//! By which name the listener is asked, and from which page. A name that somebody made point here, and a page of
//! somebody else in an operator's browser, get nothing, whatever the browser would prove for them (RFC 6454 §7,
//! Fetch Metadata §2.2). Nobody is ever told that another origin may read an answer.

use super::problem::Problem;
use crate::proxy::certificates::Certificates;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names of the listener: IP addresses and `localhost`, those of the settings, those of its certificates.
#[derive(Default)]
pub struct Names {
    /// As the settings say.
    pub hosts: Vec<String>,
    /// What TLS shows.
    pub certificates: Option<Arc<Certificates>>,
}

impl Names {
    /// Is it asked by a name of its own?
    ///
    /// # Errors
    /// If not, or by two, or by none.
    pub fn admit(&self, parts: &Parts) -> Result<(), Problem> {
        let known = host(parts).is_some_and(|host| self.are(host.host()));
        let detail = "this listener is asked by an IP address, by `localhost`, by a name of its certificate, or by one \
                      of `admin.hosts`";
        known.then_some(()).ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// The same; and nobody asks but this listener's own page, or no page at all.
    ///
    /// # Errors
    /// If a page of another origin asks.
    pub fn admit_own(&self, parts: &Parts) -> Result<(), Problem> {
        self.admit(parts)?;
        let detail = "this is not answered to pages of another origin";
        is_own(parts).then_some(()).ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, detail))
    }

    fn are(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']);
        let shown =
            || self.certificates.as_ref().is_some_and(|all| all.table().all().iter().any(|one| one.covers(host)));
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok()
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
            || shown()
    }
}

fn host(parts: &Parts) -> Option<Authority> {
    only(&parts.headers, &HOST)?.parse().ok()
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    line.and_then(|line| line.to_str().ok())
}

fn is_own(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let site =
        !headers.contains_key(SITE) || only(headers, &SITE).is_some_and(|site| matches!(site, "same-origin" | "none"));
    site && (!headers.contains_key(ORIGIN) || only(headers, &ORIGIN).is_some_and(|origin| is_here(origin, parts)))
}

fn is_here(origin: &str, parts: &Parts) -> bool {
    let there = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    there.is_some_and(|there| host(parts).is_some_and(|host| host.as_str().eq_ignore_ascii_case(there)))
}

#[cfg(test)]
mod tests {
    use super::Names;

    fn admits(fields: &[(&str, &str)]) -> (bool, bool) {
        let names = Names { hosts: vec!["admin.corp.example".into()], certificates: None };
        let mut request = http::Request::builder();
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        (names.admit(&parts).is_ok(), names.admit_own(&parts).is_ok())
    }

    #[test]
    fn only_its_own_names_and_its_own_page() {
        for (fields, expected) in [
            (&[("host", "127.0.0.1:9901")][..], (true, true)),
            (&[("host", "[::1]:9901")], (true, true)),
            (&[("host", "LOCALHOST:9901")], (true, true)),
            (&[("host", "Admin.Corp.Example:9901")], (true, true)),
            (&[("host", "admin.corp.example.evil.example")], (false, false)),
            (&[("host", "evil.example:9901")], (false, false)),
            (&[("host", "localhost"), ("host", "localhost")], (false, false)),
            (&[], (false, false)),
            (&[("host", "localhost:9901"), ("origin", "http://localhost:9901")], (true, true)),
            (&[("host", "localhost:9901"), ("origin", "http://localhost:9902")], (true, false)),
            (&[("host", "localhost:9901"), ("origin", "http://evil.example")], (true, false)),
            (&[("host", "localhost:9901"), ("origin", "null")], (true, false)),
            (&[("host", "localhost"), ("sec-fetch-site", "same-origin")], (true, true)),
            (&[("host", "localhost"), ("sec-fetch-site", "none")], (true, true)),
            (&[("host", "localhost"), ("sec-fetch-site", "same-site")], (true, false)),
            (&[("host", "localhost"), ("sec-fetch-site", "cross-site")], (true, false)),
            (&[("host", "evil.example"), ("origin", "http://evil.example")], (false, false)),
        ] {
            assert_eq!(admits(fields), expected, "{fields:?}");
        }
    }
}
