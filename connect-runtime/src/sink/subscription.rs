//! Which topics are read.

use broker_client::{Client, Result};
use connector_api::config::Config;

use crate::config::connector::whole_name;

/// The topics of a sink: `topics` or `topics.regex`.
#[derive(Clone)]
pub enum Subscription {
    /// These.
    Topics(Vec<String>),
    /// All whose whole name matches.
    Pattern(Box<fancy_regex::Regex>),
}

impl Subscription {
    /// From a configuration that has been checked.
    pub fn new(config: &Config) -> Subscription {
        match whole_name(config.text("topics.regex")) {
            Ok(pattern) if !config.text("topics.regex").is_empty() => Subscription::Pattern(Box::new(pattern)),
            _ => {
                let mut topics = config.list("topics").to_vec();
                topics.sort();
                topics.dedup();
                Subscription::Topics(topics)
            }
        }
    }

    /// The topics now, sorted. Topics that are named need not be there yet; a pattern never matches topics of the log's
    /// own, which begin with `__`.
    pub async fn topics(&self, client: &Client) -> Result<Vec<String>> {
        match self {
            Subscription::Topics(topics) => Ok(topics.clone()),
            Subscription::Pattern(pattern) => {
                let mut names = client.topic_names().await?;
                names.retain(|name| !name.starts_with("__") && pattern.is_match(name).unwrap_or(false));
                names.sort();
                Ok(names)
            }
        }
    }
}
