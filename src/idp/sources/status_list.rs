//! Status lists (Token Status List, draft-ietf-oauth-status-list-20): which are fetched, and when again. How one is
//! verified is told in `status_token`, what requests read of it in `state::statuses`.
//!
//! Caching is governed by the list's own `ttl` and `exp`, not by HTTP (SL-09); an ETag only saves bytes.

use crate::idp::build::BuildError;
use crate::idp::fetch::{Fetcher, Manner};
use crate::idp::guard::Allowed;
use crate::idp::settings::{Misfit, address_misfit};
use crate::idp::sink::Sink;
use crate::idp::source::{Source, SourceKind, Task};
use crate::idp::sources::status_lists::Keeper;
use crate::idp::status_token::token_limit;
use crate::idp::web_url::WebUrl;
use crate::settings::{Bytes, OrOff, Span};
use crate::state::revocations::Bounds;
use crate::state::statuses::Places;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Status lists that an issuer publishes. Tokens name them in their claim `status.status_list`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusListSettings {
    /// The issuer whose tokens name the lists, and whose keys sign them, by its name in `issuers`.
    pub issuer: String,
    /// Lists that are fetched at the start and kept fresh, byte for byte as tokens name them.
    #[serde(default)]
    pub lists: Vec<WebUrl>,
    /// Lists whose address begins like one of these are fetched when a token first names them; until then such a token
    /// is answered 503. Each ends with `/`. No other list is ever fetched, whatever a token says.
    #[serde(default)]
    pub under: Vec<WebUrl>,
    /// How many lists may be kept. Default 64.
    #[serde(default = "max_lists")]
    pub max_lists: usize,
    /// How large one list may be when it is unpacked: eight tokens a byte, with one bit each. Default `16MiB`.
    #[serde(default = "max_list_bytes")]
    pub max_list_bytes: Bytes,
    /// The least time between two fetches of a list, whatever its `ttl`. Default `10s`, at least `1s`.
    #[serde(default = "min_refresh")]
    pub min_refresh: Span,
    /// The most time between two fetches of a list, whatever its `ttl`. Default `1h`.
    #[serde(default = "max_refresh")]
    pub max_refresh: Span,
    /// How long after it should have been fetched anew a list is still fresh; past its `exp` it never is. Then the
    /// policy's `on_stale` holds for the tokens that name it, or `off`: until its `exp`. Default `5m`.
    #[serde(default = "max_staleness")]
    pub max_staleness: OrOff<Span>,
    /// The application's own values that stand for a good status: of 3 and 12 to 15. Default: none.
    #[serde(default)]
    pub accept: Vec<u8>,
    /// How long one fetch may take. Default `5s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// A PEM file of the roots by which the lists' hosts are known. Default: the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Fetch from loopback, private and link-local addresses too. Default `false`.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Fetch over plain http, from loopback addresses only. Default `false`.
    #[serde(default)]
    pub allow_http: bool,
}

const fn max_lists() -> usize {
    64
}
fn max_list_bytes() -> Bytes {
    Bytes::mib(16)
}
fn min_refresh() -> Span {
    Span::secs(10)
}
fn max_refresh() -> Span {
    Span::hours(1)
}
fn max_staleness() -> OrOff<Span> {
    OrOff::On(Span::mins(5))
}
fn timeout() -> Span {
    Span::secs(5)
}

/// Values that an application may give a meaning to (§7.1 of the draft); every other is reserved.
const fn is_own(value: u8) -> bool {
    matches!(value, 3 | 12..=15)
}

impl StatusListSettings {
    const fn allowed(&self) -> Allowed {
        Allowed { private_network: self.allow_private_network, http: self.allow_http }
    }

    fn places(&self) -> Places {
        let texts = |urls: &[WebUrl]| urls.iter().map(|url| url.to_string().into()).collect();
        Places { exact: texts(&self.lists), under: texts(&self.under), accepted: self.accept.as_slice().into() }
    }

    /// When a list is fetched again, which says this of itself (SL-09).
    pub(super) fn due(&self, ttl: Option<Duration>, expires_in: Option<Duration>) -> Duration {
        let wish = ttl.or(expires_in).unwrap_or(Duration::MAX);
        let due = wish.min(expires_in.unwrap_or(Duration::MAX));
        due.min(self.max_refresh.get()).max(self.min_refresh.get())
    }

    /// How old a list may become that is to be fetched again after so long.
    pub(super) fn max_age(&self, due: Duration) -> Duration {
        self.max_staleness.on().map_or(Duration::MAX, |more| due.saturating_add(more.get()))
    }
}

