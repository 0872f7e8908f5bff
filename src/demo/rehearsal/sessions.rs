//! What the understudy knows of sessions: enough for the stories.

use crate::demo::serve::Answer;
use crate::demo::socket;
use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

const IDLE: Duration = Duration::from_secs(2);

/// By name: the sign-in, and the last activity; none, if it has ended.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, (i64, Option<Instant>)>>);

impl Sessions {
    /// The answers of the routes whose policies speak of sessions and sign-ins.
    pub fn judge(&self, path: &str, claims: &Value, now: i64) -> Result<(), (u16, &'static str)> {
        let signed_in = claims["auth_time"].as_i64().unwrap();
        match path {
            "/idle" => self.idle(claims["sid"].as_str().unwrap(), signed_in),
            "/whole" | "/live" if now - signed_in >= 120 => Err((401, "session_absolute_timeout")),
            "/transfer" if now - signed_in > 360 => Err((401, "auth_too_old")),
            "/transfer" if claims["acr"] != "gold" => Err((401, "acr_insufficient")),
            _ => Ok(()),
        }
    }

    fn idle(&self, sid: &str, signed_in: i64) -> Result<(), (u16, &'static str)> {
        let mut all = self.0.lock().unwrap();
        let session = all.entry(sid.into()).or_insert((signed_in, Some(Instant::now())));
        if session.0 < signed_in {
            *session = (signed_in, Some(Instant::now()));
        }
        session.1 = session.1.filter(|last| last.elapsed() <= IDLE).map(|_| Instant::now());
        session.1.map(|_| ()).ok_or((401, "session_idle_timeout"))
    }
}

/// RFC 9470 §3.
pub fn challenge(reason: &str) -> Option<(HeaderName, HeaderValue)> {
    let told = match reason {
        "auth_too_old" => "Bearer error=\"insufficient_user_authentication\", max_age=\"300\"",
        "acr_insufficient" => "Bearer error=\"insufficient_user_authentication\", acr_values=\"gold\"",
        _ => return None,
    };
    Some((WWW_AUTHENTICATE, HeaderValue::from_static(told)))
}

/// Opens a WebSocket and closes it soon.
pub fn open(mut request: Request<Bytes>) -> Answer {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        tokio::time::sleep(Duration::from_millis(500)).await;
        stream.write_all(b"\x88\x1a\x03\xf0session_absolute_timeout").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    socket::accepted(request.headers()).unwrap()
}
