//! Gateways that run are asked what they know.

use crate::idp::Idp;
use crate::support::config::address;
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use crate::world::{SECRET, Told, doctor, private};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

struct Node {
    gateway: Gateway,
    url: String,
    config: PathBuf,
    token: PathBuf,
    idp: Idp,
    _upstream: Upstream,
    _dir: TempDir,
}

impl Node {
    fn start(staleness: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (idp, upstream, admin) =
            (Idp::start(Mint::get().corp_keys().to_string(), 0), Upstream::start(), free_port());
        let (config, token) = (dir.path().join("curfew.yaml"), dir.path().join("token"));
        private(&token, SECRET);
        std::fs::write(&config, yaml(dir.path(), &idp, &upstream, admin, staleness)).unwrap();
        let gateway = Gateway::start(&config, address(admin));
        Self { gateway, url: format!("http://127.0.0.1:{admin}"), config, token, idp, _upstream: upstream, _dir: dir }
    }

    fn doctor(&self, more: &[&str]) -> Told {
        let token = self.token.to_str().unwrap();
        doctor(&[&["--node", &self.url, "--admin-token-file", token][..], more].concat())
    }
}

fn yaml(dir: &Path, idp: &Idp, upstream: &Upstream, admin: u16, staleness: &str) -> String {
    let (d, keys, feed, echo) = (dir.display(), idp.url("/keys"), idp.url("/feed"), upstream.url());
    format!(
        r#"
version: 1
listeners: [{{ name: public, address: "127.0.0.1:0", plaintext: true }}]
limits: {{ connections: 100 }}
issuers:
  corp:
    {{ issuer: "{CORP}", keys: {{ url: "{keys}" }}, audiences: [{AUDIENCE}], allow_http: true, allow_private_network: true, refresh: 1s }}
revocation:
  sources:
    feed: {{ kind: poll, issuer: corp, url: "{feed}", allow_http: true, allow_private_network: true, interval: 200ms, max_staleness: {staleness} }}
upstreams:
  echo: {{ endpoints: ["{echo}"] }}
policies: {{ api: {{}} }}
defaults: {{ policy: api }}
routes: [{{ name: orders, path: "/orders/{{id}}", upstream: echo }}]
admin: {{ address: "127.0.0.1:{admin}", token: {{ file: {d}/token }} }}
"#
    )
}

/// The node's own view: well; then its provider falls silent, and it is told what that breaks and when; then it broke.
#[test]
fn a_feed_that_fell_silent_breaks_next_and_then_is_broken() {
    let node = Node::start("8s");
    let told = node.doctor(&[]);
    assert_eq!(told.exit, 0, "{}", told.text);
    told.has("fine", "issuers.corp", "4 keys");
    told.has("fine", "revocation.sources.feed", "stale after 8 s of silence");
    told.has("fine", "upstreams.echo", "takes connections");

    node.idp.fall_silent();
    let patience = Duration::from_secs(20);
    let soon = until("the silence is noticed", patience, || {
        let told = node.doctor(&[]);
        let soon = told.about("revocation.sources.feed").iter().any(|found| found.outlook == "soon");
        (soon && told.about("issuers.corp").iter().any(|found| found.outlook == "soon")).then_some(told)
    });
    assert_eq!(soon.exit, 0, "nothing is broken yet: {}", soon.text);
    let feed = soon.has("soon", "revocation.sources.feed", "and it fails now").at.unwrap();
    let keys = soon.has("soon", "issuers.corp", "they cannot be fetched").at.unwrap();
    let now = jiff::Timestamp::now();
    assert!(feed > now && feed < now + jiff::SignedDuration::from_secs(8), "{feed}");
    let days = keys.duration_since(now).as_hours();
    assert!((22..=24).contains(&days), "max_stale is 24h: {days}");
    assert!(soon.text.contains("Breaks next") && soon.text.contains("in "), "{}", soon.text);

    let broken = until("it is stale", patience, || {
        let told = node.doctor(&[]);
        told.about("revocation.sources.feed").iter().any(|found| found.outlook == "wrong").then_some(told)
    });
    assert_eq!(broken.exit, 9);
    let since = broken.has("wrong", "revocation.sources.feed", "heard ").at.unwrap();
    assert!(
        since.duration_since(feed).abs() < jiff::SignedDuration::from_millis(500),
        "it broke when that was told: {feed} {since}"
    );
    println!("{}", broken.text);
}

/// What cannot be asked is wrong; instances with different configs are told; a broken file is told by who could not
/// take it up.
#[test]
fn several_nodes_are_asked_at_once() {
    let (one, other) = (Node::start("30s"), Node::start("31s"));
    let token = one.token.to_str().unwrap();
    let gone = format!("http://127.0.0.1:{}", free_port());
    let told = doctor(&["--node", &one.url, "--node", &other.url, "--node", &gone, "--admin-token-file", token]);
    assert_eq!((told.exit, told.all.len()), (9, 3));
    assert_eq!(told.json["same_config"], false);
    assert!(told.text.contains("They have different configs"), "{}", told.text);
    assert!(told.all[2][0].says.contains("cannot be reached"), "{:?}", told.all[2]);
    let nobody = doctor(&["--node", &one.url]);
    assert!(nobody.exit == 9 && nobody.all[0][0].says.contains("401"), "{}", nobody.text);

    std::fs::write(&one.config, "version: 2\n").unwrap();
    until("the broken file is noticed", Duration::from_secs(20), || {
        let told = one.doctor(&[]);
        told.about("config").iter().any(|found| found.outlook == "wrong").then_some(())
    });
    assert!(one.gateway.lives());
}
