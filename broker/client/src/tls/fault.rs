//! What an error of TLS means, and which key it is about.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::{OWN_FILE, TRUSTED_FILE};
use crate::fault::SecurityFault;

/// Whether the first bytes of what should be a frame are those of TLS: an alert or a handshake, of SSL 3 or later. As the
/// length of a frame they would be more than 300 MB.
pub(crate) fn looks_like_tls(first: &[u8]) -> bool {
    matches!(first, [0x15 | 0x16, 0x03, 0x00..=0x04, ..])
}

/// The error of a connection that was to be encrypted, as far as it can be explained. `host` is the broker's name.
pub(crate) fn explain(error: io::Error, host: &str) -> io::Error {
    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).map(|why| fault(why, host));
    match known {
        Some(fault) => fault.into(),
        None => error,
    }
}

fn fault(why: &Error, host: &str) -> SecurityFault {
    match why {
        Error::InvalidCertificate(why) => certificate(why, host),
        Error::AlertReceived(alert) => alerted(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            let why = "it does not answer in TLS; PLAINTEXT or SASL_PLAINTEXT is what its listener seems to speak";
            SecurityFault::config("security.protocol", why)
        }
        why => SecurityFault::config("security.protocol", format!("TLS with it fails: {why}")),
    }
}

fn certificate(why: &CertificateError, host: &str) -> SecurityFault {
    match why {
        CertificateError::UnknownIssuer => {
            let why = "its certificate is of an authority that is not trusted; name a PEM file with that authority's certificate";
            SecurityFault::config(TRUSTED_FILE, why)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let why = format!(
                "its certificate is not for the name `{host}` ({why}): use a name of the certificate in `bootstrap.servers` and in \
                 the brokers' `advertised.listeners`. Without a value the key lets any name pass"
            );
            SecurityFault::config("ssl.endpoint.identification.algorithm", why)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => SecurityFault::config(
            TRUSTED_FILE,
            format!("its certificate is out of date, so the broker needs a new one: {why}"),
        ),
        why => SecurityFault::config(TRUSTED_FILE, format!("its certificate is not accepted: {why}")),
    }
}

/// What the broker says about the client.
fn alerted(alert: AlertDescription) -> SecurityFault {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired
        | A::BadCertificate
        | A::UnknownCA
        | A::CertificateUnknown
        | A::CertificateExpired
        | A::CertificateRevoked
        | A::UnsupportedCertificate
        | A::AccessDenied
        | A::NoCertificate => {
            let why = format!("it does not accept the client's certificate, or asks for one and gets none ({alert:?})");
            SecurityFault::config(OWN_FILE, why)
        }
        A::ProtocolVersion | A::HandshakeFailure | A::InsufficientSecurity => {
            let why = format!(
                "it shares no version or cipher of TLS with this client, which knows 1.2 and 1.3, or asks for a certificate \
                 ({alert:?})"
            );
            SecurityFault::config(OWN_FILE, why)
        }
        alert => SecurityFault::passing("security.protocol", format!("it ends the TLS connection ({alert:?})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_from_a_frame() {
        assert!(looks_like_tls(&[0x15, 0x03, 0x03, 0x00, 0x02]));
        assert!(!looks_like_tls(&[0, 0, 1, 0]) && !looks_like_tls(&[0x15]));
    }
}
