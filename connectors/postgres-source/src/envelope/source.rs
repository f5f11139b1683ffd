//! The `source` block: where an event comes from.

use std::sync::{Arc, LazyLock};

use bytes::BufMut;
use connector_api::data::{Field, Kind, Schema, Struct, Text, Value};

use crate::decode::Scratch;
use crate::lsn::Lsn;

/// Where a row stands in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Not in a snapshot.
    Streamed,
    /// The first row of all.
    First,
    /// The first row of its table.
    FirstOfTable,
    /// Any row.
    Within,
    /// The last row of its table.
    LastOfTable,
    /// The last row of all.
    Last,
}

impl Marker {
    fn word(self) -> &'static str {
        match self {
            Marker::Streamed => "false",
            Marker::First => "first",
            Marker::FirstOfTable => "first_in_data_collection",
            Marker::Within => "true",
            Marker::LastOfTable => "last_in_data_collection",
            Marker::Last => "last",
        }
    }
}

/// The block's schema, the same for all tables.
pub static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = || Schema::string();
    let number = || Schema::new(Kind::Int64).optional();
    let snapshot = Schema::string()
        .optional()
        .named("io.debezium.data.Enum")
        .version(1)
        .parameter("allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental")
        .default("false".into());
    let fields = vec![
        Field::new("version", text()),
        Field::new("connector", text()),
        Field::new("name", text()),
        Field::new("ts_ms", Schema::new(Kind::Int64)),
        Field::new("snapshot", snapshot),
        Field::new("db", text()),
        Field::new("sequence", text().optional()),
        Field::new("ts_us", number()),
        Field::new("ts_ns", number()),
        Field::new("schema", text()),
        Field::new("table", text()),
        Field::new("txId", number()),
        Field::new("lsn", number()),
        Field::new("xmin", number()),
        Field::new("origin", text().optional()),
        Field::new("origin_lsn", number()),
    ];
    Arc::new(Schema::structure(fields).named("io.debezium.connector.postgresql.Source").version(1))
});

/// What `source.connector` says.
pub const CONNECTOR: &str = "postgresql";

/// What is the same in the blocks of all events of a table.
#[derive(Clone, Debug)]
pub struct Template {
    prefix: Text,
    database: Text,
    schema: Text,
    table: Text,
}

impl Template {
    /// For a table.
    pub fn new(prefix: &str, database: &str, schema: &str, table: &str) -> Template {
        Template { prefix: prefix.into(), database: database.into(), schema: schema.into(), table: table.into() }
    }
}

/// Another server from which a transaction came by replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginServer {
    /// Its name.
    pub name: Text,
    /// Where it committed the transaction.
    pub lsn: Lsn,
}

/// Where and when a change happened.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// In which part of a snapshot, if in one.
    pub marker: Marker,
    /// When it was committed, or the snapshot taken: microseconds since 1970.
    pub time: i64,
    /// Its transaction's number.
    pub xid: Option<u32>,
    /// Where it stands.
    pub lsn: Lsn,
    /// The end of the last transaction before it; none in a snapshot.
    pub previous: Lsn,
    /// Where the transaction came from.
    pub origin: Option<&'a OriginServer>,
}

impl Place<'_> {
    /// The block of an event.
    pub fn block(&self, template: &Template, scratch: &mut Scratch) -> Value {
        let word = |text: &'static str| Value::String(Text::from_static(text));
        let shared = |text: &Text| Value::String(text.clone());
        let (origin, origin_lsn) = match self.origin {
            Some(origin) => (shared(&origin.name), Value::Int64(origin.lsn.to_offset())),
            None => (Value::Null, Value::Null),
        };
        // In the order of the schema.
        let values = vec![
            word(env!("CARGO_PKG_VERSION")),
            word(CONNECTOR),
            shared(&template.prefix),
            Value::Int64(self.time.div_euclid(1_000)),
            word(self.marker.word()),
            shared(&template.database),
            self.sequence(scratch),
            Value::Int64(self.time),
            Value::Int64(self.time.saturating_mul(1_000)),
            shared(&template.schema),
            shared(&template.table),
            self.xid.map_or(Value::Null, |xid| Value::Int64(i64::from(xid))),
            Value::Int64(self.lsn.to_offset()),
            Value::Null,
            origin,
            origin_lsn,
        ];
        Value::Struct(Struct::new(SCHEMA.clone(), values))
    }

    /// `["end of the last transaction","this change"]`: later changes have larger pairs.
    fn sequence(&self, scratch: &mut Scratch) -> Value {
        let mut digits = itoa::Buffer::new();
        let text = scratch.text(|out| {
            if self.previous == Lsn::NONE {
                out.put_slice(b"[null,\"");
            } else {
                out.put_slice(b"[\"");
                out.put_slice(digits.format(self.previous.0).as_bytes());
                out.put_slice(b"\",\"");
            }
            out.put_slice(digits.format(self.lsn.0).as_bytes());
            out.put_slice(b"\"]");
        });
        text.map_or(Value::Null, Value::String)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_in_its_place() {
        let template = Template::new("p", "db", "public", "t");
        let origin = OriginServer { name: "o".into(), lsn: Lsn(9) };
        let place = Place {
            marker: Marker::Streamed,
            time: 1_500,
            xid: Some(7),
            lsn: Lsn(5),
            previous: Lsn(4),
            origin: Some(&origin),
        };
        let block = place.block(&template, &mut Scratch::default());
        let get = |name: &str| block.as_struct().and_then(|block| block.get(name)).cloned();
        for (name, value) in [
            ("connector", Value::from("postgresql")),
            ("name", "p".into()),
            ("ts_ms", Value::Int64(1)),
            ("snapshot", "false".into()),
            ("db", "db".into()),
            ("sequence", "[\"4\",\"5\"]".into()),
            ("ts_us", Value::Int64(1_500)),
            ("ts_ns", Value::Int64(1_500_000)),
            ("schema", "public".into()),
            ("table", "t".into()),
            ("txId", Value::Int64(7)),
            ("lsn", Value::Int64(5)),
            ("xmin", Value::Null),
            ("origin", "o".into()),
            ("origin_lsn", Value::Int64(9)),
        ] {
            assert_eq!(get(name), Some(value), "{name}");
        }
    }
}
