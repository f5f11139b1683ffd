//! What the user has decided.

mod documents;
pub mod keys;
pub mod urls;

use std::time::Duration;

use connector_api::config::{Config, Secret};
use connector_api::{Error, Result};
use reqwest::Url;

pub use documents::{Documents, OnMalformed, OnNull, Resource};

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
    /// The ingest pipeline.
    pub pipeline: Option<String>,
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
    Aws(Aws),
}

/// Signatures for Amazon's service.
#[derive(Clone)]
pub struct Aws {
    pub region: String,
    pub service: String,
    /// Access key, secret, session token; otherwise they are looked for where Amazon's tools do.
    pub keys: Option<(String, Secret, Option<Secret>)>,
    pub profile: Option<String>,
}

/// Certificates; a text in PEM goes before a file.
pub struct Tls {
    pub trusted_file: Option<String>,
    pub trusted: Option<Secret>,
    pub client_file: Option<String>,
    pub client_chain: Option<Secret>,
    pub client_key: Option<Secret>,
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
        Ok(Settings { connection: connection(config)?, documents: Documents::new(config)?, requests: requests(config) })
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
        pipeline: documents::text(config, "ingest.pipeline.name"),
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
    let aws = aws(config)?;
    let login = plain_login(config)?;
    match (aws, login) {
        (None, login) => Ok(login),
        (Some(aws), Login::Nobody) => Ok(Login::Aws(aws)),
        (Some(_), _) => {
            let what =
                "`aws.signing.region` asks for signatures, and a user or API key is set too; only one can log in.";
            Err(Error::bad_config("aws.signing.region", what))
        }
    }
}

fn aws(config: &Config) -> Result<Option<Aws>> {
    let secret = |key: &str| config.password(key).filter(|text| !text.reveal().trim().is_empty()).cloned();
    let (id, key) = (documents::text(config, "aws.access.key.id"), secret("aws.secret.access.key"));
    let (token, profile) = (secret("aws.session.token"), documents::text(config, "aws.profile"));
    let keys = match (id, key, token) {
        (Some(id), Some(key), token) => Some((id, key, token)),
        (None, None, None) => None,
        (Some(_), None, _) => {
            let what = "`aws.access.key.id` is set, but its secret is not.";
            return Err(Error::bad_config("aws.secret.access.key", what));
        }
        (None, ..) => {
            let what = "A secret or session token is set, but `aws.access.key.id` is not.";
            return Err(Error::bad_config("aws.access.key.id", what));
        }
    };
    if keys.is_some() && profile.is_some() {
        let what = "`aws.access.key.id` and `aws.profile` are both set; set one of them.";
        return Err(Error::bad_config("aws.profile", what));
    }
    let Some(region) = documents::text(config, "aws.signing.region") else {
        return match keys.is_some() || profile.is_some() {
            true => Err(Error::bad_config(
                "aws.signing.region",
                "AWS credentials are set, but not `aws.signing.region`, without which nothing is signed.",
            )),
            false => Ok(None),
        };
    };
    Ok(Some(Aws { region, service: config.text("aws.signing.service").to_lowercase(), keys, profile }))
}

fn plain_login(config: &Config) -> Result<Login> {
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
            (&[("aws.access.key.id", "a")], "aws.secret.access.key"),
            (&[("aws.session.token", "t")], "aws.access.key.id"),
            (&[("aws.profile", "p")], "aws.signing.region"),
            (&[("aws.access.key.id", "a"), ("aws.secret.access.key", "s"), ("aws.profile", "p")], "aws.profile"),
            (&[("aws.signing.region", "r"), ("connection.api.key", "k")], "aws.signing.region"),
            (&[("elastic.security.protocol", "ssl")], "connection.url"),
            (&[("external.version.header", "v"), ("write.method", "upsert")], "external.version.header"),
            (&[("version.field", "v"), ("use.autogenerated.ids", "true")], "version.field"),
            (&[("version.field", "v"), ("behavior.on.null.values", "delete")], "version.field"),
            (&[("index.name.format", "${field(a)}"), ("behavior.on.null.values", "delete")], "index.name.format"),
            (&[("routing.format", "${field(a)}"), ("behavior.on.null.values", "delete")], "routing.format"),
            (&[("index.name.format", "a"), ("topic.index.map", "a:b")], "topic.index.map"),
            (&[("topic.index.map", "a")], "topic.index.map"),
            (&[("external.resource.usage", "INDEX")], "topic.to.external.resource.mapping"),
            (
                &[
                    ("external.resource.usage", "INDEX"),
                    ("topic.to.external.resource.mapping", "a:b,c:d"),
                    ("max.external.resource.mappings", "1"),
                ],
                "topic.to.external.resource.mapping",
            ),
            (&[("data.stream.type", "logs")], "data.stream.dataset"),
            (&[("data.stream.type", "logs"), ("data.stream.dataset", "a-b")], "data.stream.dataset"),
            (&[("data.stream.type", "logs"), ("data.stream.dataset", "a"), ("write.method", "upsert")], "write.method"),
            (
                &[("data.stream.type", "logs"), ("data.stream.dataset", "a"), ("behavior.on.null.values", "delete")],
                "behavior.on.null.values",
            ),
            (&[("use.autogenerated.ids", "true"), ("write.method", "upsert")], "use.autogenerated.ids"),
            (&[("ingest.pipeline.name", "p"), ("write.method", "upsert")], "ingest.pipeline.name"),
        ] {
            let error = settings(pairs).err().unwrap();
            assert_eq!(*error.decision(), connector_api::Decision::BadConfig { key: key.to_owned() });
        }
    }
}
