//! Sessions that are shared with other instances: the task that tells and asks, and its end.

use super::start_error::{StartError, doing};
use crate::control::sessions::SessionsSettings;
use crate::decide::session::OnFull;
use crate::idp::sessions::Share;
use crate::state::State;
use crate::state::sessions::{Desk, Terms};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The task.
pub(super) struct Sharing {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

/// Starts it, where the settings say so. It goes on to try for as long as there is no Redis.
pub(super) fn start(
    settings: &SessionsSettings,
    state: &mut State,
    control: &Runtime,
) -> Result<(Option<Arc<Share>>, Option<Sharing>), StartError> {
    let Some(redis) = settings.store() else { return Ok((None, None)) };
    let (sessions, prints, clock) =
        (Arc::clone(&state.sessions), Arc::clone(&state.fingerprints), Arc::clone(&state.clock));
    let terms = Terms { max: settings.max, remember: settings.remember.get(), absolute: None, on_full: OnFull::Deny };
    let desk = Arc::new(Desk::new(Arc::clone(&sessions), Arc::clone(&clock), terms));
    state.others = Some(Arc::clone(&desk));
    let share = Share::new((redis, &settings.prefix, settings.settle.get()), (sessions, desk), prints, clock);
    let (share, cancel) = (Arc::new(share.map_err(doing("sessions.redis"))?), CancellationToken::new());
    let (running, until) = (Arc::clone(&share), cancel.clone());
    let task = control.spawn(async move { running.run(until).await });
    Ok((Some(share), Some(Sharing { cancel, task })))
}

impl Sharing {
    /// Tells what waits to be told, and ends; but waits no longer than this.
    pub(super) async fn end(self, patience: Duration) {
        self.cancel.cancel();
        let _ = tokio::time::timeout(patience, self.task).await;
    }
}
