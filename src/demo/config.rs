//! The config of the demo's gateway: `config/demo.yaml` with the addresses and the folder of this run put in.
//! The file is good as it stands, so its own values are the places to fill.

use super::address::Addresses;
use std::path::Path;

const TEMPLATE: &str = include_str!("../../config/demo.yaml");

/// The config of this run.
pub fn filled(addresses: &Addresses, folder: &Path) -> String {
    let usual = Addresses::USUAL;
    // Single quotes stand around the path in the file, and a quote in it is written twice (YAML 1.2 §7.3.2).
    let folder = folder.to_string_lossy().replace('\'', "''");
    TEMPLATE
        .replace(&usual.gateway.to_string(), &addresses.gateway.to_string())
        .replace(&usual.provider.to_string(), &addresses.provider.to_string())
        .replace(&usual.upstream.to_string(), &addresses.upstream.to_string())
        .replace(&usual.admin.to_string(), &addresses.admin.to_string())
        .replace("'certs/demo/", &format!("'{folder}/"))
}

#[cfg(test)]
mod tests {
    use super::{TEMPLATE, filled};
    use crate::demo::address::Addresses;
    use std::path::Path;

    #[test]
    fn the_usual_addresses_leave_the_file_as_it_is() {
        assert_eq!(filled(&Addresses::USUAL, Path::new("certs/demo")), TEMPLATE);
    }

    #[test]
    fn every_address_and_path_is_filled_in() {
        let at = |port| ([127, 0, 0, 1], port).into();
        let addresses = Addresses { gateway: at(1), provider: at(2), upstream: at(3), admin: at(4) };
        let text = filled(&addresses, Path::new("/tmp/it's here"));
        for usual in [":8443", ":8444", ":8445", ":9901", "'certs/demo"] {
            assert!(!text.contains(usual), "{usual}");
        }
        assert!(text.contains("cert: '/tmp/it''s here/server.crt'") && text.contains("address: '127.0.0.1:1'"));
        assert_eq!(text.matches("http://127.0.0.1:2").count(), 3);
    }
}
