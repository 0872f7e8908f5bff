//! How a gateway that runs knows who asks it.

use super::operators::Admin;
use clap::Args;
use std::path::PathBuf;

/// How gateways know us.
#[derive(Clone, Debug, Default, Args)]
pub struct Access {
    /// The file that holds the token of the admin listener. Else CURFEW_ADMIN_TOKEN is taken, if set. A token is never an
    /// argument: everybody on the machine can see those.
    #[arg(long, value_name = "FILE", env = "CURFEW_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// The roots that vouch for the gateway's certificate, PEM. Default: the system's.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The operator's own certificate, PEM, where the gateway asks for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

impl Access {
    /// To the gateway at this address.
    #[must_use]
    pub fn to(&self, url: &str) -> Admin {
        Admin { admin: url.to_owned(), access: self.clone(), json: false }
    }
}
