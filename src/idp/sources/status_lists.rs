//! The lists of one source, kept fresh: each by its own time, several at once, and none more often than it may be.

use super::status_list::StatusListSettings;
use crate::decide::id::Fingerprint;
use crate::decide::time::{Moment, Timestamp};
use crate::idp::backoff::{Backoff, jittered};
use crate::idp::fetch::{Answer, Ask, FetchError, Fetcher};
use crate::idp::sink::Sink;
use crate::idp::status_token::{self, ListFault};
use crate::idp::web_url::WebUrl;
use crate::state::fingerprint::Kind;
use crate::state::statuses::{KeptList, Shelf, StatusList};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::HeaderValue;
use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many lists are fetched at once.
const AT_ONCE: usize = 8;

/// How long a list is kept that no token names.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// The longest pause after failures.
const MOST: Duration = Duration::from_secs(60);

/// Why a list could not be had.
#[derive(Debug, Error)]
enum KeepError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the status list {0}: {1}")]
    List(Box<str>, ListFault),
    #[error("the status list {0} is older than the one that is known")]
    Older(Box<str>),
}

/// One list, as the source sees it.
struct Tended {
    uri: Box<str>,
    url: WebUrl,
    print: Fingerprint,
    /// Is it one of those that the settings name?
    named: bool,
    due: Instant,
    /// When a token was last seen to name it, as far as is known.
    used: Instant,
    backoff: Backoff,
    known: Option<Known>,
    failing: bool,
}

/// What is known of the last good list.
struct Known {
    etag: Option<HeaderValue>,
    issued: Timestamp,
    expires: Option<Timestamp>,
    ttl: Option<Duration>,
    list: StatusList,
}

/// Keeps the lists of one source.
pub(super) struct Keeper<'a> {
    fetcher: &'a Fetcher,
    settings: &'a StatusListSettings,
    sink: &'a Sink,
    shelf: &'a Shelf,
    lists: BTreeMap<Box<str>, Tended>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        fetcher: &'a Fetcher,
        settings: &'a StatusListSettings,
        sink: &'a Sink,
        shelf: &'a Shelf,
    ) -> Self {
        let mut keeper = Self { fetcher, settings, sink, shelf, lists: BTreeMap::new() };
        settings.lists.iter().for_each(|url| keeper.tend(url.to_string().into(), url.clone(), true));
        // What an earlier task was asked for is asked for again: nobody tends it here.
        shelf.keep_only(|print| keeper.lists.values().any(|list| list.print == *print));
        keeper
    }

    fn tend(&mut self, uri: Box<str>, url: WebUrl, named: bool) {
        let print = self.sink.fingerprints.of(Kind::StatusList, &self.sink.issuer, uri.as_bytes());
        let backoff = Backoff::new(Duration::from_secs(1), MOST.min(self.settings.max_refresh.get()));
        let now = Instant::now();
        let tended =
            Tended { uri: uri.clone(), url, print, named, due: now, used: now, backoff, known: None, failing: false };
        self.lists.insert(uri, tended);
    }

    /// Fetches what is due, and what requests miss, for ever.
    pub(super) async fn keep(mut self, mut missed: mpsc::Receiver<Box<str>>) {
        if self.settings.lists.is_empty() {
            self.sink.heard(self.sink.now());
        }
        loop {
            self.round().await;
            let due = self.lists.values().map(|list| list.due).min();
            let due = due.unwrap_or_else(|| Instant::now() + self.settings.max_refresh.get());
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                uri = missed.recv() => self.missed(uri),
            }
        }
    }

    /// A token names a list that is not here. Whoever names many lists finds that there is an end to it.
    fn missed(&mut self, uri: Option<Box<str>>) {
        let Some(uri) = uri.filter(|uri| !self.lists.contains_key(uri) && self.shelf.admits(uri)) else { return };
        if self.lists.len() >= self.settings.max_lists {
            self.sink.failed("more lists are named than `max_lists` allows");
        } else if let Ok(url) = uri.parse() {
            self.tend(uri, url, false);
        }
    }

    /// Fetches all that is due, several at once.
    async fn round(&mut self) {
        let asked = self.sink.now();
        self.let_go();
        let mut due: Vec<&mut Tended> = self.lists.values_mut().filter(|list| list.due <= Instant::now()).collect();
        if due.is_empty() {
            return;
        }
        let work = Work { fetcher: self.fetcher, settings: self.settings, sink: self.sink, shelf: self.shelf };
        let mut why = None;
        for some in due.chunks_mut(AT_ONCE) {
            let mut all: FuturesUnordered<_> = some.iter_mut().map(|list| work.refresh(list)).collect();
            while let Some(done) = all.next().await {
                why = why.or(done.err());
            }
        }
        self.tell(asked, why);
    }

    /// The source was heard if all that the settings name could be had; a list that some token names is not everybody's.
    fn tell(&self, asked: Moment, why: Option<KeepError>) {
        if self.lists.values().filter(|list| list.named).all(|list| list.known.is_some() && !list.failing) {
            self.sink.heard(asked);
        }
        if let Some(why) = why {
            self.sink.failed(&why.to_string());
        }
    }

    /// Lets those go that no token has named for a while.
    fn let_go(&mut self) {
        let now = Instant::now();
        let shelf = self.shelf;
        self.lists.retain(|_, list| {
            if list.named || shelf.was_used(&list.print) {
                list.used = now;
            }
            let stays = now.duration_since(list.used) < IDLE
                && (list.named || list.due > now || !list.failing || list.known.is_some());
            if !stays {
                shelf.drop_list(&list.print);
            }
            stays
        });
    }
}

