//! Whatever bytes come, no reader panics, runs out of stack or takes memory for what is not there.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::allocated::most_during;
use super::round_trips::{sink_batch, written_by};
use super::samples::*;
use crate::boundary::abi::Descriptor;
use crate::boundary::batch::{BatchReader, BatchWriter, write_payload};
use crate::boundary::frame::{Malformed, Reader, Writer};
use crate::boundary::message::{self, Call, Reply, Request, read_error, read_polled, read_reply};
use crate::boundary::news::News;
use crate::boundary::value::{self, MAX_DEPTH, read_schema, write_schema};
use crate::config::{Issue, RawConfig};
use crate::data::Value;
use crate::sink::{Flushed, Formats, ReadFrom, Taken, Written};
use crate::{Error, ExactlyOnce};

/// Everything that reads messages. Each is given the same bytes.
fn read_by_everything(message: &Bytes) {
    let mut batches = BatchReader::default();
    let _ = batches.source(message);
    let _ = batches.sink(message);
    let _ = batches.transform(message);
    let (mut sinks, mut sources) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let _ = batches.sink_into(message, &mut sinks);
        let _ = batches.source_into(message, &mut sources);
    }
    drop((sinks, sources));
    let _ = batches.payload(message);
    let _ = read_polled(message.clone(), &mut batches, Vec::new());
    let _ = read_schema(&mut Reader::new(message.clone()));
    let _ = value::read(&mut Reader::new(message.clone()), None, &[]);
    let _ = read_error(&mut Reader::new(message.clone()));
    for call in Call::ALL {
        let _ = Request::read(call, message.clone());
    }
    for number in 0..20 {
        let _ = News::read(number, message.clone());
    }
    read_as_replies(message);
}

fn read_as_replies(message: &Bytes) {
    fn read<R: Reply>(message: &Bytes) {
        let _ = read_reply::<R>(message.clone());
    }
    read::<()>(message);
    read::<Vec<Issue>>(message);
    read::<Vec<RawConfig>>(message);
    read::<ExactlyOnce>(message);
    read::<Formats>(message);
    read::<Vec<ReadFrom>>(message);
    read::<Taken>(message);
    read::<Written>(message);
    read::<Flushed>(message);
}

/// Items are larger in memory than in a message, which has a byte for each at least. Lists may stand in lists, 128 deep, and each
/// takes as much as is left of the message before it is read.
fn assert_reads_within_bounds(message: &Bytes) {
    let most = most_during(|| read_by_everything(message));
    let bound = (16 << 10) + 200 * message.len();
    let start = message.slice(..message.len().min(200));
    assert!(most <= bound, "{most} bytes of memory for a message of {} bytes: {start:?}", message.len());
}

fn any_message() -> BoxedStrategy<Vec<u8>> {
    let message = |bytes: Bytes| bytes.to_vec();
    prop_oneof![
        vec(any::<u8>(), 0..200),
        // Numbers that mean something are small.
        vec(prop_oneof![3 => 0u8..16, 1 => any::<u8>()], 0..200),
        vec(sink_record(), 0..4).prop_map(|records| sink_batch(&records).to_vec()),
        many_sink_records().prop_map(|records| sink_batch(&records).to_vec()),
        source_batch()
            .prop_map(move |batch| written_by(|to| message::polled(to, Some(&batch), &mut BatchWriter::default())))
            .prop_map(message),
        schema().prop_map(move |schema| message(written_by(|to| write_schema(to, &schema)))),
        payload().prop_map(move |payload| message(written_by(|to| write_payload(to, &payload)))),
        request().prop_map(move |request| message(written_by(|to| request.write(to)))),
        taken().prop_map(move |reply| message(written_by(|to| reply.write(to)))),
        flushed().prop_map(move |reply| message(written_by(|to| reply.write(to)))),
        issues().prop_map(move |reply| message(written_by(|to| reply.write(to)))),
        error().prop_map(move |error| message(written_by(|to| message::error(to, &error)))),
        news().prop_map(|news| news.message()),
    ]
    .boxed()
}

