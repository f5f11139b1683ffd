//! What a plugin tells its worker between and within calls.
//!
//! | news | number | message | answer |
//! |---|---|---|---|
//! | log | 1 | u8 level (1 error to 5 trace), text target, text message | - |
//! | activity | 2 | text | - |
//! | warning | 3 | text | - |
//! | progress | 4 | text name, u64 done, option of u64 total, text unit, u8 1 if finished | - |
//! | metric | 5 | text name, u64 bits of a 64-bit float | - |
//! | request | 6 | - | microseconds to wait before the request is sent |
//! | memory | 7 | u32 share, u64 bytes; the share is given back by 0 | 1 if granted, else 0 |
//! | broken | 8 | text: why the task cannot go on, such as the panic of a thread of its own | - |

use bytes::Bytes;

use super::frame::{Malformed, Read, Reader, Writer};
use crate::host::Progress;

/// Something told.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the table above says what they are")]
pub enum News {
    Log { level: u8, target: String, message: String },
    Activity(String),
    Warning(String),
    Progress(Progress),
    Metric { name: String, value: f64 },
    Request,
    Memory { share: u32, bytes: u64 },
    Broken(String),
}

impl News {
    /// Its number.
    pub fn number(&self) -> u32 {
        match self {
            News::Log { .. } => 1,
            News::Activity(_) => 2,
            News::Warning(_) => 3,
            News::Progress(_) => 4,
            News::Metric { .. } => 5,
            News::Request => 6,
            News::Memory { .. } => 7,
            News::Broken(_) => 8,
        }
    }

    /// Its message.
    pub fn message(&self) -> Vec<u8> {
        let mut to = Writer::default();
        match self {
            News::Log { level, target, message } => to.u8(*level).text(target).text(message),
            News::Activity(text) | News::Warning(text) | News::Broken(text) => to.text(text),
            News::Progress(progress) => {
                to.text(&progress.name).u64(progress.done);
                to.option(progress.total, |to, total| {
                    to.u64(total);
                });
                to.text(&progress.unit).u8(u8::from(progress.finished))
            }
            News::Metric { name, value } => to.text(name).u64(value.to_bits()),
            News::Request => &mut to,
            News::Memory { share, bytes } => to.u32(*share).u64(*bytes),
        };
        to.bytes
    }

    /// Reads one.
    pub fn read(number: u32, message: Bytes) -> Read<News> {
        let mut from = Reader::new(message);
        Ok(match number {
            1 => News::Log { level: from.u8()?, target: from.string()?, message: from.string()? },
            2 => News::Activity(from.string()?),
            3 => News::Warning(from.string()?),
            4 => News::Progress(Progress {
                name: from.string()?,
                done: from.u64()?,
                total: from.option(Reader::u64)?,
                unit: from.string()?.into(),
                finished: from.flag()?,
            }),
            5 => News::Metric { name: from.string()?, value: f64::from_bits(from.u64()?) },
            6 => News::Request,
            7 => News::Memory { share: from.u32()?, bytes: from.u64()? },
            8 => News::Broken(from.string()?),
            _ => return Err(Malformed("there is no such news")),
        })
    }
}
