//! What can be said on the command line.

use super::nodes::Access;
use super::{asked, audit, connections, operators};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// An API gateway that makes every token keep its hours.
///
/// Curfew terminates TLS in front of your services, asks on every request whether the caller's token may still
/// be used, now, on this route, and either forwards the request or refuses it with a reason that anyone can trace.
#[derive(Debug, Parser)]
#[command(name = "curfew", version, arg_required_else_help = true, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Usage {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  something broke; the message says what
  2  the command line is wrong
  3  the config has faults; each is told with file, line and column
  4  explain: the request would be refused
  5  revoked: it is not revoked; unrevoke: there was nothing that an operator entered;
     trace, refusals: there is no such record; audit show, audit verify: there is no such line
  6  revoke, unrevoke: an import stopped midway; the message says after which line
  7  revoke --watch: enforced, but not known to be by every instance; the message names those
  8  audit verify: a line was removed, changed or moved, or is not there; the message says which
  9  doctor: something is wrong now; each thing is told

Try it:
  curfew demo                       an identity provider, an upstream and a gateway, with curl lines to paste
  curfew check -c curfew.yaml       all faults of a config at once
  curfew doctor -c curfew.yaml      what is wrong around it, and what will break next and when
  curfew explain -c curfew.yaml --request 'GET https://api.example.com/orders' --token-file token.txt
  curfew refusals --since 15m       what was refused, and `curfew trace` why";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway.
    ///
    /// Reads the config, loads keys and revocations, and serves. SIGHUP or a changed file reloads the config:
    /// on any fault the old one stays. SIGTERM or SIGINT drains and ends.
    Run(ConfigFile),
    /// Check a config: every fault at once, each with its place and what to do.
    ///
    /// Faults end with exit code 3. Warnings (what parses but is unwise) do not, unless --strict is given.
    Check(Check),
    /// Say what is wrong, and what will break next and when: clocks, keys, feeds, certificates, upstreams, Redis,
    /// secrets, disks, open files. Exit code 9 if something is wrong now.
    ///
    /// With a config it looks from this machine; with --node it has gateways look that run. Nothing is changed.
    Doctor(Doctor),
    /// Say what the gateway would decide about a request, and why: every check in order, with the numbers compared.
    ///
    /// Works offline with keys from files; issuers that publish their keys are asked once. With --node, a gateway that
    /// runs is asked. Exit code 4 if the request would be refused.
    Explain(Explain),
    /// What a policy comes to: every limit, its value, and where it was written.
    Policy {
        /// What of it.
        #[command(subcommand)]
        what: PolicyCommand,
    },
    /// Revoke tokens at a gateway that runs: one, or all of a session, a subject, a client or an issuer.
    ///
    /// It is enforced, kept and in the audit log when this ends. Imports take a file of any length.
    Revoke(operators::Revoke),
    /// Take back what an operator revoked; what a provider revoked stays.
    Unrevoke(operators::Unrevoke),
    /// Ask a gateway that runs: is this revoked, by which entry, from which feed, since when? Exit code 5 if it is not.
    ///
    /// Without a name or a token, it tells how fresh each feed is.
    Revoked(operators::Revoked),
    /// Say why one request was refused, afterwards: the whole trail with the numbers compared, and what can be done.
    ///
    /// It takes the trace id that the caller finds in the body of the answer. Exit code 5 if there is no such record.
    Trace(asked::Trace),
    /// List what was refused, count what it has in common, or follow it as it happens. Exit code 5 if there was nothing.
    Refusals(asked::Refusals),
    /// Confirm what a polled feed says, though it is far less than before, and was held back.
    Confirm(operators::Confirm),
    /// Drop what a source was told that left the config, or is of another kind now: until then it stays enforced.
    Drop(operators::Drop),
    /// Look at an audit log (`telemetry.audit`): whether it is whole, and what stands in it.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// List what is live at a gateway that runs: WebSockets, event streams, gRPC streams, long downloads; and when each ends.
    Connections(connections::Connections),
    /// Print a JSON Schema: of the config, or of a revocation feed.
    Schema {
        /// Of what.
        #[arg(default_value = "config")]
        of: Described,
    },
    /// Try it all: an identity provider, an upstream and the gateway in one process, with curl lines to paste.
    Demo(Demo),
    /// Print the version.
    Version,
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page, in roff.
    Man,
}

