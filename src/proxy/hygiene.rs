//! Which request fields never reach an upstream as the client sent them: those by which an upstream is told who
//! the caller is, where it came from, and what it really asked for (ASVS 5.0 4.1.3, RFC 9440 §4).

use http::HeaderMap;
use http::header::HeaderName;

/// Names that begin so, compared after lower-casing and folding `_` and `.` to `-`.
const PREFIXES: &[&str] = &[
    "curfew-",
    "x-curfew-",
    "x-user",
    "x-auth-",
    "x-authenticated-",
    "x-authentik-",
    "x-webauth-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-amzn-oidc-",
    "x-pomerium-",
    "x-envoy-",
    "x-jwt-",
    "x-client-cert",
    "x-client-dn",
    "x-client-verify",
    "x-ssl-",
    "x-tls-client",
    "x-amzn-mtls-",
    "x-arr-clientcert",
    "cf-client-cert",
    "client-cert",
    "cf-access-",
    "x-forwarded-",
    "x-remote-",
    "remote-",
];

/// And so. It stands apart, because many harmless names have its first letter.
const SSL: &str = "ssl-client";

/// Names that are exactly so.
const NAMES: &[&str] = &[
    "forwarded",
    "x-auth",
    "x-forwarded",
    "x-host",
    "x-original-host",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Forwarding fields: kept where the peer is a trusted proxy, to be appended to.
const FORWARDING: &[&str] = &["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// What going over all fields of a request has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Were there fields that are not let through?
    pub forbidden: bool,
    /// Is there a `DPoP` field (RFC 9449 §4.1)? It is known here for nothing: most requests have none.
    pub proof: bool,
}

/// The fields that are not let through.
pub struct Hygiene {
    /// The names of the fields that routes inject, folded.
    injected: Box<[Box<str>]>,
}

impl Hygiene {
    /// Besides the names that everybody abuses, those that the config injects.
    pub fn new<'a>(injected: impl IntoIterator<Item = &'a str>) -> Self {
        Self { injected: injected.into_iter().map(|name| fold(name).into()).collect() }
    }

    /// Removes them.
    pub fn clean(&self, headers: &mut HeaderMap, trusted_peer: bool) -> Found {
        let mut proof = false;
        let doomed: Vec<HeaderName> =
            headers.keys().filter(|name| self.refuses(name.as_str(), trusted_peer, &mut proof)).cloned().collect();
        for name in &doomed {
            headers.remove(name);
        }
        Found { forbidden: !doomed.is_empty(), proof }
    }

    fn refuses(&self, name: &str, trusted_peer: bool, proof: &mut bool) -> bool {
        // CGI and its kin fold the other way: such names cannot be told from others there.
        if name.bytes().any(|byte| byte == b'_' || byte == b'.') {
            return true;
        }
        if self.injected.iter().any(|injected| **injected == *name) {
            return true;
        }
        *proof |= name == "dpop";
        // Most names are told apart by their first letter.
        match name.as_bytes().first() {
            Some(b'c' | b'f' | b'r' | b't' | b'x') => {}
            // A CGI program reads it as the variable HTTP_PROXY ("httpoxy", CVE-2016-5385).
            Some(b'p') => return name == "proxy",
            // Browsers send many that begin with `sec-`.
            Some(b's') => return name.starts_with(SSL),
            _ => return false,
        }
        let listed = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        listed && !(trusted_peer && FORWARDING.contains(&name))
    }
}

fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::Hygiene;
    use http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn nobody_else_says_who_the_caller_is() {
        let hygiene = Hygiene::new(["X-Tenant", "Curfew-Subject"]);
        let names = [
            "x-user",
            "x-user-id",
            "x_user",
            "x.user",
            "x-auth-request-email",
            "x-auth",
            "x-authenticated-user",
            "x-webauth-user",
            "x-goog-authenticated-user-email",
            "x-ms-client-principal-name",
            "x-amzn-oidc-identity",
            "x-envoy-original-path",
            "x-original-host",
            "x-host",
            "x-forwarded",
            "cf-access-authenticated-user-email",
            "proxy",
            "remote-user",
            "remote-groups",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "client-cert",
            "client-cert-chain",
            "x-forwarded-client-cert",
            "x-client-cert",
            "x-client-cert-chain",
            "x-ssl-client-cert",
            "ssl-client-cert",
            "ssl-client-verify",
            "x-amzn-mtls-clientcert-leaf",
            "x-arr-clientcert",
            "x-tls-client-cert",
            "cf-client-cert-der-base64",
            "x-original-url",
            "x-http-method-override",
            "curfew-subject",
            "x-tenant",
            "x-forwarded-prefix",
        ];
        for name in names {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::try_from(name).expect("a name"), HeaderValue::from_static("admin"));
            assert!(hygiene.clean(&mut headers, false).forbidden && headers.is_empty(), "{name}");
        }
        let mut kept = HeaderMap::new();
        for name in
            ["accept", "sec-fetch-site", "x-request-id", "content-type", "cookie", "traceparent", "x-tenants", "range"]
        {
            kept.insert(HeaderName::try_from(name).expect("a name"), HeaderValue::from_static("v"));
        }
        let before = kept.clone();
        assert!(!hygiene.clean(&mut kept, false).forbidden && kept == before);
    }

    #[test]
    fn a_trusted_proxy_says_where_the_request_came_from_and_no_more() {
        let hygiene = Hygiene::new([]);
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "forwarded", "x-forwarded-user", "x-forwarded-client-cert", "x-user"] {
            headers.insert(HeaderName::try_from(name).expect("a name"), HeaderValue::from_static("v"));
        }
        hygiene.clean(&mut headers, true);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["forwarded", "x-forwarded-for"]);
    }
}
