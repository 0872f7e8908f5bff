//! An HTTP server of canned documents, such as a key set, that counts what was fetched.

use super::answer::find;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Shelf {
    documents: HashMap<String, Vec<u8>>,
    fetched: HashMap<String, usize>,
    connections: usize,
}

/// The server.
pub struct Provider {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

impl Provider {
    /// Starts it on a port that the system picks. It ends with the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let shared = Arc::clone(&shelf);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.lock().unwrap().connections += 1;
                let shelf = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shelf));
            }
        });
        Self { address, shelf }
    }

    /// The address of a document.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Puts a document there.
    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.shelf.lock().unwrap().documents.insert(path.to_owned(), body.into());
    }

    /// How often it was fetched.
    pub fn fetched(&self, path: &str) -> usize {
        self.shelf.lock().unwrap().fetched.get(path).copied().unwrap_or(0)
    }

    /// How many connections came at all.
    pub fn connections(&self) -> usize {
        self.shelf.lock().unwrap().connections
    }
}

fn serve(mut stream: TcpStream, shelf: &Mutex<Shelf>) {
    let (mut pending, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        pending.extend_from_slice(&buffer[..count]);
        while let Some(end) = find(&pending, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end]).into_owned();
            pending.drain(..end + 4);
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = {
                let mut shelf = shelf.lock().unwrap();
                *shelf.fetched.entry(path.clone()).or_default() += 1;
                match shelf.documents.get(&path) {
                    Some(body) => [head_of("200 OK", body).into_bytes(), body.clone()].concat(),
                    None => head_of("404 Not Found", b"").into_bytes(),
                }
            };
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

/// A signed document is a status list.
fn head_of(status: &str, body: &[u8]) -> String {
    let kind = if body.starts_with(b"ey") { "statuslist+jwt" } else { "json" };
    format!("HTTP/1.1 {status}\r\nContent-Type: application/{kind}\r\nContent-Length: {}\r\n\r\n", body.len())
}