/// What refreshing one list takes.
struct Work<'a> {
    fetcher: &'a Fetcher,
    settings: &'a StatusListSettings,
    sink: &'a Sink,
    shelf: &'a Shelf,
}

impl Work<'_> {
    async fn refresh(&self, list: &mut Tended) -> Result<(), KeepError> {
        let fetched = self.fetch(list).await;
        list.failing = fetched.is_err();
        if list.failing {
            self.shelf.failed(&list.uri);
        }
        let pause = match fetched {
            Ok(due) => {
                list.backoff.succeeded();
                jittered(due)
            }
            Err(_) => {
                list.known.iter_mut().for_each(|known| known.etag = None);
                list.backoff.failed()
            }
        };
        list.due = Instant::now() + pause;
        fetched.map(drop)
    }

    /// Fetches a list, and says when it is to be fetched again.
    async fn fetch(&self, list: &mut Tended) -> Result<Duration, KeepError> {
        let asked = self.sink.now();
        let known = list.known.as_ref().and_then(|known| known.etag.as_ref());
        let ask = Ask { accept: "application/statuslist+jwt", codings: "gzip", known, auth: None };
        if let Answer::Body(body, said) = self.fetcher.text(&list.url, &ask).await? {
            let fault = |fault| KeepError::List(list.uri.clone(), fault);
            let text = str::from_utf8(&body).map_err(|_| fault(ListFault::Form))?;
            let (signer, max) = (self.sink.signer(), self.settings.max_list_bytes.len());
            let read = status_token::read(&signer, text.trim_ascii(), &list.uri, max, asked).await.map_err(fault)?;
            // Whoever sends an old list again would make valid what was revoked since.
            // What is known may be of another task, with other settings.
            let newest = list.known.as_ref().map(|known| known.issued).max(self.shelf.issued(&list.print));
            if newest.is_some_and(|newest| read.issued < newest) {
                return Err(KeepError::Older(list.uri.clone()));
            }
            let status_token::ListToken { list: values, issued, expires, ttl } = read;
            let news = list.known.as_ref().is_none_or(|known| known.list != values);
            if news {
                let changes = values.changes(list.known.as_ref().map(|known| &known.list));
                self.sink.audit_list(&self.shelf.name_of(&list.uri), changes);
            }
            list.known = Some(Known { etag: said.etag, issued, expires, ttl, list: values });
            let kept = self.keep(list, asked);
            if news {
                // What is under way with a token of the list is asked about.
                self.sink.revocations.touch();
            }
            return kept.ok_or_else(|| fault(ListFault::Expired));
        }
        self.keep(list, asked).ok_or_else(|| KeepError::List(list.uri.clone(), ListFault::Expired))
    }

    /// Puts what is known on the shelf; `None` if that is past its end.
    fn keep(&self, list: &Tended, asked: Moment) -> Option<Duration> {
        let known = list.known.as_ref()?;
        let left = known.expires.map(|expires| u64::try_from(expires.since(asked.wall)).unwrap_or(0));
        if left == Some(0) {
            return None;
        }
        let due = self.settings.due(known.ttl, left.map(Duration::from_millis));
        let kept = KeptList {
            name: self.shelf.name_of(&list.uri),
            list: known.list.clone(),
            issued: known.issued,
            asked: asked.steady,
            max_age: self.settings.max_age(due),
            expires: known.expires,
        };
        self.shelf.put(list.print, kept);
        Some(due)
    }
}
