//! What is asked of a plugin and what it answers: one request and one reply for each call of the traits.
//!
//! | call | number | request | reply |
//! |---|---|---|---|
//! | validate | 1 | config | list of issues: u8 1 if an error, text key, text message |
//! | split | 2 | config, u32 most tasks | list of configs |
//! | watch | 3 | config | - |
//! | exactly once | 4 | config | u8 1 if supported |
//! | check positions | 5 | config, positions | - |
//! | formats | 6 | config | u8 form of keys, u8 form of values |
//! | reads | 7 | config | u8 1 if it looks into keys, u8 1 if into values |
//! | start | 16 | text connector, u32 task, config, positions | - |
//! | poll | 17 | u32 records, u64 bytes, u64 milliseconds | u8 0; or u8 1, u64 batch, positions, batch of records |
//! | settled | 18 | u64 batch, u8 0 delivered, 1 failed and text, 2 unknown | - |
//! | stop | 19 | - | - |
//! | open | 20 | list of partitions | list of partitions with i64 offset |
//! | put | 21 | batch of records | u8 1 if kept, rejected, option of (list of u32 indexes, error) |
//! | written | 22 | - | written |
//! | flush | 23 | u8 0 interval, 1 closing | u8 0 everything; 1 safe; 2 written |
//! | close | 24 | list of partitions | - |
//! | apply | 25 | batch of records | list of u32 indexes that are dropped, failed, batch of the others |
//! | test | 26 | batch of records | failed, list of u8 1 for each record that it is for, 0 for each other |
//! | encode | 27 | batch of records | failed, batch of the others with bytes or null as values |
//! | decode | 28 | u8 form, batch of records | failed, batch of the others with that form as values |
//!
//! The calls from 25 on are those of transforms (apply), predicates (test) and converters (encode, decode); they have validate, start
//! and stop too, the first two also reads. A converter is given its payloads as the values of records, keys too; what they are is
//! said at its start, by the key `converter.type`: `key`, `value` or `header`. Indexes are ascending. Failed is a list of u32 index
//! and error.
//!
//! A config is a list of texts, key and value. Positions are a list of texts with JSON objects, the partition, and an option of
//! one for its offset. A partition is a text and a u32. Rejected is a list of u32 index and error; safe a list of partitions with
//! i64 offset; written is safe and a list of partitions with i64 offset and error. Forms are 1 bytes, 2 JSON, 3 values.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value as Json};

use super::batch::{BatchReader, BatchWriter};
use super::frame::{Malformed, Read, Reader, Writer};
use crate::config::{Issue, RawConfig, Severity};
use crate::connector::ExactlyOnce;
use crate::data::Format;
use crate::error::{Decision, Error};
use crate::position::{Position, SourceOffset, SourcePartition};
use crate::record::{SourceRecord, TopicPartition};
use crate::sink::{FlushOccasion, Flushed, Formats, ReadFrom, Taken, Written};
use crate::source::{Outcome, PollLimits, SourceBatch};
use crate::transform::Reads;

/// A call, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are those of the traits' methods")]
pub enum Call {
    Validate = 1,
    Split = 2,
    Watch = 3,
    ExactlyOnce = 4,
    CheckPositions = 5,
    Formats = 6,
    Reads = 7,
    Start = 16,
    Poll = 17,
    Settled = 18,
    Stop = 19,
    Open = 20,
    Put = 21,
    Written = 22,
    Flush = 23,
    Close = 24,
    Apply = 25,
    Test = 26,
    Encode = 27,
    Decode = 28,
}

impl Call {
    /// All calls.
    pub const ALL: [Call; 20] = [
        Call::Validate,
        Call::Split,
        Call::Watch,
        Call::ExactlyOnce,
        Call::CheckPositions,
        Call::Formats,
        Call::Reads,
        Call::Start,
        Call::Poll,
        Call::Settled,
        Call::Stop,
        Call::Open,
        Call::Put,
        Call::Written,
        Call::Flush,
        Call::Close,
        Call::Apply,
        Call::Test,
        Call::Encode,
        Call::Decode,
    ];

    /// The call of that number.
    pub fn of(number: u32) -> Option<Call> {
        Call::ALL.into_iter().find(|call| *call as u32 == number)
    }
}

