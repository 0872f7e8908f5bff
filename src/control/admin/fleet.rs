//! How far what was entered here has come: for each instance of the fleet, up to where it has read.

use crate::idp::fleet::{Instance, Propagation};
use serde::Serialize;

/// The fleet, as this instance knows it.
#[derive(Serialize)]
pub struct Fleet {
    /// Whether there is one; without it the rest says nothing.
    fleet: bool,
    connected: bool,
    queued: usize,
    told: bool,
    position: String,
    instances: Vec<One>,
}

#[derive(Serialize)]
struct One {
    name: String,
    id: String,
    this: bool,
    in_step: bool,
    read: String,
    behind: u64,
    behind_seconds: f64,
    silent: bool,
    silent_seconds: f64,
}

/// As it is answered; `None` if there is no fleet.
#[must_use]
pub fn fleet(propagation: Option<Propagation>) -> Fleet {
    let fleet = propagation.is_some();
    let Propagation { connected, queued, told, position, instances } = propagation.unwrap_or_default();
    let instances = instances.into_iter().map(One::of).collect();
    Fleet { fleet, connected, queued, told, position: place(position), instances }
}

impl One {
    fn of(instance: Instance) -> Self {
        let silent = instance.is_silent();
        let Instance { name, id, here, same_stream, read, behind, behind_for, silent_for } = instance;
        let (behind_seconds, silent_seconds) = (behind_for.as_secs_f64(), silent_for.as_secs_f64());
        let read = place(read);
        Self { name, id, this: here, in_step: same_stream, read, behind, behind_seconds, silent, silent_seconds }
    }
}

/// A place in the stream, as Redis writes it.
fn place((ms, number): (u64, u64)) -> String {
    format!("{ms}-{number}")
}
