//! Polls an HTTP API that answers pages of JSON with a cursor, and passes its items on as they are.
//!
//! ```text
//! GET url?after=CURSOR&limit=N  ->  {"items": [...], "next": CURSOR | null}
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `settings` | the keys |
//! | `api` | one request: the page, or the decision that the answer's status stands for |
//! | `page` | what an answer says |
//! | `place` | the position |
//! | `task` | from pages to batches |

mod api;
mod page;
mod place;
mod settings;
mod task;

use std::time::Duration;

use connector_api::config::{Config, Issue};
use connector_api::{Decision, Definition, Error, ExactlyOnce, Position, Result, SourceConnector};

use api::Api;
use place::Place;
use settings::Settings;
pub use task::HttpPollTask;

/// How long checking a configuration waits for the API. The worker's own limit, `connector.call.timeout.ms`, would
/// refuse the connector while the API is slow; this makes it a warning.
const VALIDATE_LIMIT: Duration = Duration::from_secs(10);

/// The connector.
pub struct HttpPollSource;

#[cfg(not(feature = "built-in"))]
connector_api::export!(connector_api::Plugin::source(HttpPollSource));

impl SourceConnector for HttpPollSource {
    type Task = HttpPollTask;

    fn definition(&self) -> Definition {
        Definition {
            class: "example.HttpPollSource",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            doc: "Polls an HTTP API that answers pages of JSON with a cursor.",
            config: settings::definition(),
        }
    }

    fn task(&self) -> HttpPollTask {
        HttpPollTask::default()
    }

    /// Asks for the first page: a wrong token or address shows when the connector is made, not when it runs.
    async fn validate(&self, config: &Config) -> Vec<Issue> {
        let asked = async {
            let settings = Settings::read(config)?;
            let timeout = settings.timeout.min(VALIDATE_LIMIT);
            Api::new(Settings { timeout, ..settings })?.page(None).await
        };
        asked.await.err().map(issue).into_iter().collect()
    }

    /// A cursor and a count name each item, and pages grow at their end only, so the same position always leads to the
    /// same items.
    fn exactly_once(&self, _: &Config) -> ExactlyOnce {
        ExactlyOnce::Supported
    }

    async fn check_positions(&self, config: &Config, positions: &[Position]) -> Result<()> {
        let settings = Settings::read(config)?;
        positions.iter().try_for_each(|position| Place::check(position, &settings.shown))
    }
}

/// What may pass by itself is a warning: the API may be down while the connector is made.
fn issue(error: Error) -> Issue {
    match error.decision() {
        Decision::BadConfig { key } => Issue::error(key.clone(), error.to_string()),
        Decision::Fatal => Issue::error("url", error.to_string()),
        _ => Issue::warning("url", error.to_string()),
    }
}
