//! TLS towards the log: 1.2 and 1.3, with certificates in PEM form, as Kafka's `ssl.*` keys say (KIP-651).
//!
//! | file | what it does |
//! |---|---|
//! | `pem.rs` | certificates and keys out of PEM text |
//! | `verify.rs` | whether a broker's certificate is accepted |
//! | `identity.rs` | what is made of the settings, again when a file has changed |
//! | `fault.rs` | what an error of TLS means, and which key it is about |

mod fault;
mod identity;
mod pem;
mod verify;

use std::fmt;
use std::path::PathBuf;

pub(crate) use fault::{explain, looks_like_tls};
pub(crate) use identity::Connector;
pub use pem::to_pem;

pub(crate) const TRUSTED_FILE: &str = "ssl.truststore.location";
pub(crate) const TRUSTED: &str = "ssl.truststore.certificates";
pub(crate) const OWN_FILE: &str = "ssl.keystore.location";
pub(crate) const OWN_CHAIN: &str = "ssl.keystore.certificate.chain";
pub(crate) const OWN_KEY: &str = "ssl.keystore.key";

/// How a client encrypts its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whose certificates are trusted.
    pub trusted: Trusted,
    /// The client's own certificate, for a log that asks for one.
    pub own: Option<OwnCertificate>,
    /// Whether a broker's certificate must be for the name by which it is reached.
    pub check_name: bool,
}

/// Whose certificates are trusted: authorities, or a broker's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// Whom the system trusts.
    System,
    /// Those in a file, in PEM form.
    File(PathBuf),
    /// These, in PEM form.
    Pem(String),
}

/// A certificate with those above it, and its key. The key never shows in debugging output.
#[derive(Clone, PartialEq, Eq)]
pub enum OwnCertificate {
    /// All in one file, in PEM form.
    File(PathBuf),
    /// In PEM form.
    Pem {
        /// The certificate and those above it.
        chain: String,
        /// The key, not encrypted.
        key: String,
    },
}

impl fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OwnCertificate::File(path) => f.debug_tuple("File").field(path).finish(),
            OwnCertificate::Pem { .. } => f.debug_struct("Pem").finish_non_exhaustive(),
        }
    }
}