/// A request, read.
#[derive(Debug)]
#[allow(missing_docs, reason = "what they mean stands at the traits' methods")]
pub enum Request {
    Validate(RawConfig),
    Split(RawConfig, usize),
    Watch(RawConfig),
    ExactlyOnce(RawConfig),
    CheckPositions(RawConfig, Vec<Position>),
    Formats(RawConfig),
    Reads(RawConfig),
    Start(Start),
    Poll(PollLimits),
    Settled(u64, Outcome),
    Stop,
    Open(Vec<TopicPartition>),
    /// The batch, for [`BatchReader::sink`].
    Put(Bytes),
    Written,
    Flush(FlushOccasion),
    Close(Vec<TopicPartition>),
    /// The batch, for [`BatchReader::transform`].
    Apply(Bytes),
    /// The same.
    Test(Bytes),
    /// The same; the payloads are the values.
    Encode(Bytes),
    /// The same, and the form that is wanted.
    Decode(Format, Bytes),
}

/// What a task is told at its start.
#[derive(Debug)]
pub struct Start {
    /// The connector's name.
    pub connector: String,
    /// The task's number, from 0.
    pub task: u32,
    /// The task's configuration, with secrets.
    pub config: RawConfig,
    /// The stored positions of a source; none for a sink.
    pub positions: Vec<Position>,
}

impl Request {
    /// Which call it is.
    pub fn call(&self) -> Call {
        match self {
            Request::Validate(_) => Call::Validate,
            Request::Split(..) => Call::Split,
            Request::Watch(_) => Call::Watch,
            Request::ExactlyOnce(_) => Call::ExactlyOnce,
            Request::CheckPositions(..) => Call::CheckPositions,
            Request::Formats(_) => Call::Formats,
            Request::Reads(_) => Call::Reads,
            Request::Start(_) => Call::Start,
            Request::Poll(_) => Call::Poll,
            Request::Settled(..) => Call::Settled,
            Request::Stop => Call::Stop,
            Request::Open(_) => Call::Open,
            Request::Put(_) => Call::Put,
            Request::Written => Call::Written,
            Request::Flush(_) => Call::Flush,
            Request::Close(_) => Call::Close,
            Request::Apply(_) => Call::Apply,
            Request::Test(_) => Call::Test,
            Request::Encode(_) => Call::Encode,
            Request::Decode(..) => Call::Decode,
        }
    }

    /// Appends it.
    pub fn write(&self, to: &mut Writer) {
        match self {
            Request::Validate(raw)
            | Request::Watch(raw)
            | Request::ExactlyOnce(raw)
            | Request::Formats(raw)
            | Request::Reads(raw) => config(to, raw),
            Request::Split(raw, max) => {
                config(to, raw);
                to.count(*max);
            }
            Request::CheckPositions(raw, all) => {
                config(to, raw);
                positions(to, all);
            }
            Request::Start(start) => {
                to.text(&start.connector).u32(start.task);
                config(to, &start.config);
                positions(to, &start.positions);
            }
            Request::Poll(limits) => {
                to.count(limits.max_records).u64(limits.max_bytes as u64).u64(millis(limits.wait).cast_unsigned());
            }
            Request::Settled(batch, outcome) => {
                to.u64(*batch);
                match outcome {
                    Outcome::Delivered => to.u8(0),
                    Outcome::Failed(why) => to.u8(1).text(why),
                    Outcome::Unknown => to.u8(2),
                };
            }
            Request::Open(partitions) | Request::Close(partitions) => {
                to.list(partitions.iter(), partition);
            }
            Request::Put(batch) | Request::Apply(batch) | Request::Test(batch) | Request::Encode(batch) => {
                to.bytes.extend_from_slice(batch);
            }
            Request::Decode(wanted, batch) => to.u8(format(*wanted)).bytes.extend_from_slice(batch),
            Request::Flush(occasion) => {
                to.u8(u8::from(*occasion == FlushOccasion::Closing));
            }
            Request::Stop | Request::Written => {}
        }
    }

