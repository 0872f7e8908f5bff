//! A transmitter: metadata, keys, streams, status, verification, a queue that is polled, and a hand that pushes.

use crate::support::mint::{Key, Token, now, set, unique};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does instead of answering a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// An error.
    Status(u16),
    /// It never answers.
    Silent,
    /// An answer that is no JSON.
    Page,
    /// One that is longer than anybody wants.
    Huge,
    /// A byte now and then.
    Drip,
    /// "There is more", and nothing comes, again and again.
    Endless,
    /// It does not care about acknowledgements.
    Deaf,
    /// It closes the connection.
    Gone,
}

/// What it knows, and what was asked of it.
#[derive(Default)]
pub struct Desk {
    pub issuer: String,
    pub lies: Option<String>,
    pub queue: BTreeMap<String, String>,
    pub acked: Vec<String>,
    pub errors: Map<String, Value>,
    pub polls: Vec<Value>,
    pub streams: Vec<Value>,
    pub status: String,
    pub fault: Fault,
    pub conflict: bool,
    pub default_subjects: &'static str,
    pub verifies: usize,
    /// Whether verifications are answered by an event, and with which state.
    pub wrong_state: bool,
    pub mute: bool,
    /// Streams are made, and nobody knows of their status.
    pub forgetful: bool,
    pub requests: Vec<String>,
    /// Where events are pushed to by itself, and with which `Authorization`.
    pub door: Option<(SocketAddr, String)>,
}

pub struct Transmitter {
    pub address: SocketAddr,
    pub desk: Arc<Mutex<Desk>>,
    key: &'static Key,
}

/// Whom events are meant for.
pub const OURS: &str = "https://api.example.com/ssf";
const BASE: &str = "https://schemas.openid.net/secevent/";

impl Transmitter {
    pub fn start(key: &'static Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = format!("http://{address}/realms/x");
        let desk = Desk { issuer, status: "enabled".into(), default_subjects: "ALL", ..Desk::default() };
        let desk = Arc::new(Mutex::new(desk));
        let shared = Arc::clone(&desk);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let desk = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &desk, key, address));
            }
        });
        Self { address, desk, key }
    }

    pub fn issuer(&self) -> String {
        self.desk.lock().unwrap().issuer.clone()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Begins an event (RFC 8417 §2) about a subject.
    pub fn event(&self, name: &str, subject: Value, members: Value) -> Token<'static> {
        set_of(self.key, &self.issuer(), name, Some(subject), members)
    }

    /// Puts an event into the queue; its `jti`.
    pub fn queue(&self, token: &Token<'_>) -> String {
        let jti = token.claims["jti"].as_str().unwrap().to_owned();
        self.desk.lock().unwrap().queue.insert(jti.clone(), token.sign());
        jti
    }

    pub fn ask<T>(&self, ask: impl FnOnce(&mut Desk) -> T) -> T {
        ask(&mut self.desk.lock().unwrap())
    }
}

