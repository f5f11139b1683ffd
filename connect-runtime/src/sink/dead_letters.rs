//! The topic of dead letters: records as they were read, with the reason in headers. The headers' names and meaning are
//! those of Kafka Connect (KIP-298).

use std::sync::Arc;

use broker_client::{Client, ClientError, Producer, ProducerConfig, ProducerEvent, RecordToSend};
use broker_wire::records::Record;
use connector_api::config::RawConfig;
use connector_api::{Error, Result};

use super::rejects::{Classes, Rejected};
use crate::config::DeadLetterTopic;
use crate::internal::now_ms;
use crate::source::TopicCreation;
use crate::task::{TaskView, Trouble};
use crate::transform::Stage;

/// What stands before the names of the headers.
const PREFIX: &str = "__connect.errors.";

/// The Java exception that Kafka Connect names for data that does not fit; tools look for it.
const EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";

/// Writes dead letters.
pub(super) struct DeadLetters {
    producer: Producer,
    topic: Arc<str>,
    context_headers: bool,
    classes: Classes,
    view: TaskView,
    /// Letters that the log has not acknowledged.
    waiting: u64,
    /// One of them will never be in the log.
    failed: Option<String>,
}

impl DeadLetters {
    /// Makes the topic, of one partition, if it is not there.
    pub async fn open(
        client: &Client,
        config: ProducerConfig,
        topic: &DeadLetterTopic,
        (classes, view): (Classes, TaskView),
    ) -> Result<DeadLetters> {
        let name: Arc<str> = topic.name.as_str().into();
        let opened = Producer::open(client.clone(), config).await;
        let mut producer = opened.map_err(|why| Error::fail("cannot write dead letters").caused_by(why))?;
        let counts = [("partitions", "1".to_owned()), ("replication.factor", topic.replication_factor.to_string())];
        let counts: RawConfig = counts.map(|(key, value)| (format!("topic.creation.default.{key}"), value)).into();
        TopicCreation::new(true, &counts).ensure(client, &mut producer, &name).await?;
        Ok(DeadLetters {
            producer,
            topic: name,
            context_headers: topic.context_headers,
            classes,
            view,
            waiting: 0,
            failed: None,
        })
    }

    pub fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Sends a record on its way, as it was read.
    pub fn write(&mut self, rejected: &Rejected<'_>, record: &Record) -> Result<()> {
        let context = if self.context_headers { self.context(rejected) } else { Vec::new() };
        let own = record.headers.iter().map(|(name, value)| (&name[..], value.as_deref()));
        let context = context.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
        let headers: Vec<(&[u8], Option<&[u8]>)> = own.chain(context).collect();
        let to_send = RecordToSend {
            partition: None,
            timestamp: if record.timestamp >= 0 { record.timestamp } else { now_ms() },
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
            token: 0,
        };
        self.producer.append(&self.topic, &to_send).map_err(|why| broken(&self.topic, why))?;
        self.waiting += 1;
        Ok(())
    }

    /// Waits until the log holds every letter. Dropping the future loses nothing.
    pub async fn settled(&mut self) -> Result<()> {
        if let Some(why) = &self.failed {
            return Err(Error::fatal(why.clone()));
        }
        self.producer.flush().map_err(|why| broken(&self.topic, why))?;
        while self.waiting > 0 {
            match self.producer.event().await {
                ProducerEvent::Acknowledged(done) => {
                    let done: u64 = done.iter().map(|one| u64::from(one.records)).sum();
                    self.waiting = self.waiting.saturating_sub(done);
                    self.view.works(Trouble::DeadLetters);
                }
                // Dead letters are written without transactions.
                ProducerEvent::Committed => {}
                ProducerEvent::Retrying(why) => self.view.retrying(Trouble::DeadLetters, why.to_string()),
                ProducerEvent::Failed(why) => {
                    let error = broken(&self.topic, why);
                    self.failed = Some(error.to_string());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn context(&self, rejected: &Rejected<'_>) -> Vec<(String, String)> {
        let Rejected { partition, offset, stage, class, why, .. } = rejected;
        let class = class.unwrap_or_else(|| match stage {
            Stage::KeyConverter => &self.classes.key,
            Stage::ValueConverter => &self.classes.value,
            Stage::HeaderConverter => &self.classes.header,
            Stage::Transformation | Stage::TaskPut => &self.classes.task,
        });
        let id = self.view.id();
        let said = [
            ("topic", partition.topic.to_string()),
            ("partition", partition.partition.to_string()),
            ("offset", offset.to_string()),
            ("connector.name", id.connector.to_string()),
            ("task.id", id.task.to_string()),
            ("stage", stage.name().to_owned()),
            ("class.name", class.to_owned()),
            ("exception.class.name", EXCEPTION.to_owned()),
            ("exception.message", why.message().to_owned()),
            ("exception.stacktrace", why.to_string()),
        ];
        said.map(|(name, value)| (format!("{PREFIX}{name}"), value)).into()
    }
}

/// A letter that can never be written: going on without it would lose the record.
fn broken(topic: &str, why: ClientError) -> Error {
    Error::fatal(format!("cannot write a dead letter to {topic}")).caused_by(why).remedy(
        "If it is too large, raise `max.message.bytes` of that topic: a letter is its record and the headers that say why.",
    )
}
