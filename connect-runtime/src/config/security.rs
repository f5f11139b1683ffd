//! How clients protect their connections and log in: read from the keys.

use std::path::PathBuf;

use broker_client::Security;
use broker_client::sasl::{Credentials, Mechanism, Sasl};
use broker_client::tls::{OwnCertificate, Tls, Trusted, to_pem};
use connector_api::config::{Config, Issue, RawConfig};

use super::jaas;
use super::raw::behind;
use super::security_keys::{is_security_key, security_keys};
use crate::secrets::references;

const PROTOCOL: &str = "security.protocol";
const JAAS: &str = "sasl.jaas.config";

/// The keys for security that stand in a configuration behind a prefix, without it.
fn of_layer(raw: &RawConfig, prefix: &str) -> RawConfig {
    let mut keys = behind(raw, prefix);
    keys.retain(|key, _| is_security_key(key));
    keys
}

/// The keys of a worker that say how its clients connect.
pub fn security_part(worker: &RawConfig) -> RawConfig {
    of_layer(worker, "")
}

/// How the worker's clients connect.
pub fn worker_security(worker: &RawConfig) -> Result<Security, Vec<Issue>> {
    read(&of_layer(worker, ""))
}

/// What there is to say about a worker's own keys beyond single ones. Values that are references are not looked into.
pub(super) fn worker_issues(worker: &RawConfig) -> Vec<Issue> {
    let own = of_layer(worker, "");
    if own.values().any(|value| !references(value).is_empty()) { Vec::new() } else { issues(&own) }
}

/// Errors, and warnings of what is unsafe or has no effect.
fn issues(raw: &RawConfig) -> Vec<Issue> {
    let config = security_keys().read(raw).config;
    match of(&config) {
        Ok(security) => warnings(raw, &security),
        Err(issue) => vec![issue],
    }
}

fn read(raw: &RawConfig) -> Result<Security, Vec<Issue>> {
    let config = security_keys().check(raw).into_result()?;
    of(&config).map_err(|issue| vec![issue])
}

fn warnings(raw: &RawConfig, security: &Security) -> Vec<Issue> {
    let mut issues = Vec::new();
    let without = |start: &str, protocols: &str| {
        let set = raw.keys().find(|key| key.starts_with(start) && security_keys().find(key).is_some());
        let message = |key: &String| format!("`{key}` has no effect with this `{PROTOCOL}`; it is for {protocols}.");
        set.map(|key| Issue::warning(key, message(key)))
    };
    match &security.tls {
        None => issues.extend(without("ssl.", "SSL and SASL_SSL")),
        Some(tls) if !tls.check_name => {
            let key = "ssl.endpoint.identification.algorithm";
            let message = format!(
                "UNSAFE: `{key}` is empty, so the names in the brokers' certificates are not checked, and whoever has any \
                 certificate of a trusted authority can pose as a broker."
            );
            issues.push(Issue::warning(key, message));
        }
        Some(_) => {}
    }
    match &security.sasl {
        None => issues.extend(without("sasl.", "SASL_PLAINTEXT and SASL_SSL")),
        Some(sasl) if sasl.mechanism == Mechanism::Plain && security.tls.is_none() => {
            let message = "UNSAFE: PLAIN over SASL_PLAINTEXT sends the password readable for everybody on the way; use SASL_SSL, or \
                           SCRAM.";
            issues.push(Issue::warning(PROTOCOL, message));
        }
        Some(_) => {}
    }
    issues
}

fn of(config: &Config) -> Result<Security, Issue> {
    let protocol = config.text(PROTOCOL).to_ascii_uppercase();
    let tls = protocol.ends_with("SSL").then(|| tls(config)).transpose()?;
    let sasl = protocol.starts_with("SASL").then(|| sasl(config)).transpose()?;
    Ok(Security { tls, sasl })
}

fn wrong(key: &str, why: impl std::fmt::Display) -> Issue {
    Issue::error(key, format!("`{key}` is wrong: {why}."))
}

fn tls(config: &Config) -> Result<Tls, Issue> {
    only_pem(config, "ssl.truststore")?;
    only_pem(config, "ssl.keystore")?;
    let secret = |key: &str| config.password(key).map(|text| text.reveal().to_owned());
    let trusted = match (config.optional("ssl.truststore.location"), secret("ssl.truststore.certificates")) {
        (Some(_), Some(_)) => {
            return Err(wrong("ssl.truststore.certificates", "set either it or `ssl.truststore.location`"));
        }
        (Some(path), None) => Trusted::File(PathBuf::from(path)),
        (None, Some(text)) => Trusted::Pem(text),
        (None, None) => Trusted::System,
    };
    let (file, chain, key) = ("ssl.keystore.location", "ssl.keystore.certificate.chain", "ssl.keystore.key");
    let own = match (config.optional(file), secret(chain), secret(key)) {
        (None, None, None) => None,
        (Some(path), None, None) => Some(OwnCertificate::File(PathBuf::from(path))),
        (None, Some(chain), Some(key)) => Some(OwnCertificate::Pem { chain, key }),
        (None, Some(_), None) => return Err(wrong(chain, format_args!("it needs `{key}` beside it"))),
        (None, None, Some(_)) => return Err(wrong(key, format_args!("it needs `{chain}` beside it"))),
        (Some(_), ..) => return Err(wrong(file, format_args!("set either it, or `{chain}` and `{key}`"))),
    };
    let check_name = !config.text("ssl.endpoint.identification.algorithm").is_empty();
    Ok(Tls { trusted, own, check_name })
}

