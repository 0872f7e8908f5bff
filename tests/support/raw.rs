//! A client that sends exactly the bytes it is given, over TLS or plain TCP, and reads what comes back.

use super::answer::{Answer, Parsed, parse};
use super::authority::Authority;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// A byte stream to the gateway.
pub enum Conn {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Conn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Conn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Conn {
    /// The TCP socket under it.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Was an earlier session resumed?
    pub fn is_resumed(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        }
    }

    /// The protocol that ALPN chose.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.conn.alpn_protocol().map(<[u8]>::to_vec),
        }
    }
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct Door {
    pub address: SocketAddr,
    /// `None`: plain TCP.
    pub tls: Option<Tls>,
}

/// What the handshake offers.
#[derive(Clone, Debug)]
pub struct Tls {
    /// `None`: no server name is sent.
    pub sni: Option<String>,
    pub alpn: Vec<&'static str>,
    /// One made elsewhere, with a certificate of its own, that keeps its sessions; then `alpn` stands in there.
    pub config: Option<Arc<ClientConfig>>,
}

impl Door {
    /// Plain TCP.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// TLS to this name, speaking this protocol.
    pub fn tls(address: SocketAddr, sni: &str, alpn: &'static str) -> Self {
        Self { address, tls: Some(Tls { sni: Some(sni.to_owned()), alpn: vec![alpn], config: None }) }
    }

    /// TLS to this name with a config of one's own.
    pub fn with(address: SocketAddr, sni: &str, config: Arc<ClientConfig>) -> Self {
        Self { address, tls: Some(Tls { sni: Some(sni.to_owned()), alpn: Vec::new(), config: Some(config) }) }
    }

    /// Opens it. The handshake is completed, so that its failure shows here.
    pub fn open(&self) -> io::Result<Conn> {
        self.open_after(b"")
    }

    /// Opens it, with bytes sent before the handshake.
    pub fn open_after(&self, preface: &[u8]) -> io::Result<Conn> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(preface)?;
        let Some(tls) = &self.tls else { return Ok(Conn::Plain(stream)) };
        let mut conn = ClientConnection::new(config(tls), name(tls)).map_err(io::Error::other)?;
        while conn.is_handshaking() {
            conn.complete_io(&mut stream)?;
        }
        Ok(Conn::Tls(Box::new(StreamOwned::new(conn, stream))))
    }
}

fn name(tls: &Tls) -> ServerName<'static> {
    let name = tls.sni.clone().unwrap_or_else(|| "api.example.com".to_owned());
    ServerName::try_from(name).unwrap()
}

fn config(tls: &Tls) -> Arc<ClientConfig> {
    if let Some(config) = &tls.config {
        return Arc::clone(config);
    }
    let mut roots = RootCertStore::empty();
    roots.add(Authority::get().root()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = tls.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.enable_sni = tls.sni.is_some();
    Arc::new(config)
}

/// What came back on one connection.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub answers: Vec<Answer>,
    /// Bytes that are no whole response.
    pub rest: Vec<u8>,
    /// Did the peer end the connection (or reset it)?
    pub closed: bool,
}

/// Sends the bytes and reads one answer; then, if `linger`, waits whether the peer closes.
pub fn ask(conn: &mut Conn, bytes: &[u8], linger: Duration) -> io::Result<Answer> {
    let heard = talk(conn, bytes, 1, linger)?;
    let mut answer = heard.answers.into_iter().next().ok_or_else(|| {
        io::Error::other(format!(
            "no answer, closed={}, bytes={:?}",
            heard.closed,
            String::from_utf8_lossy(&heard.rest)
        ))
    })?;
    answer.closed = heard.closed;
    Ok(answer)
}

/// Sends the bytes and reads until `count` answers are there and the peer was silent for `linger`, or closed.
pub fn talk(conn: &mut Conn, bytes: &[u8], count: usize, linger: Duration) -> io::Result<Heard> {
    let head_request = bytes.starts_with(b"HEAD ");
    // A gateway that answers early and closes makes the rest of a long write fail; what it answered still counts.
    let written = conn.write_all(bytes).and_then(|()| conn.flush());
    let (mut heard, mut buffer, start) = (Heard::default(), [0; 16 * 1024], Instant::now());
    loop {
        while let Parsed::Whole(answer, used) = parse(&heard.rest, heard.closed, head_request) {
            heard.rest.drain(..used);
            heard.answers.push(answer);
        }
        let enough = heard.answers.len() >= count;
        if heard.closed || start.elapsed() > PATIENCE || (enough && linger.is_zero()) {
            break;
        }
        conn.socket().set_read_timeout(Some(if enough { linger } else { PATIENCE }))?;
        match conn.read(&mut buffer) {
            Ok(0) => heard.closed = true,
            Ok(count) => heard.rest.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(_) => heard.closed = true,
        }
    }
    if heard.answers.is_empty() && !heard.closed {
        written?;
    }
    Ok(heard)
}
