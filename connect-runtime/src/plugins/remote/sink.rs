//! A sink that lives elsewhere.

use std::sync::Arc;

use connector_api::boundary::batch::BatchWriter;
use connector_api::boundary::frame::Writer;
use connector_api::boundary::message::{Call, Reply, Request, Start, read_reply};
use connector_api::boundary::spare;
use connector_api::config::{Config, Issue, RawConfig};
use connector_api::plugin::{AnySinkConnector, AnySinkTask, LocalFuture};
use connector_api::{
    Definition, Error, FlushOccasion, Flushed, Formats, ReadFrom, Result, SinkRecord, Taken, TaskContext,
    TopicPartition, Written,
};

use super::{Channel, Endpoint, Scope, ask, call, validate};

/// A sink that lives elsewhere.
pub struct RemoteSink {
    definition: Definition,
    endpoint: Arc<dyn Endpoint>,
}

impl RemoteSink {
    pub fn new(definition: Definition, endpoint: Arc<dyn Endpoint>) -> RemoteSink {
        RemoteSink { definition, endpoint }
    }

    async fn ask<R: Reply>(&self, request: Request) -> Result<R> {
        ask(&*self.endpoint, self.definition.class, request).await
    }
}

impl AnySinkConnector for RemoteSink {
    fn definition(&self) -> Definition {
        self.definition.clone()
    }

    fn task(&self) -> Box<dyn AnySinkTask> {
        let (batches, full) = (BatchWriter::default(), false);
        Box::new(RemoteSinkTask { endpoint: self.endpoint.clone(), channel: None, batches, full })
    }

    fn formats<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<Formats>> {
        Box::pin(self.ask(Request::Formats(config.raw().clone())))
    }

    fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>> {
        Box::pin(validate(&*self.endpoint, self.definition.class, config))
    }

    fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>> {
        Box::pin(self.ask(Request::Split(config.raw().clone(), max)))
    }
}

/// A task of one.
struct RemoteSinkTask {
    endpoint: Arc<dyn Endpoint>,
    channel: Option<Box<dyn Channel>>,
    batches: BatchWriter,
    full: bool,
}

impl RemoteSinkTask {
    fn channel(&mut self) -> Result<&mut (dyn Channel + 'static)> {
        self.channel.as_deref_mut().ok_or_else(|| Error::fail("the task has not started"))
    }

    async fn call<R: Reply>(&mut self, request: Request) -> Result<R> {
        let (full, reply) = call(self.channel()?, request).await;
        self.full = full;
        reply
    }
}

impl AnySinkTask for RemoteSinkTask {
    fn start<'a>(&'a mut self, context: TaskContext, config: &'a Config) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move {
            let name = format!("{}-{}", context.connector, context.task);
            self.channel = Some(self.endpoint.open(Scope::Task, &name, context.host)?);
            let (connector, config) = (context.connector.to_string(), config.raw().clone());
            self.call(Request::Start(Start { connector, task: context.task, config, positions: Vec::new() })).await
        })
    }

    fn open<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> LocalFuture<'a, Result<Vec<ReadFrom>>> {
        Box::pin(self.call(Request::Open(partitions.to_vec())))
    }

    fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> LocalFuture<'a, Result<Taken>> {
        Box::pin(async move {
            let mut to = Writer::on(spare::take());
            self.batches.sink(&mut to, records);
            let answer = self.channel()?.call(Call::Put, to.bytes).await;
            self.full = answer.full;
            let taken: Taken = read_reply(answer.reply()?)?;
            named_records_are_there(&taken, records.len())?;
            Ok(taken)
        })
    }

    fn has_room(&self) -> bool {
        !self.full
    }

    fn written<'a>(&'a mut self) -> LocalFuture<'a, Result<Written>> {
        Box::pin(self.call(Request::Written))
    }

    fn flush<'a>(&'a mut self, occasion: FlushOccasion) -> LocalFuture<'a, Result<Flushed>> {
        Box::pin(self.call(Request::Flush(occasion)))
    }

    fn close<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> LocalFuture<'a, Result<()>> {
        Box::pin(self.call(Request::Close(partitions.to_vec())))
    }

    fn stop<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(async {
            if self.channel.as_ref().is_some_and(|channel| !channel.is_over())
                && let Err(why) = self.call::<()>(Request::Stop).await
            {
                tracing::warn!(%why, "the plugin took its end badly");
            }
            self.channel = None;
        })
    }
}

/// A plugin may name records that were not put; nothing may be concluded from such a reply.
fn named_records_are_there(taken: &Taken, put: usize) -> Result<()> {
    let again = taken.again.iter().flat_map(|(indexes, _)| indexes);
    if !again.clone().is_sorted() {
        return Err(Error::fatal("the plugin names records to put again out of order"));
    }
    match taken.rejected.iter().map(|(index, _)| index).chain(again).find(|index| **index >= put) {
        Some(index) => Err(Error::fatal(format!("the plugin names record {index} of a call with {put} records"))),
        None => Ok(()),
    }
}
