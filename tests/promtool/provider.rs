//! An HTTP server of one key set that tells the time, as providers do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

/// Starts it on a port that the system picks. It ends with the process.
pub fn start(document: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let now = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
            let length = document.len();
            let head = format!("HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: application/json\r\n", now.unwrap());
            let _ = write!(stream, "{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{document}");
        }
    });
    address
}
