//! Requests: what is asked.

use std::time::Duration;

use bytes::Bytes;

use super::Call;
use super::parts::{
    config, format, millis, partition, positions, read_config, read_format, read_partition, read_positions,
};
use crate::boundary::frame::{Malformed, Read, Reader, Writer};
use crate::config::RawConfig;
use crate::data::Format;
use crate::position::Position;
use crate::record::TopicPartition;
use crate::sink::FlushOccasion;
use crate::source::{Outcome, PollLimits};

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
