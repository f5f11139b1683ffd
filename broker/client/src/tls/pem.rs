//! Certificates and keys out of PEM text.

use std::fmt::Display;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::fault::SecurityFault;

/// The largest file that is read: thousands of certificates.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The first bytes of a Java keystore.
const JKS: [u8; 4] = [0xFE, 0xED, 0xFE, 0xED];

/// Whether it is DER, in which PKCS#12 files and single certificates come: a sequence with a length of several bytes.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0xff, ..])
}

/// A file's bytes, if they are text as PEM is.
pub(super) fn file(key: &'static str, path: &Path) -> Result<Vec<u8>, SecurityFault> {
    let shown = path.display();
    let cannot = |why: &dyn Display| SecurityFault::config(key, format!("cannot read {shown}: {why}"));
    let size = std::fs::metadata(path).map_err(|why| cannot(&why))?.len();
    if size > MAX_FILE {
        return Err(cannot(&format_args!("it has {size} bytes, and {MAX_FILE} are the limit")));
    }
    let bytes = std::fs::read(path).map_err(|why| cannot(&why))?;
    if bytes.starts_with(&JKS) || is_der(&bytes) {
        let how = to_pem(key, &path.to_string_lossy());
        return Err(SecurityFault::config(
            key,
            format!("{shown} is a Java keystore or PKCS#12, and PEM is read; {how}"),
        ));
    }
    Ok(bytes)
}

/// How a store of Java becomes a PEM file: a text for users.
pub fn to_pem(key: &str, path: &str) -> String {
    let stem = path.rsplit_once('.').filter(|(_, end)| !end.contains('/')).map_or(path, |(stem, _)| stem);
    if key.contains("truststore") {
        return format!("make one with `keytool -list -rfc -keystore {path} > {stem}.pem`");
    }
    format!(
        "make one with `keytool -importkeystore -srckeystore {path} -destkeystore {stem}.tmp.p12 -deststoretype PKCS12` and \
         `openssl pkcs12 -in {stem}.tmp.p12 -nodes -out {stem}.pem`"
    )
}

/// PEM that stands in one line of a properties file, spaces where lines end, as lines again. Kafka reads both.
pub(super) fn lines(text: &str) -> String {
    const DASHES: &str = "-----";
    let mut lines = String::with_capacity(text.len() + 16);
    for (at, part) in text.split(DASHES).enumerate() {
        // Labels stand between dashes, and what they enclose between the dashes of two labels.
        if at % 2 == 1 {
            lines.extend([DASHES, part.trim(), DASHES, "\n"]);
        } else {
            part.split_whitespace().for_each(|line| lines.extend([line, "\n"]));
        }
    }
    lines
}

/// All certificates in a text, at least one.
pub(super) fn certificates(key: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SecurityFault> {
    let bad = |why: &dyn Display| SecurityFault::config(key, format!("the certificates cannot be read: {why}"));
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|why| bad(&why))?;
    if found.is_empty() { Err(bad(&"there is none in PEM form")) } else { Ok(found) }
}

/// The key in a text.
pub(super) fn private_key(key: &'static str, pem: &[u8]) -> Result<PrivateKeyDer<'static>, SecurityFault> {
    if is_encrypted(pem) {
        let why = "the private key is encrypted, and only keys that are not can be read: write it decrypted with \
                   `openssl pkey -in KEY.pem -out DECRYPTED.pem`, readable by the worker's user alone, and the certificates behind it";
        return Err(SecurityFault::config(key, why));
    }
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|why| SecurityFault::config(key, format!("the private key cannot be read: {why}")))
}

fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_java_is_refused_with_the_command_that_makes_pem_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.jks");
        for first in [&JKS[..], &[0x30, 0x82]] {
            std::fs::write(&path, first).unwrap();
            let said = file("ssl.truststore.location", &path).unwrap_err().to_string();
            let shown = path.display().to_string();
            assert!(said.contains(&format!("keytool -list -rfc -keystore {shown} > ")), "{said}");
            let said = file("ssl.keystore.location", &path).unwrap_err().to_string();
            assert!(said.contains(&format!("keytool -importkeystore -srckeystore {shown} ")), "{said}");
            assert!(said.contains("openssl pkcs12 -in "), "{said}");
        }
    }

    #[test]
    fn an_encrypted_key_is_refused_with_the_command_that_decrypts_it() {
        for head in ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED"]
        {
            let said = private_key("ssl.keystore.key", head.as_bytes()).unwrap_err().to_string();
            assert!(said.contains("`openssl pkey -in") && said.contains("`ssl.keystore.key`"), "{said}");
        }
    }

    #[test]
    fn pem_in_one_line_is_pem_in_lines() {
        let text = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA==\n-----END CERTIFICATE-----\n";
        assert_eq!(lines(text), text);
        assert_eq!(lines(&text.replace('\n', " ")), text);
        assert_eq!(lines(&text.replace('\n', "")), text.replace("MIIB\nAAAA", "MIIBAAAA"));
    }

    #[test]
    fn what_holds_no_certificate_names_its_key() {
        let said = certificates("ssl.truststore.certificates", b"hello").unwrap_err().to_string();
        assert!(said.contains("none in PEM form") && said.contains("`ssl.truststore.certificates`"), "{said}");
    }
}
