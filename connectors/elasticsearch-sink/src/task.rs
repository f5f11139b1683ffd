//! The task: plan, send on and on, say what the server has.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use connector_api::config::Config;
use connector_api::{
    Error, FlushOccasion, Flushed, Host, ReadFrom, Result, SinkRecord, SinkTask, Taken, TaskContext, TopicPartition,
    Written,
};

use crate::config::{OnMalformed, Settings};
use crate::document::{Planned, Planner};
use crate::offsets::Offsets;
use crate::prepare::{missing, prepare};
use crate::send::client::Client;
use crate::send::{Job, Sender, Settled};
use crate::server;
use crate::share::Share;

/// How long partitions that are given up wait for their documents. What is not on the server then is read again.
const CLOSING_WAIT: Duration = Duration::from_secs(3);

/// Writes documents.
#[derive(Default)]
pub struct ElasticsearchSinkTask {
    started: Option<Started>,
}

struct Started {
    planner: Planner,
    client: Client,
    sender: Sender,
    offsets: Offsets,
    on_malformed: OnMalformed,
    host: Arc<dyn Host>,
    warned: HashSet<Arc<str>>,
    memory: Share,
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
        let memory = Share::new(&context, settings.requests.bytes);
        self.started = Some(Started {
            memory,
            on_malformed: settings.documents.on_malformed,
            planner: Planner::new(settings.documents),
            client: client.clone(),
            sender: Sender::new(client, settings.requests),
            offsets: Offsets::default(),
            host: context.host,
            warned: HashSet::new(),
        });
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<Vec<ReadFrom>> {
        self.started()?.offsets.open(partitions);
        Ok(Vec::new())
    }

    /// Takes the records over; [`written`](SinkTask::written) sends them.
    async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        let started = self.started()?;
        prepare(&mut started.planner, &started.client, records).await?;
        Ok(started.take(records))
    }

    fn has_room(&self) -> bool {
        self.started.as_ref().is_none_or(|started| started.sender.has_room() && started.memory.has_room())
    }

    async fn written(&mut self) -> Result<Written> {
        let started = self.started()?;
        let settled = started.sender.advance().await;
        started.show_trouble();
        Ok(started.judge(settled?))
    }

    async fn flush(&mut self, occasion: FlushOccasion) -> Result<Flushed> {
        let started = self.started()?;
        let settled = match occasion {
            FlushOccasion::Interval => Vec::new(),
            FlushOccasion::Closing => started.sender.finish(CLOSING_WAIT).await?,
        };
        Ok(Flushed::Written(started.judge(settled)))
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let Started { offsets, sender, memory, .. } = self.started()?;
        offsets.close(partitions);
        sender.retain(|place| offsets.of(place).is_some());
        memory.account(sender.held());
        Ok(())
    }

    async fn stop(&mut self) {
        self.started = None;
    }
}

impl ElasticsearchSinkTask {
    fn started(&mut self) -> Result<&mut Started> {
        self.started.as_mut().ok_or_else(|| Error::fatal("the task has not started"))
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
    /// Plans what is written for each record; what cannot become a document is rejected.
    fn take(&mut self, records: &[SinkRecord]) -> Taken {
        let (mut taken, mut last) = (Taken::kept(), None);
        for (index, record) in records.iter().enumerate() {
            let place = self.offsets.set_out(&record.origin, record.offset, last);
            last = Some(place);
            match self.planner.plan(record) {
                Planned::Write { operation, own } => self.sender.add(Job { place, operation, own }),
                Planned::Nothing => self.offsets.done(place),
                Planned::Invalid(why) => {
                    self.offsets.done(place);
                    taken.reject(index, why);
                }
            }
        }
        self.memory.account(self.sender.held());
        taken
    }

    /// What is safe; rejects or passes over what the server refuses.
    fn judge(&mut self, settled: Vec<Settled>) -> Written {
        let mut written = Written::default();
        for Settled { place, refused } in settled {
            if let (Some(why), Some((origin, offset))) = (refused, self.offsets.of(place)) {
                let origin = origin.clone();
                match self.on_malformed {
                    OnMalformed::Fail => written.rejected.push((origin, offset, refusal(&why))),
                    OnMalformed::Warn => {
                        tracing::warn!(partition = %origin, offset, "{why}; passed over");
                        self.warn_of(&origin, offset);
                    }
                    OnMalformed::Ignore => tracing::debug!(partition = %origin, offset, "{why}; passed over"),
                }
            }
            self.offsets.done(place);
        }
        self.memory.account(self.sender.held());
        written.rejected.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        written.safe = self.offsets.safe();
        written
    }

    /// In the status once for each topic, since it has no room for each document; the log has them all.
    fn warn_of(&mut self, origin: &TopicPartition, offset: i64) {
        const TOPICS: usize = 100;
        if self.warned.len() < TOPICS && self.warned.insert(origin.topic.clone()) {
            let text = format!(
                "the server refuses documents of the topic {}, the first at {origin} offset {offset}; they are passed over, \
                 and the log names them",
                origin.topic
            );
            self.host.warn(&text);
        }
    }

    fn show_trouble(&self) {
        self.host.activity(&self.sender.trouble().unwrap_or_default());
    }
}

fn refusal(why: &str) -> Error {
    Error::reject(why).remedy(
        "Correct the index's mapping or the data, or set `behavior.on.malformed.documents` to `warn` or `ignore` to pass such \
         documents over.",
    )
}
