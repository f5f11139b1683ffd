//! What is written is read.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::samples::*;
use crate::boundary::abi::Buffer;
use crate::boundary::batch::{BatchReader, BatchWriter, write_payload};
use crate::boundary::frame::{Reader, Writer};
use crate::boundary::message::{self, Call, Reply, Request, read_error, read_polled, read_reply};
use crate::boundary::news::News;
use crate::boundary::value::{read_schema, write_schema};
use crate::data::{Payload, Schema, Struct, Value};
use crate::record::{SinkRecord, SourceRecord};
use crate::sink::{Formats, ReadFrom};
use crate::{Decision, Error, ExactlyOnce, TopicPartition};

pub fn written_by(write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut to = Writer::default();
    write(&mut to);
    to.bytes.into()
}

pub fn sink_batch(records: &[SinkRecord]) -> Bytes {
    written_by(|to| BatchWriter::default().sink(to, records))
}

/// A reply is the same after its way, and so are its bytes after another one.
fn assert_reply_stays<R: Reply + Debug>(reply: &R) {
    let message = written_by(|to| reply.write(to));
    let read: R = read_reply(message.clone()).unwrap();
    assert_eq!(format!("{read:?}"), format!("{reply:?}"));
    assert_eq!(written_by(|to| read.write(to)), message);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_of_sources_are_read_as_written(
        records in prop_oneof![vec(source_record(), 0..5).boxed(), many_source_records().boxed()],
    ) {
        let batch = written_by(|to| BatchWriter::default().source(to, &records));
        prop_assert_eq!(BatchReader::default().source(&batch).unwrap(), records);
    }

    #[test]
    fn records_for_sinks_are_read_as_written(
        records in prop_oneof![vec(sink_record(), 0..5).boxed(), many_sink_records().boxed()],
    ) {
        prop_assert_eq!(BatchReader::default().sink(&sink_batch(&records)).unwrap(), records);
    }

    #[test]
    fn records_for_transforms_are_read_as_written(records in vec(transform_record(), 0..5)) {
        let batch = written_by(|to| BatchWriter::default().transform(to, &records));
        prop_assert_eq!(BatchReader::default().transform(&batch).unwrap(), records);
    }

    #[test]
    fn one_writer_and_one_reader_serve_many_batches(batches in vec(vec(sink_record(), 0..3), 1..4)) {
        let (mut writer, mut reader) = (BatchWriter::default(), BatchReader::default());
        for records in batches {
            // What stands before a batch does not matter to it.
            let mut to = Writer::on(b"before".to_vec());
            writer.sink(&mut to, &records);
            let batch = Bytes::from(to.bytes).slice(6..);
            prop_assert_eq!(reader.sink(&batch).unwrap(), records);
        }
    }

    #[test]
    fn schemas_are_read_as_written(schema in schema()) {
        let mut from = Reader::new(written_by(|to| write_schema(to, &schema)));
        prop_assert_eq!(read_schema(&mut from).unwrap(), schema);
        from.end().unwrap();
    }

    #[test]
    fn payloads_alone_are_read_as_written(payload in payload()) {
        let message = written_by(|to| write_payload(to, &payload));
        prop_assert_eq!(BatchReader::default().payload(&message).unwrap(), payload);
    }

    #[test]
    fn polled_batches_are_read_as_written(batch in option::of(source_batch())) {
        let message = written_by(|to| message::polled(to, batch.as_ref(), &mut BatchWriter::default()));
        let read = read_polled(message, &mut BatchReader::default(), Vec::new()).unwrap();
        let parts = |batch: crate::SourceBatch| (batch.id, batch.records, batch.positions);
        prop_assert_eq!(read.map(parts), batch.map(parts));
    }

    #[test]
    fn requests_are_read_as_written(request in request()) {
        let message = written_by(|to| request.write(to));
        let read = Request::read(request.call(), message.clone()).unwrap();
        prop_assert_eq!(read.call(), request.call());
        prop_assert_eq!(format!("{read:?}"), format!("{request:?}"));
        prop_assert_eq!(written_by(|to| read.write(to)), message);
    }

    #[test]
    fn replies_are_read_as_written(
        (issues, configs, taken, written) in (issues(), vec(config(), 0..3), taken(), written()),
        (flushed, key, value, supported) in (flushed(), format(), format(), any::<bool>()),
        (topic, number, offset) in ("[a-z]{1,9}", any::<i32>(), any::<i64>()),
    ) {
        assert_reply_stays(&());
        assert_reply_stays(&issues);
        assert_reply_stays(&configs);
        assert_reply_stays(&taken);
        assert_reply_stays(&written);
        assert_reply_stays(&flushed);
        assert_reply_stays(&Formats { key, value });
        assert_reply_stays(&if supported { ExactlyOnce::Supported } else { ExactlyOnce::Unsupported });
        assert_reply_stays(&vec![ReadFrom { partition: TopicPartition::new(topic, number), offset }]);
    }

    #[test]
    fn errors_are_read_as_written(error in error()) {
        let message = written_by(|to| message::error(to, &error));
        let read = read_error(&mut Reader::new(message.clone())).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{error:?}"));
        prop_assert_eq!(written_by(|to| message::error(to, &read)), message);
    }

    #[test]
    fn news_are_read_as_told(news in news()) {
        prop_assert_eq!(News::read(news.number(), news.message().into()).unwrap(), news);
    }

    #[test]
    fn buffers_give_their_bytes_back(bytes in vec(any::<u8>(), 0..99)) {
        let taken = unsafe_into_bytes(Buffer::of(bytes.clone(), drop));
        prop_assert_eq!(taken, bytes);
    }
}

