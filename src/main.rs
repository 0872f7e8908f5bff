//! The command line's door.

use clap::Parser as _;
use curfew::command::usage::{Command, PolicyCommand, Usage};
use curfew::command::{
    audit, check, completions, connections, demo, doctor, exit::Exit, explain, policy, refusals, revoke, run, schema,
    trace,
};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let exit = match Usage::parse().command {
        Command::Run(file) => run::run(&file.config),
        Command::Check(what) => check::check(&what),
        Command::Doctor(what) => doctor::doctor(&what),
        Command::Explain(what) => explain::explain(&what),
        Command::Policy { what: PolicyCommand::Show(what) } => policy::show(&what),
        Command::Revoke(what) => revoke::revoke(&what),
        Command::Unrevoke(what) => revoke::unrevoke(&what),
        Command::Revoked(what) => revoke::revoked(&what),
        Command::Trace(what) => trace::trace(&what),
        Command::Refusals(what) => refusals::refusals(&what),
        Command::Confirm(what) => revoke::confirm(&what),
        Command::Drop(what) => revoke::drop(&what),
        Command::Audit(what) => audit::audit(&what),
        Command::Connections(what) => connections::connections(&what),
        Command::Schema { of } => schema::schema(of),
        Command::Demo(what) => demo::demo(&what),
        Command::Version => version(),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man => completions::man(),
    };
    exit.into()
}

fn version() -> Exit {
    println!("curfew {}", env!("CARGO_PKG_VERSION"));
    Exit::Done
}
