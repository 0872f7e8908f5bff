//! What operators can say on the command line about revocations.

use super::nodes::Access;
use clap::{ArgGroup, Args, ValueEnum};
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The gateway that is spoken to.
#[derive(Debug, Args)]
pub struct Admin {
    /// The admin listener of the gateway.
    #[arg(long, value_name = "URL", env = "CURFEW_ADMIN", default_value = "http://127.0.0.1:9901")]
    pub admin: String,
    /// How it knows us.
    #[command(flatten)]
    pub access: Access,
    /// Print what the gateway answered, as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What is meant: one name of an issuer, or a token.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["subject", "session", "client", "claim", "token_id", "whole_issuer", "token_file"]))]
pub struct What {
    /// The issuer, by its name in the config.
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// A subject, by its `sub`.
    #[arg(long, value_name = "ID")]
    pub subject: Option<String>,
    /// A session, by its session claim (`sid`).
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// A client, by its `client_id` or `azp`.
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// Whoever has this value in a claim that the issuer's `revocable_claims` list.
    #[arg(long, value_name = "NAME=VALUE")]
    pub claim: Option<String>,
    /// One token, by its `jti`.
    #[arg(long, value_name = "JTI")]
    pub token_id: Option<String>,
    /// The issuer as a whole.
    #[arg(long)]
    pub whole_issuer: bool,
    /// Exactly the token in this file; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Who wants it, and why.
#[derive(Debug, Args)]
pub struct Grounds {
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who wants it, for the audit log.
    #[arg(long, value_name = "NAME", env = "USER")]
    pub actor: Option<String>,
}

/// Many entries at once.
#[derive(Debug, Args)]
pub struct Many {
    /// Many at once: a file, an entry a line; `-` reads standard input. A line is an entry in JSON, or a bare id of the
    /// kind that --as names, which may be a JSON string. What an entry leaves out is taken from the other arguments.
    #[arg(long, value_name = "FILE", conflicts_with = "what")]
    pub import: Option<PathBuf>,
    /// What bare ids in the import are.
    #[arg(long = "as", value_name = "KIND", default_value = "subject", requires = "import")]
    pub bare: Bare,
    /// Where it is kept how far the import came: run the same command again, and it goes on from there.
    #[arg(long, value_name = "FILE", requires = "import")]
    pub position_file: Option<PathBuf>,
    /// Where lines are put that are not good, each with what is wrong, and the import goes on. Without it, it stops there.
    #[arg(long, value_name = "FILE", requires = "import")]
    pub skip_bad: Option<PathBuf>,
}

/// What a bare id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bare {
    /// A subject.
    Subject,
    /// A session.
    Session,
    /// A client.
    Client,
    /// A token, by its `jti`.
    Token,
}

impl Bare {
    /// The word for it in an entry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Session => "session",
            Self::Client => "client",
            Self::Token => "token",
        }
    }
}

/// `curfew revoke`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curfew revoke --issuer corp --subject alice --at now --reason 'laptop stolen'
  curfew revoke --token-file - --reason 'pasted into a chat' <token.txt
  curfew revoke --issuer corp --import subjects.txt --at now --preview
  curfew revoke --issuer corp --import subjects.txt --at now --reason INC-7 --position-file inc-7.position")]
pub struct Revoke {
    /// What.
    #[command(flatten)]
    pub what: What,
    /// An event: tokens issued up to the second of this time are revoked; those issued later pass, so that the user may
    /// sign in again. `now`, RFC 3339, or seconds since 1970. Without --at and --not-before, the name is blocked
    /// outright, whenever its tokens are issued.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// A policy: tokens issued before this time are revoked.
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,
    /// When the last token that this hits has expired; the entry leaves some time after. Without it, an entry with --at or
    /// --not-before stays for 90 days after that time, or after now if that is later, which is longer than most sign-ins
    /// can be renewed; that of --token-file leaves with the token; and a name that is blocked outright is so until that is taken back.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Why.
    #[command(flatten)]
    pub grounds: Grounds,
    /// Many.
    #[command(flatten)]
    pub many: Many,
    /// Revoke nothing: say how many of the tokens, sessions and subjects that were seen lately it would hit.
    #[arg(long, conflicts_with = "position_file")]
    pub preview: bool,
    /// Show how it comes to the other instances of the fleet, until all that are known enforce it. On a terminal that is
    /// done by itself.
    #[arg(long, conflicts_with = "preview")]
    pub watch: bool,
    /// Do not, on a terminal neither.
    #[arg(long, conflicts_with = "watch")]
    pub no_watch: bool,
    /// How many seconds to wait for the slowest instance.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub watch_for: u64,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}

impl Revoke {
    /// Whether it is shown how it comes to the other instances.
    #[must_use]
    pub fn watches(&self) -> bool {
        self.watch || (!self.no_watch && !self.preview && std::io::stderr().is_terminal())
    }
}

/// `curfew unrevoke`.
#[derive(Debug, Args)]
pub struct Unrevoke {
    /// What.
    #[command(flatten)]
    pub what: What,
    /// Why.
    #[command(flatten)]
    pub grounds: Grounds,
    /// Many.
    #[command(flatten)]
    pub many: Many,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}

/// `curfew revoked`.
#[derive(Debug, Args)]
pub struct Revoked {
    /// What; nothing, for the freshness of every feed.
    #[command(flatten)]
    pub what: What,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}

/// `curfew confirm`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  curfew confirm --feed partner-list --entries 120 --reason 'they dropped a tenant'")]
pub struct Confirm {
    /// The feed, by its name in the config. `curfew revoked` tells what is held back.
    #[arg(long, value_name = "NAME")]
    pub feed: String,
    /// How many entries it is to have: with another number nothing is confirmed.
    #[arg(long, value_name = "COUNT")]
    pub entries: Option<usize>,
    /// Why.
    #[command(flatten)]
    pub grounds: Grounds,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}

/// `curfew drop`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  curfew drop --feed former/corp/logout --reason 'that provider is no more'")]
pub struct Drop {
    /// The feed, as `curfew revoked` lists it: `former/`, the issuer and the source.
    #[arg(long, value_name = "NAME")]
    pub feed: String,
    /// Why.
    #[command(flatten)]
    pub grounds: Grounds,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}
