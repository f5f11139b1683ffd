//! Keys: TLS, for addresses that begin with `https`.

use connector_api::config::{ConfigDef, Importance};

use super::{List, Password, Text, choice, idle, nothing, optional, refused};

/// The keys.
pub fn keys() -> ConfigDef {
    const JAVA: &str = "it concerns Java's TLS";
    const PEM: &str =
        "certificates and keys are read as PEM; `keytool -exportcert -rfc` and `openssl pkcs12` convert others";
    ConfigDef::new()
        .key(optional(
            "elastic.https.ssl.truststore.location",
            Text,
            "PEM file of the authorities that may have signed the server's certificate. By default those that the system \
             trusts.",
        ))
        .key(optional(
            "elastic.https.ssl.truststore.certificates",
            Password,
            "The same, written here instead of in a file.",
        ))
        .key(choice("elastic.https.ssl.truststore.type", "PEM", &["PEM", "JKS", "PKCS12"], "Its form.").only(&["PEM"], PEM))
        .key(optional(
            "elastic.https.ssl.keystore.location",
            Text,
            "PEM file of the client's certificate and its key, for servers that ask for one.",
        ))
        .key(optional(
            "elastic.https.ssl.keystore.certificate.chain",
            Password,
            "The client's certificate, in PEM, written here instead of in a file; together with `...keystore.key`.",
        ))
        .key(optional("elastic.https.ssl.keystore.key", Password, "The client's key, in PEM, not encrypted."))
        .key(choice("elastic.https.ssl.keystore.type", "PEM", &["PEM", "JKS", "PKCS12"], "Its form.").only(&["PEM"], PEM))
        .key(
            choice(
                "elastic.https.ssl.endpoint.identification.algorithm",
                "https",
                &["https"],
                "How the server's name is checked.",
            )
            .importance(Importance::Low),
        )
        .key(idle("elastic.https.ssl.truststore.password", Password, "a file of certificates has none"))
        .key(idle("elastic.https.ssl.keystore.password", Password, "keys must be stored decrypted"))
        .key(idle("elastic.https.ssl.key.password", Password, "keys must be stored decrypted; an encrypted one is refused"))
        .key(refused("elastic.https.ssl.cipher.suites", List, "Ciphers.", |text| {
            nothing(text, "the ciphers of TLS 1.2 and 1.3 that are safe are used, and no others")
        }))
        .key(idle("elastic.https.ssl.enabled.protocols", List, "TLS 1.2 and 1.3 are used, and no others"))
        .key(idle("elastic.https.ssl.protocol", Text, "TLS 1.2 and 1.3 are used, and no others"))
        .key(idle("elastic.https.ssl.provider", Text, JAVA))
        .key(idle("elastic.https.ssl.keymanager.algorithm", Text, JAVA))
        .key(idle("elastic.https.ssl.trustmanager.algorithm", Text, JAVA))
        .key(idle("elastic.https.ssl.secure.random.implementation", Text, JAVA))
        .key(idle("elastic.https.ssl.engine.factory.class", Text, JAVA))
}
