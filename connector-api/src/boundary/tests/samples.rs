//! Values of every kind that messages hold.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use crate::boundary::message::{Request, Start};
use crate::boundary::news::News;
use crate::config::{Issue, RawConfig};
use crate::data::{Decimal, Field, Format, Kind, Payload, Schema, Struct, Value};
use crate::host::Progress;
use crate::record::{Header, SinkRecord, SourceRecord, TimestampType, TopicPartition};
use crate::sink::{FlushOccasion, Flushed, Taken, Written};
use crate::source::{Outcome, PollLimits, SourceBatch};
use crate::{Decision, Error, Position, SourceOffset, SourcePartition, TransformRecord};

pub fn text() -> impl Strategy<Value = String> + Clone {
    "\\PC{0,6}"
}

fn shared_text() -> impl Strategy<Value = Arc<str>> {
    text().prop_map(Arc::from)
}

pub fn bytes() -> impl Strategy<Value = Bytes> + Clone {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn decimal() -> impl Strategy<Value = Value> {
    "-?[0-9]{1,30}(\\.[0-9]{1,5})?".prop_map(|digits| Value::Decimal(Decimal::new(digits.into()).unwrap()))
}

/// A schema of any type and what may be said of it, a default included.
pub fn schema() -> BoxedStrategy<Arc<Schema>> {
    let plain = [Kind::Boolean, Kind::Int8, Kind::Int16, Kind::Int32, Kind::Int64];
    let others = [Kind::Float32, Kind::Float64, Kind::String, Kind::Bytes];
    let leaf = prop::sample::select([plain.as_slice(), &others].concat()).prop_flat_map(described);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let fields = vec((text(), inner.clone()).prop_map(|(name, schema)| Field::new(name, schema)), 0..4);
        let kind = prop_oneof![
            inner.clone().prop_map(Kind::Array),
            (inner.clone(), inner).prop_map(|(key, value)| Kind::Map(key, value)),
            fields.prop_map(Kind::Struct),
        ];
        kind.prop_flat_map(described)
    })
    .boxed()
}

fn described(kind: Kind) -> BoxedStrategy<Arc<Schema>> {
    let words = vec((shared_text(), shared_text()), 0..3);
    let names = (option::of(shared_text()), option::of(any::<i32>()), option::of(shared_text()));
    let bare = (any::<bool>(), names, words).prop_map(move |(optional, (name, version, doc), parameters)| Schema {
        kind: kind.clone(),
        optional,
        name,
        version,
        doc,
        parameters,
        default: None,
    });
    let with_default = bare.prop_flat_map(|bare| {
        let of = value_of(&Arc::new(bare.clone()));
        option::of(of).prop_map(move |default| Arc::new(Schema { default, ..bare.clone() }))
    });
    with_default.boxed()
}

/// A value of that schema.
pub fn value_of(schema: &Arc<Schema>) -> BoxedStrategy<Value> {
    let value = match &schema.kind {
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Int8 => any::<i8>().prop_map(Value::Int8).boxed(),
        Kind::Int16 => any::<i16>().prop_map(Value::Int16).boxed(),
        Kind::Int32 => any::<i32>().prop_map(Value::Int32).boxed(),
        Kind::Int64 => any::<i64>().prop_map(Value::Int64).boxed(),
        Kind::Float32 => any::<f32>().prop_map(Value::Float32).boxed(),
        Kind::Float64 => any::<f64>().prop_map(Value::Float64).boxed(),
        Kind::String => text().prop_map(|text| Value::String(text.into())).boxed(),
        Kind::Bytes => prop_oneof![bytes().prop_map(Value::Bytes), decimal()].boxed(),
        Kind::Array(inner) => vec(value_of(inner), 0..3).prop_map(Value::Array).boxed(),
        Kind::Map(key, value) => vec((value_of(key), value_of(value)), 0..3).prop_map(Value::Map).boxed(),
        Kind::Struct(fields) => {
            let schema = schema.clone();
            let values: Vec<_> = fields.iter().map(|field| value_of(&field.schema)).collect();
            values.prop_map(move |values| Value::Struct(Struct::new(schema.clone(), values))).boxed()
        }
    };
    if schema.optional { prop_oneof![1 => Just(Value::Null), 3 => value].boxed() } else { value }
}

/// A value that says itself what it is: structs in it have schemas of their own.
pub fn loose_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![Just(Value::Null), schema().prop_flat_map(|schema| value_of(&schema))];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((inner.clone(), inner), 0..3).prop_map(Value::Map),
        ]
    })
    .boxed()
}

