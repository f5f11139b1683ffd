//! Calls to a connector: bounded in time, tried again where the connector asks for it.

use std::future::Future;
use std::time::Duration;

use broker_client::Backoff;
use connector_api::{Decision, Error, Result};

use super::view::{TaskView, Trouble};

/// How the calls of a task are made.
#[derive(Clone)]
pub struct Calls {
    /// How long any call may take.
    pub limit: Duration,
    /// Where trouble shows.
    pub view: TaskView,
}

impl Calls {
    /// Makes a call; one that takes too long is an error that names it. So is one of a connector that has said meanwhile that it
    /// cannot go on.
    pub async fn bounded<T>(&self, what: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.limit, call).await {
            Ok(result) => match self.view.broken_because() {
                Some(why) => Err(Error::fail(format!("the connector cannot go on: {why}"))),
                None => result,
            },
            Err(_) => {
                let limit = self.limit;
                Err(Error::fail(format!("the connector's {what} has not returned within {limit:?}")).remedy(
                    "The task starts again by itself; if it needs so long, raise the worker's `task.stuck.timeout.ms`.",
                ))
            }
        }
    }
}

/// Attempts in a row that the connector asked to be repeated.
pub struct Retries {
    view: TaskView,
    backoff: Backoff,
}

impl Retries {
    /// None yet.
    pub fn new(view: TaskView) -> Retries {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
        Retries { view, backoff }
    }

    /// How long to wait before the next attempt, if the error asks for one; else the error.
    pub fn after(&mut self, error: Error) -> Result<Duration> {
        let Decision::Retry { after } = error.decision() else { return Err(error) };
        let own = self.backoff.next_delay();
        let delay = after.unwrap_or(own);
        self.view.retrying(Trouble::Connector, error.to_string());
        Ok(delay)
    }

    /// An attempt has succeeded.
    pub fn succeeded(&mut self) {
        if self.backoff.attempts() > 0 {
            self.backoff.reset();
            self.view.works(Trouble::Connector);
        }
    }
}
