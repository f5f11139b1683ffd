//! A connector or a task: one call at a time, panics caught.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::LocalSet;

use super::dispatch::{self, SinkState, SourceState};
use super::host::HostLink;
use super::logs;
use super::part::{self, PartState};
use crate::boundary::abi;
use crate::boundary::frame::Writer;
use crate::boundary::message::{Call, Request};
use crate::boundary::{message, spare};
use crate::error::{Result, panic_message};
use crate::plugin::{AnySinkConnector, AnySourceConnector, Export, LocalFuture, Plugin};

/// What calls are made of.
pub enum Target {
    SourceConnector(Arc<dyn AnySourceConnector>),
    SinkConnector(Arc<dyn AnySinkConnector>),
    SourceTask(Rc<RefCell<SourceState>>),
    SinkTask(Rc<RefCell<SinkState>>),
    /// A transform, predicate or converter.
    Part(Export),
    PartTask(Rc<RefCell<PartState>>),
}

impl Target {
    /// A plugin as a whole.
    pub fn whole(export: &Export) -> Target {
        match export {
            Export::Connector(Plugin::Source(source)) => Target::SourceConnector(source.clone()),
            Export::Connector(Plugin::Sink(sink)) => Target::SinkConnector(sink.clone()),
            part => Target::Part(part.clone()),
        }
    }

    /// What a new task has of it.
    pub fn task(export: &Export) -> Target {
        match export {
            Export::Connector(Plugin::Source(source)) => {
                Target::SourceTask(Rc::new(RefCell::new(SourceState::new(source))))
            }
            Export::Connector(Plugin::Sink(sink)) => Target::SinkTask(Rc::new(RefCell::new(SinkState::new(sink)))),
            part => Target::PartTask(Rc::new(RefCell::new(PartState::new(part)))),
        }
    }
}

/// A connector or a task, and the call that it is in.
pub struct Instance {
    pending: Option<LocalFuture<'static, Result<Writer>>>,
    /// What is told instead of a reply: the call made no sense.
    broken: Option<String>,
    target: Option<Target>,
    local: Pin<Box<LocalSet>>,
    runtime: &'static Handle,
    host: Arc<HostLink>,
    full: Rc<Cell<bool>>,
}

/// Waits for the sockets and timers of all instances of this library.
fn runtime() -> Option<&'static Handle> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let make = || Builder::new_multi_thread().worker_threads(1).thread_name("plugin-io").enable_all().build().ok();
    RUNTIME.get_or_init(make).as_ref().map(Runtime::handle)
}

impl Instance {
    /// Of that target. `None` if there are no threads to be had.
    pub fn new(target: Target, host: Arc<HostLink>) -> Option<Instance> {
        let local = Box::pin(LocalSet::new());
        // A set that is never empty goes on waiting for what is spawned later.
        local.spawn_local(std::future::pending::<()>());
        Some(Instance {
            pending: None,
            broken: None,
            target: Some(target),
            local,
            runtime: runtime()?,
            host,
            full: Rc::default(),
        })
    }

    /// Begins a call.
    pub fn begin(&mut self, number: u32, request: Bytes) {
        let call = Call::of(number).ok_or_else(|| format!("there is no call of number {number}"));
        let request = call.and_then(|call| Request::read(call, request).map_err(|why| why.to_string()));
        match (request, &self.target) {
            (Ok(request), Some(target)) => {
                let host = self.host.clone();
                self.pending = Some(match target {
                    Target::SourceConnector(source) => Box::pin(dispatch::source(source.clone(), request)),
                    Target::SinkConnector(sink) => Box::pin(dispatch::sink(sink.clone(), request)),
                    Target::SourceTask(task) => Box::pin(dispatch::source_task(task.clone(), request, host)),
                    Target::SinkTask(task) => {
                        Box::pin(dispatch::sink_task(task.clone(), request, host, self.full.clone()))
                    }
                    Target::Part(export) => Box::pin(part::part(export.clone(), request)),
                    Target::PartTask(task) => Box::pin(part::part_task(task.clone(), request)),
                });
            }
            (Ok(_), None) => self.broken = Some("the instance has panicked and is gone".to_owned()),
            (Err(why), _) => self.broken = Some(why),
        }
    }

    /// Goes on with the call: its status, and its reply unless it is still pending.
    pub fn poll(&mut self, waker: &Waker) -> (u32, Vec<u8>) {
        if let Some(why) = self.broken.take() {
            return (abi::BROKEN, text(&why));
        }
        let Some(pending) = &mut self.pending else {
            return (abi::BROKEN, text("there is no call to go on with"));
        };
        let _runtime = self.runtime.enter();
        let _local = self.local.enter();
        let polled = logs::within(&self.host, || {
            catch_unwind(AssertUnwindSafe(|| pending.as_mut().poll(&mut Context::from_waker(waker))))
        });
        let (status, reply) = match polled {
            Ok(Poll::Pending) => return (abi::PENDING, Vec::new()),
            Ok(Poll::Ready(Ok(reply))) => (abi::OK, reply.bytes),
            Ok(Poll::Ready(Err(error))) => {
                let mut to = Writer::on(spare::take());
                message::error(&mut to, &error);
                (abi::ERROR, to.bytes)
            }
            Err(panic) => {
                let why = panic_message(&*panic);
                self.leave();
                return (abi::PANIC, text(&why));
            }
        };
        self.drop_call();
        if self.target.is_none() {
            return (abi::PANIC, text("the call panicked when it was dropped"));
        }
        (if self.full.get() { status | abi::FULL } else { status }, reply)
    }

    /// Gives up the call.
    pub fn cancel(&mut self) {
        let _runtime = self.runtime.enter();
        self.drop_call();
    }

    /// Lets what the task has spawned go on.
    pub fn drive(&mut self, waker: &Waker) {
        let _runtime = self.runtime.enter();
        let local = &mut self.local;
        let _ = logs::within(&self.host, || {
            catch_unwind(AssertUnwindSafe(|| {
                let _ = Pin::as_mut(local).poll(&mut Context::from_waker(waker));
            }))
        });
    }

    /// Drops the call; a panic there takes the instance with it.
    fn drop_call(&mut self) {
        let pending = self.pending.take();
        if catch_unwind(AssertUnwindSafe(|| drop(pending))).is_err() {
            self.leave();
        }
    }

    /// Drops everything, whatever panics on the way.
    fn leave(&mut self) {
        let (pending, target) = (self.pending.take(), self.target.take());
        let _ = catch_unwind(AssertUnwindSafe(|| drop(pending)));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(target)));
        let local = std::mem::replace(&mut self.local, Box::pin(LocalSet::new()));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(local)));
    }

    /// Ends the instance.
    pub fn close(mut self) {
        let _runtime = self.runtime.enter();
        let host = self.host.clone();
        logs::within(&host, || self.leave());
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut to = Writer::default();
    to.text(text);
    to.bytes
}
