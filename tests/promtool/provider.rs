//! The provider: an HTTP server of a key set, of a status list, and of answers about tokens, which are all active. It tells
//! the time, as providers do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Where the status list is.
pub const LIST: &str = "/status/1";
/// Where it is asked about tokens.
pub const INTROSPECTION: &str = "/introspect";

/// Starts it on a port that the system picks. The list is made anew each time, for its address. It ends with the process.
pub fn start(keys: String, list: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let uri = format!("http://{address}{LIST}");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (kind, document) = match asked(&mut stream).as_deref() {
                Some(LIST) => ("statuslist+jwt", list(&uri)),
                Some(INTROSPECTION) => ("json", r#"{"active":true}"#.to_owned()),
                _ => ("json", keys.clone()),
            };
            let now = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
            let length = document.len();
            let head = format!("HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: application/{kind}\r\n", now.unwrap());
            let _ = write!(stream, "{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{document}");
        }
    });
    address
}

/// The path, once the whole request is there.
fn asked(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return head.split(' ').nth(1).map(str::to_owned);
        }
    }
}