    /// Reads one.
    pub fn read(call: Call, message: Bytes) -> Read<Request> {
        match call {
            Call::Put => return Ok(Request::Put(message)),
            Call::Apply => return Ok(Request::Apply(message)),
            Call::Test => return Ok(Request::Test(message)),
            Call::Encode => return Ok(Request::Encode(message)),
            _ => {}
        }
        let mut from = Reader::new(message);
        let request = Request::read_from(call, &mut from)?;
        from.end()?;
        Ok(request)
    }

    fn read_from(call: Call, from: &mut Reader) -> Read<Request> {
        Ok(match call {
            Call::Validate => Request::Validate(read_config(from)?),
            Call::Split => Request::Split(read_config(from)?, from.u32()? as usize),
            Call::Watch => Request::Watch(read_config(from)?),
            Call::ExactlyOnce => Request::ExactlyOnce(read_config(from)?),
            Call::CheckPositions => Request::CheckPositions(read_config(from)?, read_positions(from)?),
            Call::Formats => Request::Formats(read_config(from)?),
            Call::Reads => Request::Reads(read_config(from)?),
            Call::Start => Request::Start(Start {
                connector: from.string()?,
                task: from.u32()?,
                config: read_config(from)?,
                positions: read_positions(from)?,
            }),
            Call::Poll => Request::Poll(PollLimits {
                max_records: from.u32()? as usize,
                max_bytes: usize::try_from(from.u64()?).unwrap_or(usize::MAX),
                wait: Duration::from_millis(from.u64()?),
            }),
            Call::Settled => Request::Settled(from.u64()?, read_outcome(from)?),
            Call::Stop => Request::Stop,
            Call::Open => Request::Open(from.list(read_partition)?),
            Call::Put => Request::Put(from.slice(from.left())?),
            Call::Apply => Request::Apply(from.slice(from.left())?),
            Call::Test => Request::Test(from.slice(from.left())?),
            Call::Encode => Request::Encode(from.slice(from.left())?),
            Call::Decode => Request::Decode(read_format(from)?, from.slice(from.left())?),
            Call::Written => Request::Written,
            Call::Flush => Request::Flush(match from.flag()? {
                true => FlushOccasion::Closing,
                false => FlushOccasion::Interval,
            }),
            Call::Close => Request::Close(from.list(read_partition)?),
        })
    }
}

fn read_outcome(from: &mut Reader) -> Read<Outcome> {
    match from.u8()? {
        0 => Ok(Outcome::Delivered),
        1 => Ok(Outcome::Failed(from.string()?)),
        2 => Ok(Outcome::Unknown),
        _ => Err(Malformed("an outcome is unknown")),
    }
}

/// Appends a configuration.
pub fn config(to: &mut Writer, raw: &RawConfig) {
    to.list(raw.iter(), |to, (key, value)| {
        to.text(key).text(value);
    });
}

/// Reads a configuration.
pub fn read_config(from: &mut Reader) -> Read<RawConfig> {
    Ok(from.list(|from| Ok((from.string()?, from.string()?)))?.into_iter().collect())
}

fn positions(to: &mut Writer, all: &[Position]) {
    to.list(all.iter(), |to, Position { partition, offset }| {
        json(to, &partition.0);
        to.option(offset.as_ref(), |to, offset| json(to, &offset.0));
    });
}

fn read_positions(from: &mut Reader) -> Read<Vec<Position>> {
    from.list(|from| {
        let partition = SourcePartition(read_json(from)?);
        Ok(Position { partition, offset: from.option(read_json)?.map(SourceOffset) })
    })
}

fn json(to: &mut Writer, object: &Map<String, Json>) {
    // Maps of texts to plain values always have a text.
    to.text(&serde_json::to_string(object).unwrap_or_default());
}

fn read_json(from: &mut Reader) -> Read<Map<String, Json>> {
    serde_json::from_slice(&from.bytes()?).map_err(|_| Malformed("a position is not a JSON object"))
}

fn partition(to: &mut Writer, partition: &TopicPartition) {
    to.text(&partition.topic).u32(partition.partition.cast_unsigned());
}

fn read_partition(from: &mut Reader) -> Read<TopicPartition> {
    Ok(TopicPartition { topic: std::sync::Arc::from(&*from.text()?), partition: from.u32()?.cast_signed() })
}

