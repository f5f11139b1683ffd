//! What a connector author sees.
//!
//! A connector moves records between the outside world and topics. It implements two small traits, one that describes
//! it and makes its tasks, and one for a task; the worker does the rest: converters, delivery, positions, retries,
//! restarts, limits, status.
//!
//! | part | what it holds |
//! |---|---|
//! | [`SourceConnector`], [`SourceTask`] | into topics: `start`, `poll`, `settled`, `stop` |
//! | [`SinkConnector`], [`SinkTask`] | out of topics: `start`, `open`, `put`, `flush`, `close`, `stop` |
//! | [`SourceRecord`], [`SinkRecord`], [`SourceBatch`] | what moves |
//! | [`data`] | payloads, values, schemas |
//! | [`config`] | keys, from which checking, documents and typed settings come |
//! | [`Error`] | errors that are decisions: retry, reject, fail, fatal, bad config |
//! | [`Converter`], [`Transform`], [`Predicate`] | what the worker puts between a connector and the log |
//! | [`Plugin`], [`Export`] | a connector of any type, as the worker's table holds it; what a library exports |
//! | [`boundary`], `export!` (feature `plugin`) | connectors as dynamic libraries and processes of their own |
//! | `conformance` (feature) | the checks that every connector passes, and doubles that misbehave |
//!
//! Nothing here does I/O or reads a clock, and nothing here knows the worker or the log.
//!
//! # The smallest source
//!
//! ```
//! use connector_api::config::{Config, ConfigDef, ConfigKey, ConfigType};
//! use connector_api::data::Payload;
//! use connector_api::*;
//!
//! struct Counter;
//!
//! impl SourceConnector for Counter {
//!     type Task = CounterTask;
//!
//!     fn definition(&self) -> Definition {
//!         let topic = ConfigKey::required("topic", ConfigType::String).doc("Where the numbers go.");
//!         let config = ConfigDef::new().key(topic);
//!         Definition { class: "example.CounterConnector", aliases: &[], version: "1.0", doc: "Counts.", config }
//!     }
//!
//!     fn task(&self) -> CounterTask {
//!         CounterTask::default()
//!     }
//! }
//!
//! #[derive(Default)]
//! struct CounterTask {
//!     topic: String,
//!     next: i64,
//! }
//!
//! impl SourceTask for CounterTask {
//!     async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
//!         self.topic = config.text("topic").to_owned();
//!         let stored = context.offset(&SourcePartition::default());
//!         self.next = stored.and_then(|offset| offset.number("next")).unwrap_or(0);
//!         Ok(())
//!     }
//!
//!     async fn poll(&mut self, _limits: PollLimits) -> Result<Option<SourceBatch>> {
//!         let value = Payload::text(self.next.to_string());
//!         self.next += 1;
//!         let offset = Some(SourceOffset::of("next", self.next));
//!         Ok(Some(SourceBatch {
//!             id: 0,
//!             records: vec![SourceRecord::new(self.topic.as_str(), Payload::Null, value)],
//!             positions: vec![Position { partition: SourcePartition::default(), offset }],
//!         }))
//!     }
//! }
//!
//! let plugin = Plugin::source(Counter);
//! assert!(plugin.definition().answers_to("Counter"));
//! ```

pub mod boundary;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connector;
mod converter;
pub mod data;
mod error;
mod host;
pub mod plugin;
mod position;
mod record;
mod sink;
mod source;
mod transform;

pub use connector::{Definition, ExactlyOnce};
pub use converter::{Converter, ConverterPlugin, Use};
pub use error::{Decision, Error, Failed, Result, panic_message};
pub use host::{Host, Memory, Progress, Silence, TaskContext, Unlimited};
pub use plugin::{Export, Plugin};
pub use position::{Position, SourceOffset, SourcePartition};
pub use record::{Header, Headers, SinkRecord, SourceRecord, TimestampType, Topic, TopicPartition};
pub use sink::{FlushOccasion, Flushed, Formats, ReadFrom, SinkConnector, SinkTask, Taken, Written};
pub use source::{Outcome, PollLimits, SourceBatch, SourceConnector, SourceContext, SourceTask};
pub use transform::{Fate, Predicate, PredicatePlugin, Reads, Transform, TransformPlugin, TransformRecord};
