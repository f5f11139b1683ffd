//! Records that the task cannot read or the sink does not take: they fail the task, or it goes on without them.

use broker_client::{Client, ProducerConfig, TopicPartition};
use broker_wire::records::Record;
use connector_api::{Error, Result};

use super::dead_letters::DeadLetters;
use super::queue::Reading;
use crate::config::ErrorPolicy;
use crate::task::TaskView;
use crate::transform::Stage;

/// Classes as dead letters name them.
#[derive(Clone, Debug)]
pub struct Classes {
    /// Of the converter of keys.
    pub key: String,
    /// Of the converter of values.
    pub value: String,
    /// Of the converter of headers.
    pub header: String,
    /// Of the task.
    pub task: String,
}

/// How a task deals with such records.
pub struct RejectSettings {
    /// What the configuration says.
    pub policy: ErrorPolicy,
    /// How dead letters are written.
    pub producer: ProducerConfig,
    /// What they name.
    pub classes: Classes,
}

/// A record that is no good.
pub(super) struct Rejected<'a> {
    pub partition: TopicPartition,
    pub offset: i64,
    pub original: Option<&'a Record>,
    pub stage: Stage,
    /// The class that could not take it, if the stage does not say.
    pub class: Option<&'a str>,
    pub why: &'a Error,
}

/// Deals with them.
pub(super) struct Rejects {
    policy: ErrorPolicy,
    letters: Option<DeadLetters>,
    view: TaskView,
}

impl Rejects {
    /// Makes the topic of dead letters if there is to be one.
    pub async fn open(settings: RejectSettings, client: &Client, view: &TaskView) -> Result<Rejects> {
        let RejectSettings { policy, producer, classes } = settings;
        let letters = match &policy.dead_letters {
            Some(topic) => Some(DeadLetters::open(client, producer, topic, (classes, view.clone())).await?),
            None => None,
        };
        Ok(Rejects { policy, letters, view: view.clone() })
    }

    /// How records are to be read.
    pub fn reading(&self) -> Reading {
        Reading { tolerate: self.policy.tolerate, originals: self.letters.is_some() }
    }

    /// Whether the task goes on without such records.
    pub fn tolerates(&self) -> bool {
        self.policy.tolerate
    }

    /// Whether it writes down what it goes on without.
    pub fn writes_letters(&self) -> bool {
        self.letters.is_some()
    }

    /// The task goes on without a record. Its partition must not pass it before [`settled`](Self::settled) returns.
    pub fn pass_over(&mut self, rejected: &Rejected<'_>) -> Result<()> {
        let Rejected { partition, offset, original, stage, why, .. } = rejected;
        let what = format_args!("{partition} offset {offset} was passed over ({}): {why}", stage.name());
        self.view.passed_over(self.policy.log, what);
        match (&mut self.letters, original) {
            (Some(letters), Some(record)) => letters.write(rejected, record),
            _ => Ok(()),
        }
    }

    /// Whether dead letters are on their way.
    pub fn is_waiting(&self) -> bool {
        self.letters.as_ref().is_some_and(DeadLetters::is_waiting)
    }

    /// Waits until the log holds every dead letter. Dropping the future loses nothing.
    pub async fn settled(&mut self) -> Result<()> {
        match &mut self.letters {
            Some(letters) => letters.settled().await,
            None => Ok(()),
        }
    }
}