impl SourceKind for StatusListSettings {
    fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Each list has a freshness of its own, which only the tokens that name it are asked for.
    fn bounds(&self) -> Bounds {
        Bounds { max_entries: 0, max_staleness: None }
    }

    fn retain(&self) -> Option<Duration> {
        None
    }

    fn misfits(&self) -> Vec<Misfit> {
        let urls = self.lists.iter().map(|url| ("lists", url)).chain(self.under.iter().map(|url| ("under", url)));
        let mut told: Vec<Misfit> =
            urls.filter_map(|(field, url)| address_misfit(field, Some(url), self.allowed())).collect();
        let mut tell = |wrong: bool, field, what: &str| {
            told.extend(wrong.then(|| Misfit { field, told: what.to_owned() }));
        };
        let none = self.lists.is_empty() && self.under.is_empty();
        tell(none, "lists", "without `lists` and `under`, no list may be fetched");
        let open = |url: &WebUrl| !url.to_string().ends_with('/') || url.uri().query().is_some();
        tell(
            self.under.iter().any(open),
            "under",
            "an address that does not end with `/` is the beginning of others too",
        );
        tell(self.lists.len() > self.max_lists, "max_lists", "fewer than there are `lists`");
        tell(self.min_refresh < Span::secs(1), "min_refresh", "fetching more often than each `1s` is refused");
        tell(self.max_refresh < self.min_refresh, "max_refresh", "less than `min_refresh`");
        tell(self.timeout == Span::ZERO, "timeout", "a fetch needs time: write for example `5s`");
        let reserved = self.accept.iter().any(|value| !is_own(*value));
        tell(reserved, "accept", "a value that is not the application's own: 3 and 12 to 15 are");
        told
    }

    fn build(&self) -> Result<Box<dyn Source>, BuildError> {
        let max_bytes = token_limit(self.max_list_bytes.len());
        let manner = Manner { allowed: self.allowed(), timeout: self.timeout.get(), max_bytes };
        Ok(Box::new(StatusLists { fetcher: Fetcher::new(manner, self.ca.as_deref())?, settings: self.clone() }))
    }
}

/// Status lists, ready to be kept fresh.
struct StatusLists {
    fetcher: Fetcher,
    settings: StatusListSettings,
}

impl Source for StatusLists {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        let keep = async {
            let (shelf, missed) = sink.statuses.open(&sink.feed.name, &sink.feed.issuer, &self.settings.places());
            Keeper::new(&self.fetcher, &self.settings, sink, &shelf).keep(missed).await;
        };
        Box::pin(async move {
            cancel.run_until_cancelled(keep).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> StatusListSettings {
        serde_json::from_str(&format!(r#"{{"issuer":"corp"{more}}}"#)).unwrap()
    }

    #[test]
    fn settings_are_checked_against_each_other() {
        let misfits = |more: &str| read(more).misfits().iter().map(|misfit| misfit.field).collect::<Vec<_>>();
        let list = r#","lists":["https://id.example.com/l/1"]"#;
        assert_eq!(misfits(list), [""; 0]);
        for (more, field) in [
            ("", "lists"),
            (r#","under":["https://id.example.com/l"]"#, "under"),
            (r#","under":["https://id.example.com/l?x=/"]"#, "under"),
            (&*format!(r#"{list},"accept":[2]"#), "accept"),
            (&*format!(r#"{list},"max_lists":0"#), "max_lists"),
            (&*format!(r#"{list},"min_refresh":"2h""#), "max_refresh"),
            (r#","lists":["http://id.example.com/l/1"]"#, "lists"),
        ] {
            assert_eq!(misfits(more), [field], "{more}");
        }
    }

    /// A list is fetched again after its `ttl`, no later than its `exp`, and within the operator's bounds.
    #[test]
    fn lists_are_fetched_again_by_their_own_word() {
        let settings = read(r#","max_staleness":"1m""#);
        let secs = Duration::from_secs;
        for (ttl, expires, due) in [
            (Some(60), None, 60),
            (Some(60), Some(30), 30),
            (None, Some(300), 300),
            (None, None, 3600),
            (Some(1), None, 10),
            (Some(43_200), Some(86_400), 3600),
        ] {
            assert_eq!(settings.due(ttl.map(secs), expires.map(secs)), secs(due));
        }
        assert_eq!(settings.max_age(secs(60)), secs(120));
    }
}
