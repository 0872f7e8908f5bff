//! Certificates: read from files, chosen by the name that a client asks for, swapped while running.
//! Not here: the rest of TLS, which is `tls`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::listen::{CertificateFiles, UnknownSni};
use crate::decide::time::Timestamp;
use crate::settings::{LONGEST_PEM, read_bounded, read_certificates};

/// What is left of a certificate when its end is told of.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Why a certificate could not be taken. Each names the file to look at.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read, or is not PEM.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        why: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file, or it is not X.509.
    #[error("{0}: holds no X.509 certificate")]
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    #[error("{0}: holds no private key")]
    NoKey(PathBuf),
    /// The certificate names no host.
    #[error("{0}: names no host in its subject alternative names")]
    NoNames(PathBuf),
    /// The key is not the certificate's, or of a kind that is not spoken.
    #[error("{key}: is not the key of {cert}: {why}")]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        why: rustls::Error,
    },
    /// No certificate was named at all.
    #[error("no certificate is named")]
    None,
}

/// One certificate that is served, with what others want to know of it.
#[derive(Debug)]
pub struct Served {
    /// The host names it covers, in lower case; a wildcard as `*.example.com`.
    pub names: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
    key: Arc<CertifiedKey>,
}

impl Served {
    /// That it has ended, or soon will: what to tell of it.
    pub fn ending(&self, now: Timestamp) -> Option<String> {
        let (names, end) = (self.names.join(", "), Timestamp::from_secs(self.not_after));
        let left = end.since(now);
        let ended = left <= 0;
        let word = if ended { "has expired" } else { "expires soon" };
        (ended || left < SOON.as_millis() as i64).then(|| format!("the certificate for {names} {word}: {end}"))
    }

    /// Whether it covers this host name, by RFC 6125 §6.4: a wildcard stands for one label.
    pub fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }
}

/// All certificates of a listener, by the names they cover. Never empty.
#[derive(Debug)]
pub struct CertTable {
    first: Arc<Served>,
    all: Vec<Arc<Served>>,
    exact: HashMap<String, Arc<Served>>,
    wildcard: HashMap<String, Arc<Served>>,
}

impl CertTable {
    /// Every certificate, in the order of the file.
    pub fn all(&self) -> &[Arc<Served>] {
        &self.all
    }

    /// The certificate for the name a client asks for; the first where it asks for none.
    pub fn select(&self, name: Option<&str>, unknown: UnknownSni) -> Option<&Arc<Served>> {
        let Some(name) = name else { return Some(&self.first) };
        let found = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => self.find(&name.to_ascii_lowercase()),
            false => self.find(name),
        };
        found.or((unknown == UnknownSni::Default).then_some(&self.first))
    }

    fn find(&self, name: &str) -> Option<&Arc<Served>> {
        self.exact.get(name).or_else(|| self.wildcard.get(name.split_once('.')?.1))
    }

    /// Where two certificates cover one name, the earlier serves it.
    fn new(all: Vec<Arc<Served>>) -> Option<Self> {
        let first = all.first()?.clone();
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for served in &all {
            for name in &served.names {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, name.as_str()),
                };
                table.entry(name.to_owned()).or_insert_with(|| served.clone());
            }
        }
        Some(Self { first, all, exact, wildcard })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.all.len() == other.all.len()
            && self.all.iter().zip(&other.all).all(|(one, two)| one.key.cert == two.key.cert)
    }
}

/// The certificates of one listener, where they come from and which are served now.
#[derive(Debug)]
pub struct Certificates {
    files: Vec<CertificateFiles>,
    unknown: UnknownSni,
    provider: Arc<CryptoProvider>,
    table: ArcSwap<CertTable>,
}

impl Certificates {
    /// Reads all files.
    pub fn open(files: &[CertificateFiles], unknown: UnknownSni) -> Result<Arc<Self>, CertificateError> {
        let provider = super::tls::provider();
        let table = ArcSwap::from_pointee(Self::load(files, &provider)?);
        Ok(Arc::new(Self { files: files.to_vec(), unknown, provider, table }))
    }