pub fn payload() -> BoxedStrategy<Payload> {
    let typed = schema().prop_flat_map(|schema| {
        value_of(&schema).prop_map(move |value| Payload::Structured { schema: Some(schema.clone()), value })
    });
    // A schema that says nothing about the value is possible too.
    let untyped =
        (option::of(schema()), loose_value()).prop_map(|(schema, value)| Payload::Structured { schema, value });
    let plain = prop_oneof![Just(Payload::Null), bytes().prop_map(Payload::Bytes), bytes().prop_map(Payload::Json)];
    prop_oneof![3 => plain, 1 => typed, 1 => untyped].boxed()
}

fn headers() -> impl Strategy<Value = Vec<Header>> {
    vec((shared_text(), payload()).prop_map(|(name, value)| Header { name, value }), 0..3)
}

fn timestamp() -> impl Strategy<Value = Option<i64>> {
    // The lowest number stands for none.
    option::of(i64::MIN + 1..=i64::MAX)
}

pub fn source_record() -> impl Strategy<Value = SourceRecord> {
    let place = ("[a-c]{1,2}", option::of(0..i32::MAX));
    (place, payload(), payload(), headers(), timestamp()).prop_map(
        |((topic, partition), key, value, headers, timestamp)| SourceRecord {
            topic: topic.into(),
            partition,
            key,
            value,
            headers,
            timestamp,
        },
    )
}

pub fn transform_record() -> impl Strategy<Value = TransformRecord> {
    (source_record(), option::of(0..i64::MAX))
        .prop_map(|(record, offset)| TransformRecord { offset, ..TransformRecord::of_source(record) })
}

pub fn sink_record() -> impl Strategy<Value = SinkRecord> {
    let place = ("[a-c]{1,2}", partition(), any::<i64>());
    let who = prop_oneof![Just(TimestampType::CreateTime), Just(TimestampType::LogAppendTime)];
    (place, payload(), payload(), headers(), timestamp(), who).prop_map(
        |((topic, origin, offset), key, value, headers, timestamp, timestamp_type)| SinkRecord {
            topic: topic.into(),
            origin,
            offset,
            key,
            value,
            headers,
            timestamp,
            timestamp_type,
        },
    )
}

/// Records of bytes alone but for one now and then: such are read some at a time.
pub fn many_source_records() -> impl Strategy<Value = Vec<SourceRecord>> {
    let some = || vec(any::<u8>(), 1..9).prop_map(Bytes::from);
    let bytes = move || prop_oneof![some().prop_map(Payload::Bytes), some().prop_map(Payload::Json)].boxed();
    prop_oneof![Just(Payload::Null).boxed(), bytes()].prop_flat_map(move |key| {
        let key = if key.is_null() { Just(key).boxed() } else { bytes() };
        let plain = (key, bytes()).prop_map(|(key, value)| SourceRecord::new("plain", key, value));
        vec(prop_oneof![30 => plain, 1 => source_record()], 0..40)
    })
}

/// The same for sinks.
pub fn many_sink_records() -> impl Strategy<Value = Vec<SinkRecord>> {
    let sink = |(offset, record): (i64, SourceRecord)| SinkRecord {
        topic: record.topic,
        key: record.key,
        headers: record.headers,
        timestamp: record.timestamp,
        ..SinkRecord::new(TopicPartition::new("origin", 7), offset, record.value)
    };
    many_source_records().prop_map(move |records| (0..).zip(records).map(sink).collect())
}

fn json_object() -> impl Strategy<Value = Map<String, Json>> {
    let plain = prop_oneof![
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        text().prop_map(Json::from),
        Just(Json::Null),
    ];
    btree_map(text(), plain, 0..3).prop_map(|map| map.into_iter().collect())
}

pub fn positions() -> impl Strategy<Value = Vec<Position>> {
    let position = (json_object(), option::of(json_object())).prop_map(|(partition, offset)| Position {
        partition: SourcePartition(partition),
        offset: offset.map(SourceOffset),
    });
    vec(position, 0..3)
}

pub fn config() -> impl Strategy<Value = RawConfig> {
    btree_map(text(), text(), 0..4)
}

fn partition() -> impl Strategy<Value = TopicPartition> {
    ("[a-c]{1,2}", any::<i32>()).prop_map(|(topic, number)| TopicPartition::new(topic, number))
}

fn partitions() -> impl Strategy<Value = Vec<TopicPartition>> {
    vec(partition(), 0..4)
}

/// So many milliseconds.
fn time() -> impl Strategy<Value = Duration> {
    (0..i64::MAX.cast_unsigned()).prop_map(Duration::from_millis)
}

