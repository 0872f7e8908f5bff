//! A feed of lines, taken in while it comes: verified if it must be, and held back if it is suspiciously small. Runs on a
//! thread that may wait.

use super::arriving::{Arriving, Limits, decoded};
use super::blocks::Lines;
use super::coding::Coding;
use super::feed::FeedFault;
use super::feed_stream::{Entries, FeedHead, First, first, head};
use super::jwks::MAX_JWKS;
use super::place::Place;
use super::signed::Signer;
use super::sink::Sink;
use super::sources::poll::{FeedSignature, Percent};
use crate::decide::rules::Algorithm;
use crate::decide::time::{Moment, Timestamp};
use crate::settings::{OrOff, read_bounded};
use crate::state::keys::{IssuerKeys, Patience};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The `typ` of the token in the first line of a signed feed.
const TYPE: &str = "revocation-feed+jwt";
/// How long that token may be.
const TOKEN: usize = 4 * 1024 * 1024;

/// One answer that is taken in.
pub(super) struct Intake {
    pub(super) sink: Sink,
    /// The source ends: what it says does not count any more.
    pub(super) cancel: CancellationToken,
    pub(super) signature: FeedSignature,
    pub(super) max_shrink: OrOff<Percent>,
    /// When the last answer was signed.
    pub(super) newest: Option<Timestamp>,
    pub(super) asked: Moment,
    pub(super) runtime: Handle,
}

/// An answer that was taken in.
pub(super) struct Taken {
    pub(super) cursor: Option<String>,
    pub(super) issued: Option<Timestamp>,
}

impl Intake {
    /// Takes in what arrives.
    ///
    /// # Errors
    /// The first fault; then nothing was taken back.
    pub(super) fn read(self, arriving: Arriving, coding: Coding, limits: Limits) -> Result<Taken, String> {
        let plain = decoded(arriving, coding, limits).map_err(|error| error.to_string())?;
        let mut lines = Lines::new(plain);
        let (head, issued) = self.begin(&mut lines)?;
        let mut entries = Entries::new(lines, head.count);
        let until_the_end = std::iter::from_fn(|| {
            if self.cancel.is_cancelled() {
                return Some(Err(FeedFault::Document("the source was ended meanwhile".into())));
            }
            entries.next()
        });
        let before = || self.sink.place().cursor.filter(|_| !head.complete);
        let place = Place { cursor: head.cursor.clone().or_else(before), issued };
        let max_shrink = if head.shrunk { OrOff::Off } else { self.max_shrink };
        self.sink.take_in(until_the_end, head.complete, &place, max_shrink)?;
        Ok(Taken { cursor: head.cursor, issued })
    }

    fn begin<R: Read>(&self, lines: &mut Lines<R>) -> Result<(FeedHead, Option<Timestamp>), String> {
        match (first(lines).map_err(|fault| fault.to_string())?, &self.signature) {
            (First::Plain(head), FeedSignature::Off) => Ok((head, None)),
            (First::Plain(_), _) => Err("the feed must be signed, and is not".into()),
            (First::Signed(_), FeedSignature::Off) => Err("the feed is signed: say by whom, with `signature`".into()),
            (First::Signed(token), _) => {
                let (head, issued) = self.verify(&token)?;
                lines.expect(head.blocks().map_err(|fault| fault.to_string())?);
                Ok((head, Some(issued)))
            }
        }
    }

    fn verify(&self, token: &str) -> Result<(FeedHead, Timestamp), String> {
        let signer = self.signer()?;
        let opened = self.runtime.block_on(signer.open(token, TOKEN, self.asked));
        let (typ, payload) = opened.map_err(|fault| format!("the first line: {fault}"))?;
        let head = head(&payload).map_err(|fault| fault.to_string())?;
        let now = self.sink.now().wall;
        let time = |seconds: Option<f64>| seconds.and_then(Timestamp::from_numeric_floor);
        let issued = time(head.iat).ok_or("the first line: without `iat`")?;
        let wrong = if &*typ != TYPE {
            "not of the type revocation-feed+jwt"
        } else if head.iss.as_deref() != Some(&*signer.iss) {
            "of another issuer"
        } else if issued > now.plus(signer.leeway) {
            "signed in the future"
        } else if head.exp.is_some() && time(head.exp).is_none_or(|exp| now >= exp.plus(signer.leeway)) {
            "expired"
        } else if self.newest.is_some_and(|newest| issued < newest) {
            "older than the last one"
        } else {
            return Ok((head, issued));
        };
        Err(format!("the first line: {wrong}"))
    }

    fn signer(&self) -> Result<Arc<Signer>, String> {
        let issuers = self.sink.signer();
        let FeedSignature::File(path) = &self.signature else { return Ok(issuers) };
        let keys = keys(path, self.asked)?;
        let algorithms = Algorithm::OF_PROOFS.iter().copied().collect();
        Ok(Arc::new(Signer { iss: issuers.iss.clone(), keys: Arc::new(keys), algorithms, leeway: issuers.leeway }))
    }
}

fn keys(path: &Path, asked: Moment) -> Result<IssuerKeys, String> {
    let told = |error: &dyn std::fmt::Display| format!("the keys of the feed: {error}");
    let set = read_bounded(path, MAX_JWKS as u64).map_err(|error| told(&error))?;
    let keys = IssuerKeys::new(Patience { max_stale: None, cooldown: Duration::MAX, wait: Duration::ZERO });
    keys.publish(&set, Algorithm::OF_PROOFS, asked).map_err(|error| told(&error))?;
    Ok(keys)
}
