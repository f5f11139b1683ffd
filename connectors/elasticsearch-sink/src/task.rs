//! The task: plan, send, wait for the answers.

use std::collections::HashSet;
use std::sync::Arc;

use connector_api::config::Config;
use connector_api::{
    Error, FlushOccasion, Flushed, Host, ReadFrom, Result, SinkRecord, SinkTask, Taken, TaskContext, TopicPartition,
};

use crate::config::{OnMalformed, Settings};
use crate::document::{Planned, Planner};
use crate::offsets::Offsets;
use crate::prepare::{missing, prepare};
use crate::send::client::Client;
use crate::send::{Job, Sender, Sent};
use crate::server;

/// Writes documents.
#[derive(Default)]
pub struct ElasticsearchSinkTask {
    started: Option<Started>,
    offsets: Offsets,
}

struct Started {
    planner: Planner,
    client: Client,
    sender: Sender,
    on_malformed: OnMalformed,
    host: Arc<dyn Host>,
    warned: HashSet<Arc<str>>,
}

impl SinkTask for ElasticsearchSinkTask {
    async fn start(&mut self, context: TaskContext, config: &Config) -> Result<()> {
        let settings = Settings::new(config)?;
        let client = Client::new(&settings.connection, settings.requests.in_flight)?.paced_by(context.host.clone());
        if let Some(warning) = one_answers(&client).await? {
            context.host.warn(&warning);
        }
        if let Some(error) = missing(&client, &settings.documents, settings.connection.pipeline.as_deref()).await? {
            return Err(error);
        }
        self.started = Some(Started {
            on_malformed: settings.documents.on_malformed,
            planner: Planner::new(settings.documents),
            client: client.clone(),
            sender: Sender::new(client, settings.requests),
            host: context.host,
            warned: HashSet::new(),
        });
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<Vec<ReadFrom>> {
        self.offsets.forget(partitions);
        Ok(Vec::new())
    }

    /// Returns once the server has all documents, refuses them, or could not be made to take them for a while.
    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        let Some(started) = &mut self.started else { return Err(Error::fatal("the task has not started")) };
        prepare(&mut started.planner, &started.client, records).await?;
        let (jobs, mut taken) = started.plan(records);
        let sent = started.sender.send(jobs).await?;
        started.judge(records, &sent, &mut taken);
        taken.again = sent.open;
        let open = taken.again.as_ref().map(|(open, _)| open.as_slice()).unwrap_or_default();
        self.offsets.put(records, open);
        Ok(taken)
    }

    async fn flush(&mut self, _: FlushOccasion) -> Result<Flushed> {
        Ok(Flushed::UpTo(self.offsets.safe()))
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.offsets.forget(partitions);
        Ok(())
    }

    async fn stop(&mut self) {
        self.started = None;
    }
}

/// Asks the addresses in turn until one is a server to write to; its warning, or the error of the last one.
async fn one_answers(client: &Client) -> Result<Option<String>> {
    let mut last = None;
    for address in 0..client.addresses() {
        match server::look(client, address).await {
            Ok(found) => return Ok(found.warning),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::bad_config("connection.url", "`connection.url` names no server.")))
}

impl Started {
    /// The records' operations; what cannot become a document is rejected.
    fn plan(&mut self, records: &[SinkRecord]) -> (Vec<Job>, Taken) {
        let (mut jobs, mut taken) = (Vec::with_capacity(records.len()), Taken::all());
        for (record, it) in records.iter().enumerate() {
            match self.planner.plan(it) {
                Planned::Write { operation, own } => jobs.push(Job { record, operation, own }),
                Planned::Nothing => {}
                Planned::Invalid(why) => taken.reject(record, why),
            }
        }
        (jobs, taken)
    }

    /// Rejects or passes over what the server refuses.
    fn judge(&mut self, records: &[SinkRecord], sent: &Sent, taken: &mut Taken) {
        for (index, why) in &sent.malformed {
            let record = &records[*index];
            match self.on_malformed {
                OnMalformed::Fail => taken.reject(*index, refused(why)),
                OnMalformed::Warn => {
                    tracing::warn!(partition = %record.origin, offset = record.offset, "{why}; passed over");
                    self.warn_of(record);
                }
                OnMalformed::Ignore => {
                    tracing::debug!(partition = %record.origin, offset = record.offset, "{why}; passed over");
                }
            }
        }
        taken.rejected.sort_by_key(|(index, _)| *index);
    }

    /// In the status once for each topic, since it has no room for each document; the log has them all.
    fn warn_of(&mut self, record: &SinkRecord) {
        const TOPICS: usize = 100;
        if self.warned.len() < TOPICS && self.warned.insert(record.topic.clone()) {
            let text = format!(
                "the server refuses documents of the topic {}, the first at {} offset {}; they are passed over, and the log \
                 names them",
                record.topic, record.origin, record.offset
            );
            self.host.warn(&text);
        }
    }
}

fn refused(why: &str) -> Error {
    Error::reject(why).remedy(
        "Correct the index's mapping or the data, or set `behavior.on.malformed.documents` to `warn` or `ignore` to pass such \
         documents over.",
    )
}
