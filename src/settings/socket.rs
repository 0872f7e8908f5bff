//! A host and a port, as addresses to listen on are written, and what is wrong with a text that is neither.

use std::net::Ipv6Addr;

/// Takes a host and a port apart.
///
/// # Errors
/// What is wrong and, after a line break, what to write instead.
pub fn host_and_port(text: &str) -> Result<(&str, u16), String> {
    let wrong = |why: &str, help: String| Err(format!("`{text}` {why}\n{help}"));
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        return wrong("is a URL, and not an address to listen on", format!("leave `{scheme}://` out: `{rest}`"));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return wrong("has no port, or no brackets", format!("write an IPv6 address as `[{text}]:8443`"));
    }
    let Some((host, port)) = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) else {
        if text.parse::<u64>().is_ok() {
            return wrong(
                "has no host",
                format!("write `0.0.0.0:{text}` for every address, `127.0.0.1:{text}` for this machine"),
            );
        }
        return wrong("has no port", format!("add one, as in `{text}:8443`"));
    };
    if host.is_empty() {
        return wrong(
            "has no host",
            format!("write `0.0.0.0:{port}` for every address, `127.0.0.1:{port}` for this machine"),
        );
    }
    let bare = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    if bare {
        return wrong("has an IPv6 address without brackets", format!("write `[{host}]:{port}`"));
    }
    match port.parse() {
        Ok(port) => Ok((host, port)),
        Err(_) => wrong(
            &format!("has no port that there is: `{port}`"),
            "write a number from 0 to 65535 after the last `:`".to_owned(),
        ),
    }
}
