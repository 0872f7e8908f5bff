//! The real OpenID provider: `oidc-provider` in a process of its own, and how to get tokens of it.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::process::{Process, installed, run, service, stdout};

/// The provider. It may be killed and started again behind the same address, with the same keys.
pub struct Provider {
    process: Process,
    keys: PathBuf,
    port: u64,
    control: u64,
    _directory: tempfile::TempDir,
}

impl Provider {
    /// Starts it.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys.json");
        let mut process = spawn(&keys, 0, 0);
        let ports = process.first_json();
        let port = |name: &str| ports[name].as_u64().unwrap();
        Self { keys, port: port("port"), control: port("control"), process, _directory: directory }
    }

    /// Its issuer identifier, which is also its address.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it without a farewell.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after a kill.
    pub fn restart(&mut self) {
        self.process = spawn(&self.keys, self.port, self.control);
        self.process.first_json();
    }

    /// Signs with new keys from now on; the old ones are still published.
    pub fn rotate(&self) -> Value {
        self.control("rotate")
    }

    /// Signs with new keys from now on; the old ones are gone.
    pub fn replace(&self) -> Value {
        self.control("replace")
    }

    /// Publishes no longer what it no longer signs with.
    pub fn retire(&self) -> Value {
        self.control("retire")
    }

    /// A logout is told to this address from now on.
    pub fn tell_logouts_to(&self, uri: &str) {
        self.control(&format!("logout-to?uri={uri}"));
    }

    /// Tokens name this place of the provider's status list from now on.
    pub fn list_at(&self, index: u32) {
        self.control(&format!("place?index={index}"));
    }

    /// The status list says this of a place from now on.
    pub fn set_status(&self, index: u32, value: u8) {
        self.control(&format!("status?index={index}&value={value}"));
    }

    /// A user signs in with a browser of their own: the number of the browser, and the access token.
    pub fn sign_in(&self) -> (u64, String) {
        self.sign_in_for(300)
    }

    /// The same, for an access token that lives so many seconds.
    pub fn sign_in_for(&self, seconds: u32) -> (u64, String) {
        let tokens = self.control(&format!("sign-in?resource=https://api.test/es256/ttl/{seconds}"));
        let token = tokens["access_token"].as_str().unwrap_or_else(|| panic!("no sign-in: {tokens}"));
        (tokens["user"].as_u64().unwrap(), token.to_owned())
    }

    /// A user signs in to stay signed in, by a browser of their own, or once more by the one of this number.
    pub fn sign_in_to_stay(&self, user: Option<u64>) -> Held {
        let user = user.map_or_else(String::new, |user| format!("&user={user}"));
        let tokens = self.control(&format!("sign-in-to-stay?resource={STAYS}{user}"));
        Held::of(tokens["user"].as_u64(), &tokens).unwrap_or_else(|_| panic!("no sign-in: {tokens}"))
    }

    /// The application of that user exchanges its refresh token for newer tokens (RFC 6749 §6).
    ///
    /// # Errors
    /// What the provider says if it gives none.
    pub fn refresh(&self, held: &Held) -> Result<Held, String> {
        let tokens = self.control(&format!("refresh?resource={STAYS}&user={}&token={}", held.user, held.refresh));
        Held::of(Some(held.user), &tokens)
    }

    /// The user of this browser signs out: how many logouts were told, and how many could not be.
    pub fn sign_out(&self, user: u64) -> (u64, u64) {
        let done = self.control(&format!("sign-out?user={user}"));
        let count = |name: &str| done[name].as_u64().unwrap_or_else(|| panic!("no sign-out: {done}"));
        (count("told"), count("failed"))
    }

    /// How often this path was asked for.
    pub fn hits(&self, path: &str) -> u64 {
        self.control("state")["hits"][path].as_u64().unwrap_or(0)
    }

    /// A token for the gateway's audience that lives so many seconds.
    pub fn token(&self, alg: &str, seconds: u32) -> String {
        self.token_for("https://api.test", alg, seconds)
    }

    /// A token for this audience, by the client credentials grant (RFC 6749 §4.4, RFC 8707).
    pub fn token_for(&self, audience: &str, alg: &str, seconds: u32) -> String {
        let answer = stdout(
            Command::new("curl")
                .args(["--silent", "--noproxy", "*", "--max-time", "10"])
                .args(["--user", "worker:not-a-secret-of-anyone"])
                .args(["--data", "grant_type=client_credentials", "--data", "scope=orders.read"])
                .args(["--data", &format!("resource={audience}/{alg}/ttl/{seconds}")])
                .arg(format!("{}/token", self.issuer())),
        );
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("not a token answer: {answer}"));
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Its application takes the token back (RFC 7009).
    pub fn revoke(&self, token: &str) {
        let answer = stdout(
            Command::new("curl")
                .args(["--silent", "--fail", "--noproxy", "*", "--max-time", "10", "--write-out", "%{http_code}"])
                .args(["--user", "worker:not-a-secret-of-anyone", "--data", &format!("token={token}")])
                .arg(format!("{}/token/revocation", self.issuer())),
        );
        assert_eq!(answer, "200");
    }

    fn control(&self, deed: &str) -> Value {
        let url = format!("http://127.0.0.1:{}/{deed}", self.control);
        let output = run(Command::new("curl").args(["--silent", "--fail", "--noproxy", "*", "--max-time", "10", &url]));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("the provider cannot {deed}"))
    }
}

/// What tokens are for of a user who stays signed in.
const STAYS: &str = "https://api.test/es256/ttl/300";

/// What the application of a user who stays signed in holds.
pub struct Held {
    /// The number of the user's browser.
    pub user: u64,
    pub access: String,
    pub refresh: String,
}

impl Held {
    fn of(user: Option<u64>, tokens: &Value) -> Result<Self, String> {
        let text = |name: &str| tokens[name].as_str().map(str::to_owned);
        let held = user.zip(text("access_token")).zip(text("refresh_token"));
        let ((user, access), refresh) = held.ok_or_else(|| text("error").unwrap_or_else(|| tokens.to_string()))?;
        Ok(Self { user, access, refresh })
    }
}

fn spawn(keys: &std::path::Path, port: u64, control: u64) -> Process {
    let mut command = Command::new("node");
    command.arg(service("provider.mjs")).arg(installed()).arg(keys).args([port.to_string(), control.to_string()]);
    Process::start("the provider", &mut command)
}

/// A part of a token: 0 is the header, 1 the claims.
pub fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

/// When a token expires, in seconds since the epoch.
pub fn expiry(token: &str) -> f64 {
    part(token, 1)["exp"].as_f64().unwrap()
}
