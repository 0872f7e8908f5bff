//! A provider that answers questions about tokens as it is told to, and remembers who asked what.

use crate::support::answer::find;
use crate::support::mint::unb64;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What is answered at a path.
#[derive(Clone)]
pub enum Say {
    /// The truth about the token: active, with what it carries, unless it was revoked.
    Truth,
    /// `active: true` and these members.
    Active(Value),
    /// This status, media type and body.
    Raw(u16, &'static str, String),
    /// This for the token that was asked about.
    Made(fn(&str) -> String, &'static str),
    /// Nothing, until something else is to be said.
    Hang,
    /// The connection ends.
    Reset,
    /// A head, and a body without end.
    Flood,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub head: String,
    pub body: String,
}

#[derive(Default)]
struct Mind {
    says: HashMap<String, Say>,
    revoked: Vec<String>,
    asked: Vec<Asked>,
}

#[derive(Clone)]
pub struct Idp {
    address: SocketAddr,
    mind: Arc<(Mutex<Mind>, Condvar)>,
}

impl Idp {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let idp = Self { address: listener.local_addr().unwrap(), mind: Arc::default() };
        let serving = idp.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let idp = serving.clone();
                std::thread::spawn(move || idp.serve(stream));
            }
        });
        idp
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn says(&self, path: &str, say: Say) {
        self.mind.0.lock().unwrap().says.insert(path.into(), say);
        self.mind.1.notify_all();
    }

    pub fn json(&self, path: &str, body: &Value) {
        self.says(path, Say::Raw(200, "application/json", body.to_string()));
    }

    /// From now on the token is not active.
    pub fn revoke(&self, token: &str) {
        self.mind.0.lock().unwrap().revoked.push(token.into());
    }

    /// The questions at a path.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.mind.0.lock().unwrap().asked.iter().filter(|one| one.path == path).cloned().collect()
    }

    pub fn count(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    fn serve(&self, mut stream: TcpStream) {
        let (mut pending, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            pending.extend_from_slice(&buffer[..count]);
            while let Some((asked, length)) = question(&pending) {
                pending.drain(..length);
                let say = self.think(&asked);
                if self.say(&mut stream, &say, &asked).is_none() {
                    return;
                }
            }
        }
    }

    fn think(&self, asked: &Asked) -> Say {
        let mut mind = self.mind.0.lock().unwrap();
        mind.asked.push(asked.clone());
        let said = |mind: &Mind| mind.says.get(&asked.path).cloned().unwrap_or(Say::Truth);
        let mut say = said(&mind);
        while matches!(say, Say::Hang) {
            mind = self.mind.1.wait(mind).unwrap();
            say = said(&mind);
        }
        say
    }

    fn say(&self, stream: &mut TcpStream, say: &Say, asked: &Asked) -> Option<()> {
        let token = field(&asked.body, "token");
        let (status, kind, body) = match say {
            Say::Truth => (200, "application/json", self.truth(&token).to_string()),
            Say::Active(more) => {
                let mut answer = json!({"active": true});
                answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                (200, "application/json", answer.to_string())
            }
            Say::Raw(status, kind, body) => (*status, *kind, body.clone()),
            Say::Made(make, kind) => (200, *kind, make(&token)),
            Say::Flood => (200, "application/json", " ".repeat(1 << 20)),
            Say::Hang | Say::Reset => return None,
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()
    }

    fn truth(&self, token: &str) -> Value {
        if self.mind.0.lock().unwrap().revoked.iter().any(|one| one == token) {
            return json!({"active": false});
        }
        let mut said = claims(token);
        said["active"] = true.into();
        said
    }
}

/// The claims of a token.
pub fn claims(token: &str) -> Value {
    serde_json::from_slice(&unb64(token.split('.').nth(1).unwrap())).unwrap()
}

/// A field of a form; tokens need no escaping.
pub fn field(form: &str, name: &str) -> String {
    let fields = form.split('&').filter_map(|field| field.split_once('='));
    fields.filter(|(own, _)| *own == name).map(|(_, value)| value.to_owned()).next().unwrap_or_default()
}

pub fn question(bytes: &[u8]) -> Option<(Asked, usize)> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let body = bytes.get(end + 4..end + 4 + length)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    Some((Asked { path, head, body: String::from_utf8_lossy(body).into_owned() }, end + 4 + length))
}
