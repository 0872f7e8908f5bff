//! Clients with a certificate: self-signed or by the authority, good or bad, with or without its key.

use super::authority::Authority;
use super::mint::b64;
use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::sync::Arc;

/// A certificate and a key, which need not be its own.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn params(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    params
}

impl Identity {
    /// Nobody vouches for it.
    pub fn self_signed() -> Self {
        Self::self_signed_with(|_| {})
    }

    /// The same with changes.
    pub fn self_signed_with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(change).self_signed(&key).unwrap().der().clone();
        Self { certificate, key }
    }

    /// The authority vouches for it.
    pub fn vouched() -> Self {
        Self::vouched_with(|_| {})
    }

    /// The same with changes.
    pub fn vouched_with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = Authority::get().sign(params(change), &key);
        Self { certificate, key }
    }

    /// This certificate in the hands of somebody who has another key.
    #[must_use]
    pub fn without_key(&self) -> Self {
        Self { certificate: self.certificate.clone(), key: KeyPair::generate().unwrap() }
    }

    /// `x5t#S256` (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> String {
        b64(digest(&SHA256, &self.certificate))
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// A client that shows it.
    pub fn client(&self, alpn: &str) -> Arc<ClientConfig> {
        client(rustls::ALL_VERSIONS, alpn, Some(self))
    }
}

/// A client, with a certificate or without, that resumes its own sessions.
pub fn client(
    versions: &[&'static SupportedProtocolVersion],
    alpn: &str,
    identity: Option<&Identity>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(Authority::get().root()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(identity.key.serialize_der().into());
            let key = provider.key_provider.load_private_key(key).unwrap();
            // Unlike other ways, this one does not ask whether the key is the certificate's.
            let shown = CertifiedKey::new(vec![identity.certificate.clone()], key);
            let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(shown));
            builder.with_client_cert_resolver(resolver)
        }
    };
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    Arc::new(config)
}
