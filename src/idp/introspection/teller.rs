//! The task: takes the questions that requests left at the desk to the issuer, some at a time, and brings the answers
//! back.

use super::answer;
use super::asker::Asker;
use super::settings::IntrospectionSettings;
use crate::idp::build::BuildError;
use crate::idp::events::Spread;
use crate::idp::settings::IssuerSettings;
use crate::idp::signed::Signer;
use crate::notice::Trouble;
use crate::state::clock::Clock;
use crate::state::fingerprint::Fingerprints;
use crate::state::introspection::{Desk, Inquiries, Inquiry, Outcome, Standing};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// What metrics tell of an issuer that is asked.
pub struct Introspected {
    /// What its desk counted.
    pub standing: Standing,
    /// How long questions took, in seconds: their sum.
    pub sum: f64,
    /// And how many there are in each bucket, by its upper bound.
    pub buckets: Vec<(f64, u64)>,
}

/// Who asks one issuer.
pub(in crate::idp) struct Teller {
    pub(super) name: Box<str>,
    pub(in crate::idp) desk: Arc<Desk>,
    asker: Asker,
    leeway: Duration,
    clock: Arc<dyn Clock>,
    took: Spread,
    trouble: Trouble,
    inquiries: Mutex<Inquiries>,
}

/// Makes it of the issuer's settings.
pub(in crate::idp) fn build(
    name: &str,
    issuer: &IssuerSettings,
    settings: &IntrospectionSettings,
    signer: Signer,
    clock: &Arc<dyn Clock>,
    fingerprints: &Arc<Fingerprints>,
) -> Result<Teller, BuildError> {
    let (desk, inquiries) = Desk::new(&settings.limits(), Arc::clone(fingerprints));
    Ok(Teller {
        name: name.into(),
        desk: Arc::new(desk),
        asker: Asker::new(issuer, settings, signer)?,
        leeway: issuer.leeway.get(),
        clock: Arc::clone(clock),
        took: Spread::default(),
        trouble: Trouble::default(),
        inquiries: Mutex::new(inquiries),
    })
}

impl Teller {
    /// Asks until cancelled. How many questions there are at a time, the desk bounds.
    pub(super) async fn run(self: Arc<Self>) {
        let (mut inquiries, mut under_way) = (self.inquiries.lock().await, JoinSet::new());
        loop {
            tokio::select! {
                next = inquiries.recv() => match next {
                    Some(inquiry) => drop(under_way.spawn(Arc::clone(&self).one(inquiry))),
                    None => return,
                },
                Some(_) = under_way.join_next() => {}
            }
        }
    }

    async fn one(self: Arc<Self>, inquiry: Inquiry) {
        let began = self.clock.now();
        let answer = self.asker.ask(&inquiry.token, began).await;
        let now = self.clock.now();
        self.took.add(now.steady.saturating_sub(began.steady));
        let outcome = match (answer, &inquiry.verified.token.claims) {
            (Ok(answer), Ok(claims)) => {
                let outcome = answer::read(&answer, claims, self.leeway, now.wall);
                self.told(outcome);
                outcome
            }
            (Ok(_), Err(_)) => Outcome::Odd("its claims cannot be compared"),
            (Err(failure), _) => {
                self.failed(&failure.told);
                Outcome::Failed(failure.word)
            }
        };
        self.desk.settle(inquiry, outcome, now.steady);
    }

    fn told(&self, outcome: Outcome) {
        match outcome {
            Outcome::Odd(why) | Outcome::Failed(why) => self.failed(why),
            Outcome::Active(_) | Outcome::Inactive => {
                if let Some(out) = self.trouble.over() {
                    tracing::info!(issuer = &*self.name, %out, "introspection works again");
                }
            }
        }
    }

    fn failed(&self, error: &str) {
        if let Some(repeats) = self.trouble.met(error) {
            tracing::error!(
                issuer = &*self.name,
                error,
                repeats,
                "introspection failed: requests that need it are answered 503"
            );
        }
    }

    /// What metrics tell of it.
    pub(super) fn introspected(&self) -> Introspected {
        Introspected { standing: self.desk.standing(), sum: self.took.sum(), buckets: self.took.buckets() }
    }
}
