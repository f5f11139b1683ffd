//! The keys for encryption and login: Kafka's `security.protocol`, `sasl.*` and `ssl.*`.

use broker_client::sasl::Mechanism;
use connector_api::config::ConfigType::{Password, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey};

/// What `security.protocol` may be.
pub(super) const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

const MECHANISMS: [&str; 3] = [Mechanism::ALL[0].name(), Mechanism::ALL[1].name(), Mechanism::ALL[2].name()];

const PEM_NEEDS_NONE: &str = "PEM files have no password";
const OWN_TLS: &str = "TLS 1.2 and 1.3 are used with the ciphers of rustls";
const TWO_WAYS: &str = "PLAIN and SCRAM need `sasl.jaas.config` only";

/// The keys as they stand alone in a worker's configuration, and behind `producer.`, `consumer.` and `admin.`.
pub(super) fn security_keys() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::preset("security.protocol", Text, "PLAINTEXT").check(Check::OneOf(&PROTOCOLS)).doc(
            "How to talk to the log: PLAINTEXT, SSL (encrypted by TLS), SASL_PLAINTEXT (with a login), SASL_SSL (both).",
        ))
        .and(&sasl())
        .and(&trusted())
        .and(&own())
        .and(&passed_over())
        .grouped("Security")
}

/// Whether a key, without prefix, is one of them.
pub(super) fn is_security_key(key: &str) -> bool {
    key == "security.protocol" || key.starts_with("sasl.") || key.starts_with("ssl.")
}

fn sasl() -> ConfigDef {
    ConfigDef::new()
        .key(
            ConfigKey::optional("sasl.mechanism", Text)
                .check(Check::OneOf(&MECHANISMS))
                .doc("How to log in: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Kafka's default, GSSAPI, is not offered."),
        )
        .key(ConfigKey::optional("sasl.jaas.config", Password).doc(
            "Who logs in: `org.apache.kafka.common.security.plain.PlainLoginModule required username=\"NAME\" password=\"WORD\";`, \
             for SCRAM with `org.apache.kafka.common.security.scram.ScramLoginModule`. It may hold references to config providers.",
        ))
}

fn trusted() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::optional("ssl.truststore.type", Text).doc(
            "PEM, which is also taken where nothing is set. JKS and PKCS12 are refused with the command that makes PEM of them.",
        ))
        .key(ConfigKey::optional("ssl.truststore.location", Text).check(Check::NonEmpty).doc(
            "A PEM file with the certificates of trusted authorities, or with the brokers' own. Not set, nor \
             `ssl.truststore.certificates`: whom the system trusts. Read again for a new connection when it has changed.",
        ))
        .key(ConfigKey::optional("ssl.truststore.certificates", Password).doc("The same as text, in PEM form."))
        .key(ConfigKey::optional("ssl.truststore.password", Password).no_effect(PEM_NEEDS_NONE))
        .key(
            ConfigKey::preset("ssl.endpoint.identification.algorithm", Text, "https")
                .check(Check::OneOf(&["https", ""]))
                .doc("`https`: a broker's certificate must be for its name, in `subjectAltName`. Empty: any name passes, which is unsafe."),
        )
}

fn own() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::optional("ssl.keystore.type", Text).doc("The same for the client's own certificate: PEM."))
        .key(ConfigKey::optional("ssl.keystore.location", Text).check(Check::NonEmpty).doc(
            "A PEM file with the client's key (PKCS#8, not encrypted), its certificate and those above it, for a log that asks for \
             one. Read again for a new connection when it has changed.",
        ))
        .key(
            ConfigKey::optional("ssl.keystore.certificate.chain", Password)
                .doc("The client's certificate and those above it as text, in PEM form; with `ssl.keystore.key`."),
        )
        .key(ConfigKey::optional("ssl.keystore.key", Password).doc("Its key as text, in PEM form, not encrypted."))
        .key(ConfigKey::optional("ssl.keystore.password", Password).no_effect(PEM_NEEDS_NONE))
        .key(ConfigKey::optional("ssl.key.password", Password).no_effect("keys are read decrypted only"))
}

/// Keys that a file of Kafka Connect may hold.
fn passed_over() -> ConfigDef {
    let groups: [(&'static str, &[&'static str]); 2] = [
        (
            OWN_TLS,
            &[
                "ssl.protocol",
                "ssl.enabled.protocols",
                "ssl.cipher.suites",
                "ssl.provider",
                "ssl.secure.random.implementation",
                "ssl.keymanager.algorithm",
                "ssl.trustmanager.algorithm",
                "ssl.engine.factory.class",
                "ssl.client.auth",
            ],
        ),
        (TWO_WAYS, &["sasl.client.callback.handler.class", "sasl.kerberos.*", "sasl.login.*", "sasl.oauthbearer.*"]),
    ];
    let keys = groups.into_iter().flat_map(|(why, names)| names.iter().map(move |name| (*name, why)));
    keys.fold(ConfigDef::new(), |def, (name, why)| def.key(ConfigKey::optional(name, Password).no_effect(why)))
}
