//! What operators do about revocations: enter, take back, ask, and look before they leap. Who may is `guard`'s to say,
//! what they wrote is read in `entry`, and what they did is told in `audit`.

use super::audit::Audit;
use super::body::{self, Kind, Lines};
use super::connections::{self, Connections};
use super::entry::{Reader, Understood};
use super::guard::Who;
use super::problem::{Answer, Problem, json};
use super::{fleet, preview, query, standing};
use crate::control::reload::Reload;
use crate::decide::id::IssuerName;
use crate::decide::time::Moment;
use crate::idp::operator::Operator;
use crate::proxy::gate::Shared;
use crate::state::revocations::{FeedStanding, Revoked, Target};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many entries are kept at once, and how many one list may have.
const BATCH: usize = 10_000;
/// How many entries one call may bring.
const MOST: usize = 1_000_000;

/// What operators do.
pub struct Operations {
    shared: Arc<Shared>,
    pub(super) reload: Arc<Reload>,
    pub(super) audit: Audit,
}

/// What is done with entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// They are revoked.
    Revoke,
    /// What operators entered of them is taken back.
    Lift,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Done {
    /// How many entries are enforced and kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<usize>,
    /// How many were there, and are taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted: Option<usize>,
    /// Of how many there was nothing that an operator entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<usize>,
    /// Of how many another feed, or a wider entry, says something still.
    #[serde(skip_serializing_if = "Option::is_none")]
    still_named: Option<usize>,
    /// How many lines, or entries of a list, were worked on: all of them.
    position: usize,
}

type ByIssuer = BTreeMap<IssuerName, (Vec<Revoked>, Vec<Target>)>;

impl Operations {
    /// On what is in force, told to this log.
    #[must_use]
    pub fn new(shared: &Arc<Shared>, reload: &Arc<Reload>, audit: Audit) -> Self {
        Self { shared: Arc::clone(shared), reload: Arc::clone(reload), audit }
    }

    pub(super) fn now(&self) -> Moment {
        self.shared.state.clock.now()
    }

    fn read_all(&self, text: &[u8]) -> Result<Vec<Understood>, Problem> {
        let plan = self.shared.plan.load();
        Reader { plan: &plan, state: &self.shared.state, now: self.now() }.read_all(text, BATCH)
    }

    /// Revokes, or takes back.
    ///
    /// # Errors
    /// What is wrong with what was sent, and how far it was taken all the same.
    pub async fn act(&self, deed: Deed, parts: &Parts, body: Incoming, who: &Who) -> Result<Answer, Problem> {
        let preview = wants_preview(deed, parts)?;
        let done = match body::kind(&parts.headers)? {
            Kind::Json => {
                let entries = self.read_all(&body::whole(body).await?)?;
                if preview {
                    return self.preview(entries).await;
                }
                let mut done = Done::default();
                self.keep(deed, &entries, who, &mut done).await?;
                done.position = entries.len();
                done
            }
            Kind::Lines if preview => return self.preview(self.collect(Lines::of(body)).await?).await,
            Kind::Lines => self.stream(deed, Lines::of(body), who).await?,
        };
        Ok(json(&done))
    }

