//! Which bytes may stand where (RFC 9110 §5.5, §5.6.2; RFC 3986 §3.2).

/// `tchar` of RFC 9110 §5.6.2, by byte.
static TOKEN: [bool; 256] = token_table();

#[expect(clippy::indexing_slicing, reason = "evaluated when compiled, where an index out of bounds is an error")]
const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_punctuation = matches!(
            byte as u8,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        table[byte] = is_punctuation || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
}

/// One byte of a token. An array of 256 has an entry for every byte.
#[inline]
fn is_tchar(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// A token: one or more `tchar`.
#[inline]
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// A field value: no control but the tab. Folds without an early exit, so that the compiler makes vectors of it.
#[inline]
pub(super) fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |good, &byte| good & ((byte >= 0x20) | (byte == b'\t')) & (byte != 0x7f))
}

/// A request target: visible ASCII without `#`, which starts the fragment that no target has (RFC 9112 §3.2), and
/// without four that no URI may hold (RFC 3986 §2) and hyper would refuse without a reason.
#[inline]
pub(super) fn is_target(bytes: &[u8]) -> bool {
    let is_good = |byte: u8| {
        (byte > 0x20)
            & (byte < 0x7f)
            & (byte != b'#')
            & (byte != b'"')
            & (byte != b'<')
            & (byte != b'>')
            & (byte != b'`')
    };
    !bytes.is_empty() && bytes.iter().fold(true, |good, &byte| good & is_good(byte))
}

/// Without the spaces and tabs around it (OWS, RFC 9110 §5.6.3).
#[inline]
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// `host[:port]` as a gateway may accept it: no user, no path, no list, a name or a bracketed IPv6 address.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    let (host, port) = split_port(bytes);
    is_host(host) && port.is_none_or(is_port)
}

/// The host and what follows its colon, if one follows.
pub(super) fn split_port(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let bracket = memchr::memchr(b']', bytes).unwrap_or(0);
    let Some(colon) = bytes.get(bracket..).and_then(|rest| memchr::memchr(b':', rest)).map(|at| at + bracket) else {
        return (bytes, None);
    };
    (bytes.get(..colon).unwrap_or_default(), bytes.get(colon + 1..))
}

fn is_host(host: &[u8]) -> bool {
    if let Some(address) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty()
        && host.len() <= 255
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn is_port(port: &[u8]) -> bool {
    !port.is_empty()
        && port.len() <= 5
        && port.iter().all(u8::is_ascii_digit)
        && str::from_utf8(port).is_ok_and(|text| text.parse::<u16>().is_ok())
}
