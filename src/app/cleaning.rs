//! Sessions that are over are forgotten, though no new one comes.

use crate::notice::supervised;
use crate::state::State;
use crate::state::sessions::Rounds;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often some of them are looked at.
const PACE: Duration = Duration::from_secs(1);

/// At so many places: a fifth of a millisecond. A million sessions are gone through in twenty seconds.
const AT_ONCE: usize = 65_536;

/// Starts what looks for them.
pub(super) fn start(control: &Runtime, state: &Arc<State>) {
    let state = Arc::clone(state);
    let looking = move || look(Arc::clone(&state));
    control.spawn(async move { supervised("forgetting sessions that are over", looking).await });
}

async fn look(state: Arc<State>) {
    let mut rounds = Rounds::default();
    loop {
        rounds.go_on(&state.sessions, &*state.clock, AT_ONCE);
        tokio::time::sleep(PACE).await;
    }
}
