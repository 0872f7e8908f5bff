//! `curfew completions` and `curfew man`.

use super::exit::Exit;
use super::usage::Usage;
use clap::CommandFactory as _;
use std::io::Write as _;

/// Prints the completions of a shell.
pub fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Usage::command(), "curfew", &mut text);
    print(&text)
}

/// Prints the man page.
pub fn man() -> Exit {
    let mut text = Vec::new();
    match clap_mangen::Man::new(Usage::command()).render(&mut text) {
        Ok(()) => print(&text),
        Err(_) => Exit::Broke,
    }
}

/// Writes to standard output. That nobody reads it any more is no fault of ours.
pub(super) fn print(text: &[u8]) -> Exit {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Broke,
        _ => Exit::Done,
    }
}
