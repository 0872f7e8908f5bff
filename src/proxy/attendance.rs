//! Whether the user of a session is there: told to the store after a request was admitted, and as long as something moves
//! on a stream; and asked of it as long as a stream lasts.

use super::gate::Shared;
use super::hearing::Heard;
use super::plan::{Plan, Route};
use super::report::Report;
use crate::decide::checks::idle::Idle;
use crate::decide::reason::Reason;
use crate::decide::session::{Knowledge, OnStateLoss, Shown, Sight};
use crate::decide::time::Moment;
use crate::decide::verdict::Outcome;
use crate::state::sessions::{Activity, Desk, Name, Sessions, Terms, Used};
use crate::state::verified::Verified;
use std::sync::Arc;
use std::time::Duration;

/// What moves so soon after what was told is told with the next look at the stream.
const SOON: Duration = Duration::from_millis(250);

/// When something moved on a stream, in the steady time of sessions: timers may stand still while a session is left alone. What
/// lies between two that are told is never longer than it was.
#[derive(Debug)]
pub(super) struct Moves {
    began: Duration,
    told: Duration,
    untold: Option<Duration>,
}

impl Moves {
    pub(super) const fn since(now: Duration) -> Self {
        Self { began: now, told: now, untold: None }
    }

    /// Something moves now. Gives what is to be told at once.
    pub(super) fn moves(&mut self, now: Duration) -> [Option<Duration>; 2] {
        let before = self.untold.replace(now);
        if now.saturating_sub(self.told) < SOON {
            return [None; 2];
        }
        self.told = now;
        [before, self.untold.take()]
    }

    /// Gives what is still to be told.
    pub(super) fn rest(&mut self) -> Option<Duration> {
        let rest = self.untold.take();
        self.told = rest.unwrap_or(self.told);
        rest
    }

    /// The same, at the end. A short answer is one activity with its request.
    pub(super) fn last(&mut self) -> Option<Duration> {
        self.untold.take().filter(|last| last.saturating_sub(self.began) >= SOON)
    }
}

/// The session of a token, where any is remembered.
struct Attended<'a> {
    sessions: &'a Sessions,
    terms: &'a Terms,
    name: &'a Name,
    shown: Shown,
    others: Option<&'a Desk>,
}

impl<'a> Attended<'a> {
    fn of(shared: &'a Shared, plan: &'a Plan, verified: &'a Verified) -> Option<Self> {
        let (terms, claims) = (plan.sessions.as_ref()?, verified.token.claims.as_ref().ok()?);
        let (sessions, others) = (&*shared.state.sessions, shared.state.others.as_deref());
        Some(Self { sessions, terms, name: &verified.session, shown: claims.into(), others })
    }

    /// It was used at this steady time. Others are asked first whether a silence that this would end was one.
    fn used(&self, steady: Duration, now: Moment, on_state_loss: OnStateLoss) {
        let ago = now.steady.saturating_sub(steady);
        let at = Moment { wall: now.wall.minus(ago), steady: now.steady.saturating_sub(ago) };
        match self.others.filter(|_| self.is_doubtful(now)) {
            Some(desk) => {
                desk.used(Used { name: *self.name, shown: self.shown, at, terms: *self.terms, on_state_loss })
            }
            None => _ = self.sessions.admitted(self.name, self.shown, at, Activity::User, self.terms),
        }
    }

    fn is_doubtful(&self, now: Moment) -> bool {
        let known = self.sessions.known(self.name, self.shown, now, self.terms);
        self.sessions.is_doubtful(self.name.print, (&known, self.shown), now, None)
    }
}

/// Tells that something moves on the way up.
pub(super) struct Attendant {
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    verified: Arc<Verified>,
    on_state_loss: OnStateLoss,
    moves: Moves,
}

impl Attendant {
    /// Something moves now.
    pub(super) fn moves(&mut self) {
        let told = self.moves.moves(self.shared.state.clock.steady());
        self.tell(told.into_iter().flatten());
    }

    fn tell(&self, at: impl Iterator<Item = Duration>) {
        if let Some(attended) = Attended::of(&self.shared, &self.plan, &self.verified) {
            at.for_each(|at| attended.used(at, self.shared.state.clock.now(), self.on_state_loss));
        }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        let last = self.moves.last();
        self.tell(last.into_iter());
    }
}

/// What the session of a request that is still coming in has to do with it.
pub(super) struct Coming {
    plan: Arc<Plan>,
    idle: Option<Idle>,
    heard: Heard,
    /// What is said where others cannot be asked, if what comes in shows its user.
    tells: Option<OnStateLoss>,
}

