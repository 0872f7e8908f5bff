//! What can happen to a fleet, and what was played.

use crate::fleet_world::LATE;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Emptied,
    Away,
    CutOff,
    Parted,
    FailedOver,
    Restored,
    SetBack,
    Restarted,
    Crashed,
    Stepped,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::Emptied,
        Self::Away,
        Self::CutOff,
        Self::Parted,
        Self::FailedOver,
        Self::Restored,
        Self::SetBack,
        Self::Restarted,
        Self::Crashed,
        Self::Stepped,
    ];
}

/// How many steps are played of each seed: so many, or `CURFEW_STEPS`.
pub fn steps(usual: u32) -> u32 {
    std::env::var("CURFEW_STEPS").map_or(usual, |steps| steps.parse().expect("CURFEW_STEPS is a number"))
}

/// What was played.
#[derive(Default)]
pub struct Told {
    pub days: i64,
    pub sessions: u64,
    pub requests: u64,
    pub refused: u64,
    pub unknown: u64,
    pub excused: u64,
    /// Admitted by tokens alone, of sessions of which everything was lost.
    pub forgotten: u64,
    /// By how many milliseconds one was admitted past its limit.
    pub latest: i64,
    pub faults: BTreeMap<Fault, u64>,
}

impl Told {
    pub fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.sessions += other.sessions;
        self.requests += other.requests;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.excused += other.excused;
        self.forgotten += other.forgotten;
        self.latest = self.latest.max(other.latest);
        other.faults.iter().for_each(|(fault, count)| *self.faults.entry(*fault).or_default() += count);
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, sessions, requests, refused, unknown, excused, forgotten, latest, faults } = self;
        write!(f, "{:.2} years, {sessions} sessions, {requests} requests, ", *days as f64 / 365.25)?;
        write!(
            f,
            "{refused} refused (false ends, for another could not tell that it was used: {excused}), {unknown} unknown, {forgotten} admitted of which all was lost, faults {faults:?}, "
        )?;
        write!(f, "the latest {latest} ms past its limit (of {LATE} ms)")
    }
}
