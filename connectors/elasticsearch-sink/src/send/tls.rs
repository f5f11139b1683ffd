//! TLS towards the servers.

use std::sync::Arc;

use connector_api::config::Secret;
use connector_api::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::config::Tls;

const TRUSTED_FILE: &str = "elastic.https.ssl.truststore.location";
const TRUSTED: &str = "elastic.https.ssl.truststore.certificates";
const CLIENT_FILE: &str = "elastic.https.ssl.keystore.location";
const CLIENT_CHAIN: &str = "elastic.https.ssl.keystore.certificate.chain";
const CLIENT_KEY: &str = "elastic.https.ssl.keystore.key";

/// TLS 1.2 and 1.3, with names checked always.
pub fn client_config(settings: &Tls) -> Result<ClientConfig> {
    let builder = versions()?.with_root_certificates(trusted(settings)?);
    match client(settings)? {
        None => Ok(builder.with_no_client_auth()),
        Some((key, chain, private)) => builder
            .with_client_auth_cert(chain, private)
            .map_err(|why| Error::bad_config(key, format!("the certificate and key in `{key}` do not do: {why}."))),
    }
}

/// Trusts nobody: for addresses without TLS.
pub fn nobody() -> Result<ClientConfig> {
    Ok(versions()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn versions() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| Error::fatal("cannot set TLS up").caused_by(why))
}

/// The server's certificate is not accepted, or the server does not accept ours. A new certificate may heal it.
pub fn refused(url: &str, why: &str) -> Error {
    Error::fail(format!("TLS with {url} fails: {why}")).remedy(
        "Name the authority of the server's certificate in `elastic.https.ssl.truststore.location`, and the server in \
         `connection.url` as in its certificate; for a server that asks for a certificate set \
         `elastic.https.ssl.keystore.location`.",
    )
}

fn trusted(settings: &Tls) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (key, found) = match (&settings.trusted, &settings.trusted_file) {
        (Some(text), _) => (TRUSTED, certificates(TRUSTED, text.reveal().as_bytes())?),
        (None, Some(path)) => (TRUSTED_FILE, certificates(TRUSTED_FILE, &file(TRUSTED_FILE, path)?)?),
        (None, None) => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(store);
        }
    };
    for certificate in found {
        store.add(certificate).map_err(|why| bad(key, &why))?;
    }
    Ok(store)
}

type Client = (&'static str, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client(settings: &Tls) -> Result<Option<Client>> {
    let text = |secret: &Secret| secret.reveal().as_bytes().to_vec();
    let (key, chain, private) = match (&settings.client_chain, &settings.client_key, &settings.client_file) {
        (Some(chain), Some(key), _) => (CLIENT_CHAIN, text(chain), text(key)),
        (None, None, Some(path)) => {
            let both = file(CLIENT_FILE, path)?;
            (CLIENT_FILE, both.clone(), both)
        }
        (None, None, None) => return Ok(None),
        (Some(_), None, _) => {
            return Err(Error::bad_config(CLIENT_KEY, "the client's certificate is set without its key."));
        }
        (None, Some(_), _) => {
            return Err(Error::bad_config(CLIENT_CHAIN, "the client's key is set without its certificate."));
        }
    };
    if private.windows(28).any(|part| part.starts_with(b"-----BEGIN ENCRYPTED PRIVATE")) {
        return Err(Error::bad_config(key, format!("the key in `{key}` is encrypted; store it decrypted.")));
    }
    let private = PrivateKeyDer::from_pem_slice(&private).map_err(|why| bad(key, &why))?;
    Ok(Some((key, certificates(key, &chain)?, private)))
}

fn certificates(key: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|why| bad(key, &why))?;
    if found.is_empty() { Err(bad(key, &"there is no certificate in PEM form")) } else { Ok(found) }
}

fn file(key: &'static str, path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|why| Error::bad_config(key, format!("`{key}`: cannot read `{path}`: {why}.")))
}

fn bad(key: &'static str, why: &dyn std::fmt::Display) -> Error {
    Error::bad_config(key, format!("`{key}` cannot be used: {why}."))
}
