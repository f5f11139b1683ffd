//! Plugins that live elsewhere: in a library, or in a process of their own. The worker's loops do not see the difference.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | what the loops' calls go through |
//! | `source.rs`, `sink.rs`, `part.rs` | the traits, as messages |

mod part;
mod sink;
mod source;

use std::sync::Arc;

use bytes::Bytes;
use connector_api::boundary::abi;
use connector_api::boundary::frame::{Reader, Writer};
use connector_api::boundary::message::{Call, Reply, Request, read_error, read_reply};
use connector_api::boundary::spare;
use connector_api::config::{Config, Issue};
use connector_api::plugin::LocalFuture;
use connector_api::{Definition, Error, Host, Plugin, Result};

use super::known::Kind;
use super::part::{Part, PartKind};

pub use part::RemotePart;

/// Where a plugin lives.
pub trait Endpoint: Send + Sync {
    /// Opens it for calls; they are made on the thread that opens it. `name` is whose calls they are, for the log.
    fn open(&self, scope: Scope, name: &str, host: Arc<dyn Host>) -> Result<Box<dyn Channel>>;
}

/// What calls are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The connector, or whatever the plugin is, as a whole.
    Connector,
    /// One task.
    Task,
}

/// Carries calls, one at a time. A call that is dropped is given up, and loses nothing.
pub trait Channel {
    /// Makes a call.
    fn call<'a>(&'a mut self, call: Call, request: Vec<u8>) -> LocalFuture<'a, Answer>;

    /// Gives up what was dropped. The reply to a poll, if its batch was on its way already.
    fn late_poll<'a>(&'a mut self) -> LocalFuture<'a, Option<Answer>> {
        Box::pin(std::future::ready(None))
    }

    /// Whether the other side is gone, so that calls make no sense any more.
    fn is_over(&self) -> bool {
        false
    }
}

/// What came of a call.
#[derive(Debug)]
pub struct Answer {
    /// How it went.
    pub status: Status,
    /// A sink takes no more records now.
    pub full: bool,
    /// The reply, an error, or a text.
    pub message: Bytes,
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The message is the reply.
    Ok,
    /// The message is an error.
    Error,
    /// The message is the text of a panic.
    Panic,
    /// The message says why the call made no sense.
    Broken,
}

impl Status {
    /// Of that number; what is not known is broken.
    pub fn of(number: u32) -> Status {
        match number & !abi::FULL {
            abi::OK => Status::Ok,
            abi::ERROR => Status::Error,
            abi::PANIC => Status::Panic,
            _ => Status::Broken,
        }
    }
}

impl Answer {
    /// The reply. A panic goes on as a panic here: the task's thread ends with it, as with one of a connector that is built in.
    fn reply(self) -> Result<Bytes> {
        let text = |message: Bytes| Reader::new(message).string().unwrap_or_else(|_| "no message".to_owned());
        match self.status {
            Status::Ok => Ok(self.message),
            Status::Error => Err(read_error(&mut Reader::new(self.message)).unwrap_or_else(Error::from)),
            Status::Panic => std::panic::resume_unwind(Box::new(text(self.message))),
            Status::Broken => {
                let why = text(self.message);
                Err(Error::fatal(format!("the plugin does not understand its worker: {why}"))
                    .remedy("Build it anew with this worker's `connector-api`."))
            }
        }
    }
}

/// A plugin of that kind, as descriptions name it, that lives there.
pub fn plugin(kind: &str, definition: Definition, watches: bool, endpoint: Arc<dyn Endpoint>) -> Result<Kind, String> {
    match (kind, PartKind::of(kind)) {
        ("source", _) => {
            let source = source::RemoteSource::new(definition, watches, endpoint);
            Ok(Kind::Connector(Plugin::Source(Arc::new(source))))
        }
        ("sink", _) => Ok(Kind::Connector(Plugin::Sink(Arc::new(sink::RemoteSink::new(definition, endpoint))))),
        (_, Some(kind)) => Ok(Kind::Part(Part::there(kind, definition, endpoint))),
        (other, None) => Err(format!("it is of an unknown kind, `{other}`")),
    }
}

/// The same connector, living there.
pub fn elsewhere(plugin: &Plugin, endpoint: Arc<dyn Endpoint>) -> Plugin {
    let definition = plugin.definition();
    match plugin {
        Plugin::Source(source) => {
            Plugin::Source(Arc::new(source::RemoteSource::new(definition, source.watches(), endpoint)))
        }
        Plugin::Sink(_) => Plugin::Sink(Arc::new(sink::RemoteSink::new(definition, endpoint))),
    }
}

/// Asks a plugin as a whole.
pub async fn ask<R: Reply>(endpoint: &dyn Endpoint, class: &str, request: Request) -> Result<R> {
    let mut channel = endpoint.open(Scope::Connector, class, Arc::new(connector_api::Silence))?;
    call(&mut *channel, request).await.1
}

/// What is wrong with a configuration; that nobody can be asked is wrong too.
pub async fn validate(endpoint: &dyn Endpoint, class: &str, config: &Config) -> Vec<Issue> {
    let issues = ask(endpoint, class, Request::Validate(config.raw().clone())).await;
    issues.unwrap_or_else(|why| vec![Issue::error("connector.class", why.to_string())])
}

/// Makes a call; whether the sink is full, and the reply.
async fn call<R: Reply>(channel: &mut dyn Channel, request: Request) -> (bool, Result<R>) {
    let mut to = Writer::on(spare::take());
    request.write(&mut to);
    let answer = channel.call(request.call(), to.bytes).await;
    let full = answer.full;
    let read = |message| read_reply(message).map_err(Error::from);
    (full, answer.reply().and_then(read))
}
