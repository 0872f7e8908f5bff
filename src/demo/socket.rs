//! WebSockets (RFC 6455), both ends, as far as the demo needs them: the upstream listens and says nothing, and the client
//! waits for the end and reads why it came.

use super::serve::{self, Answer};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, sink};

/// What a client sends beside its token. The key is no secret, and anything of sixteen bytes (RFC 6455 §4.1).
pub const FIELDS: [(HeaderName, &str); 4] = [
    (CONNECTION, "Upgrade"),
    (UPGRADE, "websocket"),
    (SEC_WEBSOCKET_VERSION, "13"),
    (SEC_WEBSOCKET_KEY, "YSBrZXkgZm9yIGEgZGVtbw=="),
];

/// Whatever an upstream's client does, its connection ends.
const LONGEST: Duration = Duration::from_secs(60 * 60);
const LONGEST_TALK: u64 = 1 << 16;

/// Opens the upstream's end, if that is what is asked for.
pub fn open(request: &mut Request<Bytes>) -> Option<Answer> {
    let answer = accepted(request.headers())?;
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(tokio::time::timeout(LONGEST, async {
        if let Ok(stream) = upgrade.await {
            // It ends with the gateway's end of it.
            let _heard = tokio::io::copy(&mut TokioIo::new(stream), &mut sink()).await;
        }
    }));
    Some(answer)
}

/// The answer to who asks for one.
pub fn accepted(headers: &HeaderMap) -> Option<Answer> {
    let fields = [
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept(headers)?),
    ];
    let mut answer = serve::text(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    *answer.headers_mut() = HeaderMap::from_iter(fields);
    Some(answer)
}

/// RFC 6455 §4.2.2.
fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut text = headers.get(SEC_WEBSOCKET_KEY)?.as_bytes().to_vec();
    text.extend_from_slice(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    HeaderValue::try_from(STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))).ok()
}

/// Why the other side closes (§5.5.1), once it does.
pub async fn end(stream: impl AsyncRead + Unpin) -> Option<(u16, String)> {
    let mut stream = stream.take(LONGEST_TALK);
    loop {
        let (first, length) = (stream.read_u8().await.ok()?, stream.read_u8().await.ok()? & 0x7f);
        let length = match length {
            126 => u64::from(stream.read_u16().await.ok()?),
            127 => stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut told = Vec::new();
        (&mut stream).take(length).read_to_end(&mut told).await.ok()?;
        if let (0x88, [high, low, why @ ..]) = (first, &*told) {
            return Some((u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(why).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SEC_WEBSOCKET_KEY, accept, end};
    use http::{HeaderMap, HeaderValue};

    /// The example of RFC 6455 §1.3.
    #[test]
    fn the_key_is_answered_as_the_standard_says() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        let accept = accept(&HeaderMap::from_iter([(SEC_WEBSOCKET_KEY, key)])).unwrap();
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[tokio::test]
    async fn the_end_is_read_behind_what_was_said_before() {
        let said = [&[0x81, 2][..], b"hi", &[0x82, 126, 0, 3, 1, 2, 3, 0x88, 5, 0x03, 0xf0], b"why"].concat();
        assert_eq!(end(&said[..]).await, Some((1008, "why".into())));
        assert_eq!(end(&said[..said.len() - 4]).await, None);
        assert_eq!(end(&[0x88][..]).await, None);
    }
}
