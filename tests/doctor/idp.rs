//! A provider whose clock is set by the test, which falls silent when it is told to.

use crate::support::answer::find;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

pub struct Idp {
    address: SocketAddr,
    told: Arc<Told>,
}

struct Told {
    /// By how many seconds its clock is ahead.
    ahead: AtomicI64,
    silent: AtomicBool,
    keys: String,
}

impl Idp {
    pub fn start(keys: String, ahead: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Told { ahead: AtomicI64::new(ahead), silent: AtomicBool::new(false), keys });
        let shared = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &told));
            }
        });
        Self { address, told }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn fall_silent(&self) {
        self.told.silent.store(true, Ordering::SeqCst);
    }
}

fn serve(mut stream: TcpStream, told: &Told) {
    let (mut pending, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        pending.extend_from_slice(&buffer[..count]);
        while let Some(end) = find(&pending, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end]).into_owned();
            pending.drain(..end + 4);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match path {
                _ if told.silent.load(Ordering::SeqCst) => ("503 Service Unavailable", ""),
                "/feed" => ("200 OK", r#"{"complete":true,"entries":[]}"#),
                _ => ("200 OK", &*told.keys),
            };
            let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(told.ahead.load(Ordering::SeqCst));
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
            let answer = format!(
                "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}