pub fn request() -> BoxedStrategy<Request> {
    let start = (text(), any::<u32>(), config(), positions());
    let start = start.prop_map(|(connector, task, config, positions)| Start { connector, task, config, positions });
    let limits = (any::<u32>(), any::<usize>(), time()).prop_map(|(records, max_bytes, wait)| PollLimits {
        max_records: records as usize,
        max_bytes,
        wait,
    });
    let outcome = prop_oneof![Just(Outcome::Delivered), text().prop_map(Outcome::Failed), Just(Outcome::Unknown)];
    let occasion = prop_oneof![Just(FlushOccasion::Interval), Just(FlushOccasion::Closing)];
    prop_oneof![
        config().prop_map(Request::Validate),
        (config(), any::<u32>()).prop_map(|(config, max)| Request::Split(config, max as usize)),
        config().prop_map(Request::Watch),
        config().prop_map(Request::ExactlyOnce),
        (config(), positions()).prop_map(|(config, positions)| Request::CheckPositions(config, positions)),
        config().prop_map(Request::Formats),
        start.prop_map(Request::Start),
        limits.prop_map(Request::Poll),
        (any::<u64>(), outcome).prop_map(|(batch, outcome)| Request::Settled(batch, outcome)),
        Just(()).prop_map(|()| Request::Stop),
        partitions().prop_map(Request::Open),
        bytes().prop_map(Request::Put),
        Just(()).prop_map(|()| Request::Written),
        occasion.prop_map(Request::Flush),
        partitions().prop_map(Request::Close),
        config().prop_map(Request::Reads),
        bytes().prop_map(Request::Apply),
        bytes().prop_map(Request::Test),
        bytes().prop_map(Request::Encode),
        (format(), bytes()).prop_map(|(format, bytes)| Request::Decode(format, bytes)),
    ]
    .boxed()
}

pub fn error() -> impl Strategy<Value = Error> {
    let decision = prop_oneof![
        option::of(time()).prop_map(|after| Decision::Retry { after }),
        Just(Decision::Reject),
        Just(Decision::Fail),
        Just(Decision::Fatal),
        text().prop_map(|key| Decision::BadConfig { key }),
    ];
    (decision, text(), option::of(text()), option::of(text())).prop_map(|(decision, message, remedy, cause)| {
        let error = Error::new(decision, message);
        let error = remedy.into_iter().fold(error, |error, remedy| error.remedy(remedy));
        cause.into_iter().fold(error, |error, cause| error.caused_by(cause))
    })
}

pub fn issues() -> impl Strategy<Value = Vec<Issue>> {
    let issue = (any::<bool>(), text(), text());
    let issue = issue.prop_map(|(is_error, key, message)| match is_error {
        true => Issue::error(key, message),
        false => Issue::warning(key, message),
    });
    vec(issue, 0..3)
}

pub fn taken() -> impl Strategy<Value = Taken> {
    let index = || any::<u32>().prop_map(|index| index as usize);
    let again = option::of((vec(index(), 0..4), error()));
    (vec((index(), error()), 0..3), again, any::<bool>()).prop_map(|(rejected, again, kept)| Taken {
        rejected,
        again,
        kept,
    })
}

fn safe() -> impl Strategy<Value = Vec<(TopicPartition, i64)>> {
    vec((partition(), any::<i64>()), 0..3)
}

pub fn written() -> impl Strategy<Value = Written> {
    (safe(), vec((partition(), any::<i64>(), error()), 0..3)).prop_map(|(safe, rejected)| Written { safe, rejected })
}

pub fn flushed() -> impl Strategy<Value = Flushed> {
    prop_oneof![
        Just(()).prop_map(|()| Flushed::Everything),
        safe().prop_map(Flushed::UpTo),
        written().prop_map(Flushed::Written)
    ]
}

pub fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Bytes), Just(Format::Json), Just(Format::Structured)]
}

pub fn source_batch() -> impl Strategy<Value = SourceBatch> {
    (any::<u64>(), vec(source_record(), 0..4), positions()).prop_map(|(id, records, positions)| SourceBatch {
        id,
        records,
        positions,
    })
}

pub fn news() -> impl Strategy<Value = News> {
    let progress = (text(), any::<u64>(), option::of(any::<u64>()), text(), any::<bool>());
    let progress = progress.prop_map(|(name, done, total, unit, finished)| {
        News::Progress(Progress { name, done, total, unit: unit.into(), finished })
    });
    prop_oneof![
        (any::<u8>(), text(), text()).prop_map(|(level, target, message)| News::Log { level, target, message }),
        text().prop_map(News::Activity),
        text().prop_map(News::Warning),
        progress,
        (text(), any::<f64>()).prop_map(|(name, value)| News::Metric { name, value }),
        Just(News::Request),
        (any::<u32>(), any::<u64>()).prop_map(|(share, bytes)| News::Memory { share, bytes }),
        text().prop_map(News::Broken),
    ]
}