impl Coming {
    /// Something came in, at this steady time. Its attendant leaves untold what comes soon after what was told.
    pub(super) fn moved(&self, shared: &Shared, verified: &Verified, at: Duration) {
        if let Some((loss, attended)) = self.tells.zip(Attended::of(shared, &self.plan, verified)) {
            attended.used(at, shared.state.clock.now(), loss);
        }
    }

    /// Why its session has ended by now, if it was left alone for too long.
    pub(super) fn left_alone(&self, shared: &Shared, verified: &Verified) -> Option<Reason> {
        left_alone(shared, &self.plan, verified, self.idle.as_ref()?, &self.heard)
    }
}

/// Why this session has ended by now, if it was left alone for too long. Others are asked first, where that matters; as long as
/// they have not answered it has not ended.
fn left_alone(shared: &Shared, plan: &Plan, verified: &Verified, idle: &Idle, heard: &Heard) -> Option<Reason> {
    let Attended { sessions, terms, name, shown, .. } = Attended::of(shared, plan, verified)?;
    let now = shared.state.clock.now();
    let judge = |asked: Option<bool>| match sessions.known(name, shown, now, terms) {
        Knowledge::Known(key, basis, sight) => {
            idle.judge(key, asked.map_or(basis, |answered| basis.asked(answered)), sight).reason()
        }
        // Another took the last place: when it was left alone will never be known.
        Knowledge::NoRoom(_) => Some(Reason::SessionUnavailable),
        _ => None,
    };
    let Some(reason) = judge(None) else {
        heard.forget();
        return None;
    };
    let known = sessions.known(name, shown, now, terms);
    let Some(desk) = &shared.state.others else { return Some(reason) };
    if !sessions.is_doubtful(name.print, (&known, shown), now, Some(idle.span(name.key()))) {
        return Some(reason);
    }
    let answered = heard.of(desk, name.print, plan.sharing?.1)?;
    if !answered {
        desk.went_without(idle.on_state_loss);
    }
    judge(Some(answered))
}

