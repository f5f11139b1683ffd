//! Frames as bytes (pure).
//!
//! ```text
//! frame      u32 bytes that follow · u8 kind · content
//! hello      1  magic `NARU` · u32 major · u32 minor · text who · list of texts, the descriptions (none from the worker)
//! open       2  u32 connector, by its place among the descriptions · u32 1 connector, 2 task · text name
//! call       3  u32 number · u32 call · request
//! cancel     4  u32 number
//! answer     5  u32 ask · u64 answer
//! reply      6  u32 number · u32 status · message
//! news       7  u32 news · u32 ask, 0 if no answer is wanted · message
//! refusal    8  text why
//! ```

use bytes::Bytes;
use connector_api::boundary::frame::{Malformed, Read, Reader, Writer};

/// The version of the protocol. Another major is another contract; a minor adds.
pub const MAJOR: u32 = 1;
/// See [`MAJOR`].
pub const MINOR: u32 = 1;
/// The largest frame, in bytes: some batches' worth.
pub const LARGEST_FRAME: usize = 64 << 20;
/// The reply to a call that was cancelled before it was done.
pub const CANCELLED: u32 = 5;

const MAGIC: &[u8; 4] = b"NARU";

/// A frame, read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table above says what they are")]
pub enum Frame {
    Hello { major: u32, minor: u32, who: String, descriptions: Vec<String> },
    Open { connector: u32, scope: u32, name: String },
    Call { number: u32, call: u32, request: Bytes },
    Cancel { number: u32 },
    Answer { ask: u32, answer: u64 },
    Reply { number: u32, status: u32, message: Bytes },
    News { news: u32, ask: u32, message: Bytes },
    Refusal { why: String },
}

impl Frame {
    /// The hello of this side.
    pub fn hello(who: &str, descriptions: Vec<String>) -> Frame {
        Frame::Hello { major: MAJOR, minor: MINOR, who: who.to_owned(), descriptions }
    }

    /// The frame as it is sent: what stands before its bulk, and the bulk, which is not copied.
    pub fn parts(self) -> (Vec<u8>, Bytes) {
        let mut to = Writer::default();
        to.u32(0);
        let bulk = match self {
            Frame::Hello { major, minor, who, descriptions } => {
                to.u8(1).bytes.extend_from_slice(MAGIC);
                to.u32(major).u32(minor).text(&who);
                to.list(descriptions.iter(), |to, text| {
                    to.text(text);
                });
                Bytes::new()
            }
            Frame::Open { connector, scope, name } => {
                to.u8(2).u32(connector).u32(scope).text(&name);
                Bytes::new()
            }
            Frame::Call { number, call, request } => {
                to.u8(3).u32(number).u32(call);
                request
            }
            Frame::Cancel { number } => {
                to.u8(4).u32(number);
                Bytes::new()
            }
            Frame::Answer { ask, answer } => {
                to.u8(5).u32(ask).u64(answer);
                Bytes::new()
            }
            Frame::Reply { number, status, message } => {
                to.u8(6).u32(number).u32(status);
                message
            }
            Frame::News { news, ask, message } => {
                to.u8(7).u32(news).u32(ask);
                message
            }
            Frame::Refusal { why } => {
                to.u8(8).text(&why);
                Bytes::new()
            }
        };
        let length = (to.bytes.len() - 4 + bulk.len()) as u32;
        to.put_u32(0, length);
        (to.bytes, bulk)
    }

    /// Reads a frame, without its length.
    pub fn read(frame: Bytes) -> Read<Frame> {
        let mut from = Reader::new(frame);
        let rest = |from: &mut Reader| from.slice(from.left());
        let read = match from.u8()? {
            1 => {
                if from.array()? != MAGIC {
                    return Err(Malformed("the hello does not begin with NARU"));
                }
                Frame::Hello {
                    major: from.u32()?,
                    minor: from.u32()?,
                    who: from.string()?,
                    descriptions: from.list(Reader::string)?,
                }
            }
            2 => Frame::Open { connector: from.u32()?, scope: from.u32()?, name: from.string()? },
            3 => Frame::Call { number: from.u32()?, call: from.u32()?, request: rest(&mut from)? },
            4 => Frame::Cancel { number: from.u32()? },
            5 => Frame::Answer { ask: from.u32()?, answer: from.u64()? },
            6 => Frame::Reply { number: from.u32()?, status: from.u32()?, message: rest(&mut from)? },
            7 => Frame::News { news: from.u32()?, ask: from.u32()?, message: rest(&mut from)? },
            8 => Frame::Refusal { why: from.string()? },
            _ => return Err(Malformed("a frame has an unknown kind")),
        };
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..50).prop_map(Bytes::from);
        prop_oneof![
            (any::<u32>(), any::<u32>(), "\\PC{0,8}", proptest::collection::vec("\\PC{0,8}", 0..3))
                .prop_map(|(major, minor, who, descriptions)| Frame::Hello { major, minor, who, descriptions }),
            (any::<u32>(), any::<u32>(), "\\PC{0,8}").prop_map(|(connector, scope, name)| Frame::Open {
                connector,
                scope,
                name
            }),
            (any::<u32>(), any::<u32>(), bytes()).prop_map(|(number, call, request)| Frame::Call {
                number,
                call,
                request
            }),
            any::<u32>().prop_map(|number| Frame::Cancel { number }),
            (any::<u32>(), any::<u64>()).prop_map(|(ask, answer)| Frame::Answer { ask, answer }),
            (any::<u32>(), any::<u32>(), bytes()).prop_map(|(number, status, message)| Frame::Reply {
                number,
                status,
                message
            }),
            (any::<u32>(), any::<u32>(), bytes()).prop_map(|(news, ask, message)| Frame::News { news, ask, message }),
            "\\PC{0,8}".prop_map(|why| Frame::Refusal { why }),
        ]
    }

    proptest! {
        #[test]
        fn frames_are_read_as_they_were_written(frame in frames()) {
            let (mut bytes, bulk) = frame.clone().parts();
            bytes.extend_from_slice(&bulk);
            let length = u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
            prop_assert_eq!(length, bytes.len() - 4);
            prop_assert_eq!(Frame::read(Bytes::from(bytes).slice(4..)), Ok(frame));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Frame::read(bytes.into());
        }
    }
}
