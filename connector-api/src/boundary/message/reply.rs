//! Replies: what is answered.

use bytes::Bytes;

use super::parts::{
    config, error, failed, format, partition, positions, read_config, read_error, read_failed, read_format,
    read_partition, read_positions,
};
use crate::boundary::batch::{BatchReader, BatchWriter};
use crate::boundary::frame::{Malformed, Read, Reader, Writer};
use crate::config::{Issue, RawConfig, Severity};
use crate::connector::ExactlyOnce;
use crate::record::{SourceRecord, TopicPartition};
use crate::sink::{Flushed, Formats, ReadFrom, Taken, Written};
use crate::source::SourceBatch;
use crate::transform::Reads;

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
