//! The page for operators, as it is sent: files of this folder, with nothing from elsewhere. It shows nothing by itself;
//! every datum is asked of the admin API, as any client asks, and put on the page as text.

use super::problem::{Answer, typed};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

/// What the page may load, and from where: its own files, and nothing that is written into it (CSP 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const PAGE: &str = include_str!("index.html");

/// Each file: its path, its type, itself.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, PAGE),
    ("/page/api.js", JS, include_str!("api.js")),
    ("/page/app.js", JS, include_str!("app.js")),
    ("/page/base.css", CSS, include_str!("base.css")),
    ("/page/chart.js", JS, include_str!("chart.js")),
    ("/page/dom.js", JS, include_str!("dom.js")),
    ("/page/facts.js", JS, include_str!("facts.js")),
    ("/page/filters.js", JS, include_str!("filters.js")),
    ("/page/icon.svg", SVG, include_str!("icon.svg")),
    ("/page/overview.js", JS, include_str!("overview.js")),
    ("/page/parts.css", CSS, include_str!("parts.css")),
    ("/page/refusal.js", JS, include_str!("refusal.js")),
    ("/page/search.js", JS, include_str!("search.js")),
    ("/page/standing.js", JS, include_str!("standing.js")),
    ("/page/theme.js", JS, include_str!("theme.js")),
    ("/page/timeline.js", JS, include_str!("timeline.js")),
    ("/page/timeline_view.js", JS, include_str!("timeline_view.js")),
    ("/page/words.js", JS, include_str!("words.js")),
];

/// Is there a file of this path?
#[must_use]
pub fn has(path: &str) -> bool {
    FILES.iter().any(|(name, ..)| *name == path)
}

/// The file of this path; the page itself if there is none.
#[must_use]
pub fn file(path: &str) -> Answer {
    let found = FILES.iter().find(|(name, ..)| *name == path);
    let (kind, text) = found.map_or((HTML, PAGE), |(_, kind, text)| (*kind, *text));
    let mut answer = typed(StatusCode::OK, kind, text);
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (OPENER, "same-origin"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
