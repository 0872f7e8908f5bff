//! One thing that is wrong or unwise in a settings file, ready to be shown or exported.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use super::spans::Location;

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but it probably does not say what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// How much of the line may be shown. A line may hold a secret that was put there by mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Excerpt {
    /// The whole line.
    #[default]
    Line,
    /// The line up to the end of what is underlined: what follows an unknown key may be anything.
    UpToSpan,
    /// Only where it is.
    Nothing,
}

/// One fault. As JSON it has the same fields, for tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Whether it must or only should be mended.
    pub severity: Severity,
    /// The file as it was named to the parser.
    pub file: String,
    /// The setting, such as `routes[2].policy`; empty for the file as a whole.
    pub path: String,
    /// Where to look.
    pub location: Option<Location>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    #[serde(skip)]
    pub(super) excerpt: Excerpt,
}

impl Fault {
    /// A fault without advice.
    pub fn new(severity: Severity, file: &str, path: String, location: Option<Location>, message: String) -> Self {
        Self { severity, file: file.to_owned(), path, location, message, help: None, excerpt: Excerpt::Line }
    }

    /// The same with advice; an empty one is none.
    #[must_use]
    pub fn with_help(mut self, help: String) -> Self {
        self.help = Some(help).filter(|help| !help.is_empty());
        self
    }

    pub(super) fn showing(mut self, excerpt: Excerpt) -> Self {
        self.excerpt = excerpt;
        self
    }

    /// The same without the text of its line, which may hold a secret.
    pub(in crate::control) fn unshown(self) -> Self {
        self.showing(Excerpt::Nothing)
    }

    fn line(&self) -> Option<usize> {
        self.location.map(|location| location.line)
    }
}

/// The faults in the order of the text. No fault shows a line that another one hides.
pub(in crate::control) fn in_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| fault.location.map_or((0, 0), |location| (location.line, location.start)));
    let unshown = faults.iter().filter(|fault| fault.excerpt == Excerpt::Nothing);
    let hidden: HashSet<_> = unshown.map(Fault::line).collect();
    for fault in faults.iter_mut().filter(|fault| hidden.contains(&fault.line())) {
        fault.excerpt = Excerpt::Nothing;
    }
    faults
}
