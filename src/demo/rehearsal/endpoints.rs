//! The provider's endpoints, each asked over a socket.

use super::understudy::{NOW, clock};
use crate::decide::time::Timestamp;
use crate::demo::provider::Provider;
use crate::demo::request::{self, Client, Reply};
use crate::demo::run::provide;
use crate::demo::serve::{self, Server};
use crate::demo::{certificates, collector};
use http::StatusCode;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// A provider alone, and somebody who asks it.
struct Alone {
    address: SocketAddr,
    client: Client,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Alone {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates::prepare(folder.path(), Timestamp::from_secs(*NOW)).unwrap();
        let client = Client::new(&certificates::authority(folder.path())).unwrap();
        let (listener, address) = serve::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let provider = Arc::new(Provider::new(format!("http://{address}"), clock()).unwrap());
        let collector = Arc::new(collector::Collector::default());
        let server = serve::start(listener, move |request| {
            let (provider, collector) = (Arc::clone(&provider), Arc::clone(&collector));
            async move { provide(&provider, &collector, &request).await }
        });
        Self { address, client, _server: server, _folder: folder }
    }

    async fn ask(&self, method: &str, path: &str, form: &str, field: Option<(&'static str, &str)>) -> Reply {
        let mut request = request::to(self.address, method, path, form.into()).unwrap();
        if let Some((name, value)) = field {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.client.plainly(self.address, request).await.unwrap()
    }
}

#[tokio::test]
async fn the_token_endpoint_gives_tokens_to_those_who_may_have_them() {
    let provider = Alone::start().await;
    let client = "grant_type=client_credentials&client_id=demo&client_secret=demo&expires_in=60&scope=orders.read";
    let granted = provider.ask("POST", "/token", client, None).await.json();
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&json!("Bearer"), &json!(60)));
    assert_eq!(granted["scope"], "orders.read");

    let basic = Some(("authorization", "Basic ZGVtbzpkZW1v"));
    let granted = provider.ask("POST", "/token", "grant_type=client_credentials", basic).await;
    assert_eq!(granted.status, StatusCode::OK);

    for (form, status, error) in [
        ("grant_type=client_credentials", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=demo&client_secret=x", 401, "invalid_client"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("scope=x", 400, "invalid_request"),
        ("grant_type=demo&age=soon", 400, "invalid_request"),
    ] {
        let refused = provider.ask("POST", "/token", form, None).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (status, &json!(error)), "{form}");
    }
    let bare = provider.ask("POST", "/token", "grant_type=demo", Some(("accept", "application/jwt"))).await.text();
    assert_eq!(bare.split('.').count(), 3);
}

#[tokio::test]
async fn what_is_revoked_is_in_the_feed_and_nothing_else() {
    let provider = Alone::start().await;
    let empty = provider.ask("GET", "/revocations", "", None).await.json();
    assert_eq!((&empty["entries"], &empty["complete"]), (&json!([]), &json!(true)));
    let cursor = empty["cursor"].as_str().unwrap();
    let tag = format!("\"{cursor}\"");
    let unchanged = provider.ask("GET", "/revocations", "", Some(("if-none-match", &tag))).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);

    let token = provider.ask("POST", "/token", "grant_type=demo", None).await.json();
    let token = token["access_token"].as_str().unwrap();
    for form in [format!("token={token}"), "token=nonsense".into()] {
        assert_eq!(provider.ask("POST", "/revoke", &form, None).await.status, StatusCode::OK);
    }
    assert_eq!(provider.ask("POST", "/revoke", "x=y", None).await.status, StatusCode::BAD_REQUEST);
    let path = format!("/revocations?cursor={cursor}");
    let feed = provider.ask("GET", &path, "", Some(("if-none-match", &tag))).await.json();
    assert_eq!(feed["complete"], false);
    let [entry] = &feed["entries"].as_array().unwrap()[..] else { panic!("one entry: {feed}") };
    assert_eq!((&entry["type"], &entry["at"]), (&json!("token"), &json!(*NOW)));
}

#[tokio::test]
async fn rotated_keys_are_published_beside_the_old_or_instead_of_them() {
    let provider = Alone::start().await;
    let ids = async || -> Vec<Value> {
        let set = provider.ask("GET", "/jwks", "", None).await.json();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    let first = ids().await;
    assert_eq!(first.len(), 2);
    provider.ask("POST", "/rotate", "", None).await;
    let second = ids().await;
    assert!(second.len() == 4 && first.iter().all(|id| second.contains(id)));
    provider.ask("POST", "/rotate?forget", "", None).await;
    let third = ids().await;
    assert!(third.len() == 2 && second.iter().all(|id| !third.contains(id)));
    assert_eq!(provider.ask("GET", "/rotate", "", None).await.status, StatusCode::NOT_FOUND);
}
