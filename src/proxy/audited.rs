//! What the line has for the audit log: that a session ended, began or goes on with a new sign-in, and, where somebody
//! wants it, each refusal. It is handed over and not waited for; where nobody wants it, nothing is made.

use super::report::Report;
use crate::decide::reason::Reason;
use crate::decide::time::Timestamp;
use crate::state::sessions::Turn;
use crate::telemetry::audit::{Event, Kind};

impl Report {
    /// Tells what is new of the session of its token.
    pub(super) fn audit(&self, turn: Turn, reason: Option<Reason>, at: Timestamp) {
        let kind = match turn {
            Turn::None => return,
            Turn::First => Kind::SessionFirstSeen,
            Turn::SignedIn => Kind::SessionRenewed,
            Turn::Ended => Kind::SessionEnded,
        };
        if let Some(audit) = self.shared.telemetry.audit(kind) {
            audit.tell(self.event(kind, reason, at));
        }
    }

    /// Tells that it was refused.
    pub(super) fn audit_refusal(&self) {
        let Some(reason) = self.reason else { return };
        if let Some(audit) = self.shared.telemetry.audit(Kind::RequestRefused) {
            let event = self.event(Kind::RequestRefused, Some(reason), self.moment.wall);
            audit.tell(event.with("status", self.status.as_u16()));
        }
    }

    /// Ids are hashed as in spans.
    fn event(&self, kind: Kind, reason: Option<Reason>, at: Timestamp) -> Event {
        let handles = self.verified().map(|verified| &verified.token.handles);
        let id = |id: Option<crate::decide::id::Fingerprint>| id.map(|id| id.to_string());
        Event::new(kind, at)
            .maybe("reason", reason.map(Reason::code))
            .maybe("route", self.route.as_ref().map(|route| &*route.meter.name))
            .maybe("issuer", self.issuer().map(|issuer| issuer.rules.name.as_str()))
            .maybe("session", self.verified().map(|verified| verified.session.print.to_string()))
            .maybe("subject", id(handles.and_then(|handles| handles.subject)))
            .maybe("client", id(handles.and_then(|handles| handles.client)))
            .maybe("token", id(handles.map(|handles| handles.token)))
            .with("trace_id", self.trace.trace_hex().as_str())
            .with("revision", &*self.plan.revision)
    }
}
