//! Where a request asks what other instances know of a session, and waits for a bounded time. How they are asked is told
//! elsewhere: whoever does that takes the questions, and has the store learn what was found before it answers one.
//!
//! While nobody can be asked, and after a few questions in a row without an answer, nobody waits; but one in a second does,
//! so that it is seen when there are answers again.

use super::breaker::Breaker;
use super::late::{Late, Used};
use super::sharing::Pace;
use super::store::Sessions;
use super::terms::Terms;
use crate::decide::id::Fingerprint;
use crate::decide::session::OnStateLoss;
use crate::state::clock::Clock;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How many questions may wait to be asked.
const ROOM: usize = 4096;

/// There was no answer in time: what others know of the session is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sessions' store does not answer")]
pub struct Unknown;

/// A question. Whoever drops it leaves those who wait without an answer.
pub struct Question {
    /// Of which session.
    pub print: Fingerprint,
    answer: Answer,
}

enum Answer {
    /// Somebody waits for it.
    Waits(oneshot::Sender<bool>),
    /// An activity does.
    Late(Late),
}

impl Question {
    /// The store has learnt what there is to know; or nobody can tell, though there was an answer.
    pub fn answered(self, known: bool) {
        match self.answer {
            Answer::Waits(answer) => _ = answer.send(known),
            Answer::Late(late) => late.over(known),
        }
    }

    /// Whether nobody waits for it any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(&self.answer, Answer::Waits(answer) if answer.is_closed())
    }
}

/// The questions.
pub type Questions = mpsc::Receiver<Question>;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Questions.
    pub asked: u64,
    /// Those without an answer.
    pub unanswered: u64,
    /// Requests that were judged without an answer, by policies that say `deny`, `local` and `allow`.
    pub went_without: [u64; 3],
}

/// The desk.
pub struct Desk {
    sessions: Arc<Sessions>,
    questions: mpsc::Sender<Question>,
    taken: Mutex<Option<Questions>>,
    terms: ArcSwap<Terms>,
    /// Whether anybody can be asked.
    open: AtomicBool,
    /// And whether it is worth it.
    breaker: Arc<Breaker>,
    asked: AtomicU64,
    unanswered: AtomicU64,
    went_without: [AtomicU64; 3],
}

impl Desk {
    /// A desk, at which nobody can be asked yet.
    #[must_use]
    pub fn new(sessions: Arc<Sessions>, clock: Arc<dyn Clock>, terms: Terms) -> Self {
        let (questions, taken) = mpsc::channel(ROOM);
        Self {
            sessions,
            questions,
            taken: Mutex::new(Some(taken)),
            terms: ArcSwap::from_pointee(terms),
            open: AtomicBool::new(false),
            breaker: Arc::new(Breaker::new(clock)),
            asked: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            went_without: Default::default(),
        }
    }

    /// The questions, for the one who asks the others.
    pub fn take(&self) -> Option<Questions> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// From now on sessions are told at this pace and kept by these terms; `None`: they are not told.
    pub fn take_up(&self, how: Option<(Pace, Terms)>) {
        self.sessions.share(how.map(|(pace, _)| pace));
        if let Some((_, terms)) = how {
            self.terms.store(Arc::new(terms));
        }
    }

    /// How sessions are kept.
    #[must_use]
    pub fn terms(&self) -> Terms {
        **self.terms.load()
    }

    /// Others can be asked from now on, or not any more.
    pub fn set_open(&self, open: bool) {
        self.breaker.answered();
        self.open.store(open, Relaxed);
    }

    /// Whether others can be asked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    /// Asks about a session. Waits so long at most, and not at all while others waited in vain.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn ask(&self, print: Fingerprint, within: Duration) -> Result<(), Unknown> {
        self.asked.fetch_add(1, Relaxed);
        if self.is_open() && self.breaker.may_ask() {
            let (answer, heard) = oneshot::channel();
            let sent = self.questions.try_send(Question { print, answer: Answer::Waits(answer) }).is_ok();
            if sent && let Ok(Ok(known)) = tokio::time::timeout(within, heard).await {
                self.breaker.answered();
                self.unanswered.fetch_add(u64::from(!known), Relaxed);
                return if known { Ok(()) } else { Err(Unknown) };
            }
            self.breaker.failed();
        }
        self.unanswered.fetch_add(1, Relaxed);
        Err(Unknown)
    }

    /// Tells an activity, once the others were asked; behind, and in a bounded time.
    pub fn used(&self, used: Used) {
        self.asked.fetch_add(1, Relaxed);
        let asks = (self.is_open() && self.breaker.may_ask()).then(|| Arc::clone(&self.breaker));
        let is_asked = asks.is_some();
        let late = Late { sessions: Arc::clone(&self.sessions), used, is_over: false, asks };
        let question = Question { print: used.name.print, answer: Answer::Late(late) };
        if !is_asked || self.questions.try_send(question).is_err() {
            self.unanswered.fetch_add(1, Relaxed);
            self.went_without(used.on_state_loss);
        }
    }

    /// A request was judged without an answer that was needed, as its policy says.
    pub fn went_without(&self, how: OnStateLoss) {
        let [deny, local, allow] = &self.went_without;
        let counter = match how {
            OnStateLoss::Deny => deny,
            OnStateLoss::Local => local,
            OnStateLoss::Allow => allow,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Asked {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let went_without = self.went_without.each_ref().map(count);
        Asked { asked: count(&self.asked), unanswered: count(&self.unanswered), went_without }
    }
}
