//! Listeners: each can be opened, and where tokens cross the network in the clear it was meant.

use std::collections::HashMap;

use super::tell::{Faults, is_loopback};
use crate::control::config::{Fault, Spans};
use crate::control::settings::Config;
use crate::proxy::client_certificates::Trust;
use crate::proxy::listen::{Security, Settings};
use crate::settings::OrOff;

pub(super) fn check(config: &Config, spans: &Spans) -> Vec<Fault> {
    let mut faults = Faults::of(spans);
    if config.listeners.is_empty() {
        let help = "add one, such as `{ name: public, address: 0.0.0.0:8443, tls: … }`";
        faults.error("listeners", "there is no listener: nobody can connect", help);
    }
    for (at, listener) in config.listeners.iter().enumerate() {
        one(&format!("listeners[{at}]"), listener, &mut faults);
    }
    addresses(config, &mut faults);
    faults.list()
}

fn one(path: &str, listener: &Settings, faults: &mut Faults<'_>) {
    let host = listener.address.rsplit_once(':').map_or("", |(host, _)| host);
    if matches!(listener.security, Security::Plaintext) && !is_loopback(host) {
        let help = "use `tls`, or an address such as `127.0.0.1`; behind a load balancer that ends TLS, keep the network closed";
        let message = format!("`{}` takes tokens in the clear (RFC 6750 §5.3)", listener.address);
        faults.warn(&format!("{path}.plaintext"), message, help);
    }
    if let Security::Tls(tls) = &listener.security
        && let OrOff::On(clients) = &tls.client_certificates
        && clients.trust == Trust::Ca(Vec::new())
    {
        let help = "name the files of the roots; or say `trust: any`, and a token that is bound decides alone";
        faults.error(&format!("{path}.tls.client_certificates.trust.ca"), "nobody's certificate is taken", help);
    }
    match &listener.proxy_protocol {
        Some(protocol) if protocol.trusted.is_empty() => {
            let help = "name the networks of the load balancers, such as `[10.0.0.0/8]`";
            faults.error(&format!("{path}.proxy_protocol.trusted"), "nobody may connect: no network is trusted", help);
        }
        Some(protocol) => {
            for (at, network) in protocol.trusted.iter().enumerate().filter(|(_, network)| network.prefix_len() == 0) {
                let message = format!("`{network}` is everybody: anyone may then claim any address");
                let help = "name the networks of the load balancers";
                faults.warn(&format!("{path}.proxy_protocol.trusted[{at}]"), message, help);
            }
        }
        None => {}
    }
}

fn addresses(config: &Config, faults: &mut Faults<'_>) {
    let mut seen: HashMap<String, String> = HashMap::new();
    let admin = config.admin.as_ref().on().map(|admin| (admin.address.to_string(), "admin.address".to_owned()));
    let listeners = config.listeners.iter().enumerate();
    let all = listeners.map(|(at, one)| (one.address.clone(), format!("listeners[{at}].address"))).chain(admin);
    for (address, path) in all.filter(|(address, _)| !address.ends_with(":0")) {
        if let Some(first) = seen.get(&address) {
            let message = format!("`{address}` is already taken by `{first}`");
            faults.error(&path, message, "give each listener an address of its own");
        }
        seen.entry(address).or_insert(path);
    }
}