/// What makes a message malformed.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Number(Index, u32),
    Cut(Index, Index),
    Add(Vec<u8>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let number = prop_oneof![any::<u32>(), Just(u32::MAX), Just(i32::MAX.cast_unsigned()), 0u32..100];
    let change = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(place, mask)| Change::Flip(place, mask)),
        (any::<Index>(), number).prop_map(|(place, number)| Change::Number(place, number)),
        (any::<Index>(), any::<Index>()).prop_map(|(start, length)| Change::Cut(start, length)),
        vec(any::<u8>(), 1..9).prop_map(Change::Add),
    ];
    vec(change, 0..3)
}

impl Change {
    fn make(&self, message: &mut Vec<u8>) {
        match self {
            Change::Add(bytes) => message.extend(bytes),
            _ if message.len() < 4 => {}
            Change::Flip(place, mask) => {
                let place = place.index(message.len());
                message[place] ^= mask;
            }
            Change::Number(place, number) => {
                let place = place.index(message.len() - 3);
                message[place..place + 4].copy_from_slice(&number.to_le_bytes());
            }
            Change::Cut(start, length) => {
                let start = start.index(message.len());
                let end = start + length.index(message.len() - start + 1);
                message.drain(start..end);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn malformed_messages_are_read_without_a_panic_and_within_bounds(
        mut message in any_message(),
        changes in changes(),
    ) {
        changes.iter().for_each(|change| change.make(&mut message));
        assert_reads_within_bounds(&message.into());
    }

    #[test]
    fn a_batch_that_is_cut_anywhere_is_refused(
        records in prop_oneof![vec(source_record(), 1..4).boxed(), many_source_records().boxed()],
        length in any::<Index>(),
    ) {
        let batch = written_by(|to| BatchWriter::default().source(to, &records));
        let cut = batch.slice(..length.index(batch.len()));
        prop_assert!(BatchReader::default().source(&cut).is_err());
        prop_assert!(BatchReader::default().source_into(&cut, &mut Vec::new()).is_err());
    }
}

#[test]
fn counts_beyond_what_follows_take_no_memory() {
    for count in [1000, 0x00ff_ffff, u32::MAX] {
        for length in [0, 3, 48, 200] {
            let mut to = Writer::default();
            to.u32(count).u32(8).bytes.resize(8 + length, 0);
            assert_reads_within_bounds(&to.bytes.into());
        }
    }
    // Lists in lists, each of which names as many items as there are bytes left.
    let mut to = Writer::default();
    for left in (0..1000u32).rev() {
        to.u8(12).u32(left * 5);
    }
    assert_reads_within_bounds(&to.bytes.into());
}

/// On a stack that is smaller than any that the worker has.
fn on_a_small_stack<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(512 << 10).spawn(body).unwrap().join().unwrap()
}

fn arrays_in_arrays(depth: usize) -> Bytes {
    written_by(|to| {
        (0..depth).for_each(|_| {
            to.u8(12).u32(1);
        });
        to.u8(0);
    })
}

fn maps_in_maps(depth: usize) -> Bytes {
    written_by(|to| {
        (0..depth).for_each(|_| {
            to.u8(13).u32(1);
        });
        (0..=depth).for_each(|_| {
            to.u8(0);
        });
    })
}

/// Schemas of arrays of arrays, with a byte string in the place of the innermost one.
fn schemas_in_schemas(depth: usize, innermost: &[u8]) -> Bytes {
    written_by(|to| {
        (0..depth).for_each(|_| {
            to.u8(9).u32(0).u32(0);
        });
        to.bytes.extend_from_slice(innermost);
    })
}

/// The schema of a text: not optional, without a name, version, doc and parameters; then, whether there is a default.
const TEXT_SCHEMA: &[u8] = &[7, 0, 0, 0, 0, 0, 0, 0, 0];

fn read_value(message: Bytes) -> Result<Value, Malformed> {
    on_a_small_stack(|| value::read(&mut Reader::new(message), None, &[]))
}

fn read_deep_schema(message: Bytes) -> Option<Malformed> {
    on_a_small_stack(|| read_schema(&mut Reader::new(message)).err())
}

#[test]
fn values_are_read_as_deep_as_is_allowed_and_no_deeper() {
    assert!(read_value(arrays_in_arrays(MAX_DEPTH)).is_ok());
    let deep = Malformed("a value is nested too deep");
    assert_eq!(read_value(arrays_in_arrays(MAX_DEPTH + 1)), Err(deep));
    assert_eq!(read_value(arrays_in_arrays(1_000_000)), Err(deep));
    assert!(read_value(maps_in_maps(5)).is_ok());
    assert_eq!(read_value(maps_in_maps(1_000_000)), Err(deep));
}

#[test]
fn values_as_deep_as_the_worker_reads_json_pass() {
    let depth = (1..).take_while(|depth| is_read_by_serde(*depth)).last().unwrap();
    assert!(depth > 100 && read_value(arrays_in_arrays(depth)).is_ok(), "{depth}");
}

fn is_read_by_serde(depth: usize) -> bool {
    serde_json::from_str::<serde_json::Value>(&("[".repeat(depth) + &"]".repeat(depth))).is_ok()
}

#[test]
fn schemas_are_read_as_deep_as_is_allowed_and_no_deeper() {
    let innermost = [TEXT_SCHEMA, &[0]].concat();
    // Behind each array's schema of its items stands that it has no default.
    let whole = |depth| [&schemas_in_schemas(depth, &innermost)[..], &vec![0; depth]].concat();
    assert_eq!(read_deep_schema(whole(MAX_DEPTH).into()), None);
    let deep = Some(Malformed("a schema is nested too deep"));
    assert_eq!(read_deep_schema(whole(MAX_DEPTH + 1).into()), deep);
    assert_eq!(read_deep_schema(whole(1_000_000).into()), deep);
    // The depth of a default is counted with that of its schema.
    let with_default = |depth, default: Bytes| schemas_in_schemas(depth, &[TEXT_SCHEMA, &[1], &default].concat());
    let deep = Some(Malformed("a value is nested too deep"));
    assert_eq!(read_deep_schema(with_default(0, arrays_in_arrays(1_000_000))), deep);
    assert_eq!(read_deep_schema(with_default(MAX_DEPTH / 2, arrays_in_arrays(MAX_DEPTH / 2))), deep);
}

#[test]
fn positions_as_deep_as_they_like_are_refused() {
    let deep = "[".repeat(1_000_000);
    let message = written_by(|to| {
        to.u32(0).u32(1).text(&format!("{{\"a\":{deep}")).u8(0);
    });
    let read = on_a_small_stack(|| Request::read(Call::CheckPositions, message).err());
    assert_eq!(read, Some(Malformed("a position is not a JSON object")));
}

#[test]
fn what_follows_the_end_of_a_message_is_refused() {
    let mut to = Writer::default();
    Request::Stop.write(&mut to);
    to.u8(0);
    let more = Malformed("something follows its end");
    assert_eq!(Request::read(Call::Stop, to.bytes.into()).err(), Some(more));
    assert_eq!(read_polled(Bytes::from_static(&[0, 0]), &mut BatchReader::default(), Vec::new()).err(), Some(more));
    assert_eq!(read_reply::<()>(Bytes::from_static(&[0])), Err(more));
}

#[test]
fn a_reader_that_begins_beyond_the_end_finds_nothing() {
    let mut from = Reader::from(Bytes::from_static(b"abc"), 100);
    assert_eq!((from.left(), from.slice(0).map(|empty| empty.len()), from.u8().is_err()), (0, Ok(0), true));
    assert!(from.end().is_ok());
}

#[test]
#[allow(unsafe_code, reason = "a descriptor as C may leave it")]
fn a_function_that_is_left_out_of_a_descriptor_is_named() {
    use std::mem::{MaybeUninit, offset_of};
    let named = |set: &[usize]| {
        let mut descriptor = MaybeUninit::<Descriptor>::zeroed();
        for place in set {
            unsafe { descriptor.as_mut_ptr().byte_add(*place).cast::<usize>().write(1) };
        }
        unsafe { Descriptor::missing_function(descriptor.as_ptr()) }
    };
    let mut set = Vec::new();
    macro_rules! assert_named {
        ($($name:ident),+) => {$(
            assert_eq!(named(&set), Some(stringify!($name)));
            set.push(offset_of!(Descriptor, $name));
        )+};
    }
    assert_named!(initialize, open, call, resume, cancel, drive, close);
    assert_eq!(named(&set), None);
}

#[test]
fn a_malformed_message_is_an_error_that_nobody_repeats() {
    let error = Error::from(Malformed("it ends too early"));
    assert!(!error.may_heal());
    assert!(error.to_string().starts_with("the message is malformed: it ends too early. The other side"), "{error}");
}
