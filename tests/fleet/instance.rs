//! One instance: its issuers, its sources, its set and its clock, without listeners. It is told as a gateway is, by
//! signed logout tokens.

use crate::support::mint::{Key, now, set, unique};
use bytes::Bytes;
use curfew::decide::id::IssuerName;
use curfew::decide::revocation::{Freshness, Handles};
use curfew::idp::events::Outcome;
use curfew::idp::fleet::Standing;
use curfew::idp::receive::Received;
use curfew::idp::room::{Idp, Means};
use curfew::idp::settings::Settings;
use curfew::state::clock::{Clock, SystemClock};
use curfew::state::fingerprint::{Fingerprints, Kind};
use curfew::state::revocations::Revocations;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const CORP: &str = "https://id.example.com";

/// The provider's key.
static KEY: LazyLock<Key> = LazyLock::new(|| Key::ed("provider"));

pub struct Instance {
    pub idp: Idp,
    pub revocations: Arc<Revocations>,
    pub clock: Arc<SystemClock>,
    fingerprints: Arc<Fingerprints>,
    _cancel: tokio_util::sync::DropGuard,
    keys: tempfile::NamedTempFile,
}

impl Instance {
    pub fn start(redis: &str) -> Self {
        Self::with(b"the key of the fleet", json!({"redis": {"urls": [redis], "timeout": "500ms"}}))
    }

    pub fn with(key: &[u8], fleet: Value) -> Self {
        // A library asks for the process's provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (clock, revocations) = (Arc::new(SystemClock::start()), Arc::new(Revocations::default()));
        let fingerprints = Arc::new(Fingerprints::derived(key).unwrap());
        let cancel = CancellationToken::new();
        let means = Means {
            runtime: tokio::runtime::Handle::current(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            revocations: Arc::clone(&revocations),
            statuses: Arc::default(),
            fingerprints: Arc::clone(&fingerprints),
            audit: None,
        };
        let keys = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(keys.path(), set(&[&KEY]).to_string()).unwrap();
        let idp = Idp::new(means, cancel.clone());
        let one = Self { idp, revocations, clock, fingerprints, _cancel: cancel.drop_guard(), keys };
        one.reload(Some(fleet));
        one
    }

    /// Gives it settings with this channel, or without one.
    pub fn reload(&self, fleet: Option<Value>) {
        let issuer = json!({"issuer": CORP, "keys": {"file": self.keys.path()}});
        let source = json!({"kind": "backchannel_logout", "issuer": "corp", "client_ids": ["shop"]});
        let settings = Settings {
            issuers: [("corp".to_owned(), serde_json::from_value(issuer).unwrap())].into(),
            sources: [("logout".to_owned(), serde_json::from_value(source).unwrap())].into(),
            fleet: fleet.map(|fleet| serde_json::from_value(fleet).unwrap()),
            state_dir: None,
        };
        self.idp.apply(&settings).unwrap();
    }

    /// Tells it that a session has ended, and waits for its answer.
    pub async fn end(&self, sid: &str) {
        let claims = json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
            "sid": sid, "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
        let mut token = KEY.token().head("typ", "logout+jwt");
        token.claims.clear();
        let claims = claims.as_object().unwrap().iter();
        let token = claims.fold(token, |token, (name, value)| token.claim(name, value.clone())).sign();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let body = Bytes::from(format!("logout_token={token}"));
        let event = Received { endpoint: 0, headers, body, peer: IpAddr::from([127, 0, 0, 1]) };
        let answer = self.idp.reception().receive("logout", event).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.body());
    }

    pub fn has_ended(&self, sid: &str) -> bool {
        let session = Some(self.fingerprints.of(Kind::Session, CORP, sid.as_bytes()));
        let handles = Handles { session, ..Handles::default() };
        self.revocations.look_up(&IssuerName::from("corp"), &handles).session.is_some()
    }

    /// How old its knowledge is; `None` if it has none.
    pub fn age(&self) -> Option<Duration> {
        match self.revocations.freshness(&IssuerName::from("corp"), self.clock.now()) {
            Freshness::Heard { age, .. } => Some(age),
            _ => None,
        }
    }

    pub fn standing(&self) -> Standing {
        self.idp.fleet().unwrap()
    }

    /// How many entries of the stream came to this.
    pub fn counted(&self, outcome: Outcome) -> u64 {
        let (_, events) =
            self.idp.reception().standing().into_iter().find(|(name, _)| name.as_str() == "fleet").unwrap();
        events.counts().find(|(one, _)| *one == outcome).unwrap().1
    }

    /// Until it knows the provider's key.
    pub async fn keyed(&self) {
        until("it has the keys", || self.idp.keys("corp").unwrap().age(self.clock.now()).is_some()).await;
    }

    pub async fn ready(&self) {
        self.keyed().await;
        until("it has joined, and caught up", || self.standing().connected && self.age().is_some()).await;
    }
}

pub fn sids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

/// Waits until it is so.
pub async fn until(what: &str, so: impl Fn() -> bool) {
    let bound = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < bound, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn until_ended(instance: &Instance, sids: &[String]) {
    let last = sids.iter().rev();
    until("all sessions have ended there", || last.clone().all(|sid| instance.has_ended(sid))).await;
}
