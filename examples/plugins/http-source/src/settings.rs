//! The keys, and the settings read by them.

use std::time::Duration;

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, Importance, Secret, Setting};
use connector_api::{Error, Result, Topic};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// What stands before the names of headers.
const HEADERS: &str = "headers.";

/// What the user wants.
pub struct Settings {
    pub url: Url,
    /// The address as errors and positions name it: without its query, which may hold what nobody shall see.
    pub shown: String,
    pub topic: Topic,
    pub key_field: Option<String>,
    pub items_field: String,
    pub next_field: String,
    pub cursor_parameter: String,
    pub limit_parameter: String,
    pub page_size: usize,
    pub interval: Duration,
    pub headers: HeaderMap,
    pub timeout: Duration,
    pub retry_after_max: Duration,
    pub max_bytes: usize,
}

/// The keys.
pub fn definition() -> ConfigDef {
    let text = |name, preset, doc| ConfigKey::preset(name, ConfigType::String, preset).check(Check::NonEmpty).doc(doc);
    let headers = ConfigKey::optional("headers.*", ConfigType::Password).importance(Importance::High);
    ConfigDef::new()
        .key(required(
            "url",
            "Where the pages are: an `http` or `https` address. A query in it is kept; secrets belong into \
             `headers.*`.",
        ))
        .key(required("topic", "Where the items go."))
        .key(ConfigKey::optional("key.field", ConfigType::String).check(Check::NonEmpty).doc(
            "The field of each item that becomes the record's key: text, a number or a boolean. Without it records \
             have no key.",
        ))
        .key(text("items.field", "items", "The field of an answer that holds the list of items."))
        .key(text(
            "next.field",
            "next",
            "The field of an answer that holds the cursor behind its items: text or a number, or null or missing where \
             there is none yet.",
        ))
        .key(text(
            "cursor.parameter",
            "after",
            "The parameter that carries the cursor. The first request is without it.",
        ))
        .key(text("limit.parameter", "limit", "The parameter that carries `page.size`."))
        .key(number("page.size", "100", (1, 10_000), "How many items to ask for at once."))
        .key(number(
            "poll.interval.ms",
            "5000",
            (1, 86_400_000),
            "How long to wait after a page that had nothing new or no cursor behind it. Others follow one another at \
             once.",
        ))
        .key(headers.doc("Headers of every request, such as `headers.Authorization`. Never shown."))
        .key(number("request.timeout.ms", "30000", (1, 3_600_000), "How long a request may take, its answer included."))
        .key(number(
            "retry.after.max.ms",
            "3600000",
            (0, 86_400_000),
            "The longest wait that an answer of 429 or 503 may ask for.",
        ))
        .key(number("response.max.bytes", "8388608", (1, 1 << 30), "The largest answer. A larger one fails the task."))
        .grouped("HTTP")
}

fn required(name: &'static str, doc: &'static str) -> ConfigKey {
    ConfigKey::required(name, ConfigType::String).check(Check::NonEmpty).doc(doc)
}

fn number(name: &'static str, preset: &'static str, (low, high): (i64, i64), doc: &'static str) -> ConfigKey {
    ConfigKey::preset(name, ConfigType::Long, preset).check(Check::Between(low, high)).doc(doc)
}

impl Settings {
    /// Reads them. Errors never hold the address as it was written: it may hold a password.
    pub fn read(config: &Config) -> Result<Settings> {
        let url = address(config.text("url"))?;
        let text = |key| config.text(key).to_owned();
        Ok(Settings {
            shown: without_query(&url),
            url,
            topic: config.text("topic").into(),
            key_field: config.optional("key.field").map(str::to_owned),
            items_field: text("items.field"),
            next_field: text("next.field"),
            cursor_parameter: text("cursor.parameter"),
            limit_parameter: text("limit.parameter"),
            page_size: config.count("page.size"),
            interval: config.millis("poll.interval.ms"),
            headers: headers(config)?,
            timeout: config.millis("request.timeout.ms"),
            retry_after_max: config.millis("retry.after.max.ms"),
            max_bytes: config.count("response.max.bytes"),
        })
    }
}

fn address(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::bad_config("url", format!("`url` is wrong: {why}"));
    let url = Url::parse(text).map_err(|why| wrong(&why.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with `http://` or `https://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not hold a user or password; put them into `headers.Authorization`"));
    }
    Ok(url)
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn headers(config: &Config) -> Result<HeaderMap> {
    let given = config.iter().filter_map(|(key, setting)| match setting {
        Setting::Password(secret) => Some((key, key.strip_prefix(HEADERS)?, secret)),
        _ => None,
    });
    given.map(|(key, name, secret)| header(key, name, secret)).collect()
}

fn header(key: &str, name: &str, secret: &Secret) -> Result<(HeaderName, HeaderValue)> {
    let wrong = |what: &str| Error::bad_config(key, format!("{what} of the header in `{key}` is not one of HTTP"));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("the name"))?;
    let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| wrong("the value"))?;
    value.set_sensitive(true);
    Ok((name, value))
}
