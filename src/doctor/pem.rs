//! Certificates in a PEM file: whose they are, and from when to when they are good.

use crate::decide::time::Timestamp;
use crate::settings::read_certificates;
use std::path::Path;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// Whose it is.
    pub(super) subject: String,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// All certificates of a file, in its order.
pub(super) fn read(path: &Path) -> Result<Vec<Term>, String> {
    let all = read_certificates(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let terms: Vec<Term> = all.iter().filter_map(|der| term(der)).collect();
    if terms.is_empty() { Err(format!("{}: there is no certificate in it", path.display())) } else { Ok(terms) }
}

/// From when to when one is good.
pub(super) fn term(der: &[u8]) -> Option<Term> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    let names = certificate.subject_alternative_name().ok().flatten();
    let name = names.and_then(|names| {
        names.value.general_names.iter().find_map(|name| match name {
            x509_parser::prelude::GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
    });
    Some(Term {
        subject: name.unwrap_or_else(|| certificate.subject().to_string()),
        from: Timestamp::from_secs(validity.not_before.timestamp()),
        to: Timestamp::from_secs(validity.not_after.timestamp()),
    })
}
