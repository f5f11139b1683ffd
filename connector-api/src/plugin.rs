//! Connectors of any type behind one type: what the worker's table of plugins holds, and what a library exports.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::{Config, Issue, RawConfig};
use crate::connector::{Definition, ExactlyOnce};
use crate::converter::ConverterPlugin;
use crate::error::Result;
use crate::host::TaskContext;
use crate::position::Position;
use crate::record::{SinkRecord, SourceRecord, TopicPartition};
use crate::sink::{FlushOccasion, Flushed, Formats, ReadFrom, SinkConnector, SinkTask, Taken, Written};
use crate::source::{Outcome, PollLimits, SourceBatch, SourceConnector, SourceContext, SourceTask};
use crate::transform::{PredicatePlugin, TransformPlugin};

/// A future that stays on its thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A connector that a worker can run.
#[derive(Clone)]
pub enum Plugin {
    /// A source.
    Source(Arc<dyn AnySourceConnector>),
    /// A sink.
    Sink(Arc<dyn AnySinkConnector>),
}

impl Plugin {
    /// A source of that type.
    pub fn source(connector: impl SourceConnector) -> Plugin {
        Plugin::Source(Arc::new(connector))
    }

    /// A sink of that type.
    pub fn sink(connector: impl SinkConnector) -> Plugin {
        Plugin::Sink(Arc::new(connector))
    }

    /// Names, version, keys.
    pub fn definition(&self) -> Definition {
        match self {
            Plugin::Source(source) => source.definition(),
            Plugin::Sink(sink) => sink.definition(),
        }
    }

    /// `source` or `sink`.
    pub fn kind(&self) -> &'static str {
        match self {
            Plugin::Source(_) => "source",
            Plugin::Sink(_) => "sink",
        }
    }

    /// What is wrong beyond single keys.
    pub fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>> {
        match self {
            Plugin::Source(source) => source.validate(config),
            Plugin::Sink(sink) => sink.validate(config),
        }
    }

    /// Splits the work into task configurations.
    pub fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>> {
        match self {
            Plugin::Source(source) => source.split(config, max),
            Plugin::Sink(sink) => sink.split(config, max),
        }
    }
}

/// What a library exports: a connector, or something to put between connectors and the log.
#[derive(Clone)]
pub enum Export {
    /// A connector.
    Connector(Plugin),
    /// A transform.
    Transform(Arc<dyn TransformPlugin>),
    /// A predicate.
    Predicate(Arc<dyn PredicatePlugin>),
    /// A converter.
    Converter(Arc<dyn ConverterPlugin>),
}

impl From<Plugin> for Export {
    fn from(plugin: Plugin) -> Export {
        Export::Connector(plugin)
    }
}

impl Export {
    /// A transform of that kind.
    pub fn transform(plugin: impl TransformPlugin) -> Export {
        Export::Transform(Arc::new(plugin))
    }

    /// A predicate of that kind.
    pub fn predicate(plugin: impl PredicatePlugin) -> Export {
        Export::Predicate(Arc::new(plugin))
    }

    /// A converter of that kind.
    pub fn converter(plugin: impl ConverterPlugin) -> Export {
        Export::Converter(Arc::new(plugin))
    }

    /// Names, version, keys.
    pub fn definition(&self) -> Definition {
        match self {
            Export::Connector(plugin) => plugin.definition(),
            Export::Transform(plugin) => plugin.definition(),
            Export::Predicate(plugin) => plugin.definition(),
            Export::Converter(plugin) => plugin.definition(),
        }
    }

    /// `source`, `sink`, or, as Kafka Connect calls them, `transformation`, `predicate`, `converter`.
    pub fn kind(&self) -> &'static str {
        match self {
            Export::Connector(plugin) => plugin.kind(),
            Export::Transform(_) => "transformation",
            Export::Predicate(_) => "predicate",
            Export::Converter(_) => "converter",
        }
    }
}

/// [`SourceConnector`] of any type.
pub trait AnySourceConnector: Send + Sync {
    /// See [`SourceConnector::definition`].
    fn definition(&self) -> Definition;
    /// See [`SourceConnector::task`].
    fn task(&self) -> Box<dyn AnySourceTask>;
    /// See [`SourceConnector::validate`].
    fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>>;
    /// See [`SourceConnector::split`].
    fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>>;
    /// See [`SourceConnector::watches`].
    fn watches(&self) -> bool;
    /// See [`SourceConnector::watch`].
    fn watch<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<()>>;
    /// See [`SourceConnector::exactly_once`].
    fn exactly_once<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<ExactlyOnce>>;
    /// See [`SourceConnector::check_positions`].
    fn check_positions<'a>(&'a self, config: &'a Config, positions: &'a [Position]) -> LocalFuture<'a, Result<()>>;
}

impl<C: SourceConnector> AnySourceConnector for C {
    fn definition(&self) -> Definition {
        SourceConnector::definition(self)
    }
    fn task(&self) -> Box<dyn AnySourceTask> {
        Box::new(SourceConnector::task(self))
    }
    fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>> {
        Box::pin(SourceConnector::validate(self, config))
    }
    fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>> {
        Box::pin(SourceConnector::split(self, config, max))
    }
    fn watches(&self) -> bool {
        SourceConnector::watches(self)
    }
    fn watch<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<()>> {
        Box::pin(SourceConnector::watch(self, config))
    }
    fn exactly_once<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<ExactlyOnce>> {
        Box::pin(async { Ok(SourceConnector::exactly_once(self, config)) })
    }
    fn check_positions<'a>(&'a self, config: &'a Config, positions: &'a [Position]) -> LocalFuture<'a, Result<()>> {
        Box::pin(SourceConnector::check_positions(self, config, positions))
    }
}

