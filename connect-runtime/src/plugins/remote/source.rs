//! A source that lives elsewhere.

use std::sync::Arc;

use connector_api::boundary::batch::BatchReader;
use connector_api::boundary::frame::Writer;
use connector_api::boundary::message::{Call, Request, Start, read_polled};
use connector_api::config::{Config, Issue, RawConfig};
use connector_api::plugin::{AnySourceConnector, AnySourceTask, LocalFuture};
use connector_api::{
    Definition, Error, ExactlyOnce, Outcome, PollLimits, Position, Result, SourceBatch, SourceContext, SourceRecord,
};

use super::{Channel, Endpoint, Scope, ask, call, validate};

/// A source that lives elsewhere.
pub struct RemoteSource {
    definition: Definition,
    watches: bool,
    endpoint: Arc<dyn Endpoint>,
}

impl RemoteSource {
    pub fn new(definition: Definition, watches: bool, endpoint: Arc<dyn Endpoint>) -> RemoteSource {
        RemoteSource { definition, watches, endpoint }
    }

    async fn ask<R: connector_api::boundary::message::Reply>(&self, request: Request) -> Result<R> {
        ask(&*self.endpoint, self.definition.class, request).await
    }
}

impl AnySourceConnector for RemoteSource {
    fn definition(&self) -> Definition {
        self.definition.clone()
    }

    fn task(&self) -> Box<dyn AnySourceTask> {
        let (batches, spent) = (BatchReader::default(), Vec::new());
        Box::new(RemoteSourceTask { endpoint: self.endpoint.clone(), channel: None, batches, spent })
    }

    fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>> {
        Box::pin(validate(&*self.endpoint, self.definition.class, config))
    }

    fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>> {
        Box::pin(self.ask(Request::Split(config.raw().clone(), max)))
    }

    fn watches(&self) -> bool {
        self.watches
    }

    fn watch<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<()>> {
        Box::pin(self.ask(Request::Watch(config.raw().clone())))
    }

    fn exactly_once<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<ExactlyOnce>> {
        Box::pin(self.ask(Request::ExactlyOnce(config.raw().clone())))
    }

    fn check_positions<'a>(&'a self, config: &'a Config, positions: &'a [Position]) -> LocalFuture<'a, Result<()>> {
        Box::pin(self.ask(Request::CheckPositions(config.raw().clone(), positions.to_vec())))
    }
}

/// A task of one.
struct RemoteSourceTask {
    endpoint: Arc<dyn Endpoint>,
    channel: Option<Box<dyn Channel>>,
    batches: BatchReader,
    /// Used again from poll to poll.
    spent: Vec<SourceRecord>,
}

impl RemoteSourceTask {
    fn channel(&mut self) -> Result<&mut (dyn Channel + 'static)> {
        self.channel.as_deref_mut().ok_or_else(|| Error::fail("the task has not started"))
    }

    async fn call(&mut self, request: Request) -> Result<()> {
        call(self.channel()?, request).await.1
    }
}

impl RemoteSourceTask {
    /// Every batch that the other side has handed over learns its fate, also one that nobody waited for any more.
    async fn settle_late_poll(&mut self) {
        let Some(channel) = self.channel.as_mut().filter(|channel| !channel.is_over()) else { return };
        let late = channel.late_poll().await;
        let batch = late.and_then(|answer| read_polled(answer.reply().ok()?, &mut self.batches, Vec::new()).ok()?);
        if let Some(batch) = batch
            && let Err(why) = self.call(Request::Settled(batch.id, Outcome::Unknown)).await
        {
            tracing::warn!(%why, "the plugin took an outcome badly");
        }
    }
}

impl AnySourceTask for RemoteSourceTask {
    fn start<'a>(&'a mut self, context: SourceContext, config: &'a Config) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move {
            let task = context.task;
            let name = format!("{}-{}", task.connector, task.task);
            self.channel = Some(self.endpoint.open(Scope::Task, &name, task.host)?);
            let stored = context.positions.into_iter();
            let positions = stored.map(|(partition, offset)| Position { partition, offset: Some(offset) }).collect();
            let (connector, config) = (task.connector.to_string(), config.raw().clone());
            self.call(Request::Start(Start { connector, task: task.task, config, positions })).await
        })
    }

    fn poll<'a>(&'a mut self, limits: PollLimits) -> LocalFuture<'a, Result<Option<SourceBatch>>> {
        Box::pin(async move {
            let mut to = Writer::default();
            Request::Poll(limits).write(&mut to);
            let answer = self.channel()?.call(Call::Poll, to.bytes).await;
            let spent = std::mem::take(&mut self.spent);
            Ok(read_polled(answer.reply()?, &mut self.batches, spent)?)
        })
    }

    fn spent(&mut self, mut records: Vec<SourceRecord>) {
        self.batches.let_go_source(&mut records);
        self.spent = records;
    }

    fn settled<'a>(&'a mut self, batch: u64, outcome: Outcome) -> LocalFuture<'a, Result<()>> {
        Box::pin(self.call(Request::Settled(batch, outcome)))
    }

    fn stop<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(async {
            self.settle_late_poll().await;
            if self.channel.as_ref().is_some_and(|channel| !channel.is_over())
                && let Err(why) = self.call(Request::Stop).await
            {
                tracing::warn!(%why, "the plugin took its end badly");
            }
            self.channel = None;
        })
    }
}
