//! Clients that hold something open until it is ended: a WebSocket over either version of HTTP, a stream of events, a
//! stream of gRPC.

use super::config::HOST;
use super::h2::{self, DATA, END_STREAM, HEADERS, PING, RST_STREAM, frame};
use super::raw::{Conn, Door, PATIENCE};
use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

const TEXT: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'];
const SOCKET_PING: &[u8] = &[0x89, 0x80, 0, 0, 0, 0];
/// A message of gRPC: not compressed, two bytes long.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 2, b'h', b'i'];

/// One that is open.
pub enum Lasting {
    /// Over HTTP/1.1; what was read, and whether it is a WebSocket.
    H1(Box<Conn>, Vec<u8>, bool),
    /// Over HTTP/2: the stream, and whether it is a WebSocket.
    H2(Box<h2::Session>, u32, bool),
}

/// How it ended: when, and in the words of its protocol why.
#[derive(Debug)]
pub struct End {
    pub at: Instant,
    pub said: String,
}

impl Lasting {
    /// A WebSocket over HTTP/1.1.
    pub fn websocket(door: &Door, path: &str, token: &str) -> Self {
        let more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        Self::h1(door, path, token, more, "HTTP/1.1 101", true)
    }

    /// A stream of events.
    pub fn events(door: &Door, path: &str, token: &str) -> Self {
        Self::h1(door, path, token, "", "HTTP/1.1 200", false)
    }

    fn h1(door: &Door, path: &str, token: &str, more: &str, wanted: &str, is_socket: bool) -> Self {
        let mut conn = door.open().unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n{more}\r\n");
        conn.write_all(head.as_bytes()).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            conn.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(wanted.as_bytes()), "{}", String::from_utf8_lossy(&head));
        Self::H1(Box::new(conn), Vec::new(), is_socket)
    }

    /// A WebSocket over HTTP/2 (RFC 8441 §4).
    pub fn websocket_over_h2(door: &Door, path: &str, token: &str) -> Self {
        Self::h2(door, path, token, &[(b":method", b"CONNECT"), (b":protocol", b"websocket")], true)
    }

    /// A stream of gRPC.
    pub fn grpc(door: &Door, path: &str, token: &str) -> Self {
        Self::h2(door, path, token, &[(b":method", b"POST")], false)
    }

    fn h2(door: &Door, path: &str, token: &str, method: &[(&[u8], &[u8])], is_socket: bool) -> Self {
        let mut session = h2::Session::open(door).unwrap();
        let (bearer, scheme) = (format!("Bearer {token}"), if door.tls.is_some() { "https" } else { "http" });
        let mut fields = method.to_vec();
        fields.extend([(&b":scheme"[..], scheme.as_bytes()), (b":authority", HOST.as_bytes())]);
        fields.extend([(&b":path"[..], path.as_bytes()), (b"authorization", bearer.as_bytes())]);
        let socket: &[(&[u8], &[u8])] = &[(b"sec-websocket-version", b"13")];
        let grpc: &[(&[u8], &[u8])] = &[(b"content-type", b"application/grpc"), (b"te", b"trailers")];
        fields.extend(if is_socket { socket } else { grpc });
        let (stream, answer) = session.begin(&fields).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.brief());
        Self::H2(Box::new(session), stream, is_socket)
    }

    /// Sends data, of which its user may be the cause.
    pub fn says(&mut self) {
        match self {
            Self::H1(conn, ..) => conn.write_all(TEXT).unwrap(),
            Self::H2(session, stream, is_socket) => {
                session.send(&frame(DATA, 0, *stream, if *is_socket { TEXT } else { MESSAGE })).unwrap();
            }
        }
    }

    /// Sends what comes by itself: pings of the WebSocket, and those of HTTP/2.
    pub fn pings(&mut self) {
        match self {
            Self::H1(conn, ..) => conn.write_all(SOCKET_PING).unwrap(),
            Self::H2(session, stream, is_socket) => {
                session.send(&frame(PING, 0, 0, b"the ping")).unwrap();
                if *is_socket {
                    session.send(&frame(DATA, 0, *stream, SOCKET_PING)).unwrap();
                }
            }
        }
    }

    /// Is it still open? What came is taken.
    pub fn lives(&mut self) -> bool {
        let soon = Duration::from_millis(5);
        match self {
            Self::H1(conn, heard, _) => loop {
                conn.socket().set_read_timeout(Some(soon)).unwrap();
                let mut some = [0; 4096];
                match conn.read(&mut some) {
                    Ok(count @ 1..) => heard.extend_from_slice(&some[..count]),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return true,
                    _ => return false,
                }
            },
            Self::H2(session, stream, _) => loop {
                match session.read(soon) {
                    Ok(None) => return true,
                    Ok(Some(frame)) if frame.stream != *stream => {}
                    Ok(Some(frame)) if frame.kind == RST_STREAM || frame.flags & END_STREAM != 0 => return false,
                    Ok(Some(frame)) if frame.kind == HEADERS => return false,
                    Ok(Some(_)) => {}
                    Err(_) => return false,
                }
            },
        }
    }

    /// Waits until it is ended by the other side.
    pub fn end(self) -> End {
        match self {
            Self::H1(mut conn, mut heard, is_socket) => {
                conn.socket().set_read_timeout(Some(PATIENCE)).unwrap();
                let read = conn.read_to_end(&mut heard);
                let at = Instant::now();
                let open = read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
                let said = match (open, is_socket) {
                    (true, _) => "still open".to_owned(),
                    (_, true) => close(&heard),
                    _ if heard.ends_with(b"0\r\n\r\n") => "complete".to_owned(),
                    _ => "cut".to_owned(),
                };
                End { at, said }
            }
            Self::H2(mut session, stream, is_socket) => {
                let ended = session.end_of(stream);
                let at = Instant::now();
                let said = match &ended.answer {
                    _ if is_socket => close(&ended.data),
                    Some(trailers) => {
                        let field = |name: &str| trailers.header(name).unwrap_or("-").to_owned();
                        format!("{} {}", field("grpc-status"), field("grpc-message"))
                    }
                    None => format!("reset {:?}", ended.reset),
                };
                End { at, said }
            }
        }
    }
}

/// The last frame of what a WebSocket's client heard, where it is a close (RFC 6455 §5.5.1).
fn close(heard: &[u8]) -> String {
    let at = heard.windows(2).rposition(|pair| pair[0] == 0x88 && usize::from(pair[1]) >= 2);
    let frame = at.and_then(|at| heard.get(at + 2..)).filter(|frame| frame.len() >= 2);
    frame.map_or_else(
        || "no close".to_owned(),
        |frame| {
            let code = u16::from_be_bytes([frame[0], frame[1]]);
            format!("{code} {}", String::from_utf8_lossy(&frame[2..]))
        },
    )
}
