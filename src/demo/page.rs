//! A page for a browser, served by the upstream: whoever signs in sees the session run out, is warned by the script of
//! the session door, asks for more time, and learns what a refreshed token is good for once it is over: nothing.

use super::form::Form;
use super::provider::Provider;
use super::serve::{self, Answer};
use super::tokens;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Request, StatusCode};

/// The page.
pub const PATH: &str = "/app/";

/// The cookie that holds the token; `config/demo.yaml` names the same.
const COOKIE_NAME: &str = "__Host-demo";

const HTML: &str = "text/html; charset=utf-8";
const APP: &str = include_str!("assets/app.html");
const SIGN_IN: &str = include_str!("assets/sign-in.html");
const SCRIPT: &str = include_str!("assets/app.js");
const ICON: &str = include_str!("assets/icon.svg");
const STYLE: &str = include_str!("assets/app.css");

/// Answers a request, if it is for the page.
pub fn answer(provider: &Provider, request: &Request<Bytes>) -> Option<Answer> {
    let (get, post) = (request.method() == Method::GET, request.method() == Method::POST);
    let ok = |kind, text: &'static str| serve::answer(StatusCode::OK, kind, text);
    let mut answer = match request.uri().path().strip_prefix(PATH)? {
        "" if get => ok(HTML, if token(request).is_some() { APP } else { SIGN_IN }),
        "sign-in" if get => ok(HTML, SIGN_IN),
        "sign-in" if post => {
            signed_in(provider, &format!("sub=alice&sid={}", tokens::random_id()?), StatusCode::SEE_OTHER)
        }
        "refresh" if post => signed_in(provider, &format!("refresh={}", token(request)?), StatusCode::NO_CONTENT),
        "app.js" if get => ok("text/javascript; charset=utf-8", SCRIPT),
        "app.css" if get => ok("text/css; charset=utf-8", STYLE),
        "icon.svg" if get => ok("image/svg+xml", ICON),
        _ => return None,
    };
    let policy = HeaderValue::from_static("default-src 'self'; form-action 'self'; frame-ancestors 'none'");
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Some(answer)
}

/// A token in the cookie; no script can read it.
fn signed_in(provider: &Provider, form: &str, status: StatusCode) -> Answer {
    let Ok((Some(minted), _)) = provider.grant(&Form::parse(form.as_bytes())) else {
        return serve::text(StatusCode::BAD_REQUEST, "the provider gives no token\n");
    };
    let cookie = format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax", minted.token);
    let mut answer = serve::text(status, Bytes::new());
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static(PATH));
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

fn token(request: &Request<Bytes>) -> Option<&str> {
    let cookies = request.headers().get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = cookies.flat_map(|field| field.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::{COOKIE_NAME, PATH};

    #[test]
    fn the_config_speaks_of_the_same_page_and_cookie() {
        let config = include_str!("../../config/demo.yaml");
        assert!(config.contains(&format!("path: '{PATH}**'")) && config.contains(&format!("cookie: {COOKIE_NAME}")));
    }

    /// The policy of the page allows neither.
    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for page in [super::APP, super::SIGN_IN] {
            for no in ["<style", "style=", "onclick", "http://", "https://", "<script>"] {
                assert!(!page.contains(no), "{no}");
            }
        }
    }
}
