use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field as Read;
use connector_api::data::Field;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::file::samples::{as_json, everything, records, sorted};

const CODECS: [Codec; 5] = [Codec::None, Codec::Snappy, Codec::Gzip, Codec::Lz4, Codec::Zstd];

fn written(settings: Settings, records: &[Payload], part: usize) -> Vec<u8> {
    let (mut parquet, mut out) = (Parquet::new(settings), Vec::new());
    for record in records {
        assert!(parquet.fits(record));
        parquet.write(record).unwrap();
        parquet.settle();
        out.extend_from_slice(&parquet.part(part).unwrap_or_default());
    }
    // A record that is taken back leaves nothing behind, also at the end of a row group.
    parquet.write(&records[0]).unwrap();
    parquet.undo();
    out.extend_from_slice(&parquet.rest());
    assert_eq!(parquet.held(), 0);
    out
}

fn read(field: &Read) -> Json {
    match field {
        Read::Null => Json::Null,
        Read::Bool(value) => json!(value),
        Read::Int(number) | Read::Date(number) | Read::TimeMillis(number) => json!(number),
        Read::Long(number) | Read::TimestampMillis(number) => json!(number),
        Read::Float(number) => json!(number),
        Read::Double(number) => json!(number),
        Read::Str(text) => json!(text),
        Read::Bytes(bytes) => json!(bytes.data()),
        Read::Decimal(number) => json!(number.data()),
        Read::Group(row) => row.get_column_iter().map(|(name, field)| (name.clone(), read(field))).collect(),
        Read::ListInternal(list) => list.elements().iter().map(read).collect(),
        Read::MapInternal(map) => sorted(map.entries().iter().map(|(key, value)| (read(key), read(value)))),
        other => panic!("{other:?}"),
    }
}

fn all(bytes: Vec<u8>) -> Vec<Json> {
    let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| read(&Read::Group(row.unwrap()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_reader_finds_what_was_written(
        records in records(&everything(), 20), codec in prop::sample::select(CODECS.to_vec()), group in 1usize..4000,
    ) {
        let settings = Settings { codec, group, envelope: None };
        let bytes = written(settings, &records, usize::MAX);
        prop_assert!(bytes == written(settings, &records, 1));
        let schema = everything();
        let wanted: Vec<Json> = records.iter().map(|record| as_json(record.as_value().unwrap(), &schema)).collect();
        prop_assert_eq!(all(bytes), wanted);
    }
}

#[test]
fn what_is_no_struct_is_put_into_one_or_refused() {
    let text = Payload::structured(Arc::new(Schema::string().optional()), "x".into());
    let settings = Settings { codec: Codec::Snappy, group: 1000, envelope: Some(("RecordKey", "key")) };
    assert_eq!(all(written(settings, &[text.clone(), text.clone()], 1)), [json!({"key": "x"}), json!({"key": "x"})]);
    let mut parquet = Parquet::new(Settings { envelope: None, ..settings });
    let refused = parquet.write(&text).unwrap_err();
    assert!(refused.to_string().contains("no struct"), "{refused}");
    let refused = parquet.write(&Payload::text("x")).unwrap_err();
    assert!(refused.to_string().contains("schemas.enable"), "{refused}");
}

#[test]
fn a_record_that_breaks_its_schema_leaves_nothing_behind() {
    let schema =
        Arc::new(Schema::structure(vec![Field::new("a", Schema::string()), Field::new("b", Schema::new(Kind::Int64))]));
    let record =
        |b: Value| Payload::structured(schema.clone(), Value::Struct(Struct::new(schema.clone(), vec!["x".into(), b])));
    let mut parquet = Parquet::new(Settings { codec: Codec::None, group: 1000, envelope: None });
    parquet.write(&record(Value::Int64(1))).unwrap();
    parquet.settle();
    let refused = parquet.write(&record(Value::Null)).unwrap_err();
    assert!(refused.to_string().contains("`b`"), "{refused}");
    parquet.undo();
    parquet.write(&record(Value::Int64(2))).unwrap();
    assert_eq!(all(parquet.rest().to_vec()), [json!({"a": "x", "b": 1}), json!({"a": "x", "b": 2})]);
}
