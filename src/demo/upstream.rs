//! The upstream: it answers with what it received, so that one sees who the gateway says is calling, and that the
//! token was taken off. It also holds WebSockets open, and has a page for a browser.

use super::page;
use super::provider::Provider;
use super::serve::{self, Answer};
use super::socket;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Map, Value, json};

/// Answers a request. The page's tokens are this provider's.
pub fn answer(provider: &Provider, mut request: Request<Bytes>) -> Answer {
    let special = socket::open(&mut request).or_else(|| page::answer(provider, &request));
    special.unwrap_or_else(|| echo(&request))
}

/// Answers with the request.
fn echo(request: &Request<Bytes>) -> Answer {
    let told = json!({
        "upstream": "echo",
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "headers": fields(request.headers()),
        "body_bytes": request.body().len(),
    });
    serve::json(StatusCode::OK, &told)
}

/// Each field by its name; one that came more than once has an array.
fn fields(headers: &HeaderMap) -> Value {
    let value = |value: &http::HeaderValue| Value::from(String::from_utf8_lossy(value.as_bytes()));
    let field = |name: &http::HeaderName| {
        let mut values: Vec<Value> = headers.get_all(name).iter().map(value).collect();
        let told = if values.len() == 1 { values.swap_remove(0) } else { Value::from(values) };
        (name.as_str().to_owned(), told)
    };
    Value::Object(headers.keys().map(field).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::fields;
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    #[test]
    fn a_field_that_came_twice_is_shown_twice() {
        let mut headers = HeaderMap::new();
        headers.append("x-user", HeaderValue::from_static("alice"));
        headers.append("via", HeaderValue::from_static("1.1 a"));
        headers.append("via", HeaderValue::from_static("1.1 b"));
        assert_eq!(fields(&headers), json!({ "x-user": "alice", "via": ["1.1 a", "1.1 b"] }));
    }
}
