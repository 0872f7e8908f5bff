//! Which addresses may be fetched from. A URL in the settings, or in a provider's metadata, must not become a
//! way into the network that the gateway stands in (RFC 8725bis, BCP-08).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is allowed beyond `https` to public addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Loopback, private and link-local addresses.
    pub private_network: bool,
    /// Plain `http`, to loopback only.
    pub http: bool,
}

impl Allowed {
    /// May this address be connected to?
    pub fn address(self, address: IpAddr, secure: bool) -> bool {
        if !secure {
            return self.http && address.to_canonical().is_loopback();
        }
        self.private_network || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Not one of the special-purpose blocks of RFC 6890 and the IANA registry.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

/// Global unicast, and where an IPv4 address is embedded, that one public too.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, _, _, _, high, low] = address.segments();
    match (first, second) {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address.
        (0x64, 0xff9b) => is_public_v4(embedded(high, low)),
        (0x2002, _) => is_public_v4(embedded(second, third)),
        // Teredo, documentation.
        (0x2001, 0 | 0xdb8) => false,
        _ => first & 0xe000 == 0x2000,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::Allowed;

    #[test]
    fn inner_addresses_are_refused() {
        let public = Allowed::default();
        for inner in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "::7f00:1",
        ] {
            let address = inner.parse().unwrap();
            assert!(!public.address(address, true), "{inner}");
            assert!(Allowed { private_network: true, http: false }.address(address, true), "{inner}");
        }
        for outer in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(public.address(outer.parse().unwrap(), true), "{outer}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let http = Allowed { private_network: true, http: true };
        assert!(http.address("127.0.0.1".parse().unwrap(), false));
        assert!(!http.address("10.0.0.1".parse().unwrap(), false));
        assert!(!Allowed { private_network: true, http: false }.address("127.0.0.1".parse().unwrap(), false));
    }
}
