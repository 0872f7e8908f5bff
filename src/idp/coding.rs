//! Bodies that come compressed (RFC 9110 §8.4.1, RFC 8878), and lists that are (RFC 1950). However small a body is,
//! what it becomes is bounded while it becomes it.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use std::io::{self, Read};

/// A Zstandard frame may look back so far (8 MiB): what RFC 9659 §3 lets a content coding ask for.
const WINDOW_LOG: u32 = 23;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// `gzip`.
    Gzip,
    /// `zstd`.
    Zstd,
}

/// What decodes as it is read.
pub(super) type Decoding<'a> = Box<dyn Read + 'a>;

impl Coding {
    /// The coding of a body; `None` if it is another, or more than one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut said = headers.get_all(CONTENT_ENCODING).iter();
        match (said.next().map(|coding| coding.as_bytes().to_ascii_lowercase()).as_deref(), said.next()) {
            (None | Some(b"identity"), None) => Some(Self::Identity),
            (Some(b"gzip" | b"x-gzip"), None) => Some(Self::Gzip),
            (Some(b"zstd"), None) => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decodes while it is read.
    pub(super) fn reader<'a>(self, coded: impl Read + 'a) -> io::Result<Decoding<'a>> {
        Ok(match self {
            Self::Identity => Box::new(coded),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(coded)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(coded)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }

    /// Decodes a whole body, away from the tasks that wait; `None` if it is faulty, or becomes longer than `max` bytes.
    pub(super) async fn decoded(self, body: Bytes, max: usize) -> Option<Bytes> {
        if self == Self::Identity {
            return Some(body);
        }
        let decode = move || bounded(self.reader(&*body).ok()?, max);
        tokio::task::spawn_blocking(decode).await.ok().flatten().map(Bytes::from)
    }
}

/// Inflates a ZLIB stream (RFC 1950), and nothing behind it; `None` if it is faulty, or becomes longer than `max` bytes.
pub(super) fn inflated(packed: &[u8], max: usize) -> Option<Vec<u8>> {
    let mut decoder = flate2::read::ZlibDecoder::new(packed);
    let plain = bounded(&mut decoder, max)?;
    (decoder.total_in() == packed.len() as u64).then_some(plain)
}

fn bounded(plain: impl Read, max: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    plain.take((max as u64).saturating_add(1)).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= max).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    /// A hundred megabytes of nothing in a hundred kilobytes: it is given up at the bound, not after it.
    #[test]
    fn a_bomb_is_given_up_at_its_bound() {
        let bomb = zlib(&vec![0; 100 << 20]);
        assert!(bomb.len() < 200_000);
        assert_eq!(inflated(&bomb, 1 << 20), None);
        assert_eq!(inflated(&zlib(&[7; 1000]), 1000), Some(vec![7; 1000]));
        assert_eq!(inflated(&zlib(&[7; 1000]), 999), None);
    }

    #[test]
    fn half_a_stream_and_more_than_one_are_faults() {
        let good = zlib(b"a status list");
        assert_eq!(inflated(&good[..good.len() - 1], 100), None);
        assert_eq!(inflated(&[&good[..], b"x"].concat(), 100), None);
        assert_eq!(inflated(b"", 100), None);
        assert_eq!(inflated(b"\x78\xbb\0\0\0\0", 100), None, "a preset dictionary");
    }

    #[tokio::test]
    async fn codings_are_what_the_header_says() {
        let plain = vec![b'a'; 10_000];
        let zstd = zstd::stream::encode_all(&plain[..], 3).unwrap();
        for (said, body, coding) in [
            ("gzip", gzip(&plain), Coding::Gzip),
            ("zstd", zstd, Coding::Zstd),
            ("identity", plain.clone(), Coding::Identity),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, said.parse().unwrap())]);
            assert_eq!(Coding::of(&headers), Some(coding));
            assert_eq!(coding.decoded(body.clone().into(), 10_000).await.as_deref(), Some(&plain[..]));
            if coding != Coding::Identity {
                assert_eq!(coding.decoded(body.clone().into(), 9_999).await, None);
                assert_eq!(coding.decoded(body[..body.len() - 2].to_vec().into(), 10_000).await, None);
            }
        }
        for said in ["br", "gzip, gzip", ""] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, said.parse().unwrap())]);
            assert_eq!(Coding::of(&headers), None, "{said}");
        }
    }
}
