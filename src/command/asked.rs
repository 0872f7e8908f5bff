//! What operators can ask on the command line about decisions of the past.

use super::operators::Admin;
use clap::Args;
use std::path::PathBuf;

/// `curfew trace`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curfew trace 0af7651916cd43dd8448eb211c80319c
  curfew trace checkout-7f3a --json
  curfew trace 0af7651916cd43dd8448eb211c80319c --directory /var/lib/curfew/records")]
pub struct Trace {
    /// The trace id, which the refused caller finds in the body of the answer; or that of the trace that the caller itself
    /// was in; or the X-Request-Id that it sent. The whole value of `traceresponse` will do.
    #[arg(value_name = "TRACE-ID|REQUEST-ID")]
    pub id: String,
    /// Read this directory of records instead of asking a gateway, which may be running, or gone.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}

/// `curfew refusals`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curfew refusals --since 15m
  curfew refusals --since 1h --group
  curfew refusals --subject alice --reason token_expired
  curfew refusals --client shop-app --address 192.0.2.0/24 --group
  curfew refusals --route orders --follow")]
pub struct Refusals {
    /// Not before this: how long ago (15m), an RFC 3339 time, or seconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Before this.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Of this route, by its name.
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
    /// For this reason, by its code.
    #[arg(long, value_name = "CODE")]
    pub reason: Option<String>,
    /// Of tokens of this issuer, by its name in the config.
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Of this subject, by its `sub`; the gateway hashes it.
    #[arg(long, value_name = "ID")]
    pub subject: Option<String>,
    /// Of this subject, by its hash, as records and traces tell it.
    #[arg(long, value_name = "HASH", conflicts_with = "subject")]
    pub subject_hash: Option<String>,
    /// Of this tenant, as metrics tell it (`telemetry.tenants`).
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Of tokens of this client, by its `client_id` or `azp`; the gateway hashes it.
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// Of this client, by its hash, as records and traces tell it.
    #[arg(long, value_name = "HASH", conflicts_with = "client")]
    pub client_hash: Option<String>,
    /// From this address, or from anywhere in this network: of the client where a trusted proxy tells it, else of the peer.
    #[arg(long, value_name = "ADDRESS|NETWORK")]
    pub address: Option<String>,
    /// Show what was admitted and the route's shadow policy would have refused.
    #[arg(long, conflicts_with = "admissions")]
    pub shadow: bool,
    /// Show admissions that were recorded, too.
    #[arg(long)]
    pub admissions: bool,
    /// How many at most, 1 to 1000. Default 50; with --follow, without end; with --group, 10 of each kind.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub limit: Option<u64>,
    /// Count them by reason, route, issuer, tenant, subject, client and address; say who is behind most of each, and whether
    /// it is one client that loops or many.
    #[arg(long)]
    pub group: bool,
    /// Show what is refused from now on, as it happens.
    #[arg(long, conflicts_with_all = ["group", "since", "until"])]
    pub follow: bool,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}
