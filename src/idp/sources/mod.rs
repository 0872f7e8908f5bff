//! The kinds of revocation sources. To add one: a file with its settings (`SourceKind`) and its task (`Source`),
//! and a line here.

use super::source::sources;

pub mod file;
pub mod poll;

sources! {
    /// JSON over HTTPS, asked for at an interval.
    Poll: poll::PollSettings,
    /// A file on disk, watched.
    File: file::FileSettings,
}
