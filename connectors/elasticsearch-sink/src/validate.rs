//! Checks of a configuration that need the server.

use connector_api::config::{Config, Issue};
use connector_api::{Decision, Error};
use futures_util::future::join_all;

use crate::config::Settings;
use crate::prepare::missing;
use crate::send::client::Client;
use crate::server::{self, Found};

/// Asks every address. One that answers is enough to run; the others are warned of.
pub async fn validate(config: &Config) -> Vec<Issue> {
    let settings = match Settings::new(config) {
        Ok(settings) => settings,
        Err(error) => return vec![issue(&error)],
    };
    let client = match Client::new(&settings.connection, 1) {
        Ok(client) => client,
        Err(error) => return vec![issue(&error)],
    };
    let answers = join_all((0..client.addresses()).map(|address| server::look(&client, address))).await;
    let one_answers = answers.iter().any(Result::is_ok);
    let mut issues: Vec<Issue> = answers.iter().filter_map(|answer| about(config, answer, one_answers)).collect();
    if one_answers {
        match missing(&client, &settings.documents, settings.connection.pipeline.as_deref()).await {
            Ok(found) => issues.extend(found.as_ref().map(issue)),
            Err(error) => issues.push(issue(&error)),
        }
    }
    issues
}

fn about(config: &Config, answer: &connector_api::Result<Found>, one_answers: bool) -> Option<Issue> {
    match answer {
        Ok(found) => found.warning.as_ref().map(|text| Issue::warning("connection.url", format!("{text}."))),
        Err(error) if error.message().contains("401") => Some(Issue::error(login_key(config), error.to_string())),
        Err(error) if error.message().contains("signature") => {
            Some(Issue::error("aws.signing.region", error.to_string()))
        }
        Err(error) if error.message().contains("AWS credentials") => {
            Some(Issue::error("aws.access.key.id", error.to_string()))
        }
        Err(error) if one_answers => Some(Issue::warning("connection.url", error.to_string())),
        Err(error) => Some(issue(error)),
    }
}

fn login_key(config: &Config) -> &'static str {
    if config.password("connection.api.key").is_some() { "connection.api.key" } else { "connection.password" }
}

fn issue(error: &Error) -> Issue {
    let key = match error.decision() {
        Decision::BadConfig { key } => key.as_str(),
        _ => "connection.url",
    };
    Issue::error(key, error.to_string())
}
