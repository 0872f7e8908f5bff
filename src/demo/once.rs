//! The table of scenarios as requests that are made, over real TLS, and held against what they promise. It asks the
//! provider for tokens as anybody would.

use super::address::Addresses;
use super::request::{self, Client, Opened, Reply, RequestError};
use super::scenario::{Before, SCENARIOS, Scenario, Sends, TRACED};
use super::socket;
use super::stories::STORIES;
use bytes::Bytes;
use futures_util::future::join_all;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A revocation has to be in force within this.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
/// More than the 2 s that `config/demo.yaml` lets a session be left alone.
const LEFT_ALONE: Duration = Duration::from_millis(2_100);
/// Those that are to end within 2 s have ended, within the second that a stream is granted.
const BUSY_FOR: Duration = Duration::from_secs(3);
const BETWEEN_DEEDS: Duration = Duration::from_millis(250);
/// What a WebSocket is closed with (RFC 6455 §7.4.1).
const POLICY_VIOLATION: u16 = 1008;

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
    /// From the revocation, or what else began it, to the refusal.
    pub after: Option<Duration>,
    /// What was not as promised; empty if the columns show it.
    pub trouble: Option<String>,
}

/// Makes every request: one after the other, but for the stories, which take their time and do not wait for each other.
pub async fn all(client: &Client, addresses: &Addresses) -> Vec<Result> {
    let mut results = told(client, addresses, SCENARIOS).await;
    let stories = STORIES.iter().map(|story| told(client, addresses, story));
    results.extend(join_all(stories).await.into_iter().flatten());
    results
}

async fn told(client: &Client, addresses: &Addresses, story: &'static [Scenario]) -> Vec<Result> {
    let mut player = Player { client, addresses, tokens: HashMap::new() };
    let mut results = Vec::with_capacity(story.len());
    for scenario in story {
        let played = player.play(scenario).await;
        results.push(played.unwrap_or_else(|error| broken(scenario, &error)));
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

/// Who makes the requests of a story.
struct Player<'a> {
    client: &'a Client,
    addresses: &'a Addresses,
    /// By the variable that holds each.
    tokens: HashMap<&'static str, String>,
}

impl Player<'_> {
    async fn play(&mut self, scenario: &'static Scenario) -> std::result::Result<Result, RequestError> {
        let token = if scenario.sends == Sends::Nothing { String::new() } else { self.token(scenario).await? };
        self.tokens.insert(scenario.variable, token.clone());
        if scenario.sends == Sends::Socket {
            let opened = self.client.socket(self.addresses.gateway, self.request(scenario, &token)?).await?;
            return Ok(closed(scenario, opened));
        }
        if scenario.before == Before::Nothing {
            return Ok(judged(scenario, &self.ask(scenario, &token).await?, None));
        }
        let (reply, after) = self.play_after(scenario, &token).await?;
        Ok(judged(scenario, &reply, after))
    }

    async fn play_after(
        &self,
        scenario: &Scenario,
        token: &str,
    ) -> std::result::Result<(Reply, Option<Duration>), RequestError> {
        let before = self.ask(scenario, token).await?;
        if before.status != StatusCode::OK {
            return Ok((before, None));
        }
        let (within, between) = match scenario.before {
            Before::Nothing | Before::Silence => (Duration::ZERO, LEFT_ALONE),
            Before::Activity => (BUSY_FOR, BETWEEN_DEEDS),
            Before::Revocation => (REVOKED_WITHIN, BETWEEN_LOOKS),
        };
        let began = Instant::now();
        match scenario.before {
            Before::Revocation => self.revoke(token).await?,
            _ => tokio::time::sleep(between).await,
        }
        loop {
            let reply = self.ask(scenario, token).await?;
            if reply.status != StatusCode::OK || began.elapsed() >= within {
                return Ok((reply, Some(began.elapsed())));
            }
            tokio::time::sleep(between).await;
        }
    }

    async fn token(&self, scenario: &Scenario) -> std::result::Result<String, RequestError> {
        let value = |value: &'static str| match value.strip_prefix('$') {
            Some(variable) => self.tokens.get(variable).map_or("", String::as_str),
            None => value,
        };
        let wish: String = scenario.wish.iter().map(|(name, wished)| format!("&{name}={}", value(wished))).collect();
        let request = request::to(self.addresses.provider, "POST", "/token", format!("grant_type=demo{wish}"))?;
        let reply = self.client.plainly(self.addresses.provider, request).await?.json();
        let token = reply.get("access_token").and_then(serde_json::Value::as_str);
        Ok(token.unwrap_or_default().to_owned())
    }

    async fn revoke(&self, token: &str) -> std::result::Result<(), RequestError> {
        let request = request::to(self.addresses.provider, "POST", "/revoke", format!("token={token}"))?;
        self.client.plainly(self.addresses.provider, request).await.map(|_| ())
    }

    async fn ask(&self, scenario: &Scenario, token: &str) -> std::result::Result<Reply, RequestError> {
        self.client.over_tls(self.addresses.gateway, self.request(scenario, token)?).await
    }

    fn request(&self, scenario: &Scenario, token: &str) -> std::result::Result<Request<Full<Bytes>>, RequestError> {
        let mut request = request::to(self.addresses.gateway, scenario.method, scenario.path, String::new())?;
        let times = match scenario.sends {
            Sends::Nothing => 0,
            Sends::Bearer | Sends::Socket => 1,
            Sends::Twice => 2,
        };
        if let Ok(credentials) = HeaderValue::from_str(&format!("Bearer {token}")) {
            for _ in 0..times {
                request.headers_mut().append(AUTHORIZATION, credentials.clone());
            }
        }
        if scenario.sends == Sends::Socket {
            let fields = socket::FIELDS.map(|(name, value)| (name, HeaderValue::from_static(value)));
            request.headers_mut().extend(fields);
        }
        Ok(request)
    }
}