/// Which config.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The config file, YAML or JSON.
    #[arg(short, long, value_name = "FILE", env = "CURFEW_CONFIG", default_value = "curfew.yaml")]
    pub config: PathBuf,
}

/// `curfew check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The config files, YAML or JSON.
    #[arg(short, long, value_name = "FILE", num_args = 1.., env = "CURFEW_CONFIG", default_value = "curfew.yaml")]
    pub config: Vec<PathBuf>,
    /// Take warnings for faults.
    #[arg(long)]
    pub strict: bool,
    /// Print faults as JSON, one a line.
    #[arg(long)]
    pub json: bool,
}

/// `curfew doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curfew doctor -c curfew.yaml
  curfew doctor --node http://127.0.0.1:9901
  curfew doctor --node https://gw-1:9901 --node https://gw-2:9901 --admin-token-file token --json")]
pub struct Doctor {
    /// The config file, YAML or JSON. Default: CURFEW_CONFIG, else curfew.yaml, unless a node is asked.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The admin listener of a gateway that runs; several may be named.
    #[arg(long = "node", value_name = "URL")]
    pub nodes: Vec<String>,
    /// How gateways know us.
    #[command(flatten)]
    pub access: Access,
    /// Take what will break, and what is not wise, for wrong.
    #[arg(long)]
    pub strict: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `curfew explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curfew explain --request 'GET https://api.example.com/orders' --token-file token.txt
  curfew explain --request 'GET https://api.example.com/orders' --token-file token.txt --at 2026-11-02T15:04:05Z
  curfew explain --request 'GET https://api.example.com/orders' --token-file - --node http://127.0.0.1:9901
  curfew explain --request 'GET https://api.example.com/orders' --token-file - --node http://127.0.0.1:9901 -c next.yaml")]
pub struct Explain {
    /// The config file, YAML or JSON. Default: CURFEW_CONFIG, else curfew.yaml. With --node, a candidate: what would that
    /// gateway decide under it? Default there: the config in force.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Ask a gateway that runs, at its admin listener: it knows the keys, the revocations and the sessions of now.
    #[arg(long, value_name = "URL")]
    pub node: Option<String>,
    /// How it knows us.
    #[command(flatten)]
    pub access: Access,
    /// The request: a method and a URL.
    #[arg(long, value_name = "'GET https://HOST/PATH'")]
    pub request: String,
    /// A file that holds the token; `-` reads standard input. Leave it out for a request without a token.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// More header fields, as `Name: value`.
    #[arg(long = "header", short = 'H', value_name = "FIELD")]
    pub headers: Vec<String>,
    /// The address that the client comes from, for rules about networks.
    #[arg(long, value_name = "ADDRESS")]
    pub client_ip: Option<std::net::IpAddr>,
    /// The instant to decide at, as RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `curfew policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show every limit that holds on a route, for a caller with these claims, and where it was written.
    ///
    /// Without claims and address, it is for a caller for whom no rule is.
    Show(PolicyShow),
}

/// `curfew policy show`.
#[derive(Debug, Args)]
pub struct PolicyShow {
    /// Which config.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The route, by its name.
    #[arg(long, value_name = "NAME")]
    pub route: String,
    /// A claim of the token; a value that is JSON is read as such. Given several times, it is an array.
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    pub claims: Vec<String>,
    /// The address that the client comes from.
    #[arg(long, value_name = "ADDRESS")]
    pub client_ip: Option<std::net::IpAddr>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `curfew demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Run every line of the demo, print what came of it, and end: 0 if each answered as promised.
    #[arg(long)]
    pub once: bool,
    /// The port of the gateway. Default 8443; with --once, a free one.
    #[arg(long)]
    pub port: Option<u16>,
    /// Where the demo keeps its certificates.
    #[arg(long, value_name = "DIR", default_value = "certs/demo")]
    pub dir: PathBuf,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Described {
    /// The config.
    Config,
    /// What a `poll` source is answered: the document, and the lines.
    Feed,
}