/// Longer than anybody waits is as long as can be said.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Appends an error.
pub fn error(to: &mut Writer, error: &Error) {
    let (number, after, key) = match error.decision() {
        Decision::Retry { after } => (0, after.map_or(-1, millis), ""),
        Decision::Reject => (1, -1, ""),
        Decision::Fail => (2, -1, ""),
        Decision::Fatal => (3, -1, ""),
        Decision::BadConfig { key } => (4, -1, key.as_str()),
    };
    to.u8(number).i64(after).text(key).text(error.message());
    to.option(error.remedy_text(), |to, remedy| {
        to.text(remedy);
    });
    to.list(causes(error).iter(), |to, cause| {
        to.text(cause);
    });
}

fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes
}

/// Reads an error.
pub fn read_error(from: &mut Reader) -> Read<Error> {
    let (number, after, key) = (from.u8()?, from.i64()?, from.string()?);
    let decision = match number {
        0 => Decision::Retry { after: u64::try_from(after).ok().map(Duration::from_millis) },
        1 => Decision::Reject,
        2 => Decision::Fail,
        3 => Decision::Fatal,
        4 => Decision::BadConfig { key },
        _ => return Err(Malformed("an error has an unknown decision")),
    };
    let mut error = Error::new(decision, from.string()?);
    if let Some(remedy) = from.option(Reader::string)? {
        error = error.remedy(remedy);
    }
    let causes = from.list(Reader::string)?;
    Ok(if causes.is_empty() { error } else { error.caused_by(causes.join(": ")) })
}

/// What a reply is made of: written by a plugin, read by a worker.
pub trait Reply: Sized {
    /// Appends it.
    fn write(&self, to: &mut Writer);
    /// Reads it.
    fn read(from: &mut Reader) -> Read<Self>;
}

/// Reads a whole reply.
pub fn read_reply<R: Reply>(message: Bytes) -> Read<R> {
    let mut from = Reader::new(message);
    let reply = R::read(&mut from)?;
    from.end()?;
    Ok(reply)
}

impl Reply for () {
    fn write(&self, _: &mut Writer) {}

    fn read(_: &mut Reader) -> Read<()> {
        Ok(())
    }
}

impl Reply for Vec<Issue> {
    fn write(&self, to: &mut Writer) {
        to.list(self.iter(), |to, issue| {
            to.u8(u8::from(issue.is_error())).text(&issue.key).text(&issue.message);
        });
    }

    fn read(from: &mut Reader) -> Read<Self> {
        from.list(|from| {
            let severity = if from.flag()? { Severity::Error } else { Severity::Warning };
            Ok(Issue { severity, key: from.string()?, message: from.string()? })
        })
    }
}

impl Reply for Vec<RawConfig> {
    fn write(&self, to: &mut Writer) {
        to.list(self.iter(), config);
    }

    fn read(from: &mut Reader) -> Read<Self> {
        from.list(read_config)
    }
}

impl Reply for ExactlyOnce {
    fn write(&self, to: &mut Writer) {
        to.u8(u8::from(*self == ExactlyOnce::Supported));
    }

    fn read(from: &mut Reader) -> Read<Self> {
        Ok(if from.flag()? { ExactlyOnce::Supported } else { ExactlyOnce::Unsupported })
    }
}

impl Reply for Formats {
    fn write(&self, to: &mut Writer) {
        to.u8(format(self.key)).u8(format(self.value));
    }

    fn read(from: &mut Reader) -> Read<Self> {
        Ok(Formats { key: read_format(from)?, value: read_format(from)? })
    }
}

impl Reply for Reads {
    fn write(&self, to: &mut Writer) {
        to.u8(u8::from(self.key)).u8(u8::from(self.value));
    }

    fn read(from: &mut Reader) -> Read<Self> {
        Ok(Reads { key: from.flag()?, value: from.flag()? })
    }
}

/// The number of a form.
pub fn format(format: Format) -> u8 {
    match format {
        Format::Bytes => 1,
        Format::Json => 2,
        Format::Structured => 3,
    }
}

