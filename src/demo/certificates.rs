//! The demo's certificate authority and server certificate: made on first run, kept, and remade before they expire.
//! The gateway is given the files and nothing else. The authority is good for loopback names only.

use crate::decide::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

const DAY: Duration = Duration::from_secs(86_400);
/// Clocks differ a little, and the demo may be used from another machine's shell.
const HEAD_START: Duration = Duration::from_secs(3600);
const AUTHORITY_LASTS: Duration = DAY.saturating_mul(365);
const SERVER_LASTS: Duration = DAY.saturating_mul(89);
/// The authority is remade while it still outlives every certificate it could sign.
const AUTHORITY_SPARE: Duration = DAY.saturating_mul(100);
const SERVER_SPARE: Duration = DAY.saturating_mul(30);

/// Why there are no certificates.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Makes what is missing or near its end. Afterwards the folder holds `ca.crt`, `server.crt` and their keys.
pub fn prepare(folder: &Path, now: Timestamp) -> Result<(), CertificateError> {
    fs::create_dir_all(folder).map_err(|error| CertificateError::File(folder.into(), error))?;
    // Two demos may start at once in a new folder; released when the file is closed.
    let lock = folder.join(".lock");
    let held = OpenOptions::new().create(true).append(true).open(&lock).and_then(|file| file.lock().map(|()| file));
    let _held: File = held.map_err(|error| CertificateError::File(lock, error))?;
    let (authority, server) = (Files::of(folder, "ca"), Files::of(folder, "server"));
    let issuer = match authority.good(now, AUTHORITY_SPARE) {
        Some(key) => Issuer::new(authority_params(now), key),
        None => {
            // It was signed by the authority that is replaced; it goes first, so that no crash leaves the two apart.
            server.remove()?;
            make_authority(&authority, now)?
        }
    };
    if server.good(now, SERVER_SPARE).is_none() {
        make_server(&server, &issuer, now)?;
    }
    Ok(())
}

/// Where the authority's certificate is.
pub fn authority(folder: &Path) -> PathBuf {
    folder.join("ca.crt")
}

fn make_authority(files: &Files, now: Timestamp) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    let (params, key) = (authority_params(now), KeyPair::generate()?);
    files.write(&params.self_signed(&key)?.pem(), &key)?;
    Ok(Issuer::new(params, key))
}

fn make_server(files: &Files, issuer: &Issuer<'_, KeyPair>, now: Timestamp) -> Result<(), CertificateError> {
    let key = KeyPair::generate()?;
    files.write(&server_params(now)?.signed_by(&key, issuer)?.pem(), &key)
}

fn authority_params(now: Timestamp) -> CertificateParams {
    let mut params = lasting(now, AUTHORITY_LASTS);
    params.distinguished_name.push(DnType::CommonName, "Curfew demo authority, loopback only");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".into()),
            GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
            GeneralSubtree::IpAddress(CidrSubnet::V6(Ipv6Addr::LOCALHOST.octets(), [255; 16])),
        ],
        excluded_subtrees: Vec::new(),
    });
    params
}

fn server_params(now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = lasting(now, SERVER_LASTS);
    params.distinguished_name.push(DnType::CommonName, "Curfew demo");
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn lasting(now: Timestamp, lasts: Duration) -> CertificateParams {
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(now.secs()).unwrap_or(0));
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    (params.not_before, params.not_after) = (now - HEAD_START, now + lasts);
    params
}

/// A certificate and its key.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn of(folder: &Path, name: &str) -> Self {
        Self { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
    }

    /// The key, if both files can be read, belong together, and are good for at least so long.
    fn good(&self, now: Timestamp, spare: Duration) -> Option<KeyPair> {
        let der = CertificateDer::from_pem_file(&self.certificate).ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
        let key = KeyPair::from_pem(&fs::read_to_string(&self.key).ok()?).ok()?;
        let (validity, at) = (certificate.validity(), |span| now.plus(span).secs());
        let in_time = validity.not_before.timestamp() <= now.secs() && at(spare) < validity.not_after.timestamp();
        (in_time && certificate.public_key().raw == key.subject_public_key_info()).then_some(key)
    }

    fn write(&self, certificate: &str, key: &KeyPair) -> Result<(), CertificateError> {
        replace(&self.key, &key.serialize_pem(), 0o600)?;
        replace(&self.certificate, certificate, 0o644)
    }

    fn remove(&self) -> Result<(), CertificateError> {
        match fs::remove_file(&self.certificate) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CertificateError::File(self.certificate.clone(), error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes beside the file and moves it into its place, so that nobody reads half of it. The mode is there from the
/// first byte: a key is never readable by others, not even for a moment.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let beside = path.with_extension("new");
    let written = || {
        let _left_over = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    written().map_err(|error| CertificateError::File(path.into(), error))
}

#[cfg(test)]
mod tests {
    use super::{DAY, Timestamp, authority, prepare};
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn contents(folder: &Path) -> [String; 4] {
        ["ca.crt", "ca.key", "server.crt", "server.key"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
    }

    fn trusted(folder: &Path, name: &'static str, at: Timestamp) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority(folder)).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let server = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.secs().try_into().unwrap()));
        verifier.verify_server_cert(&server, &[], &ServerName::try_from(name).unwrap(), &[], at).is_ok()
    }

    #[test]
    fn certificates_are_trusted_for_loopback_and_at_most_ninety_days() {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path(), NOW).unwrap();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(trusted(folder.path(), name, NOW), "{name}");
            assert!(!trusted(folder.path(), name, NOW.plus(DAY * 90)), "{name}");
        }
        assert!(!trusted(folder.path(), "example.com", NOW));
        for key in ["ca.key", "server.key"] {
            assert_eq!(folder.path().join(key).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn they_are_used_again_until_they_near_their_end() {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path(), NOW).unwrap();
        let first = contents(folder.path());
        prepare(folder.path(), NOW.plus(DAY * 58)).unwrap();
        assert_eq!(contents(folder.path()), first);

        let later = NOW.plus(DAY * 60);
        prepare(folder.path(), later).unwrap();
        let second = contents(folder.path());
        assert_eq!(second[..2], first[..2], "the authority stays");
        assert_ne!(second[2], first[2], "the server's is new");
        assert!(trusted(folder.path(), "localhost", later));

        let late = NOW.plus(DAY * 300);
        prepare(folder.path(), late).unwrap();
        assert_ne!(contents(folder.path())[0], first[0], "the authority is new");
        assert!(trusted(folder.path(), "localhost", late));
    }

    #[test]
    fn what_is_lost_or_damaged_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        for damage in ["server.crt", "server.key", "ca.key", "ca.crt"] {
            prepare(folder.path(), NOW).unwrap();
            std::fs::write(folder.path().join(damage), "damaged").unwrap();
            prepare(folder.path(), NOW).unwrap();
            assert!(trusted(folder.path(), "127.0.0.1", NOW), "{damage}");
        }
    }
}
