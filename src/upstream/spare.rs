//! What a request without a body was made of, packed so that keeping it costs nearly nothing. It is made anew only where
//! the connection that it went out on was lost.

use super::progress::Tracked;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use http_body::Body;

/// Field lines follow each other as the lengths of name and value, whether the value is sensitive, and their bytes.
const LENGTHS: usize = 2 * size_of::<u32>() + 1;

/// A line of common length: so much room is made for each at first.
const LINE: usize = 96;

/// A request in its smallest form. A map of fields holds a count on the buffer that each of them lies in; this is one
/// stretch of memory.
pub(super) struct Spare<B> {
    method: Method,
    uri: Uri,
    version: Version,
    fields: Vec<u8>,
    body: B,
}

impl<B: Body> Spare<B> {
    /// Packs it; `body` is its empty body.
    pub(super) fn pack(request: &Request<Tracked<B>>, body: B) -> Self {
        let headers = request.headers();
        let mut fields = Vec::with_capacity(headers.len() * LINE);
        for (name, value) in headers {
            line(&mut fields, name.as_str().as_bytes(), value);
        }
        Self { method: request.method().clone(), uri: request.uri().clone(), version: request.version(), fields, body }
    }

    /// Makes the request anew.
    pub(super) fn unpack(self) -> Request<Tracked<B>> {
        let mut request = Request::new(Tracked::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = read(&self.fields);
        request
    }
}

fn line(fields: &mut Vec<u8>, name: &[u8], value: &HeaderValue) {
    // A field is bounded far below what a length holds, and one that is not could not have been received.
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    fields.extend_from_slice(&length(name));
    fields.extend_from_slice(&length(value.as_bytes()));
    fields.push(u8::from(value.is_sensitive()));
    fields.extend_from_slice(name);
    fields.extend_from_slice(value.as_bytes());
}

fn read(mut fields: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    while let Some((name, value, rest)) = next(fields) {
        headers.append(name, value);
        fields = rest;
    }
    headers
}

fn next(fields: &[u8]) -> Option<(HeaderName, HeaderValue, &[u8])> {
    let (lengths, rest) = fields.split_first_chunk::<LENGTHS>()?;
    let (name, lengths) = lengths.split_first_chunk::<4>()?;
    let (value, sensitive) = lengths.split_first_chunk::<4>()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let (name, rest) = rest.split_at_checked(length(name)?)?;
    let (value, rest) = rest.split_at_checked(length(value)?)?;
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(sensitive == [1]);
    Some((HeaderName::from_bytes(name).ok()?, value, rest))
}

#[cfg(test)]
mod tests {
    use super::{Spare, Tracked};
    use bytes::Bytes;
    use http::{HeaderValue, Request};
    use http_body_util::Empty;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let mut request = Request::new(Tracked::new(Empty::<Bytes>::new()));
        *request.method_mut() = http::Method::DELETE;
        *request.uri_mut() = "/orders/1?of=me".parse().expect("a target");
        *request.version_mut() = http::Version::HTTP_10;
        let mut secret = HeaderValue::from_static("Bearer x");
        secret.set_sensitive(true);
        let headers = request.headers_mut();
        headers.insert("authorization", secret);
        headers.append("accept", HeaderValue::from_static("text/plain"));
        headers.append("accept", HeaderValue::from_bytes(b"caf\xe9").expect("a value"));
        headers.append("x-empty", HeaderValue::from_static(""));
        let again = Spare::pack(&request, Empty::new()).unpack();
        assert_eq!(again.method(), request.method());
        assert_eq!(again.uri(), request.uri());
        assert_eq!(again.version(), request.version());
        assert_eq!(again.headers(), request.headers());
        assert!(again.headers()["authorization"].is_sensitive() && !again.headers()["accept"].is_sensitive());
    }

    #[test]
    fn a_request_without_fields_stays_one() {
        let request = Request::new(Tracked::new(Empty::<Bytes>::new()));
        assert!(Spare::pack(&request, Empty::new()).unpack().headers().is_empty());
    }
}
