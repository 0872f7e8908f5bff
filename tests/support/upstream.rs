//! A service that records every byte it received, on every connection, and answers each request with an echo of it.

use super::answer::{dechunk, find};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    /// Names as sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The trailer section of a chunked body, as sent.
    pub trailers: String,
}

impl Request {
    /// Every field of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    fn echo(&self) -> Value {
        json!({
            "method": self.method, "target": self.target, "headers": self.headers,
            "body": String::from_utf8_lossy(&self.body), "trailers": self.trailers,
        })
    }
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    bytes: usize,
    /// Everything that came, in the order it came.
    raw: Vec<u8>,
    /// When the last endless answer was given up.
    given_up: Option<Instant>,
    /// Connections in the middle of a request.
    begun: usize,
}

/// The service.
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Upstream {
    /// Starts it on a port that the system picks. It ends with the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// When the last endless answer was given up by who asked for it.
    pub fn given_up(&self) -> Option<Instant> {
        self.seen.lock().unwrap().given_up.take()
    }

    /// How many whole requests it has seen.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().requests.len()
    }

    /// How many bytes it has seen. Two equal readings around a refusal prove that nothing leaked.
    pub fn bytes(&self) -> usize {
        self.seen.lock().unwrap().bytes
    }

    /// The last request.
    pub fn last(&self) -> Request {
        self.seen.lock().unwrap().requests.last().cloned().expect("a request")
    }

    /// Waits until no connection is in the middle of a request: one that was aborted must end its connection.
    pub fn settle(&self) -> Result<(), String> {
        let (start, mut quiet) = (Instant::now(), 0);
        let mut last = self.bytes();
        while start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
            let (bytes, begun) = (self.bytes(), self.seen.lock().unwrap().begun);
            quiet = if bytes == last && begun == 0 { quiet + 1 } else { 0 };
            last = bytes;
            if quiet == 4 {
                return Ok(());
            }
        }
        Err("a half request still hangs at the upstream".to_owned())
    }

    /// Everything it has ever received, as one text.
    pub fn everything(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().raw).into_owned()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Seen>) {
    let mut begun = false;
    converse(stream, seen, &mut begun);
    mark(seen, &mut begun, false);
}

/// Notes whether this connection is in the middle of a request.
fn mark(seen: &Mutex<Seen>, begun: &mut bool, now: bool) {
    if *begun != now {
        let mut seen = seen.lock().unwrap();
        seen.begun = if now { seen.begun + 1 } else { seen.begun - 1 };
        *begun = now;
    }
}

fn converse(mut stream: TcpStream, seen: &Mutex<Seen>, begun: &mut bool) {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let (mut pending, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(count) if count > 0 => count,
            _ => return,
        };
        pending.extend_from_slice(&buffer[..count]);
        {
            let mut seen = seen.lock().unwrap();
            seen.bytes += count;
            seen.raw.extend_from_slice(&buffer[..count]);
        }
        while let Some((request, used)) = take(&pending) {
            pending.drain(..used);
            if request.target.ends_with("/endless") {
                seen.lock().unwrap().requests.push(request);
                return pour(stream, seen);
            }
            if request.target.ends_with("/quiet") {
                seen.lock().unwrap().requests.push(request);
                return hush(stream, seen);
            }
            let answer = answer(&request);
            seen.lock().unwrap().requests.push(request);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
        mark(seen, begun, !pending.is_empty());
    }
}

/// An answer that begins, says no more, and never ends: events of which there are none.
fn hush(mut stream: TcpStream, seen: &Mutex<Seen>) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    _ = stream.write_all(format!("{head}7\r\n: hush\n\r\n").as_bytes());
    _ = stream.read(&mut [0; 1]);
    seen.lock().unwrap().given_up = Some(Instant::now());
}

/// An answer that never pauses and never ends.
fn pour(mut stream: TcpStream, seen: &Mutex<Seen>) {
    let piece = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat();
    let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while written.is_ok() {
        written = stream.write_all(&piece);
    }
    seen.lock().unwrap().given_up = Some(Instant::now());
}

fn answer(request: &Request) -> Vec<u8> {
    let body = request.echo().to_string();
    if let Some(key) = request.all("sec-websocket-key").first() {
        return switch(key);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Served-By: echo\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let body = if request.method == "HEAD" { String::new() } else { body };
    (head + &body).into_bytes()
}

fn switch(key: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

/// One request from the front of the bytes, if it is whole.
fn take(bytes: &[u8]) -> Option<(Request, usize)> {
    let head = find(bytes, b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    let mut request = Request { method, target, headers, body: Vec::new(), trailers: String::new() };
    let (start, rest) = (head + 4, &bytes[head + 4..]);
    if !request.all("transfer-encoding").is_empty() {
        let (body, used) = dechunk(rest)?;
        let tail = &rest[..used];
        if let Some(at) = find(tail, b"\r\n0\r\n").map(|at| at + 5).or_else(|| tail.starts_with(b"0\r\n").then_some(3))
        {
            request.trailers = String::from_utf8_lossy(&tail[at..]).trim().to_owned();
        }
        request.body = body;
        return Some((request, start + used));
    }
    let length = request.all("content-length").first().and_then(|value| value.parse().ok()).unwrap_or(0);
    request.body = rest.get(..length)?.to_vec();
    Some((request, start + length))
}
