//! The way to a syslog receiver: datagrams, or a stream. What is sent on it, and when, is in `syslog`.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::settings::Receiver;

/// How long a connection may take, and one message on it.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often what a receiver says is read away before one message. Receivers say nothing.
const READS: usize = 16;

/// An open one.
pub(super) enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

impl Socket {
    pub fn connect(to: &Receiver) -> io::Result<Self> {
        match to {
            Receiver::Udp(address) => first(address, udp).map(Self::Udp),
            Receiver::Tcp(address) => first(address, tcp).map(Self::Tcp),
            Receiver::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Unix(socket))
            }
        }
    }

    /// Whether the receiver has not closed it. The system takes one more message for a stream whose other end is gone,
    /// and nobody would ever know that it was lost.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Udp(_) | Self::Unix(_) => true,
            Self::Tcp(stream) => {
                stream.set_nonblocking(true).is_ok() && goes_on(stream) && stream.set_nonblocking(false).is_ok()
            }
        }
    }

    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message).map(drop),
            Self::Unix(socket) => socket.send(message).map(drop),
            Self::Tcp(stream) => (&*stream).write_all(&counted(message)),
        }
    }
}

/// The end of a stream stands behind all that was said before it.
fn goes_on(mut stream: &TcpStream) -> bool {
    for _ in 0..READS {
        match stream.read(&mut [0; 256]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    true
}

/// The first address of the name that can be connected to.
fn first<T>(name: &str, connect: fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut last = io::Error::other("the name has no address");
    for address in name.to_socket_addrs()? {
        match connect(address) {
            Ok(open) => return Ok(open),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A socket of one family of addresses reaches none of the other.
fn udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let from = match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(from)?;
    socket.connect(to)?;
    Ok(socket)
}

fn tcp(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Counted in octets (RFC 6587 §3.4.1).
fn counted(message: &[u8]) -> Vec<u8> {
    [format!("{} ", message.len()).as_bytes(), message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_receiver_of_either_family_is_reached() {
        assert_eq!(counted(b"abc"), b"3 abc");
        for place in ["127.0.0.1:0", "[::1]:0"] {
            let receiver = UdpSocket::bind(place).unwrap();
            receiver.set_read_timeout(Some(PATIENCE)).unwrap();
            let to = Receiver::Udp(receiver.local_addr().unwrap().to_string());
            Socket::connect(&to).unwrap().send(b"abc").unwrap();
            let mut got = [0; 8];
            assert_eq!(receiver.recv(&mut got).unwrap(), 3, "{place}");
        }
    }

    #[test]
    fn a_stream_whose_receiver_left_is_not_open() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = Socket::connect(&Receiver::Tcp(listener.local_addr().unwrap().to_string())).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        assert!(socket.is_open());
        theirs.write_all(b"a receiver that speaks").unwrap();
        assert!(socket.is_open());
        socket.send(b"abc").unwrap();
        let mut got = [0; 5];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"3 abc");
        // Its end is seen here before it is seen that this side takes it.
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert!((0..5000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            !socket.is_open()
        }));
    }
}