fn only_pem(config: &Config, store: &str) -> Result<(), Issue> {
    let key = format!("{store}.type");
    match config.optional(&key) {
        None => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("PEM") => Ok(()),
        Some(_) => {
            let location = format!("{store}.location");
            let how = to_pem(store, config.optional(&location).unwrap_or("FILE"));
            Err(wrong(&key, format_args!("only PEM is read; {how}, name that in `{location}` and set `{key}=PEM`")))
        }
    }
}

fn sasl(config: &Config) -> Result<Sasl, Issue> {
    let named = config.optional("sasl.mechanism").map(str::to_ascii_uppercase);
    let mechanism = Mechanism::ALL.into_iter().find(|known| named.as_deref() == Some(known.name()));
    let mechanism = mechanism.ok_or_else(|| {
        let why = "it has to be set to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; Kafka's default, GSSAPI, is not offered";
        wrong("sasl.mechanism", why)
    })?;
    let line = config.password(JAAS).ok_or_else(|| wrong(JAAS, "a login needs it"))?;
    let jaas = jaas::parse(line.reveal()).map_err(|why| wrong(JAAS, why))?;
    let module = match mechanism {
        Mechanism::Plain => "PlainLoginModule",
        Mechanism::ScramSha256 | Mechanism::ScramSha512 => "ScramLoginModule",
    };
    if jaas.class.rsplit('.').next() != Some(module) {
        return Err(wrong(JAAS, format_args!("{} needs the class `{module}` in it", mechanism.name())));
    }
    if jaas.option("tokenauth").is_some_and(|token| token.eq_ignore_ascii_case("true")) {
        return Err(wrong(JAAS, "delegation tokens (`tokenauth`) are not offered"));
    }
    let option = |name: &str| match jaas.option(name) {
        None | Some("") => Err(wrong(JAAS, format_args!("it has no `{name}=\"..\"`"))),
        // In PLAIN a zero byte ends the name.
        Some(value) if value.contains('\0') => Err(wrong(JAAS, format_args!("a zero byte stands in `{name}`"))),
        Some(value) => Ok(value.to_owned()),
    };
    Ok(Sasl { mechanism, credentials: Credentials { username: option("username")?, password: option("password")? } })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAM: &str =
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"bob\" password=\"s3cret\";";

    fn raw(pairs: &[(&str, &str)]) -> RawConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn said(pairs: &[(&str, &str)]) -> String {
        issues(&raw(pairs)).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_protocol_asks_for_what_it_needs() {
        assert_eq!(said(&[]), "");
        assert_eq!(said(&[("security.protocol", "SSL")]), "");
        assert!(said(&[("security.protocol", "sasl_ssl")]).contains("`sasl.mechanism` is wrong: it has to be set"));
        let sasl =
            [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", SCRAM)];
        assert_eq!(said(&sasl), "");
        assert!(said(&sasl[..2]).contains("`sasl.jaas.config` is wrong: a login needs it"));
        let plain = [sasl[0], ("sasl.mechanism", "PLAIN"), sasl[2]];
        assert!(said(&plain).contains("PLAIN needs the class `PlainLoginModule`"));
        assert!(said(&sasl[1..]).contains("has no effect with this `security.protocol`"));
    }

    #[test]
    fn stores_of_java_are_refused_with_the_command_to_turn_them_into_pem() {
        let jks =
            [("security.protocol", "SSL"), ("ssl.truststore.type", "JKS"), ("ssl.truststore.location", "/t/a.jks")];
        let said_of_jks = said(&jks);
        assert!(said_of_jks.contains("`keytool -list -rfc -keystore /t/a.jks > /t/a.pem`"), "{said_of_jks}");
        let key =
            [("security.protocol", "SSL"), ("ssl.keystore.type", "PKCS12"), ("ssl.keystore.location", "/t/a.p12")];
        assert!(said(&key).contains("openssl pkcs12 -in"), "{}", said(&key));
    }

    #[test]
    fn what_is_unsafe_is_said_loudly() {
        let any_name = [("security.protocol", "SSL"), ("ssl.endpoint.identification.algorithm", "")];
        assert!(said(&any_name).starts_with("UNSAFE: `ssl.endpoint.identification.algorithm` is empty"));
        let plain = SCRAM.replace("scram.Scram", "plain.Plain");
        let open = [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", plain.as_str()),
        ];
        assert!(said(&open).starts_with("UNSAFE: PLAIN over SASL_PLAINTEXT"));
    }

    #[test]
    fn no_password_is_ever_shown() {
        let bad = format!("{SCRAM} x");
        let config =
            raw(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", &bad)]);
        let issues = worker_security(&config).unwrap_err();
        assert!(!format!("{issues:?}").contains("s3cret"));
        let mut good = config;
        good.insert("sasl.jaas.config".to_owned(), SCRAM.to_owned());
        assert!(!format!("{:?}", worker_security(&good).unwrap()).contains("s3cret"));
    }
}
