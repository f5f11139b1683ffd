use apache_avro::types::Value as Read;
use connector_api::data::{Kind, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::file::samples::{as_json, everything, records, sorted};

const CODECS: [AvroCodec; 4] = [AvroCodec::Null, AvroCodec::Deflate, AvroCodec::Snappy, AvroCodec::Zstandard];

fn written(codec: AvroCodec, records: &[Payload], part: usize) -> Vec<u8> {
    let (mut avro, mut out) = (Avro::new(codec, "t 0.avro"), Vec::new());
    for record in records {
        assert!(avro.fits(record));
        avro.write(record).unwrap();
        avro.write(record).unwrap();
        avro.undo();
        avro.settle();
        out.extend_from_slice(&avro.part(part).unwrap_or_default());
    }
    out.extend_from_slice(&avro.rest());
    out
}

fn read(value: Read) -> Json {
    match value {
        Read::Null => Json::Null,
        Read::Boolean(value) => json!(value),
        Read::Int(number) | Read::Date(number) | Read::TimeMillis(number) => json!(number),
        Read::Long(number) | Read::TimestampMillis(number) => json!(number),
        Read::Float(number) => json!(number),
        Read::Double(number) => json!(number),
        Read::String(text) => json!(text),
        Read::Bytes(bytes) => json!(bytes),
        Read::Decimal(number) => json!(<Vec<u8>>::try_from(number).unwrap()),
        Read::Union(_, value) => read(*value),
        Read::Array(items) => items.into_iter().map(read).collect(),
        Read::Map(entries) => sorted(entries.into_iter().map(|(key, value)| (json!(key), read(value)))),
        Read::Record(fields) => fields.into_iter().map(|(name, value)| (name, read(value))).collect(),
        other => panic!("{other:?}"),
    }
}

/// Maps whose keys are not text are arrays of entries.
fn entries_as_pairs(mut json: Json) -> Json {
    let entries = json["numbered"].take();
    let pair = |entry: &Json| (entry["key"].clone(), entry["value"].clone());
    json["numbered"] = sorted(entries.as_array().unwrap().iter().map(pair));
    json
}

fn all(bytes: &[u8]) -> Vec<Json> {
    apache_avro::Reader::new(bytes).unwrap().map(|value| read(value.unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn another_reader_finds_what_was_written(
        records in records(&everything(), 20), codec in prop::sample::select(CODECS.to_vec()),
    ) {
        let bytes = written(codec, &records, usize::MAX);
        let found: Vec<Json> = all(&bytes).into_iter().map(entries_as_pairs).collect();
        let schema = everything();
        let wanted: Vec<Json> = records.iter().map(|record| as_json(record.as_value().unwrap(), &schema)).collect();
        prop_assert_eq!(found, wanted);
    }
}

#[test]
fn blocks_and_parts_change_nothing_but_the_moment_of_sending() {
    let schema = Arc::new(Schema::string().optional());
    let text = |number: usize| Payload::structured(schema.clone(), format!("{number:0>1000}").into());
    let records: Vec<Payload> = (0..1000).map(text).collect();
    for codec in CODECS {
        let whole = written(codec, &records, usize::MAX);
        assert!(whole == written(codec, &records, 10));
        let found: Vec<Json> = all(&whole);
        assert_eq!((found.len(), &found[999]), (1000, &json!(format!("{:0>1000}", 999))));
    }
}

#[test]
fn records_without_a_schema_or_of_another_do_not_go_in() {
    let mut avro = Avro::new(AvroCodec::Null, "");
    let refused = avro.write(&Payload::text("x")).unwrap_err();
    assert!(refused.to_string().contains("schemas.enable"), "{refused}");
    let number = || Arc::new(Schema::new(Kind::Int64));
    avro.write(&Payload::structured(number(), Value::Int64(5))).unwrap();
    assert!(avro.fits(&Payload::structured(number(), Value::Int64(6))));
    assert!(!avro.fits(&Payload::structured(Arc::new(Schema::string()), "x".into())));
    assert!(avro.write(&Payload::structured(number(), "x".into())).is_err());
}