impl Report {
    fn attended(&self) -> Option<Attended<'_>> {
        Attended::of(&self.shared, &self.plan, self.verified()?)
    }

    /// The session of the token is used, or has ended.
    pub(super) fn remember(&self, route: &Route, outcome: Outcome) {
        let Some(Attended { sessions, terms, name, shown, .. }) = self.attended() else { return };
        let turn = match outcome {
            Outcome::Admit(_) if self.resumes => sessions.resumed(name, shown, self.moment, route.activity, terms),
            Outcome::Admit(_) => sessions.admitted(name, shown, self.moment, route.activity, terms),
            Outcome::Refuse(reason) if self.resumes => {
                sessions.refused_unheard(name, shown, self.moment, reason, terms)
            }
            Outcome::Refuse(reason) => sessions.refused(name, shown, self.moment, reason, terms),
        };
        let reason = if let Outcome::Refuse(reason) = outcome { Some(reason) } else { None };
        self.audit(turn, reason, self.moment.wall);
    }

    /// Its user asked for more time: an activity, now. Others are asked first, where that matters.
    ///
    /// # Errors
    /// If they could not be asked, and the policy says that then nothing is known.
    pub(super) async fn tell_active(&self) -> Result<(), Reason> {
        let Some(attended) = self.attended() else { return Ok(()) };
        let Attended { sessions, terms, name, shown, others } = attended;
        let asks = others.filter(|_| attended.is_doubtful(self.moment)).zip(self.plan.sharing);
        let answered = match asks {
            Some((desk, (_, within))) => desk.ask(name.print, within).await.is_ok(),
            None => true,
        };
        let loss = self.on_state_loss();
        if let Some((desk, _)) = asks.filter(|_| !answered) {
            desk.went_without(loss);
        }
        match (answered, loss) {
            (true, _) => sessions.admitted(name, shown, self.moment, Activity::User, terms),
            (false, OnStateLoss::Deny) => return Err(Reason::SessionStateUnknown),
            (false, _) => sessions.resumed(name, shown, self.moment, Activity::User, terms),
        };
        Ok(())
    }

    /// What the route's policy says of a session of which the others could not be asked.
    fn on_state_loss(&self) -> OnStateLoss {
        let policy = self.route.as_ref().and_then(|route| route.policy.as_ref());
        policy.map_or(OnStateLoss::Deny, |policy| policy.on_state_loss_under(self.limits.as_ref()))
    }

    /// Who tells what moves on its way up, where that shows that its user is there.
    pub(super) fn attendant(&self) -> Option<Box<Attendant>> {
        let verified = self.verified().filter(|_| self.shows_its_user())?;
        let (shared, plan, verified) = (Arc::clone(&self.shared), Arc::clone(&self.plan), Arc::clone(verified));
        let (on_state_loss, moves) = (self.on_state_loss(), Moves::since(shared.state.clock.steady()));
        Some(Box::new(Attendant { shared, plan, verified, on_state_loss, moves }))
    }

    /// Does what moves on its stream matter, or that nothing does?
    pub(super) fn is_attended(&self) -> bool {
        self.plan.sessions.is_some() && (self.shows_its_user() || self.idle().is_some())
    }

    /// Does what moves on its stream show that its user is there?
    fn shows_its_user(&self) -> bool {
        self.plan.sessions.is_some() && self.route.as_ref().is_some_and(|route| route.activity == Activity::User)
    }

    /// Something moved on its stream, at this steady time.
    pub(super) fn tell_moved(&self, at: Duration) {
        if let Some(attended) = self.attended().filter(|_| self.shows_its_user()) {
            attended.used(at, self.shared.state.clock.now(), self.on_state_loss());
        }
    }

    /// How long its session may be left alone, and for how long it is, as far as is known here.
    pub(super) fn quiet(&self, now: Moment) -> Option<(Duration, Sight)> {
        let idle = self.idle()?;
        let Attended { sessions, terms, name, shown, .. } = self.attended()?;
        match sessions.known(name, shown, now, terms) {
            Knowledge::Known(key, _, sight) => Some((idle.span(key), sight)),
            _ => None,
        }
    }

    /// What its session has to do with what is still coming in, if anything.
    pub(super) fn coming(&self) -> Option<Coming> {
        if !self.is_attended() {
            return None;
        }
        let tells = self.shows_its_user().then(|| self.on_state_loss());
        Some(Coming { plan: Arc::clone(&self.plan), idle: self.idle(), heard: Heard::default(), tells })
    }

    /// For how long its session may be left alone, if it may not be for ever.
    fn idle(&self) -> Option<Idle> {
        self.route.as_ref()?.policy.as_ref()?.idle_under(self.limits.as_ref())
    }

    /// Why its session has ended by now, if it was left alone for too long.
    pub(super) fn left_alone(&self) -> Option<Reason> {
        left_alone(&self.shared, &self.plan, self.verified()?, &self.idle()?, &self.heard)
    }

    /// Its stream was cut, maybe because its session has ended.
    pub(super) fn tell_ended(&self, cut: Option<Reason>) {
        let Some((Attended { sessions, terms, name, shown, .. }, reason)) = self.attended().zip(cut) else { return };
        let now = self.shared.state.clock.now();
        self.audit(sessions.refused(name, shown, now, reason, terms), Some(reason), now.wall);
    }
}

#[cfg(test)]
mod tests {
    use super::{Moves, SOON};
    use std::time::Duration;

    /// Both ends of every silence that is longer are told, and nothing that did not happen: also of one in which the machine
    /// slept, so that nobody looked.
    #[test]
    fn no_silence_grows() {
        let (mut now, minutes) = (Duration::from_secs(9), 14 * 60_000);
        let (mut moves, mut moved, mut told) = (Moves::since(now), vec![now], vec![now]);
        let steps = [10, 10, 400, 10, 230, 10, 5, 240, 900, 249, 1, 251, 2, 700, 100, minutes, 3, minutes];
        for (step, ms) in steps.into_iter().enumerate() {
            now += Duration::from_millis(ms);
            moved.push(now);
            told.extend(moves.moves(now).into_iter().flatten());
            if step % 4 == 3 {
                told.extend(moves.rest());
            }
        }
        told.extend(moves.last());
        assert!(told.is_sorted() && told.iter().all(|at| moved.contains(at)) && told.len() < moved.len());
        for silence in moved.windows(2).filter(|pair| pair[1] - pair[0] > SOON) {
            assert!(silence.iter().all(|end| told.contains(end)), "{silence:?} of {told:?}");
        }
    }

    #[test]
    fn a_short_answer_is_one_activity_with_its_request() {
        let mut moves = Moves::since(Duration::ZERO);
        assert_eq!(moves.moves(SOON - Duration::from_millis(1)), [None; 2]);
        assert_eq!(moves.last(), None);
    }
}
