//! What the process says when it ends. The numbers are documented in `--help` and never change.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// Something broke; the message says what.
    Broke,
    /// The config has faults; each was told.
    Faulty,
    /// `explain`: the request would be refused.
    Refused,
    /// `revoked`: it is not revoked; `unrevoke`: there was nothing that an operator entered; `trace` and
    /// `refusals`: there is no such record; `audit show` and `audit verify`: there is no such line.
    Nothing,
    /// An import stopped midway; the message says after which line.
    Stopped,
    /// `revoke`: it is enforced, but not known to be by every instance of the fleet.
    Behind,
    /// `audit verify`: a line was removed, changed or moved, or is not there.
    Altered,
    /// `doctor`: something is wrong; each thing was told.
    Ailing,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // 2 is taken: the command line itself was wrong.
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Broke => 1,
            Exit::Faulty => 3,
            Exit::Refused => 4,
            Exit::Nothing => 5,
            Exit::Stopped => 6,
            Exit::Behind => 7,
            Exit::Altered => 8,
            Exit::Ailing => 9,
        })
    }
}