#[allow(unsafe_code, reason = "what hands the buffer over has made it")]
fn unsafe_into_bytes(buffer: Buffer) -> Bytes {
    unsafe { buffer.into_bytes() }
}

#[test]
fn every_call_has_its_number() {
    for call in Call::ALL {
        assert_eq!(Call::of(call as u32), Some(call));
    }
    assert_eq!((0..1000).filter_map(Call::of).count(), Call::ALL.len());
}

#[test]
fn numbers_that_are_none_stay_so() {
    let records = [f64::NAN, f64::INFINITY, -0.0].map(|number| {
        let value = Value::Array(vec![Value::Float64(number), Value::Float32(number as f32)]);
        SourceRecord::new("t", Payload::Null, Payload::Structured { schema: None, value })
    });
    let batch = written_by(|to| BatchWriter::default().source(to, &records));
    let read = BatchReader::default().source(&batch).unwrap();
    assert_eq!(format!("{read:?}"), format!("{records:?}"));
}

#[test]
fn times_that_cannot_be_said_are_very_long_ones() {
    let error = Error::new(Decision::Retry { after: Some(Duration::MAX) }, "later");
    let read = read_error(&mut Reader::new(written_by(|to| message::error(to, &error)))).unwrap();
    assert_eq!(read.decision(), &Decision::Retry { after: Some(Duration::from_millis(i64::MAX.cast_unsigned())) });
}

fn people() -> (Arc<Schema>, Payload) {
    let person = Schema::structure(vec![crate::data::Field::new("name", Schema::string())]);
    let person = Arc::new(person.named("person"));
    let value = Value::Struct(Struct::new(person.clone(), vec![Value::String("Ann".into())]));
    (person.clone(), Payload::Structured { schema: Some(person), value })
}

fn schema_of(payload: &Payload) -> &Arc<Schema> {
    let Payload::Structured { schema: Some(schema), value: Value::Struct(value) } = payload else {
        panic!("another payload: {payload:?}")
    };
    assert!(Arc::ptr_eq(schema, value.schema()), "a struct has the schema of its payload");
    schema
}

#[test]
fn schemas_and_topics_are_the_same_from_batch_to_batch() {
    let mut reader = BatchReader::default();
    let mut read = || {
        // Schemas made afresh each time, as by another process.
        let ((_, key), (_, value)) = (people(), people());
        let record = SourceRecord::new("people", key, value);
        let batch = written_by(|to| BatchWriter::default().source(to, &[record]));
        reader.source(&batch).unwrap().remove(0)
    };
    let (first, second) = (read(), read());
    assert!(Arc::ptr_eq(schema_of(&first.key), schema_of(&first.value)));
    assert!(Arc::ptr_eq(schema_of(&first.value), schema_of(&second.value)));
    assert!(Arc::ptr_eq(&first.topic, &second.topic));
}

#[test]
fn a_schema_stands_once_in_a_batch_of_many_records() {
    let (_, payload) = people();
    let records = vec![SourceRecord::new("people", Payload::Null, payload); 100];
    let batch = written_by(|to| BatchWriter::default().source(to, &records));
    let occurs = batch.windows(6).filter(|window| window == b"person").count();
    assert_eq!(occurs, 1);
}

