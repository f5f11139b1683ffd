//! What is made of the settings, again when a file has changed.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};

use super::verify::Verifier;
use super::{OWN_CHAIN, OWN_FILE, OWN_KEY, OwnCertificate, TRUSTED, TRUSTED_FILE, Tls, Trusted, pem};
use crate::fault::SecurityFault;

/// Makes TLS of plain connections. Files are looked at for each connection and read when they have changed.
pub(crate) struct Connector {
    settings: Tls,
    loaded: Mutex<Option<(Stamps, Arc<ClientConfig>)>>,
}

/// When each file was last written, and how long it is.
type Stamps = Vec<Option<(SystemTime, u64)>>;

impl Connector {
    pub(crate) fn new(settings: Tls) -> Connector {
        Connector { settings, loaded: Mutex::new(None) }
    }

    /// For a new connection. Files that have become unreadable, or are only half written, leave what was read before.
    pub(crate) fn current(&self) -> Result<Arc<ClientConfig>, SecurityFault> {
        let stamps = stamps(&self.settings);
        let mut loaded = self.loaded.lock();
        match &*loaded {
            Some((known, config)) if *known == stamps => return Ok(config.clone()),
            _ => {}
        }
        match (client_config(&self.settings), &*loaded) {
            (Ok(config), _) => {
                let config = Arc::new(config);
                *loaded = Some((stamps, config.clone()));
                Ok(config)
            }
            (Err(why), Some((_, config))) => {
                tracing::warn!(error = %why, "certificates have changed and cannot be used; those from before stay in use");
                Ok(config.clone())
            }
            (Err(why), None) => Err(why),
        }
    }
}

fn stamps(settings: &Tls) -> Stamps {
    let stamp = |path: &Path| {
        let file = std::fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    let mut stamps = Vec::new();
    if let Trusted::File(path) = &settings.trusted {
        stamps.push(stamp(path));
    }
    if let Some(OwnCertificate::File(path)) = &settings.own {
        stamps.push(stamp(path));
    }
    stamps
}

fn client_config(settings: &Tls) -> Result<ClientConfig, SecurityFault> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (key, roots, themselves) = trusted(&settings.trusted)?;
    let verifier = Verifier::new(roots, themselves, settings.check_name, provider.clone());
    let verifier = verifier.map_err(|why| SecurityFault::config(key, format!("nobody can be trusted: {why}")))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| SecurityFault::config("security.protocol", why.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some(own) = &settings.own else { return Ok(builder.with_no_client_auth()) };
    let (key, chain, private) = match own {
        OwnCertificate::File(path) => {
            let both = pem::file(OWN_FILE, path)?;
            (OWN_FILE, pem::certificates(OWN_FILE, &both)?, pem::private_key(OWN_FILE, &both)?)
        }
        OwnCertificate::Pem { chain, key } => {
            let chain = pem::certificates(OWN_CHAIN, pem::lines(chain).as_bytes())?;
            (OWN_KEY, chain, pem::private_key(OWN_KEY, pem::lines(key).as_bytes())?)
        }
    };
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|why| SecurityFault::config(key, format!("the certificate and its key cannot be used: {why}")))
}

type Roots = (&'static str, RootCertStore, Vec<rustls::pki_types::CertificateDer<'static>>);

fn trusted(settings: &Trusted) -> Result<Roots, SecurityFault> {
    let mut roots = RootCertStore::empty();
    let (key, listed) = match settings {
        Trusted::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok((TRUSTED_FILE, roots, Vec::new()));
        }
        Trusted::File(path) => (TRUSTED_FILE, pem::certificates(TRUSTED_FILE, &pem::file(TRUSTED_FILE, path)?)?),
        Trusted::Pem(text) => (TRUSTED, pem::certificates(TRUSTED, pem::lines(text).as_bytes())?),
    };
    for certificate in &listed {
        let added = roots.add(certificate.clone());
        added.map_err(|why| SecurityFault::config(key, format!("a certificate cannot be used: {why}")))?;
    }
    Ok((key, roots, listed))
}