/// [`SourceTask`] of any type.
pub trait AnySourceTask {
    /// See [`SourceTask::start`].
    fn start<'a>(&'a mut self, context: SourceContext, config: &'a Config) -> LocalFuture<'a, Result<()>>;
    /// See [`SourceTask::poll`].
    fn poll<'a>(&'a mut self, limits: PollLimits) -> LocalFuture<'a, Result<Option<SourceBatch>>>;
    /// See [`SourceTask::settled`].
    fn settled<'a>(&'a mut self, batch: u64, outcome: Outcome) -> LocalFuture<'a, Result<()>>;
    /// See [`SourceTask::stop`].
    fn stop<'a>(&'a mut self) -> LocalFuture<'a, ()>;
    /// Gives the records of a batch back once they have been handed over, for a task that uses their memory again.
    fn spent(&mut self, _records: Vec<SourceRecord>) {}
}

impl<T: SourceTask> AnySourceTask for T {
    fn start<'a>(&'a mut self, context: SourceContext, config: &'a Config) -> LocalFuture<'a, Result<()>> {
        Box::pin(SourceTask::start(self, context, config))
    }
    fn poll<'a>(&'a mut self, limits: PollLimits) -> LocalFuture<'a, Result<Option<SourceBatch>>> {
        Box::pin(SourceTask::poll(self, limits))
    }
    fn settled<'a>(&'a mut self, batch: u64, outcome: Outcome) -> LocalFuture<'a, Result<()>> {
        Box::pin(SourceTask::settled(self, batch, outcome))
    }
    fn stop<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(SourceTask::stop(self))
    }
}

/// [`SinkConnector`] of any type.
pub trait AnySinkConnector: Send + Sync {
    /// See [`SinkConnector::definition`].
    fn definition(&self) -> Definition;
    /// See [`SinkConnector::task`].
    fn task(&self) -> Box<dyn AnySinkTask>;
    /// See [`SinkConnector::formats`].
    fn formats<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<Formats>>;
    /// See [`SinkConnector::validate`].
    fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>>;
    /// See [`SinkConnector::split`].
    fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>>;
}

impl<C: SinkConnector> AnySinkConnector for C {
    fn definition(&self) -> Definition {
        SinkConnector::definition(self)
    }
    fn task(&self) -> Box<dyn AnySinkTask> {
        Box::new(SinkConnector::task(self))
    }
    fn formats<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Result<Formats>> {
        Box::pin(async { Ok(SinkConnector::formats(self, config)) })
    }
    fn validate<'a>(&'a self, config: &'a Config) -> LocalFuture<'a, Vec<Issue>> {
        Box::pin(SinkConnector::validate(self, config))
    }
    fn split<'a>(&'a self, config: &'a Config, max: usize) -> LocalFuture<'a, Result<Vec<RawConfig>>> {
        Box::pin(SinkConnector::split(self, config, max))
    }
}

/// [`SinkTask`] of any type.
pub trait AnySinkTask {
    /// See [`SinkTask::start`].
    fn start<'a>(&'a mut self, context: TaskContext, config: &'a Config) -> LocalFuture<'a, Result<()>>;
    /// See [`SinkTask::open`].
    fn open<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> LocalFuture<'a, Result<Vec<ReadFrom>>>;
    /// See [`SinkTask::put`].
    fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> LocalFuture<'a, Result<Taken>>;
    /// See [`SinkTask::has_room`].
    fn has_room(&self) -> bool;
    /// See [`SinkTask::written`].
    fn written<'a>(&'a mut self) -> LocalFuture<'a, Result<Written>>;
    /// See [`SinkTask::flush`].
    fn flush<'a>(&'a mut self, occasion: FlushOccasion) -> LocalFuture<'a, Result<Flushed>>;
    /// See [`SinkTask::close`].
    fn close<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> LocalFuture<'a, Result<()>>;
    /// See [`SinkTask::stop`].
    fn stop<'a>(&'a mut self) -> LocalFuture<'a, ()>;
}

impl<T: SinkTask> AnySinkTask for T {
    fn start<'a>(&'a mut self, context: TaskContext, config: &'a Config) -> LocalFuture<'a, Result<()>> {
        Box::pin(SinkTask::start(self, context, config))
    }
    fn open<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> LocalFuture<'a, Result<Vec<ReadFrom>>> {
        Box::pin(SinkTask::open(self, partitions))
    }
    fn put<'a>(&'a mut self, records: &'a [SinkRecord]) -> LocalFuture<'a, Result<Taken>> {
        Box::pin(SinkTask::put(self, records))
    }
    fn has_room(&self) -> bool {
        SinkTask::has_room(self)
    }
    fn written<'a>(&'a mut self) -> LocalFuture<'a, Result<Written>> {
        Box::pin(SinkTask::written(self))
    }
    fn flush<'a>(&'a mut self, occasion: FlushOccasion) -> LocalFuture<'a, Result<Flushed>> {
        Box::pin(SinkTask::flush(self, occasion))
    }
    fn close<'a>(&'a mut self, partitions: &'a [TopicPartition]) -> LocalFuture<'a, Result<()>> {
        Box::pin(SinkTask::close(self, partitions))
    }
    fn stop<'a>(&'a mut self) -> LocalFuture<'a, ()> {
        Box::pin(SinkTask::stop(self))
    }
}