/// Reads the number of a form.
pub fn read_format(from: &mut Reader) -> Read<Format> {
    match from.u8()? {
        1 => Ok(Format::Bytes),
        2 => Ok(Format::Json),
        3 => Ok(Format::Structured),
        _ => Err(Malformed("a form is unknown")),
    }
}

impl Reply for Vec<ReadFrom> {
    fn write(&self, to: &mut Writer) {
        to.list(self.iter(), |to, from| {
            partition(to, &from.partition);
            to.i64(from.offset);
        });
    }

    fn read(from: &mut Reader) -> Read<Self> {
        from.list(|from| Ok(ReadFrom { partition: read_partition(from)?, offset: from.i64()? }))
    }
}

impl Reply for Taken {
    fn write(&self, to: &mut Writer) {
        to.u8(u8::from(self.kept));
        failed(to, &self.rejected);
        to.option(self.again.as_ref(), |to, (indexes, why)| {
            to.list(indexes.iter(), |to, index| {
                to.count(*index);
            });
            error(to, why);
        });
    }

    fn read(from: &mut Reader) -> Read<Self> {
        Ok(Taken {
            kept: from.flag()?,
            rejected: read_failed(from)?,
            again: from.option(|from| Ok((from.list(|from| Ok(from.u32()? as usize))?, read_error(from)?)))?,
        })
    }
}

/// Appends records that failed, by their indexes.
pub fn failed(to: &mut Writer, failed: &[(usize, Error)]) {
    to.list(failed.iter(), |to, (index, why)| {
        to.count(*index);
        error(to, why);
    });
}

/// Reads records that failed.
pub fn read_failed(from: &mut Reader) -> Read<Vec<(usize, Error)>> {
    from.list(|from| Ok((from.u32()? as usize, read_error(from)?)))
}

fn safe(to: &mut Writer, safe: &[(TopicPartition, i64)]) {
    to.list(safe.iter(), |to, (name, offset)| {
        partition(to, name);
        to.i64(*offset);
    });
}

fn read_safe(from: &mut Reader) -> Read<Vec<(TopicPartition, i64)>> {
    from.list(|from| Ok((read_partition(from)?, from.i64()?)))
}

impl Reply for Written {
    fn write(&self, to: &mut Writer) {
        safe(to, &self.safe);
        to.list(self.rejected.iter(), |to, (name, offset, why)| {
            partition(to, name);
            to.i64(*offset);
            error(to, why);
        });
    }

    fn read(from: &mut Reader) -> Read<Self> {
        let safe = read_safe(from)?;
        Ok(Written { safe, rejected: from.list(|from| Ok((read_partition(from)?, from.i64()?, read_error(from)?)))? })
    }
}

impl Reply for Flushed {
    fn write(&self, to: &mut Writer) {
        match self {
            Flushed::Everything => {
                to.u8(0);
            }
            Flushed::UpTo(offsets) => safe(to.u8(1), offsets),
            Flushed::Written(written) => written.write(to.u8(2)),
        }
    }

    fn read(from: &mut Reader) -> Read<Self> {
        match from.u8()? {
            0 => Ok(Flushed::Everything),
            1 => Ok(Flushed::UpTo(read_safe(from)?)),
            2 => Ok(Flushed::Written(Written::read(from)?)),
            _ => Err(Malformed("what was flushed is unknown")),
        }
    }
}

/// Appends the reply of a poll.
pub fn polled(to: &mut Writer, batch: Option<&SourceBatch>, records: &mut BatchWriter) {
    to.option(batch, |to, batch| {
        to.u64(batch.id);
        positions(to, &batch.positions);
        records.source(to, &batch.records);
    });
}

/// Reads the reply of a poll. The memory of `spent`, the records of an earlier one, is used again.
pub fn read_polled(message: Bytes, batches: &mut BatchReader, spent: Vec<SourceRecord>) -> Read<Option<SourceBatch>> {
    let mut from = Reader::new(message);
    let polled = from.option(|from| {
        let (id, positions) = (from.u64()?, read_positions(from)?);
        let batch = from.slice(from.left())?;
        let mut records = spent;
        batches.source_into(&batch, &mut records)?;
        Ok(SourceBatch { id, positions, records })
    })?;
    from.end()?;
    Ok(polled)
}
