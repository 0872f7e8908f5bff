//! A request that a fault of ours took away: something on its way panicked. What is kept of it is caught as it falls, and it
//! is answered, counted, recorded and traced as any refusal is.

use super::answer::Particulars;
use super::body::Download;
use super::gate::{Gate, refuse};
use super::report::Report;
use crate::decide::reason::Reason;
use http::Response;
use http::request::Parts;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Weak;

/// Where the gate of a connection finds what is left of a request.
#[derive(Default)]
pub struct Fallen(Cell<Option<Box<Report>>>);

impl Gate {
    /// Answers a request that panicked. Of its head is there whatever was not handed on.
    pub(super) fn broken(&self, parts: &Parts) -> Response<Download> {
        let refused = self.fallen.0.take().map(|mut report| {
            say(&report);
            if !parts.headers.is_empty() {
                report.seen = self.seen(parts);
            }
            // It may have been the telling that panicked: then nobody catches it again.
            report.fallen = Weak::new();
            catch_unwind(AssertUnwindSafe(|| refuse(&Reason::InternalError.into(), report)))
        });
        refused.and_then(Result::ok).unwrap_or_else(|| {
            let plan = self.shared.plan.load();
            plan.stationery.refuse(Reason::InternalError, &Particulars::default()).map(Download::from)
        })
    }
}

fn say(report: &Report) {
    let trace_id = report.trace.trace_hex();
    tracing::error!(
        trace_id = trace_id.as_str(),
        reason = Reason::InternalError.code(),
        "a request panicked: this is a fault of the gateway, please report it"
    );
}

/// What is dropped by a panic was not told. Before its answer began, its gate answers and tells it; after that nobody else
/// will.
impl Drop for Report {
    fn drop(&mut self) {
        if !std::thread::panicking() || self.is_told.replace(true) {
            return;
        }
        // A second panic in here would end the process.
        let _ = catch_unwind(AssertUnwindSafe(|| match self.fallen.upgrade().filter(|_| !self.is_answered) {
            Some(fallen) => {
                // One is kept at a time. What is dropped here falls no more.
                let before = fallen.0.replace(Some(self.saved()));
                before.into_iter().for_each(|before| before.is_told.set(true));
            }
            None => {
                say(self);
                self.reason = Some(Reason::InternalError);
                self.tell();
            }
        }));
    }
}

impl Report {
    /// All that is in it; an empty one is left to be dropped, of which nothing is told.
    fn saved(&mut self) -> Box<Self> {
        let mut saved =
            Self::new((&self.shared, &self.plan), self.trace, self.seen.clone(), self.moment, self.fallen.clone());
        std::mem::swap(self, &mut saved);
        self.is_told.set(true);
        saved.is_told.set(false);
        saved
    }
}
