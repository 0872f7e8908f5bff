//! What other instances know of a session, heard before one is judged that this instance does not know enough of. A session
//! that is known waits for nobody.

use super::gate::{Gate, Shared};
use super::plan::{Plan, Route};
use super::report::Report;
use crate::decide::id::Fingerprint;
use crate::decide::policy::Policy;
use crate::decide::reason::Reason;
use crate::decide::session::{Knowledge, OnStateLoss, Shown};
use crate::decide::verdict::Verdict;
use crate::state::sessions::{Activity, Desk};
use crate::token::gather::Gathered;
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What others say of the session of a stream that was left alone here. They are asked behind: nobody waits.
#[derive(Debug, Default)]
pub struct Heard(OnceCell<Rc<Cell<Progress>>>);

#[derive(Clone, Copy, Debug, Default)]
enum Progress {
    #[default]
    Unasked,
    Asking,
    /// Whether there was an answer.
    Over(bool),
}

impl Heard {
    /// Whether they could be asked; nothing as long as that is not known. Then they are asked anew when this is.
    pub(super) fn of(&self, desk: &Arc<Desk>, print: Fingerprint, within: Duration) -> Option<bool> {
        let progress = self.0.get_or_init(Rc::default);
        match progress.get() {
            Progress::Unasked => {
                let (desk, told) = (Arc::clone(desk), Rc::clone(progress));
                progress.set(Progress::Asking);
                tokio::task::spawn_local(async move {
                    told.set(Progress::Over(desk.ask(print, within).await.is_ok()));
                });
                None
            }
            Progress::Asking => None,
            Progress::Over(answered) => {
                progress.set(Progress::Unasked);
                Some(answered)
            }
        }
    }
}

impl Heard {
    /// The session was not left alone for too long: an answer to an earlier question says nothing of a later silence.
    pub(super) fn forget(&self) {
        let over = |progress: &&Rc<Cell<Progress>>| matches!(progress.get(), Progress::Over(_));
        self.0.get().filter(over).into_iter().for_each(|progress| progress.set(Progress::Unasked));
    }
}

impl Shared {
    /// From now on requests are judged by this plan, and sessions shared as it says.
    pub fn take_up(&self, plan: Plan) {
        self.tell_pace(&plan);
        self.plan.store(Arc::new(plan));
    }

    /// Sessions are shared as this plan says.
    pub fn tell_pace(&self, plan: &Plan) {
        if let Some(desk) = &self.state.others {
            desk.take_up(plan.sharing.map(|(pace, _)| pace).zip(plan.sessions));
        }
    }
}

impl Gate {
    /// Who is to be asked about the session before this verdict holds. Nobody, if anything else stands against the request,
    /// whatever they would say; and nobody about a session that is known.
    pub(super) fn doubted(
        &self,
        gathered: &Gathered,
        verdict: &Verdict,
        policy: &Policy,
        route: &Route,
    ) -> Option<&Desk> {
        let desk = self.shared.state.others.as_deref()?;
        let (name, evidence) = (gathered.session()?, gathered.evidence());
        let matters =
            matches!(verdict.reason(), None | Some(Reason::SessionIdleTimeout | Reason::SessionAbsoluteTimeout));
        // What shows its user would end a silence here, which may have been none elsewhere.
        let own = || policy.longest_silence(verdict.limits.as_ref(), &evidence.session).unwrap_or(Duration::MAX);
        // What is refused is so by the limit that holds, for which it may not have been quiet for too long when it was asked.
        let is_quiet = verdict.reason() == Some(Reason::SessionIdleTimeout);
        let enough = (route.activity == Activity::None || is_quiet).then(own);
        let sessions = &self.shared.state.sessions;
        let shown = evidence.claims().map(Shown::from).unwrap_or_default();
        let doubtful = || sessions.is_doubtful(name.print, (&evidence.session, shown), evidence.moment, enough);
        (matters && doubtful()).then_some(desk)
    }

    /// Asks the others about the session, waits for a bounded time, and judges anew.
    pub(super) async fn hear_of(
        &self,
        desk: &Desk,
        gathered: &mut Gathered,
        policy: &Policy,
        report: &mut Report,
    ) -> Verdict {
        let plan = Arc::clone(&report.plan);
        if let (Some(name), Some((_, within)), Some(terms)) = (gathered.session(), plan.sharing, &plan.sessions) {
            let answered = desk.ask(name.print, within).await.is_ok();
            gathered.heard(answered, &self.shared.state, terms);
        }
        let verdict = policy.judge(&gathered.evidence());
        if let Knowledge::Known(_, basis, _) = gathered.evidence().session
            && basis.is_lost()
        {
            let is_refused = verdict.reason() == Some(Reason::SessionStateUnknown);
            let said = policy.on_state_loss_under(verdict.limits.as_ref());
            desk.went_without(if is_refused { OnStateLoss::Deny } else { said });
            // Others may have seen it in what was a silence here.
            report.resumes = true;
        }
        verdict
    }
}
