//! What the user has decided.

pub mod keys;
pub mod urls;

use std::collections::HashSet;
use std::time::Duration;

use connector_api::config::{Config, Secret};
use connector_api::{Error, Result};
use reqwest::Url;

/// All settings.
pub struct Settings {
    /// How to reach the server.
    pub connection: Connection,
    /// Which document a record becomes.
    pub documents: Documents,
    /// How documents are sent.
    pub requests: Requests,
}

/// How to reach the server.
pub struct Connection {
    pub urls: Vec<Url>,
    pub login: Login,
    pub compress: bool,
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    pub idle_time: Duration,
    pub tls: Tls,
}

/// Who logs in.
pub enum Login {
    Nobody,
    User(String, Secret),
    ApiKey(Secret),
}

/// Certificates; a text in PEM goes before a file.
pub struct Tls {
    pub trusted_file: Option<String>,
    pub trusted: Option<Secret>,
    pub client_file: Option<String>,
    pub client_chain: Option<Secret>,
    pub client_key: Option<Secret>,
}

/// Which document a record becomes.
#[derive(Clone, Debug)]
pub struct Documents {
    pub ignore_keys: bool,
    pub ignore_keys_of: HashSet<String>,
    pub upsert: bool,
    pub on_null: OnNull,
    pub on_malformed: OnMalformed,
    pub drop_invalid: bool,
    pub version_header: Option<String>,
}

/// What a record without a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNull {
    Ignore,
    Delete,
    Fail,
}

/// What happens to a document that the server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMalformed {
    Ignore,
    Warn,
    Fail,
}

/// How documents are sent.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    pub documents: usize,
    pub bytes: usize,
    pub in_flight: usize,
    pub retries: u32,
    pub backoff: Duration,
    pub linger: Duration,
    pub buffered: usize,
}

impl Settings {
    /// Reads what the single keys say, and what they say together.
    pub fn new(config: &Config) -> Result<Settings> {
        Ok(Settings { connection: connection(config)?, documents: documents(config)?, requests: requests(config) })
    }
}

fn connection(config: &Config) -> Result<Connection> {
    let urls = urls::parse_urls(&config.list("connection.url").join(","))
        .map_err(|why| Error::bad_config("connection.url", format!("`connection.url` is wrong: {why}.")))?;
    if is(config, "elastic.security.protocol", "SSL") && urls.iter().any(|url| url.scheme() != "https") {
        let what =
            "`elastic.security.protocol` is `SSL`, but an address in `connection.url` does not begin with `https`.";
        return Err(Error::bad_config("connection.url", what));
    }
    let pem = |key: &str| config.password(key).filter(|text| !text.reveal().trim().is_empty()).cloned();
    let file = |key: &str| config.optional(key).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Connection {
        urls,
        login: login(config)?,
        compress: config.boolean("connection.compression"),
        connect_timeout: config.millis("connection.timeout.ms"),
        read_timeout: config.millis("read.timeout.ms"),
        idle_time: config.millis("max.connection.idle.time.ms"),
        tls: Tls {
            trusted_file: file("elastic.https.ssl.truststore.location"),
            trusted: pem("elastic.https.ssl.truststore.certificates"),
            client_file: file("elastic.https.ssl.keystore.location"),
            client_chain: pem("elastic.https.ssl.keystore.certificate.chain"),
            client_key: pem("elastic.https.ssl.keystore.key"),
        },
    })
}

fn login(config: &Config) -> Result<Login> {
    let user = config.optional("connection.username").filter(|user| !user.is_empty());
    let password = config.password("connection.password").filter(|password| !password.reveal().is_empty());
    let api_key = config.password("connection.api.key").filter(|key| !key.reveal().trim().is_empty());
    match (user, password, api_key) {
        (None, None, None) => Ok(Login::Nobody),
        (None, None, Some(key)) => Ok(Login::ApiKey(key.clone())),
        (Some(user), Some(password), None) => Ok(Login::User(user.to_owned(), password.clone())),
        (_, _, Some(_)) => {
            let what = "`connection.api.key` and a user are both set; only one of them can log in.";
            Err(Error::bad_config("connection.api.key", what))
        }
        (Some(_), None, None) => {
            Err(Error::bad_config("connection.password", "`connection.username` is set, but its password is not."))
        }
        (None, Some(_), None) => {
            Err(Error::bad_config("connection.username", "`connection.password` is set, but the user is not."))
        }
    }
}

fn documents(config: &Config) -> Result<Documents> {
    let documents = Documents {
        ignore_keys: config.boolean("key.ignore"),
        ignore_keys_of: config.list("topic.key.ignore").iter().cloned().collect(),
        upsert: is(config, "write.method", "UPSERT"),
        on_null: match config.text("behavior.on.null.values").to_ascii_uppercase().as_str() {
            "IGNORE" => OnNull::Ignore,
            "DELETE" => OnNull::Delete,
            _ => OnNull::Fail,
        },
        on_malformed: match config.text("behavior.on.malformed.documents").to_ascii_uppercase().as_str() {
            "IGNORE" => OnMalformed::Ignore,
            "WARN" => OnMalformed::Warn,
            _ => OnMalformed::Fail,
        },
        drop_invalid: config.boolean("drop.invalid.message"),
        version_header: config.optional("external.version.header").filter(|name| !name.is_empty()).map(str::to_owned),
    };
    if documents.version_header.is_some() && (documents.upsert || documents.ignore_keys) {
        let what = "`external.version.header` needs ids from keys and `write.method` `INSERT`: the server has no versions \
                    for merged documents, and ids from offsets occur once.";
        return Err(Error::bad_config("external.version.header", what));
    }
    Ok(documents)
}

fn requests(config: &Config) -> Requests {
    Requests {
        documents: config.count("batch.size").max(1),
        bytes: config.count("bulk.size.bytes").max(1),
        in_flight: config.count("max.in.flight.requests").max(1),
        retries: u32::try_from(config.count("max.retries")).unwrap_or(u32::MAX),
        backoff: config.millis("retry.backoff.ms"),
        linger: config.millis("linger.ms"),
        buffered: config.count("max.buffered.records").max(1),
    }
}

fn is(config: &Config, key: &str, word: &str) -> bool {
    config.text(key).eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::config::RawConfig;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings> {
        let mut raw = RawConfig::from([("connection.url".to_owned(), "http://a".to_owned())]);
        raw.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Settings::new(&keys::definition().check(&raw).into_result().unwrap())
    }

    #[test]
    fn words_are_taken_in_any_case() {
        let settings = settings(&[("write.method", "upsert"), ("behavior.on.null.values", "delete")]).unwrap();
        assert!(settings.documents.upsert);
        assert_eq!(settings.documents.on_null, OnNull::Delete);
        assert_eq!(settings.documents.on_malformed, OnMalformed::Fail);
        assert_eq!((settings.requests.documents, settings.requests.bytes), (2000, 5 << 20));
    }

    #[test]
    fn keys_that_contradict_each_other_are_named() {
        for (pairs, key) in [
            (&[("connection.username", "u")][..], "connection.password"),
            (&[("connection.password", "p")], "connection.username"),
            (
                &[("connection.username", "u"), ("connection.password", "p"), ("connection.api.key", "k")],
                "connection.api.key",
            ),
            (&[("elastic.security.protocol", "ssl")], "connection.url"),
            (&[("external.version.header", "v"), ("write.method", "upsert")], "external.version.header"),
        ] {
            let error = settings(pairs).err().unwrap();
            assert_eq!(*error.decision(), connector_api::Decision::BadConfig { key: key.to_owned() });
        }
    }
}
