//! Proves that the guard and hyper agree: whatever random damage a stream has, hyper never finds a fault that the
//! guard passed on, because hyper's own refusals carry no reason.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::clocks::serve;

const STREAM: &[u8] = b"GET /a/b?c=d HTTP/1.1\r\nHost: a.example:8443\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n\
POST http://a.example/x HTTP/1.1\r\nhost: a.example\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n\
5;a=\"b\"\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n\
PUT / HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc";

/// Bytes that mean something somewhere.
fn odd_byte() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(&b"\r\n\t\0 :;,@#?/\\\"%0aZ\x7f\x80\xff"[..]), any::<u8>()]
}

fn answers(input: &[u8]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut stream = serve();
        stream.write_all(input).await.unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await.unwrap();
        String::from_utf8_lossy(&text).into_owned()
    })
}

#[test]
fn an_undamaged_stream_gets_three_answers() {
    let text = answers(STREAM);
    assert_eq!(text.matches("stand_in=false body=true fault=None").count(), 3, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn hyper_never_refuses_what_the_guard_passed(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, odd_byte()), 1..4),
    ) {
        let mut input = STREAM.to_vec();
        for (at, kind, byte) in damage {
            let at = at.index(input.len());
            match kind {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                _ => drop(input.remove(at)),
            }
        }
        let text = answers(&input);
        prop_assert!(!text.contains("content-length: 0"), "{}\n--\n{}", String::from_utf8_lossy(&input), text);
    }
}
