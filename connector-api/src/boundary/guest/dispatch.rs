//! Requests to methods of connectors, results to replies.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::host::{HostLink, TaskHost};
use crate::boundary::batch::{BatchReader, BatchWriter};
use crate::boundary::frame::Writer;
use crate::boundary::message::{self, Reply, Request, Start};
use crate::boundary::spare;
use crate::config::{Check, Config, ConfigDef, Issue, RawConfig};
use crate::error::{Error, Result};
use crate::host::TaskContext;
use crate::plugin::{AnySinkConnector, AnySinkTask, AnySourceConnector, AnySourceTask};
use crate::record::SinkRecord;
use crate::source::SourceContext;

/// A source's task, and what writes its batches.
pub struct SourceState {
    task: Box<dyn AnySourceTask>,
    definition: ConfigDef,
    batches: BatchWriter,
}

impl SourceState {
    pub fn new(source: &Arc<dyn AnySourceConnector>) -> SourceState {
        let definition = source.definition().config;
        SourceState { task: source.task(), definition, batches: BatchWriter::default() }
    }
}

/// A sink's task, and what reads its batches.
pub struct SinkState {
    task: Box<dyn AnySinkTask>,
    definition: ConfigDef,
    batches: BatchReader,
    /// Used again from call to call.
    records: Vec<SinkRecord>,
}

impl SinkState {
    pub fn new(sink: &Arc<dyn AnySinkConnector>) -> SinkState {
        let (batches, records) = (BatchReader::default(), Vec::new());
        SinkState { task: sink.task(), definition: sink.definition().config, batches, records }
    }
}

pub fn reply(reply: &impl Reply) -> Result<Writer> {
    let mut to = Writer::on(spare::take());
    reply.write(&mut to);
    Ok(to)
}

pub fn misplaced(request: &Request) -> Error {
    Error::fatal(format!("the call {:?} is not one of this plugin", request.call()))
}

/// Reads settings by the connector's own definition, checks in code included: those cannot cross the boundary.
pub fn settings(definition: &ConfigDef, raw: &RawConfig) -> Result<Config> {
    let checked = definition.read(raw);
    match checked.issues.iter().find(|issue| issue.is_error()) {
        Some(issue) => Err(Error::bad_config(&issue.key, &issue.message)),
        None => Ok(checked.config),
    }
}

/// What checks in code say; the worker has made all others already.
pub fn own_issues(definition: &ConfigDef, raw: &RawConfig) -> (Config, Vec<Issue>) {
    let checked = definition.read(raw);
    let in_code = |issue: &Issue| matches!(definition.find(&issue.key), Some(key) if matches!(key.check, Check::By(_)));
    let issues = checked.issues.into_iter().filter(|issue| issue.is_error() && in_code(issue)).collect();
    (checked.config, issues)
}

/// A call of a source as a whole.
pub async fn source(source: Arc<dyn AnySourceConnector>, request: Request) -> Result<Writer> {
    let definition = source.definition().config;
    match request {
        Request::Validate(raw) => {
            let (config, mut issues) = own_issues(&definition, &raw);
            if issues.is_empty() {
                issues = source.validate(&config).await;
            }
            reply(&issues)
        }
        Request::Split(raw, max) => reply(&source.split(&settings(&definition, &raw)?, max).await?),
        Request::Watch(raw) => reply(&source.watch(&settings(&definition, &raw)?).await?),
        Request::ExactlyOnce(raw) => reply(&source.exactly_once(&settings(&definition, &raw)?).await?),
        Request::CheckPositions(raw, positions) => {
            reply(&source.check_positions(&settings(&definition, &raw)?, &positions).await?)
        }
        other => Err(misplaced(&other)),
    }
}

/// A call of a sink as a whole.
pub async fn sink(sink: Arc<dyn AnySinkConnector>, request: Request) -> Result<Writer> {
    let definition = sink.definition().config;
    match request {
        Request::Validate(raw) => {
            let (config, mut issues) = own_issues(&definition, &raw);
            if issues.is_empty() {
                issues = sink.validate(&config).await;
            }
            reply(&issues)
        }
        Request::Split(raw, max) => reply(&sink.split(&settings(&definition, &raw)?, max).await?),
        Request::Formats(raw) => reply(&sink.formats(&settings(&definition, &raw)?).await?),
        other => Err(misplaced(&other)),
    }
}

fn context(start: &Start, host: Arc<HostLink>) -> TaskContext {
    TaskContext { connector: start.connector.as_str().into(), task: start.task, host: Arc::new(TaskHost(host)) }
}

/// A call of a source's task.
#[allow(clippy::await_holding_refcell_ref, reason = "calls of a task never overlap")]
pub async fn source_task(state: Rc<RefCell<SourceState>>, request: Request, host: Arc<HostLink>) -> Result<Writer> {
    let SourceState { task, definition, batches } = &mut *state.borrow_mut();
    match request {
        Request::Start(start) => {
            let config = settings(definition, &start.config)?;
            let stored = start.positions.iter().cloned();
            let positions = stored.filter_map(|position| Some((position.partition, position.offset?))).collect();
            let context = SourceContext { task: context(&start, host), positions };
            reply(&task.start(context, &config).await?)
        }
        Request::Poll(limits) => {
            let batch = task.poll(limits).await?;
            let mut to = Writer::on(spare::take());
            message::polled(&mut to, batch.as_ref(), batches);
            Ok(to)
        }
        Request::Settled(batch, outcome) => reply(&task.settled(batch, outcome).await?),
        Request::Stop => {
            task.stop().await;
            reply(&())
        }
        other => Err(misplaced(&other)),
    }
}

/// A call of a sink's task. `full` says afterwards whether it takes no more records.
#[allow(clippy::await_holding_refcell_ref, reason = "calls of a task never overlap")]
pub async fn sink_task(
    state: Rc<RefCell<SinkState>>,
    request: Request,
    host: Arc<HostLink>,
    full: Rc<Cell<bool>>,
) -> Result<Writer> {
    let state = &mut *state.borrow_mut();
    let answer = sink_call(state, request, host).await;
    full.set(!state.task.has_room());
    answer
}

async fn sink_call(state: &mut SinkState, request: Request, host: Arc<HostLink>) -> Result<Writer> {
    let SinkState { task, definition, batches, records } = state;
    match request {
        Request::Start(start) => {
            let config = settings(definition, &start.config)?;
            reply(&task.start(context(&start, host), &config).await?)
        }
        Request::Open(partitions) => reply(&task.open(&partitions).await?),
        Request::Put(batch) => {
            batches.sink_into(&batch, records)?;
            drop(batch);
            let taken = task.put(records).await;
            batches.let_go_sink(records);
            reply(&taken?)
        }
        Request::Written => reply(&task.written().await?),
        Request::Flush(occasion) => reply(&task.flush(occasion).await?),
        Request::Close(partitions) => reply(&task.close(&partitions).await?),
        Request::Stop => {
            task.stop().await;
            reply(&())
        }
        other => Err(misplaced(&other)),
    }
}