    /// Line by line, as they come; what was good before a fault stays.
    async fn stream(&self, deed: Deed, mut lines: Lines, who: &Who) -> Result<Done, Problem> {
        let mut done = Done::default();
        loop {
            let text = match lines.next().await {
                Ok(Some(text)) => text,
                Ok(None) => return Ok(done),
                Err(problem) => return Err(problem.after(done.position)),
            };
            let (entries, count, fault) = self.read_lines(&text, done.position);
            if done.position + count > MOST {
                let detail = format!("more than {MOST} lines in one call: go on in another");
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).after(done.position));
            }
            let position = done.position;
            self.keep(deed, &entries, who, &mut done).await.map_err(|problem| problem.after(position))?;
            done.position += count;
            if let Some(fault) = fault {
                return Err(fault.at(done.position + 1).after(done.position).with(&done));
            }
        }
    }

    /// The entries of whole lines, how many lines they took, and what is wrong with the next. Empty lines count as
    /// lines, so that a position is one in the file.
    fn read_lines(&self, text: &[u8], before: usize) -> (Vec<Understood>, usize, Option<Problem>) {
        let plan = self.shared.plan.load();
        let reader = Reader { plan: &plan, state: &self.shared.state, now: self.now() };
        let (mut entries, mut count) = (Vec::new(), 0);
        for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            if !line.is_empty() && !line.starts_with(b"#") {
                match reader.read(line) {
                    Ok(entry) => entries.push(entry),
                    Err(fault) => return (entries, count, Some(fault.at(before + count + 1))),
                }
            }
            count += 1;
        }
        (entries, count, None)
    }

    async fn collect(&self, mut lines: Lines) -> Result<Vec<Understood>, Problem> {
        let (mut all, mut position) = (Vec::new(), 0);
        while let Some(text) = lines.next().await? {
            let (entries, count, fault) = self.read_lines(&text, position);
            position += count;
            all.extend(entries);
            match fault {
                Some(fault) => return Err(fault),
                None if all.len() > MOST => {
                    return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {MOST} entries")));
                }
                None => {}
            }
        }
        Ok(all)
    }

    /// Told to the audit log, then done, then told again; only then may whoever asked be told.
    async fn keep(&self, deed: Deed, entries: &[Understood], who: &Who, done: &mut Done) -> Result<(), Problem> {
        for entries in entries.chunks(BATCH) {
            let call = self.audit.call(who, deed.name());
            let unwritten = |when| {
                move |error: std::io::Error| {
                    tracing::error!(%error, "the audit log cannot be written");
                    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the audit log cannot be written: {when}"))
                }
            };
            call.asked(entries, self.now().wall).await.map_err(unwritten("nothing was done of this batch"))?;
            let kept = match deed {
                Deed::Revoke => self.revoke(entries, done).await,
                Deed::Lift => self.lift(entries, done).await,
            };
            let result = kept.as_ref().map_or("failed", |()| deed.result());
            let told = call.done(result, entries.len(), self.now().wall).await;
            kept?;
            told.map_err(unwritten("this batch is enforced, and what came of it is not written down"))?;
        }
        Ok(())
    }

    async fn revoke(&self, entries: &[Understood], done: &mut Done) -> Result<(), Problem> {
        let unkept = |detail: &str| Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail);
        let mut work: Vec<(Arc<Operator>, Vec<Revoked>)> = Vec::new();
        for (issuer, (revoked, _)) in by_issuer(entries) {
            let operator = self.operator(issuer.as_str()).await;
            let operator = operator.ok_or_else(|| unkept("an issuer left with a reload just now: try again"))?;
            if !operator.has_room_for(&revoked) {
                return Err(unkept("there is no room for so many entries of operators: take back what is over"));
            }
            work.push((operator, revoked));
        }
        for (operator, revoked) in work {
            operator.revoke(&revoked).await.map_err(|full| unkept(&full.to_string()))?;
            done.accepted = Some(done.accepted.unwrap_or(0) + revoked.len());
        }
        Ok(())
    }

    /// Where operators write about an issuer. The first time it is opened, which waits for the disk.
    async fn operator(&self, issuer: &str) -> Option<Arc<Operator>> {
        let (reload, issuer) = (Arc::clone(&self.reload), issuer.to_owned());
        match reload.idp().opened(&issuer) {
            Some(operator) => Some(operator),
            None => tokio::task::spawn_blocking(move || reload.idp().operator(&issuer)).await.ok().flatten(),
        }
    }

    async fn lift(&self, entries: &[Understood], done: &mut Done) -> Result<(), Problem> {
        let mut lifted = 0;
        for (issuer, (_, targets)) in by_issuer(entries) {
            if let Some(operator) = self.reload.idp().opened(issuer.as_str()) {
                let done = operator.lift(&targets).await;
                let unkept = |error: crate::idp::sink::NotKept| {
                    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("it could not be kept: {error}"))
                };
                lifted += done.map_err(unkept)?.into_iter().filter(|lifted| *lifted).count();
            }
        }
        let revocations = &self.shared.state.revocations;
        let named = |entry: &&Understood| !revocations.named(&entry.issuer, &entry.handles).is_empty();
        let still = entries.iter().filter(named).count();
        done.lifted = Some(done.lifted.unwrap_or(0) + lifted);
        done.absent = Some(done.absent.unwrap_or(0) + entries.len().saturating_sub(lifted));
        done.still_named = Some(done.still_named.unwrap_or(0) + still);
        Ok(())
    }

    /// Counting goes through the whole cache: on a thread of its own.
    async fn preview(&self, entries: Vec<Understood>) -> Result<Answer, Problem> {
        let (shared, now) = (Arc::clone(&self.shared), self.now());
        let counted = tokio::task::spawn_blocking(move || preview::count(&entries, &shared, now)).await;
        let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "counting failed: the log has the details");
        counted.map(|counted| json(&counted)).map_err(failed)
    }

    /// Is it revoked?
    ///
    /// # Errors
    /// What is wrong with the question.
    pub async fn query(&self, headers: &HeaderMap, body: Incoming) -> Result<Answer, Problem> {
        if body::kind(headers)? == Kind::Lines {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "ask about one at a time, as JSON"));
        }
        let entries = self.read_all(&body::whole(body).await?)?;
        match &*entries {
            [entry] => Ok(json(&query::known(entry, &self.shared.state, self.now()))),
            _ => Err(Problem::bad("ask about one at a time")),
        }
    }

    /// How far what was entered here has come.
    #[must_use]
    pub fn fleet(&self) -> Answer {
        json(&fleet::fleet(self.reload.idp().watched_propagation()))
    }

    /// What is live.
    ///
    /// # Errors
    /// If something else is asked for.
    pub async fn connections(&self, parts: &Parts) -> Result<Answer, Problem> {
        let wanted = connections::wanted(parts.uri.query())?;
        Ok(json(&Connections::from(self.shared.live.ask(wanted).await)))
    }

    /// How fresh each feed is.
    #[must_use]
    pub fn feeds(&self) -> Answer {
        json(&query::feeds(&self.shared.state, self.now()))
    }

    /// How the feed of this name stands, if there is one.
    pub(super) fn feed(&self, name: &str) -> Option<FeedStanding> {
        let standing = self.shared.state.revocations.standing(self.now());
        standing.into_iter().find(|feed| feed.source.as_str() == name)
    }

    /// Which keys there are, and how old what is known of them is.
    #[must_use]
    pub fn keys(&self) -> Answer {
        json(&standing::keys(self.shared.plan.load().issuers.iter().map(|issuer| &**issuer), self.now()))
    }

    /// What holds on each route.
    #[must_use]
    pub fn routes(&self) -> Answer {
        json(&standing::routes(&self.reload.config(), &self.reload.revision()))
    }
}

fn by_issuer(entries: &[Understood]) -> ByIssuer {
    let mut all = ByIssuer::new();
    for entry in entries {
        let (revoked, targets) = all.entry(entry.issuer.clone()).or_default();
        revoked.push(entry.revoked);
        targets.push(entry.revoked.target);
    }
    all
}

/// What a query string asks that is not known is not passed over: it may have been meant to keep something from being done.
fn wants_preview(deed: Deed, parts: &Parts) -> Result<bool, Problem> {
    match (parts.uri.query().unwrap_or_default(), deed) {
        ("" | "preview=false", _) => Ok(false),
        ("preview=true", Deed::Revoke) => Ok(true),
        _ => Err(Problem::bad("nothing but `?preview=true` can be asked here, and that of POST /revocations only")),
    }
}

impl Deed {
    /// The word for it, as the audit log has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Lift => "lift",
        }
    }

    const fn result(self) -> &'static str {
        match self {
            Self::Revoke => "enforced",
            Self::Lift => "lifted",
        }
    }
}
