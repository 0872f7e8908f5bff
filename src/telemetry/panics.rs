//! A panic as a line of the log: where it was, and what it said if that is a text of ours or of a library. A text that was
//! made on the spot is not told: it may hold what was being worked on, a token as well as anything else.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

/// What is told in place of a text that was made on the spot.
const WITHHELD: &str = "withheld, for it may hold a secret";

/// Has panics told in the log from now on, and nowhere else.
pub fn tell() {
    std::panic::set_hook(Box::new(line));
}

/// What was called is told too where the environment asks for it (`RUST_BACKTRACE`): it names functions, no values.
fn line(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let (thread, said) = (thread.name().unwrap_or("unnamed"), said(info.payload()));
    let at = info.location().map(ToString::to_string);
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    tracing::error!(thread, at, said, trace, "panicked: this is a fault of the gateway, please report it");
}

/// A text that stands in the program is known to anybody; any other was made of values.
fn said(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caught(panics: impl FnOnce() + std::panic::UnwindSafe) -> &'static str {
        std::panic::catch_unwind(panics).map_or_else(|payload| said(&*payload), |()| "no panic")
    }

    const fn failing(text: String) -> Result<(), String> {
        Err(text)
    }

    #[test]
    fn only_what_stands_in_the_program_is_told() {
        let token = String::from("eyJhbGciOiJSUzI1NiJ9");
        assert_eq!(caught(|| panic!("a plain text")), "a plain text");
        let (in_text, in_error, alone) = (token.clone(), token.clone(), token.clone());
        assert_eq!(caught(move || panic!("a text with {in_text}")), WITHHELD);
        assert_eq!(caught(move || failing(in_error).unwrap()), WITHHELD);
        assert_eq!(caught(move || std::panic::panic_any(alone)), WITHHELD);
        assert_eq!(caught(move || assert_eq!(token, "")), WITHHELD);
    }
}
