//! The PROXY protocol, version 2: who really connected, told by a load balancer in front of the connection's first
//! byte. Only on listeners that say so and only from networks they trust; never guessed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
/// The largest block taken after the fixed part.
const BLOCK_MAX: usize = 4096;
/// `PP2_TYPE_CRC32C` (§2.2.3).
const CRC32C: u8 = 0x03;

/// The addresses that the load balancer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// Why a header was not taken. The connection is dropped each time.
#[derive(Debug, thiserror::Error)]
pub enum ProxyProtocolError {
    /// The header did not come whole.
    #[error("the PROXY header did not come whole: {0}")]
    Incomplete(#[from] io::Error),
    /// The bytes are no PROXY protocol version 2.
    #[error("the PROXY header is not version 2: {0}")]
    Malformed(&'static str),
    /// The checksum is not the header's.
    #[error("the PROXY header has a wrong checksum")]
    Checksum,
}

use ProxyProtocolError::Malformed;

/// Reads exactly the header and not a byte more. `None`: the load balancer speaks for itself (LOCAL), or of a family
/// that has no addresses here.
pub async fn read<R: AsyncRead + Unpin>(stream: &mut R) -> Result<Option<Addresses>, ProxyProtocolError> {
    let mut header = vec![0u8; FIXED];
    stream.read_exact(&mut header).await?;
    let length = block_length(&header)?;
    header.resize(FIXED + length, 0);
    stream.read_exact(header.get_mut(FIXED..).unwrap_or_default()).await?;
    parse(&header)
}

fn block_length(header: &[u8]) -> Result<usize, ProxyProtocolError> {
    if header.first_chunk::<12>() != Some(SIGNATURE) {
        return Err(Malformed("the signature is another"));
    }
    let length = match header {
        [.., high, low] if header.len() == FIXED => usize::from(u16::from_be_bytes([*high, *low])),
        _ => return Err(Malformed("the header is cut short")),
    };
    if length > BLOCK_MAX {
        return Err(Malformed("the header is longer than allowed"));
    }
    Ok(length)
}

/// A whole header, fixed part and block (§2.2).
fn parse(header: &[u8]) -> Result<Option<Addresses>, ProxyProtocolError> {
    let (fixed, block) = header.split_at_checked(FIXED).ok_or(Malformed("the header is cut short"))?;
    let (Some(&command), Some(&family)) = (fixed.get(12), fixed.get(13)) else {
        return Err(Malformed("the header is cut short"));
    };
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed("the version or the command is unknown")),
    };
    let (addresses, rest) = addresses(family, block)?;
    verify(header, header.len() - rest.len())?;
    Ok(addresses.filter(|_| !is_local))
}

/// The addresses of TCP over IPv4 or IPv6, and the block behind them. Families without addresses have none.
fn addresses(family: u8, block: &[u8]) -> Result<(Option<Addresses>, &[u8]), ProxyProtocolError> {
    let short = Malformed("the addresses are cut short");
    match family {
        0x00 => Ok((None, &[])),
        0x11 => {
            let (bytes, rest) = block.split_first_chunk::<12>().ok_or(short)?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = *bytes;
            let (one, two) = (Ipv4Addr::new(a, b, c, d).into(), Ipv4Addr::new(e, f, g, h).into());
            Ok((Some(pair(one, two, ports)), rest))
        }
        0x21 => {
            let (source, rest) = block.split_first_chunk::<16>().ok_or(short)?;
            let short = Malformed("the addresses are cut short");
            let (destination, rest) = rest.split_first_chunk::<16>().ok_or(short)?;
            let (ports, rest) = rest.split_first_chunk::<4>().ok_or(Malformed("the ports are cut short"))?;
            let (one, two) = (Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into());
            Ok((Some(pair(one, two, *ports)), rest))
        }
        _ => Err(Malformed("the address family is not TCP over IPv4 or IPv6")),
    }
}

fn pair(source: IpAddr, destination: IpAddr, [a, b, c, d]: [u8; 4]) -> Addresses {
    Addresses {
        source: SocketAddr::new(source, u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([c, d])),
    }
}

/// Walks the type-length-values from `start` on, and checks a checksum where one is sent (§2.2.3).
fn verify(header: &[u8], start: usize) -> Result<(), ProxyProtocolError> {
    let mut at = start;
    while at < header.len() {
        let Some(&[kind, high, low]) = header.get(at..).and_then(<[u8]>::first_chunk) else {
            return Err(Malformed("a type-length-value is cut short"));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let value = header.get(at + 3..at + 3 + length).ok_or(Malformed("a type-length-value is cut short"))?;
        if kind == CRC32C {
            let sent: [u8; 4] = value.try_into().map_err(|_| Malformed("the checksum is not four bytes long"))?;
            if checksum(header, at + 3) != u32::from_be_bytes(sent) {
                return Err(ProxyProtocolError::Checksum);
            }
        }
        at += 3 + length;
    }
    Ok(())
}

/// CRC-32C of the header, with the four bytes at `hole` taken as zero.
fn checksum(header: &[u8], hole: usize) -> u32 {
    let bytes = header.iter().enumerate().map(|(at, &byte)| if (hole..hole + 4).contains(&at) { 0 } else { byte });
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}
