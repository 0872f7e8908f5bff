//! The table of scenarios as requests that are made, over real TLS, and held against what they promise. It asks the
//! provider for tokens as anybody would.

use super::address::Addresses;
use super::request::{self, Client, Reply, RequestError};
use super::scenario::{Before, SCENARIOS, Scenario, Sends, TRACED};
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use std::time::Duration;
use tokio::time::Instant;

/// A revocation has to be in force within this.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// What came of one scenario.
pub struct Result {
    /// Which.
    pub scenario: &'static Scenario,
    /// The status.
    pub status: Option<u16>,
    /// The `reason` member of the problem body.
    pub reason: Option<String>,
    /// The trace.
    pub trace: Option<String>,
    /// How long the answer took.
    pub took: Option<Duration>,
    /// From the revocation to the refusal.
    pub after: Option<Duration>,
    /// What was not as promised; empty if the columns show it.
    pub trouble: Option<String>,
}

/// Makes every request, one after the other.
pub async fn all(client: &Client, addresses: &Addresses) -> Vec<Result> {
    let mut results = Vec::with_capacity(SCENARIOS.len());
    for scenario in SCENARIOS {
        let reply = play(client, addresses, scenario).await;
        results.push(
            reply.map_or_else(|error| broken(scenario, &error), |(reply, after)| judged(scenario, &reply, after)),
        );
    }
    results
}

/// The trace of one of the refusals, as the collector received it.
pub async fn trace(client: &Client, addresses: &Addresses, results: &[Result]) -> Option<String> {
    let traced = results.iter().find(|result| result.scenario.variable == TRACED)?;
    let path = format!("/traces/{}", traced.trace.as_deref()?);
    let request = request::to(addresses.provider, "GET", &path, String::new()).ok()?;
    let reply = client.plainly(addresses.provider, request).await.ok()?;
    (reply.status == StatusCode::OK).then(|| reply.text())
}

async fn play(
    client: &Client,
    addresses: &Addresses,
    scenario: &Scenario,
) -> std::result::Result<(Reply, Option<Duration>), RequestError> {
    let token =
        if scenario.sends == Sends::Nothing { String::new() } else { token(client, addresses, scenario).await? };
    if scenario.before == Before::Nothing {
        return Ok((ask(client, addresses, scenario, &token).await?, None));
    }
    let before = ask(client, addresses, scenario, &token).await?;
    if before.status != StatusCode::OK {
        return Ok((before, None));
    }
    revoke(client, addresses, &token).await?;
    let revoked = Instant::now();
    loop {
        let reply = ask(client, addresses, scenario, &token).await?;
        if reply.status != StatusCode::OK || revoked.elapsed() >= REVOKED_WITHIN {
            return Ok((reply, Some(revoked.elapsed())));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn token(
    client: &Client,
    addresses: &Addresses,
    scenario: &Scenario,
) -> std::result::Result<String, RequestError> {
    let wish: String = scenario.wish.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    let request = request::to(addresses.provider, "POST", "/token", format!("grant_type=demo{wish}"))?;
    let reply = client.plainly(addresses.provider, request).await?.json();
    let token = reply.get("access_token").and_then(serde_json::Value::as_str);
    Ok(token.unwrap_or_default().to_owned())
}

async fn revoke(client: &Client, addresses: &Addresses, token: &str) -> std::result::Result<(), RequestError> {
    let request = request::to(addresses.provider, "POST", "/revoke", format!("token={token}"))?;
    client.plainly(addresses.provider, request).await.map(|_| ())
}

async fn ask(
    client: &Client,
    addresses: &Addresses,
    scenario: &Scenario,
    token: &str,
) -> std::result::Result<Reply, RequestError> {
    let mut request = request::to(addresses.gateway, scenario.method, scenario.path, String::new())?;
    let times = match scenario.sends {
        Sends::Nothing => 0,
        Sends::Bearer => 1,
        Sends::Twice => 2,
    };
    if let Ok(credentials) = HeaderValue::from_str(&format!("Bearer {token}")) {
        for _ in 0..times {
            request.headers_mut().append(AUTHORIZATION, credentials.clone());
        }
    }
    client.over_tls(addresses.gateway, request).await
}

fn judged(scenario: &'static Scenario, reply: &Reply, after: Option<Duration>) -> Result {
    let body = reply.json();
    let member = |name: &str| body.get(name)?.as_str().map(str::to_owned);
    let (status, reason) = (reply.status.as_u16(), member("reason"));
    let trouble = if status != scenario.status || reason.as_deref() != scenario.reason {
        Some(String::new())
    } else if body.pointer("/headers/authorization").is_some() {
        Some("the token reached the upstream".into())
    } else {
        None
    };
    Result { scenario, status: Some(status), reason, trace: member("trace_id"), took: Some(reply.took), after, trouble }
}

fn broken(scenario: &'static Scenario, error: &RequestError) -> Result {
    let trouble = Some(error.to_string());
    Result { scenario, status: None, reason: None, trace: None, took: None, after: None, trouble }
}
