//! TLS towards the server, with libpq's modes (PostgreSQL documentation, "SSL Support").

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Address, Fault, Socket};

/// How far TLS is asked for. The modes `allow` and `prefer` are the same here: TLS if the server offers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// If the server offers it; the certificate is not checked.
    Prefer,
    /// Always; the certificate is not checked.
    Require,
    /// Always; the certificate must come from a known authority.
    VerifyCa,
    /// Always; the certificate must come from a known authority and be the host's.
    VerifyFull,
}

/// The TLS part of the configuration.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// How far.
    pub mode: SslMode,
    /// PEM file of the authorities that are trusted.
    pub root: Option<PathBuf>,
    /// PEM file of the client's certificate and those above it.
    pub certificate: Option<PathBuf>,
    /// The client's key: PEM, or PKCS#8 in DER; not encrypted.
    pub key: Option<PathBuf>,
}

/// Wraps a socket on which the server has agreed to TLS.
pub async fn wrap(
    settings: &TlsSettings,
    address: &Address,
    socket: Box<dyn Socket>,
) -> Result<Box<dyn Socket>, Fault> {
    let name = server_name(settings.mode, &address.host)?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client_config(settings)?));
    match connector.connect(name, socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(why) => Err(tls(key_of(why), format!("TLS with {address} failed: {why}"))),
            None => Err(Fault::Lost(error)),
        },
    }
}

fn key_of(why: &rustls::Error) -> &'static str {
    match why {
        rustls::Error::InvalidCertificate(CertificateError::NotValidForName) => "database.hostname",
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }) => "database.hostname",
        rustls::Error::InvalidCertificate(_) => "database.sslrootcert",
        rustls::Error::AlertReceived(_) => "database.sslcert",
        _ => "database.sslmode",
    }
}

fn tls(key: &'static str, why: impl Into<String>) -> Fault {
    Fault::Tls { key, why: why.into() }
}

fn server_name(mode: SslMode, host: &str) -> Result<ServerName<'static>, Fault> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if mode != SslMode::VerifyFull => {
            ServerName::try_from("postgres.invalid").map_err(|_| tls("database.hostname", "not a host name"))
        }
        Err(_) => Err(tls("database.hostname", "`database.hostname` is not a name that a certificate can carry")),
    }
}

fn client_config(settings: &TlsSettings) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| tls("database.sslmode", error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(settings, provider)?);
    match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("database.sslcert", certificate)?;
            let refused =
                |error: rustls::Error| tls("database.sslkey", format!("the client's key is unusable: {error}"));
            builder.with_client_auth_cert(chain, private_key(key)?).map_err(refused)
        }
        (Some(_), None) => Err(tls("database.sslkey", "`database.sslcert` needs `database.sslkey`")),
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn verifier(settings: &TlsSettings, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    let Some(roots) = roots(settings)? else { return Ok(Arc::new(AnyCertificate(provider))) };
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| tls("database.sslrootcert", format!("the authorities are unusable: {error}")))?;
    if settings.mode == SslMode::VerifyFull { Ok(inner) } else { Ok(Arc::new(AnyName(inner))) }
}

fn roots(settings: &TlsSettings) -> Result<Option<RootCertStore>, Fault> {
    let verify = matches!(settings.mode, SslMode::VerifyCa | SslMode::VerifyFull);
    let path = match &settings.root {
        Some(path) if verify => path,
        None if verify => {
            let why =
                "the modes verify-ca and verify-full need `database.sslrootcert`, a PEM file of trusted authorities";
            return Err(tls("database.sslrootcert", why));
        }
        _ => return Ok(None),
    };
    let mut store = RootCertStore::empty();
    for certificate in certificates("database.sslrootcert", path)? {
        store.add(certificate).map_err(|error| tls("database.sslrootcert", format!("{}: {error}", path.display())))?;
    }
    Ok(Some(store))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let wrong =
        |error: &dyn std::fmt::Display| tls(key, format!("cannot read certificates from {}: {error}", path.display()));
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?.collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong(&"there is none in PEM form")),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(&error)),
    }
}

/// PEM in any of its forms, or the DER form that Java's driver asks for.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let wrong = |why: String| tls("database.sslkey", format!("cannot read the key in {}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    if bytes.starts_with(b"-----BEGIN ENCRYPTED") {
        return Err(wrong("it is encrypted; store it decrypted, readable by the worker alone".into()));
    }
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(_) if bytes.first() == Some(&0x30) => Ok(PrivatePkcs8KeyDer::from(bytes).into()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Takes any certificate: encryption without identity, as libpq's `require` gives.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks the authority and not the name, as libpq's `verify-ca` does.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, above, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
