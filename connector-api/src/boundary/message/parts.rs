//! What requests and replies are made of.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::boundary::frame::{Malformed, Read, Reader, Writer};
use crate::config::RawConfig;
use crate::data::Format;
use crate::error::{Decision, Error};
use crate::position::{Position, SourceOffset, SourcePartition};
use crate::record::TopicPartition;

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

pub(super) fn positions(to: &mut Writer, all: &[Position]) {
    to.list(all.iter(), |to, Position { partition, offset }| {
        json(to, &partition.0);
        to.option(offset.as_ref(), |to, offset| json(to, &offset.0));
    });
}

pub(super) fn read_positions(from: &mut Reader) -> Read<Vec<Position>> {
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

pub(super) fn partition(to: &mut Writer, partition: &TopicPartition) {
    to.text(&partition.topic).u32(partition.partition.cast_unsigned());
}

pub(super) fn read_partition(from: &mut Reader) -> Read<TopicPartition> {
    Ok(TopicPartition { topic: std::sync::Arc::from(&*from.text()?), partition: from.u32()?.cast_signed() })
}

/// Longer than anybody waits is as long as can be said.
pub(super) fn millis(time: Duration) -> i64 {
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