    /// Reads the files again, and serves what is in them if it is new and whole. True: something changed. On any
    /// fault the old stay. Sessions resumed from an earlier handshake keep the certificate they were made with.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let fresh = Self::load(&self.files, &self.provider)?;
        if self.table.load().is_same(&fresh) {
            return Ok(false);
        }
        self.table.store(Arc::new(fresh));
        Ok(true)
    }

    /// What is served now, for metrics and advice.
    pub fn table(&self) -> Arc<CertTable> {
        self.table.load_full()
    }

    /// The files that are read, for whoever watches them.
    pub fn files(&self) -> &[CertificateFiles] {
        &self.files
    }

    /// The certificate that a client gets who asks for this name.
    pub fn select(&self, name: Option<&str>) -> Option<Arc<Served>> {
        self.table.load().select(name, self.unknown).cloned()
    }

    /// Reads certificates and their keys into a table.
    pub fn load(files: &[CertificateFiles], provider: &CryptoProvider) -> Result<CertTable, CertificateError> {
        let all = files.iter().map(|pair| read(pair, provider).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        CertTable::new(all).ok_or(CertificateError::None)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.table.load().select(hello.server_name(), self.unknown).map(|served| served.key.clone())
    }
}

fn read(files: &CertificateFiles, provider: &CryptoProvider) -> Result<Served, CertificateError> {
    let chain =
        read_certificates(&files.cert).map_err(|why| CertificateError::Unreadable { path: files.cert.clone(), why })?;
    let text = read_bounded(&files.key, LONGEST_PEM).map_err(rustls::pki_types::pem::Error::Io);
    let key = text.and_then(|text| PrivateKeyDer::from_pem_slice(&text)).map_err(|why| match why {
        rustls::pki_types::pem::Error::NoItemsFound => CertificateError::NoKey(files.key.clone()),
        why => CertificateError::Unreadable { path: files.key.clone(), why },
    })?;
    let leaf = chain.first().ok_or_else(|| CertificateError::NoCertificate(files.cert.clone()))?;
    let (names, not_after) = describe(leaf, &files.cert)?;
    // `from_der` compares key and certificate, which `CertifiedKey::new` would not.
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|why| CertificateError::Mismatch {
        cert: files.cert.clone(),
        key: files.key.clone(),
        why,
    })?;
    Ok(Served { names, not_after, key: Arc::new(key) })
}

fn describe(leaf: &CertificateDer<'_>, path: &Path) -> Result<(Vec<String>, i64), CertificateError> {
    let no_certificate = || CertificateError::NoCertificate(path.to_owned());
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_| no_certificate())?;
    let alternatives = certificate.subject_alternative_name().map_err(|_| no_certificate())?;
    let names: Vec<String> = alternatives
        .map(|extension| extension.value.general_names.iter().filter_map(name_of).collect())
        .unwrap_or_default();
    if names.is_empty() {
        return Err(CertificateError::NoNames(path.to_owned()));
    }
    Ok((names, certificate.validity().not_after.timestamp()))
}

/// A host name or an address. The common name is not one (RFC 9110 §4.3.4).
fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(std::net::Ipv4Addr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|all| std::net::Ipv6Addr::from(all).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_of_from_two_weeks_before() {
        let key = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
        let signing = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let key = CertifiedKey::from_der(vec![key.cert.der().clone()], signing, &super::super::tls::provider());
        let end = 2_000_000_000;
        let served = Served { names: vec!["a.test".into()], not_after: end, key: Arc::new(key.unwrap()) };
        let told = |at| served.ending(Timestamp::from_secs(at));
        assert_eq!(told(end - 14 * 86_400), None);
        assert!(told(end - 14 * 86_400 + 1).unwrap().contains("for a.test expires soon: 2033-05-18"));
        assert!(told(end).unwrap().contains("has expired"));
    }
}
