//! How far the server's certificate is trusted: libpq's `sslmode` on top of rustls

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// What `sslmode` and `sslrootcert` ask for
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// No TLS
    Disable,
    /// TLS if the server has it, with any certificate
    Prefer,
    /// TLS, with any certificate
    Require,
    /// TLS, with a certificate that a trusted authority signed; `names` says whether it must be this host's
    Verify { roots: Roots, names: bool },
}

/// Whose signature under a certificate counts
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    System,
    File(PathBuf),
}

impl Trust {
    pub fn new(mode: Option<&str>, root_cert: Option<PathBuf>) -> Result<Trust> {
        let given = root_cert.is_some();
        let system = root_cert.as_deref() == Some(Path::new("system"));
        let roots = root_cert.filter(|_| !system).map_or(Roots::System, Roots::File);
        match mode {
            // Anyone can get a certificate from a public authority: without the name it proves nothing.
            Some("verify-full") | None if system => Ok(Trust::Verify { roots, names: true }),
            Some(_) if system => Err(Error::usage("sslrootcert=system needs sslmode=verify-full")),
            Some("disable") => Ok(Trust::Disable),
            Some("prefer") | None => Ok(Trust::Prefer),
            // As in libpq: a root certificate that was named is used.
            Some("require") if given => Ok(Trust::Verify { roots, names: false }),
            Some("require") => Ok(Trust::Require),
            Some("verify-ca") => Ok(Trust::Verify { roots, names: false }),
            Some("verify-full") => Ok(Trust::Verify { roots, names: true }),
            Some(_) => Err(Error::usage("the target's connection string has an invalid `sslmode`")
                .hint("one of disable, prefer, require, verify-ca, verify-full")),
        }
    }

    pub fn ssl_mode(&self) -> SslMode {
        match self {
            Trust::Disable => SslMode::Disable,
            Trust::Prefer => SslMode::Prefer,
            Trust::Require | Trust::Verify { .. } => SslMode::Require,
        }
    }

    pub fn connector(&self) -> Result<MakeRustlsConnect> {
        let provider = Arc::new(ring::default_provider());
        let anchors = match self {
            Trust::Disable | Trust::Prefer | Trust::Require => None,
            Trust::Verify { roots, names } => Some(Anchors::load(roots, *names)?),
        };
        let verifier = Arc::new(Verifier { anchors, provider: Arc::clone(&provider) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal("cannot set up TLS").caused_by(error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

#[derive(Debug)]
struct Anchors {
    store: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
    names: bool,
}

impl Anchors {
    fn load(roots: &Roots, names: bool) -> Result<Anchors> {
        let certificates = match roots {
            Roots::System => rustls_native_certs::load_native_certs().certs,
            Roots::File(path) => read_certificates(path)?,
        };
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
        if usable == 0 {
            let place = match roots {
                Roots::System => "the system".to_owned(),
                Roots::File(path) => path.display().to_string(),
            };
            return Err(Error::target_side(format!("cannot verify the target's certificate: no root in {place}"))
                .hint("name a file of trusted certificates in PEM format with sslrootcert=FILE"));
        }
        Ok(Anchors { store, certificates, names })
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| {
        Error::target_side(format!("cannot read the root certificates in {}", path.display())).caused_by(error)
    })
}

/// Checks the chain to the anchors, and the name if asked to; without anchors, nothing
#[derive(Debug)]
struct Verifier {
    anchors: Option<Anchors>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(anchors) = &self.anchors else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &anchors.store, intermediates, now, algorithms) {
            // A self-signed certificate that the user trusts by name is usually marked as an authority, which webpki
            // takes for no server; that it is in force was checked before. OpenSSL, and so libpq, accept it.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if anchors.certificates.iter().any(|trusted| trusted == end_entity) => {}
            checked => checked?,
        }
        if anchors.names {
            verify_server_name(&parsed, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        match self.anchors {
            Some(_) => verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms),
            // Where any certificate will do, a signature by its owner proves nothing; and webpki does not read the
            // old X.509 version 1, which self-signed certificates may have.
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        match self.anchors {
            Some(_) => verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_mean_what_libpq_documents() {
        let trust = |mode, root: Option<&str>| Trust::new(mode, root.map(PathBuf::from)).ok();
        let verify = |roots, names| Some(Trust::Verify { roots, names });
        let file = || Roots::File(PathBuf::from("f"));
        assert_eq!(trust(None, None), Some(Trust::Prefer));
        assert_eq!(trust(Some("disable"), Some("f")), Some(Trust::Disable));
        assert_eq!(trust(Some("require"), None), Some(Trust::Require));
        assert_eq!(trust(Some("require"), Some("f")), verify(file(), false));
        assert_eq!(trust(Some("verify-ca"), Some("f")), verify(file(), false));
        assert_eq!(trust(Some("verify-full"), Some("f")), verify(file(), true));
        assert_eq!(trust(Some("verify-full"), None), verify(Roots::System, true));
        assert_eq!(trust(None, Some("system")), verify(Roots::System, true));
        assert_eq!(trust(Some("require"), Some("system")), None);
        assert_eq!(trust(Some("allow"), None), None);
    }
}