/// A WebSocket that was opened, and closed with a reason.
fn closed(scenario: &'static Scenario, opened: Opened) -> Result {
    let (took, end, after) = match opened {
        Opened::Refused(reply) => return judged(scenario, &reply, None),
        Opened::Closed { took, end, after } => (took, end, after),
    };
    let reason = end.as_ref().map(|(_, reason)| reason.clone());
    let kept = end.is_some_and(|(code, reason)| code == POLICY_VIOLATION && Some(&*reason) == scenario.reason);
    Result {
        scenario,
        status: Some(StatusCode::SWITCHING_PROTOCOLS.as_u16()),
        reason,
        trace: None,
        took: Some(took),
        after: Some(after),
        trouble: if !kept {
            Some(String::new())
        } else if after > BUSY_FOR {
            Some(format!("it was open for {after:?}"))
        } else {
            None
        },
    }
}

fn judged(scenario: &'static Scenario, reply: &Reply, after: Option<Duration>) -> Result {
    let body = reply.json();
    let member = |name: &str| body.get(name)?.as_str().map(str::to_owned);
    let (status, reason) = (reply.status.as_u16(), member("reason"));
    let trouble = if status != scenario.status || reason.as_deref() != scenario.reason {
        Some(String::new())
    } else if body.pointer("/headers/authorization").is_some() {
        Some("the token reached the upstream".into())
    } else if !reply.challenge.contains(scenario.challenge) {
        Some(format!("the challenge was {}", reply.challenge))
    } else {
        None
    };
    Result { scenario, status: Some(status), reason, trace: member("trace_id"), took: Some(reply.took), after, trouble }
}

fn broken(scenario: &'static Scenario, error: &RequestError) -> Result {
    let trouble = Some(error.to_string());
    Result { scenario, status: None, reason: None, trace: None, took: None, after: None, trouble }
}
