//! The body of a request to the admin listener, bounded in bytes, in lines and in silence.

use super::problem::Problem;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::time::Duration;

/// How long a JSON body may be, in bytes.
const JSON: usize = 1 << 20;
/// How long one line of NDJSON may be: a token of the longest kind and some words.
const LINE: usize = 64 << 10;
/// How many bytes an NDJSON body may have.
const STREAM: usize = 512 << 20;
/// How long there may be silence in a body.
const SILENCE: Duration = Duration::from_secs(30);

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One entry, or a list.
    Json,
    /// An entry a line.
    Lines,
}

/// What the head says of the body. A page in a browser cannot send either kind without asking first, and is never told
/// that it may.
///
/// # Errors
/// If it is neither, or compressed.
pub fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let unsupported = |detail| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    if headers.contains_key(CONTENT_ENCODING) {
        return unsupported("send it uncompressed");
    }
    let named = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let named = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match named.as_str() {
        "application/json" => Ok(Kind::Json),
        "application/x-ndjson" | "application/jsonl" => Ok(Kind::Lines),
        _ => unsupported("send `application/json`, or `application/x-ndjson` for an entry a line"),
    }
}

async fn frame(body: &mut Incoming) -> Result<Option<bytes::Bytes>, Problem> {
    loop {
        let next = tokio::time::timeout(SILENCE, body.frame()).await;
        let silent = || Problem::new(StatusCode::REQUEST_TIMEOUT, "nothing came for 30 seconds");
        match next.map_err(|_| silent())? {
            None => return Ok(None),
            Some(Err(_)) => return Err(Problem::bad("the body broke off")),
            Some(Ok(frame)) => {
                // Trailers say nothing here.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn large(detail: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// All of a short body.
///
/// # Errors
/// If it is long, silent or broken.
pub async fn whole(mut body: Incoming) -> Result<Vec<u8>, Problem> {
    let mut all = Vec::new();
    while let Some(data) = frame(&mut body).await? {
        if all.len() + data.len() > JSON {
            return Err(large("more than 1 MiB: send entries one a line, as `application/x-ndjson`"));
        }
        all.extend_from_slice(&data);
    }
    Ok(all)
}

/// The lines of a long body.
pub struct Lines {
    body: Incoming,
    held: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Lines {
    /// Those of this body.
    #[must_use]
    pub const fn of(body: Incoming) -> Self {
        Self { body, held: Vec::new(), taken: 0, ended: false }
    }

    /// Some more whole lines, as they came; `None` at the end.
    ///
    /// # Errors
    /// If a line or all of them together are too long, or nothing came.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        loop {
            if self.ended {
                return Ok(Some(std::mem::take(&mut self.held)).filter(|rest| !rest.is_empty()));
            }
            let Some(data) = frame(&mut self.body).await? else {
                self.ended = true;
                continue;
            };
            self.taken += data.len();
            if self.taken > STREAM {
                return Err(large("more than 512 MiB in one call: go on in another"));
            }
            self.held.extend_from_slice(&data);
            let whole = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            if self.held.len() - whole > LINE {
                return Err(large("a line of more than 64 KiB"));
            }
            if whole > 0 {
                let rest = self.held.split_off(whole);
                return Ok(Some(std::mem::replace(&mut self.held, rest)));
            }
        }
    }
}
