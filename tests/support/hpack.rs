//! Just enough HPACK (RFC 7541): sends literals without indexing, reads what a server sends to a peer whose dynamic
//! table has no room.

use super::huffman::{CODES, LENGTHS};
use std::collections::HashMap;
use std::sync::OnceLock;

/// One field as a literal without indexing and without Huffman (RFC 7541 §6.2.2): any bytes at all.
pub fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [vec![0], string(name), string(value)].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    let mut rest = bytes.len();
    if rest < 127 {
        made.push(u8::try_from(rest).unwrap());
    } else {
        made.push(127);
        rest -= 127;
        while rest >= 128 {
            made.push(u8::try_from(rest % 128).unwrap() | 0x80);
            rest /= 128;
        }
        made.push(u8::try_from(rest).unwrap());
    }
    made.extend_from_slice(bytes);
    made
}

/// The fields of a header block, of which none may lie in a dynamic table.
pub fn read(mut block: &[u8]) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    while let Some(&first) = block.first() {
        if first & 0x80 != 0 {
            let index = integer(&mut block, 7)?;
            fields.push(known(index)?);
        } else if first & 0xe0 == 0x20 {
            // A change of the table's size.
            integer(&mut block, 5)?;
        } else {
            let index = integer(&mut block, if first & 0x40 != 0 { 6 } else { 4 })?;
            let name = if index == 0 { text(&mut block)? } else { known(index)?.0 };
            fields.push((name, text(&mut block)?));
        }
    }
    Some(fields)
}

fn integer(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let mask = (1usize << prefix) - 1;
    let mut value = usize::from(take(block)?) & mask;
    if value < mask {
        return Some(value);
    }
    for shift in (0..28).step_by(7) {
        let byte = usize::from(take(block)?);
        value += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take(block: &mut &[u8]) -> Option<u8> {
    let (first, rest) = block.split_first()?;
    *block = rest;
    Some(*first)
}

fn text(block: &mut &[u8]) -> Option<String> {
    let huffman = block.first()? & 0x80 != 0;
    let length = integer(block, 7)?;
    let (bytes, rest) = block.split_at_checked(length)?;
    *block = rest;
    let bytes = if huffman { unhuffman(bytes) } else { bytes.to_vec() };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn unhuffman(bytes: &[u8]) -> Vec<u8> {
    static TABLE: OnceLock<HashMap<(u8, u32), u8>> = OnceLock::new();
    let table =
        TABLE.get_or_init(|| (0..=255u8).map(|b| ((LENGTHS[usize::from(b)], CODES[usize::from(b)]), b)).collect());
    let (mut made, mut code, mut length) = (Vec::new(), 0u32, 0u8);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1))) {
        code = code << 1 | bit;
        length += 1;
        if let Some(byte) = table.get(&(length, code)) {
            made.push(*byte);
            (code, length) = (0, 0);
        }
    }
    made
}

fn known(index: usize) -> Option<(String, String)> {
    let (name, value) = STATIC.get(index.checked_sub(1)?)?;
    Some(((*name).to_owned(), (*value).to_owned()))
}

/// RFC 7541, appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];
