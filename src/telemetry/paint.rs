//! Colour, for a terminal and for nothing else.

use std::fmt::{self, Display, Formatter};

/// Whether colours are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(bool);

/// A text in a colour, or as it is.
#[derive(Clone, Copy, Debug)]
pub struct Painted<T>(Option<&'static str>, T);

impl Paint {
    /// As it is.
    pub const PLAIN: Self = Self(false);

    /// In colour, if a terminal reads it.
    #[must_use]
    pub const fn on(terminal: bool) -> Self {
        Self(terminal)
    }

    const fn with<T>(self, code: &'static str, text: T) -> Painted<T> {
        Painted(if self.0 { Some(code) } else { None }, text)
    }

    /// What went wrong.
    pub const fn bad<T>(self, text: T) -> Painted<T> {
        self.with("1;31", text)
    }

    /// What went well.
    pub const fn good<T>(self, text: T) -> Painted<T> {
        self.with("32", text)
    }

    /// What matters little here.
    pub const fn faint<T>(self, text: T) -> Painted<T> {
        self.with("2", text)
    }

    /// What is looked for.
    pub const fn strong<T>(self, text: T) -> Painted<T> {
        self.with("1", text)
    }
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(code) = self.0 else { return self.1.fmt(f) };
        write!(f, "\x1b[{code}m")?;
        self.1.fmt(f)?;
        f.write_str("\x1b[0m")
    }
}
