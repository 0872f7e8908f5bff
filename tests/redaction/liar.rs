//! A provider, an upstream and a collector that say too much: whatever they are sent or know stands in their errors, in
//! wrong places of their JSON, in header fields and in redirects.

use crate::marks::Marks;
use crate::support::answer::find;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Liar {
    address: SocketAddr,
    collected: Arc<Mutex<Vec<u8>>>,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

struct Told {
    marks: Arc<Marks>,
    keys: String,
    asked: Arc<Mutex<HashMap<String, usize>>>,
    collected: Arc<Mutex<Vec<u8>>>,
}

impl Liar {
    pub fn start(marks: &Arc<Marks>, keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, collected) = (listener.local_addr().unwrap(), Arc::default());
        let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let told =
            Told { marks: Arc::clone(marks), keys, asked: Arc::clone(&asked), collected: Arc::clone(&collected) };
        let told = Arc::new(told);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || serve(stream, &told));
            }
        });
        Self { address, collected, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often something was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    /// What was exported.
    pub fn collected(&self) -> Vec<u8> {
        self.collected.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, told: &Told) {
    let (mut pending, mut buffer) = (Vec::new(), [0; 16384]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        pending.extend_from_slice(&buffer[..count]);
        while let Some(end) = find(&pending, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end]).into_owned();
            let lengths = head
                .lines()
                .filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
            let length: usize = lengths.max().unwrap_or(0);
            while pending.len() < end + 4 + length {
                let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
                pending.extend_from_slice(&buffer[..count]);
            }
            let body = pending[end + 4..end + 4 + length].to_vec();
            pending.drain(..end + 4 + length);
            if stream.write_all(&answer(&head, &body, told)).is_err() {
                return;
            }
        }
    }
}

fn answer(head: &str, body: &[u8], told: &Told) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let nth = {
        let mut asked = told.asked.lock().unwrap();
        let count = asked.entry(path.to_owned()).or_default();
        *count += 1;
        *count - 1
    };
    let said = told.marks.of("said-by-provider");
    // Everything that was sent, credentials and all.
    let back = format!("{}\n{}", head.replace("\r\n", " | "), String::from_utf8_lossy(body));
    let json =
        |status: &str, body: &str| http(status, &format!("Content-Type: application/json\r\nX-Echo: {said}\r\n"), body);
    match path {
        "/v1/traces" => {
            told.collected.lock().unwrap().extend_from_slice(body);
            if nth.is_multiple_of(3) {
                json("400 Bad Request", &back)
            } else {
                http("200 OK", "Content-Type: application/x-protobuf\r\n", "")
            }
        }
        "/keys" => json("200 OK", &told.keys),
        "/badkeys" => bad_keys(nth, &said, &back),
        "/feed" => feed(nth, &said, &back, &told.marks),
        "/introspect" => match nth % 4 {
            0 => json("200 OK", r#"{"active":true}"#),
            1 => json("400 Bad Request", &serde_json::json!({"error": said, "error_description": back}).to_string()),
            2 => json("200 OK", &format!("{{\"active\":\"{said}\",\"echo\":{}}}", serde_json::Value::from(back))),
            _ => json("200 OK", &format!("{{\"active\" {said} {back}")),
        },
        "/mad" => mad(nth, &said),
        _ => json("404 Not Found", &back),
    }
}

fn http(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Private halves, strings where objects belong, and what was asked for.
fn bad_keys(nth: usize, said: &str, back: &str) -> Vec<u8> {
    let kind = "Content-Type: application/json\r\n";
    match nth % 5 {
        0 => http("200 OK", kind, &format!("{{\"keys\":\"{said}\"}}")),
        1 => http(
            "200 OK",
            kind,
            &format!("{{\"keys\":[{{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"{said}\",\"kid\":7}}]}}"),
        ),
        2 => http("500 Internal Server Error", kind, back),
        3 => http("302 Found", &format!("Location: https://elsewhere.example/?access_token={said}\r\n"), ""),
        _ => http("200 OK", kind, &format!("{{\"keys\":[ {said}")),
    }
}

/// Entries that are good, and others that hold names in every wrong place.
fn feed(nth: usize, said: &str, back: &str, marks: &Marks) -> Vec<u8> {
    let kind = "Content-Type: application/json\r\n";
    let subject = marks.of("subject-of-feed");
    match nth % 5 {
        0 | 1 => {
            http("200 OK", kind, &format!(r#"{{"complete":true,"entries":[{{"type":"subject","id":"{subject}"}}]}}"#))
        }
        2 => http(
            "200 OK",
            kind,
            &format!(
                r#"{{"complete":true,"entries":[{{"type":"{subject}","id":"{said}"}},{{"type":"subject","id":"{subject}","at":"{said}"}},"{said}"]}}"#
            ),
        ),
        3 => http("503 Service Unavailable", kind, back),
        _ => http("200 OK", kind, &format!(r#"{{"complete":"{said}","entries":{{"{said}":1}} {subject}"#)),
    }
}

/// An upstream whose answers are no HTTP, and are full of what it was told.
fn mad(nth: usize, said: &str) -> Vec<u8> {
    match nth % 5 {
        0 => format!("HTTP/1.1 200 OK\r\nX-{said}\0: {said}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
        1 => format!("{said} {said}\r\n\r\n").into_bytes(),
        2 => format!("HTTP/1.1 200 OK\r\nContent-Length: {said}\r\n\r\n").into_bytes(),
        3 => http("200 OK", &format!("Set-Cookie: session={said}\r\nLocation: /?token={said}\r\n"), said),
        _ => http("500 Internal Server Error", &format!("Set-Cookie: session={said}\r\n"), said),
    }
}
