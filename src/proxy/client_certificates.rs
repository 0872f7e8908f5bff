//! Certificates of clients: whether a handshake asks for one, which are taken, and by what name a token may be bound to
//! one (RFC 8705 §3). Whether a token is bound to the one that was shown is judged, in `decide/checks/binding`.
//!
//! A certificate is proof of possession here and nothing else: it names nobody, and it opens no route.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::id::CertificateThumbprint;
use crate::settings::read_certificates;

/// What is asked of clients in the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// `optional`: who has none is served, as long as the token is not bound to one. `required`: without one the
    /// handshake fails.
    pub ask: Ask,
    /// Whose certificates are taken.
    pub trust: Trust,
}

/// Whether a client may do without a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// It may.
    Optional,
    /// It may not.
    Required,
}

/// Whose certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Anybody's, self-signed and expired ones too (RFC 8705 §2.2). The client proves that it holds the key, and the
    /// token names the certificate: that is enough for a bound token, and worth nothing without one.
    Any,
    /// Those that these roots vouch for now: PEM files, watched. When they change, everybody shakes hands anew.
    Ca(Vec<PathBuf>),
}

/// Why certificates of clients cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file cannot be read, or is not PEM.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        why: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file, or it cannot be a root.
    #[error("{0}: holds no certificate that can be a root")]
    NoRoot(PathBuf),
    /// rustls does not take the roots.
    #[error(transparent)]
    Verifier(#[from] VerifierBuilderError),
}

/// The roots as they were read; none where anybody is taken.
pub(super) type Roots = Vec<CertificateDer<'static>>;

impl Trust {
    /// The files of the roots; none where anybody is taken.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        if let Self::Ca(files) = self { files } else { &[] }
    }
}

impl ClientCertificates {
    /// Reads the roots.
    pub(super) fn roots(&self) -> Result<Roots, RootsError> {
        let mut roots = Roots::new();
        for path in self.trust.files() {
            let read = read_certificates(path).map_err(|why| RootsError::Unreadable { path: path.clone(), why })?;
            if read.is_empty() || read.iter().any(|root| RootCertStore::empty().add(root.clone()).is_err()) {
                return Err(RootsError::NoRoot(path.clone()));
            }
            roots.extend(read);
        }
        Ok(roots)
    }

    /// Who judges them in the handshake.
    pub(super) fn verifier(&self, roots: &Roots) -> Result<Arc<dyn ClientCertVerifier>, RootsError> {
        let provider = super::tls::provider();
        if self.trust == Trust::Any {
            let algorithms = provider.signature_verification_algorithms;
            return Ok(Arc::new(Holder { mandatory: self.ask == Ask::Required, algorithms }));
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
        let builder = if self.ask == Ask::Optional { builder.allow_unauthenticated() } else { builder };
        Ok(builder.build()?)
    }
}

/// The name of a certificate in the tokens that are bound to it: the SHA-256 of its DER (RFC 8705 §3.1).
pub(super) fn thumbprint(certificate: &CertificateDer<'_>) -> Option<CertificateThumbprint> {
    digest(&SHA256, certificate).as_ref().try_into().ok().map(CertificateThumbprint)
}

/// Takes every certificate whose key the client proves to hold. That proof is the signature of the handshake, and it is
/// verified like any other.
#[derive(Debug)]
struct Holder {
    mandatory: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Holder {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
