//! A client that sends exact HTTP/2 frames, the malformed ones too.

use super::answer::Answer;
use super::hpack;
use super::raw::{Conn, Door, PATIENCE};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const ACK: u8 = 1;

pub const PROTOCOL_ERROR: u32 = 1;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// One frame.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A frame as bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of literals, in the order given.
pub fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| hpack::literal(name, value)).collect()
}

/// How a stream ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    pub answer: Option<Answer>,
    /// The error code of RST_STREAM.
    pub reset: Option<u32>,
    /// The error code of GOAWAY.
    pub goaway: Option<u32>,
    /// Did the peer end the connection?
    pub closed: bool,
    /// All that came as data.
    pub data: Vec<u8>,
}

impl Ended {
    /// For a message about a failure.
    pub fn brief(&self) -> String {
        let answer = self.answer.as_ref().map_or_else(|| "no answer".to_owned(), Answer::brief);
        format!("{answer} reset={:?} goaway={:?} closed={}", self.reset, self.goaway, self.closed)
    }
}

/// A connection after the exchange of settings.
pub struct Session {
    pub conn: Conn,
    pub settings: Vec<(u16, u32)>,
    pending: Vec<u8>,
    next: u32,
}

impl Session {
    /// Opens it: preface and settings, with a dynamic table of no room for the answers.
    pub fn open(door: &Door) -> io::Result<Self> {
        Self::open_with(door, &[(1, 0)])
    }

    /// Opens it with settings of one's own.
    pub fn open_with(door: &Door, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut conn = door.open()?;
        let settings: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        conn.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        conn.write_all(&frame(SETTINGS, 0, 0, &settings))?;
        conn.flush()?;
        let mut session = Self { conn, settings: Vec::new(), pending: Vec::new(), next: 1 };
        let first = session.read(PATIENCE)?.ok_or_else(|| io::Error::other("no settings came"))?;
        if first.kind == SETTINGS {
            session.settings = first
                .payload
                .chunks_exact(6)
                .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
                .collect();
        }
        session.send(&frame(SETTINGS, ACK, 0, &[]))?;
        Ok(session)
    }

    /// The number of the next stream.
    pub fn stream(&mut self) -> u32 {
        let stream = self.next;
        self.next += 2;
        stream
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.conn.write_all(bytes)?;
        self.conn.flush()
    }

    /// The next frame; `None` if the peer was silent for so long. An error says that the connection ended.
    pub fn read(&mut self, patience: Duration) -> io::Result<Option<Frame>> {
        let (mut buffer, start) = ([0; 16 * 1024], Instant::now());
        loop {
            if let Some(frame) = self.take() {
                return Ok(Some(frame));
            }
            let left = patience.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.conn.socket().set_read_timeout(Some(left))?;
            match self.conn.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.pending.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.pending.get(9..9 + length)?.to_vec();
        self.pending.drain(..9 + length);
        Some(Frame { kind, flags, stream, payload })
    }

    /// Reads until this stream, or the connection, has ended.
    pub fn end_of(&mut self, stream: u32) -> Ended {
        let (mut ended, mut headers) = (Ended::default(), Vec::new());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let frame = match self.read(PATIENCE) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => {
                    ended.closed = true;
                    break;
                }
            };
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => _ = self.send(&frame_ack()),
                PING if frame.flags & ACK == 0 => _ = self.send(&self::frame(PING, ACK, 0, &frame.payload)),
                GOAWAY => {
                    ended.goaway = frame.payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
                    if ended.goaway != Some(0) {
                        break;
                    }
                }
                RST_STREAM if frame.stream == stream => {
                    ended.reset = frame.payload.get(..4).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
                    break;
                }
                HEADERS | CONTINUATION if frame.stream == stream => {
                    headers.extend_from_slice(&frame.payload);
                    if frame.flags & END_HEADERS != 0 {
                        // Trailers of an answer are passed over.
                        ended.answer.get_or_insert_with(|| answer(&headers));
                        headers.clear();
                    }
                }
                DATA if frame.stream == stream => {
                    ended.data.extend_from_slice(&frame.payload);
                    if let Some(answer) = &mut ended.answer {
                        answer.body.extend_from_slice(&frame.payload);
                    }
                    if !frame.payload.is_empty() {
                        let credit = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                        _ = self.send(&self::frame(WINDOW_UPDATE, 0, 0, &credit));
                        _ = self.send(&self::frame(WINDOW_UPDATE, 0, stream, &credit));
                    }
                }
                _ => {}
            }
            if matches!(frame.kind, HEADERS | DATA) && frame.stream == stream && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        ended
    }

    /// A request of these fields that goes on, and how its answer begins.
    pub fn begin(&mut self, fields: &[(&[u8], &[u8])]) -> io::Result<(u32, Answer)> {
        let stream = self.stream();
        self.send(&frame(HEADERS, END_HEADERS, stream, &block(fields)))?;
        loop {
            let frame = self.read(PATIENCE)?.ok_or_else(|| io::Error::other("no answer began"))?;
            if frame.kind == HEADERS && frame.stream == stream {
                return Ok((stream, answer(&frame.payload)));
            }
            if frame.kind == RST_STREAM && frame.stream == stream {
                return Err(io::Error::other("it was reset"));
            }
        }
    }

    /// A request without a body, of exactly these fields.
    pub fn request(&mut self, fields: &[(&[u8], &[u8])]) -> io::Result<Ended> {
        let stream = self.stream();
        self.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields)))?;
        Ok(self.end_of(stream))
    }
}

fn frame_ack() -> Vec<u8> {
    frame(SETTINGS, ACK, 0, &[])
}

fn answer(block: &[u8]) -> Answer {
    let headers = hpack::read(block).expect("a readable header block");
    let status = headers.iter().find(|(name, _)| name == ":status").and_then(|(_, value)| value.parse().ok());
    Answer { status: status.unwrap_or(0), headers, ..Answer::default() }
}
