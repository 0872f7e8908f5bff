//! Whether the token of what is under way still stands: asked again of what was written since it was judged. How often
//! it is asked is told by `vigil`.

use super::attendance::Coming;
use super::body::{AtEnd, Judged};
use super::gate::Shared;
use super::plan::Route;
use super::report::Report;
use super::streams::Place;
use super::suspended::Ends;
use crate::decide::checks::revocation;
use crate::decide::checks::status::Status;
use crate::decide::reason::Reason;
use crate::state::State;
use crate::state::verified::Verified;
use crate::token::gather::status;
use crate::token::issuers::Issuer;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// After how many bytes without a pause an upload is looked after.
const GLANCE: usize = 256 * 1024;

/// Why a token is revoked, if it is by now; its status list counts where the route's policy asks for it.
pub(super) fn revoked(state: &State, issuer: &Issuer, verified: &Verified, route: Option<&Route>) -> Option<Reason> {
    let entries = state.revocations.look_up(&issuer.rules.name, &verified.token.handles);
    let delisted = || {
        route?.policy.as_ref()?.status?;
        verified.list.as_ref()?;
        Status::ended(&status(verified, &issuer.rules.name, state, state.clock.now()))
    };
    revocation::revoked(&entries, verified.token.claims.as_ref().ok()?).or_else(delisted)
}

/// The token of a request that is still coming in.
struct Bearer {
    shared: Arc<Shared>,
    route: Option<Arc<Route>>,
    issuer: Arc<Issuer>,
    verified: Arc<Verified>,
    changes: u64,
    ends: Option<Ends>,
    /// What comes in keeps its session; if nothing does, that may end.
    coming: Option<Coming>,
}

impl AtEnd for Bearer {
    fn end(self: Box<Self>, _: Option<Reason>) {}

    fn judged(&self) -> Option<Judged<'_>> {
        Some(Judged::by(&self.shared, self.changes))
    }

    fn revoked(&self) -> Option<Reason> {
        revoked(&self.shared.state, &self.issuer, &self.verified, self.route.as_deref())
    }

    fn overdue(&self) -> Option<Reason> {
        self.ends?.over(&*self.shared.state.clock)
    }

    fn is_attended(&self) -> bool {
        self.coming.is_some()
    }

    fn steady(&self) -> Duration {
        self.shared.state.clock.steady()
    }

    fn moved(&self, at: Duration) {
        self.coming.iter().for_each(|coming| coming.moved(&self.shared, &self.verified, at));
    }

    fn left_alone(&self) -> Option<Reason> {
        self.coming.as_ref()?.left_alone(&self.shared, &self.verified)
    }
}

/// Looks after the token of a request whose body waits for its client. A body that is there at once is not looked after:
/// most are.
pub(super) struct Ward {
    bearer: Option<Box<Bearer>>,
    /// The request's place; its response, if there is one yet, ends with its upload.
    place: Place,
    /// Its own, as long as it lasts: an upload may outlive its response.
    own: Option<Place>,
    passed: usize,
}

impl Ward {
    /// Why the upload shall end now, if it shall.
    pub(super) fn is_called(&self) -> Option<Reason> {
        let reason = self.own.as_ref()?.is_called()?;
        self.place.call(reason);
        Some(reason)
    }

    /// The upload waits: it is woken when it is called.
    pub(super) fn waits(&mut self, cx: &Context<'_>) {
        self.keep();
        self.own.iter().for_each(|own| own.listen(cx));
    }

    /// So many bytes went on.
    pub(super) fn passes(&mut self, bytes: usize) {
        self.own.iter().for_each(Place::moves);
        self.passed = self.passed.saturating_add(bytes);
        if self.passed > GLANCE {
            self.keep();
        }
    }

    fn keep(&mut self) {
        if let Some(bearer) = self.bearer.take() {
            self.own = Some(self.place.beside(bearer));
        }
    }
}

impl Report {
    /// Asked once more after its client may have let us wait: it was admitted for then, and not for now.
    pub(super) fn still_stands(&self, over: Option<Reason>) -> Result<(), Reason> {
        let news = self.verified().is_some() && self.shared.state.revocations.changes() != self.changes;
        let ended = over.or_else(|| news.then(|| self.revoked()).flatten());
        ended.map_or(Ok(()), Err)
    }

    /// Looks after the token while its request is still coming in.
    pub(super) fn ward(&self, place: Place) -> Option<Box<Ward>> {
        let (issuer, verified) = (Arc::clone(self.issuer()?), Arc::clone(self.verified()?));
        let (shared, route, changes) = (Arc::clone(&self.shared), self.route.clone(), self.changes);
        let (ends, coming) = (self.ends, self.coming());
        let bearer = Some(Box::new(Bearer { shared, route, issuer, verified, changes, ends, coming }));
        Some(Box::new(Ward { bearer, place, own: None, passed: 0 }))
    }
}