fn set_of(key: &'static Key, issuer: &str, name: &str, subject: Option<Value>, members: Value) -> Token<'static> {
    let mut token = key.token().head("typ", "secevent+jwt");
    token.claims.clear();
    let uri = if name.contains(':') { name.to_owned() } else { format!("{BASE}{name}") };
    let token = token
        .claim("iss", issuer)
        .claim("aud", OURS)
        .claim("iat", now())
        .claim("jti", unique("set"))
        .claim("events", json!({ uri: members }));
    subject.into_iter().fold(token, |token, subject| token.claim("sub_id", subject))
}

struct Request {
    method: String,
    path: String,
    body: Value,
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok().filter(|count| *count > 0)?;
        if field == "\r\n" {
            break;
        }
        if let Some(value) = field.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn serve(stream: TcpStream, desk: &Mutex<Desk>, key: &'static Key, address: SocketAddr) {
    let mut write = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        desk.lock().unwrap().requests.push(format!("{} {}", request.method, request.path));
        if request.path.starts_with("/poll") && !misbehave(desk, &mut write) {
            return;
        }
        let (status, body) = answer(&request, desk, key, address);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        if write.write_all(format!("{head}{text}").as_bytes()).is_err() {
            return;
        }
    }
}

/// Whether the poll is to be answered after all.
fn misbehave(desk: &Mutex<Desk>, write: &mut TcpStream) -> bool {
    let fault = desk.lock().unwrap().fault;
    let say = |write: &mut TcpStream, text: &str| write.write_all(text.as_bytes()).is_ok();
    match fault {
        Fault::None | Fault::Endless | Fault::Deaf => return true,
        Fault::Status(status) => _ = say(write, &format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")),
        Fault::Silent => std::thread::sleep(Duration::from_secs(60)),
        Fault::Page => _ = say(write, "HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
        Fault::Huge => {
            _ = say(write, "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n");
            while write.write_all(&[b' '; 65536]).is_ok() {}
        }
        Fault::Drip => {
            _ = say(write, "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n");
            while say(write, " ") {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Fault::Gone => {}
    }
    false
}

fn answer(request: &Request, desk: &Mutex<Desk>, key: &'static Key, address: SocketAddr) -> (u16, Value) {
    let url = |path: &str| format!("http://{address}{path}");
    let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut held = desk.lock().unwrap();
    match (request.method.as_str(), path) {
        ("GET", "/jwks") => (200, set(&[key])),
        ("GET", "/.well-known/ssf-configuration/realms/x") => {
            let issuer = held.lies.clone().unwrap_or_else(|| held.issuer.clone());
            (
                200,
                json!({"issuer": issuer, "jwks_uri": url("/jwks"), "spec_version": "1_0",
                "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
                "configuration_endpoint": url("/streams"), "status_endpoint": url("/status"),
                "verification_endpoint": url("/verify"), "default_subjects": held.default_subjects,
                "critical_subject_members": ["network"]}),
            )
        }
        ("GET", "/streams") if held.conflict => (200, held.streams[0].clone()),
        ("GET", "/streams") => (200, Value::Array(held.streams.clone())),
        ("POST", "/streams") if held.conflict => (409, json!({"err": "conflict"})),
        ("POST", "/streams") => {
            let mut stream = request.body.clone();
            stream["stream_id"] = json!(unique("stream"));
            dress(&mut stream, &held.issuer, &url("/poll"));
            held.streams.push(stream.clone());
            (201, stream)
        }
        ("PATCH", "/streams") => {
            let issuer = held.issuer.clone();
            let id = request.body["stream_id"].clone();
            let Some(stream) = held.streams.iter_mut().find(|one| one["stream_id"] == id) else {
                return (404, Value::Null);
            };
            for (name, value) in request.body.as_object().unwrap() {
                stream[name] = value.clone();
            }
            dress(stream, &issuer, &url("/poll"));
            (200, stream.clone())
        }
        ("GET", "/status") if held.streams.is_empty() || held.forgetful => (404, Value::Null),
        ("GET", "/status") => (200, json!({"stream_id": held.streams[0]["stream_id"], "status": held.status})),
        ("POST", "/verify") => verify(&mut held, &request.body, key),
        ("POST", "/poll") => {
            drop(held);
            poll(request, desk)
        }
        _ => (404, Value::Null),
    }
}

fn dress(stream: &mut Value, issuer: &str, poll: &str) {
    stream["iss"] = json!(issuer);
    stream["aud"] = json!([OURS]);
    stream["events_delivered"] = stream["events_requested"].clone();
    if stream["delivery"]["method"] == "urn:ietf:rfc:8936" {
        stream["delivery"]["endpoint_url"] = json!(poll);
    }
}

/// 204 now, and the event later (SSF 1.0 §8.1.4).
fn verify(desk: &mut Desk, body: &Value, key: &'static Key) -> (u16, Value) {
    desk.verifies += 1;
    if desk.mute {
        return (204, Value::Null);
    }
    let state = if desk.wrong_state { json!("another") } else { body["state"].clone() };
    let subject = json!({"format": "opaque", "id": body["stream_id"]});
    let event = set_of(key, &desk.issuer, "ssf/event-type/verification", Some(subject), json!({"state": state}));
    match desk.door.clone() {
        Some((address, authorization)) => {
            let path =
                desk.streams[0]["delivery"]["endpoint_url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap().to_owned();
            let token = event.sign();
            std::thread::spawn(move || push(address, &format!("/{path}"), &authorization, &token));
        }
        None => _ = desk.queue.insert(event.claims["jti"].as_str().unwrap().into(), event.sign()),
    }
    (204, Value::Null)
}

/// Pushes an event (RFC 8935 §2.1); the status of the answer.
pub fn push(address: SocketAddr, path: &str, authorization: &str, token: &str) -> u16 {
    let Ok(mut stream) = TcpStream::connect(address) else { return 0 };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/secevent+jwt\r\n\
         Authorization: {authorization}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{token}",
        token.len()
    );
    let mut heard = String::new();
    _ = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_string(&mut heard));
    heard.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// RFC 8936 §2.4: acknowledgements first, then what is there; or, for a long poll, what comes.
fn poll(request: &Request, desk: &Mutex<Desk>) -> (u16, Value) {
    let most = request.body["maxEvents"].as_u64().unwrap_or(1000) as usize;
    {
        let mut desk = desk.lock().unwrap();
        desk.polls.push(request.body.clone());
        let acks: Vec<String> =
            request.body["ack"].as_array().into_iter().flatten().map(|jti| jti.as_str().unwrap().to_owned()).collect();
        for jti in acks {
            if desk.fault != Fault::Deaf {
                desk.queue.remove(&jti);
            }
            desk.acked.push(jti);
        }
        for (jti, error) in request.body["setErrs"].as_object().into_iter().flatten() {
            desk.queue.remove(jti);
            desk.errors.insert(jti.clone(), error.clone());
        }
        if desk.fault == Fault::Endless {
            return (200, json!({"sets": {}, "moreAvailable": true}));
        }
    }
    let rounds = if request.body["returnImmediately"] == json!(true) { 1 } else { 100 };
    for _ in 0..rounds {
        let desk = desk.lock().unwrap();
        if !desk.queue.is_empty() && desk.status == "enabled" {
            let sets: Map<String, Value> =
                desk.queue.iter().take(most).map(|(jti, set)| (jti.clone(), json!(set))).collect();
            return (200, json!({"sets": sets, "moreAvailable": desk.queue.len() > most}));
        }
        drop(desk);
        if rounds > 1 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    (200, json!({"sets": {}}))
}