#[test]
fn payloads_are_slices_of_their_batch() {
    let text = Payload::text("a text that is long enough to be seen");
    let bytes = |text: &'static str| Payload::Bytes(Bytes::from_static(text.as_bytes()));
    let record = SourceRecord::new("t", bytes("the key"), text);
    let json = SourceRecord::new("t", Payload::Null, Payload::Json(Bytes::from_static(b"{\"n\":1}")));
    let batch = written_by(|to| BatchWriter::default().source(to, &[record, json]));
    let inside = |part: &[u8]| batch.as_ptr_range().contains(&part.as_ptr());
    let read = BatchReader::default().source(&batch).unwrap();
    assert!(inside(read[0].key.as_bytes().unwrap()));
    assert!(inside(read[0].value.as_value().and_then(Value::as_str).unwrap().as_bytes()));
    assert!(inside(read[1].value.as_bytes().unwrap()));
}

#[test]
fn what_a_reader_remembers_does_not_keep_a_batch() {
    let batch = sink_batch(&[]);
    let record = SourceRecord::new("topic", Payload::Null, people().1);
    let full = written_by(|to| BatchWriter::default().source(to, &[record]));
    let mut reader = BatchReader::default();
    reader.sink(&batch).unwrap();
    drop(reader.source(&full).unwrap());
    // Nobody else has it, so it can be taken back.
    assert!(full.try_into_mut().is_ok());
}

#[test]
fn a_struct_that_is_not_of_the_schema_in_its_place_keeps_its_own() {
    let ((expected, _), (own, payload)) = (people(), people());
    let Payload::Structured { value, .. } = payload else { panic!("another payload") };
    let array = Arc::new(Schema::new(crate::data::Kind::Array(expected)));
    let value = Value::Array(vec![value]);
    let record = SourceRecord::new("t", Payload::Null, Payload::structured(array, value));
    let batch = written_by(|to| BatchWriter::default().source(to, &[record]));
    let read = BatchReader::default().source(&batch).unwrap().remove(0);
    let Some(Value::Array(items)) = read.value.as_value() else { panic!("another value") };
    let Value::Struct(one) = &items[0] else { panic!("another value") };
    assert_eq!(one.schema(), &own);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_are_read_the_same_into_memory_that_was_used_before(
        sinks in vec(prop_oneof![vec(sink_record(), 0..12).boxed(), many_sink_records().boxed()], 1..4),
        sources in vec(prop_oneof![vec(source_record(), 0..12).boxed(), many_source_records().boxed()], 1..4),
        let_go: bool,
    ) {
        let (mut reader, mut into) = (BatchReader::default(), Vec::new());
        for records in sinks {
            reader.sink_into(&sink_batch(&records), &mut into).unwrap();
            prop_assert_eq!(&into, &records);
            let_go.then(|| reader.let_go_sink(&mut into));
        }
        let mut into = Vec::new();
        for records in sources {
            let batch = written_by(|to| BatchWriter::default().source(to, &records));
            reader.source_into(&batch, &mut into).unwrap();
            prop_assert_eq!(&into, &records);
            let_go.then(|| reader.let_go_source(&mut into));
        }
    }

    #[test]
    fn a_batch_is_let_go_with_the_last_of_its_payloads(
        records in prop_oneof![vec(source_record(), 0..30).boxed(), many_source_records().boxed()],
        others in prop_oneof![vec(source_record(), 0..30).boxed(), many_source_records().boxed()],
    ) {
        let batch = written_by(|to| BatchWriter::default().source(to, &records));
        let other = written_by(|to| BatchWriter::default().source(to, &others));
        let (mut reader, mut into) = (BatchReader::default(), Vec::new());
        reader.source_into(&batch, &mut into).unwrap();
        // Those of the first are dropped where those of the other are put, and those at once.
        reader.source_into(&other, &mut into).unwrap();
        prop_assert!(batch.is_unique());
        reader.let_go_source(&mut into);
        prop_assert!(other.is_unique());
    }
}

#[test]
fn an_empty_payload_keeps_no_batch() {
    let none = || Payload::Bytes(Bytes::new());
    let records = [SourceRecord::new("t", none(), none()), SourceRecord::new("t", none(), Payload::Json(Bytes::new()))];
    let batch = written_by(|to| BatchWriter::default().source(to, &records));
    let read = BatchReader::default().source(&batch).unwrap();
    assert_eq!(read, records);
    assert!(batch.is_unique());
}
