//! Schemas: what a value is made of.

use std::sync::Arc;

use super::Value;

/// Names of the logical types that every reader of Kafka Connect's data knows.
pub mod logical {
    /// `BYTES` holding an unscaled number, with the parameter `scale`; here a [`Value::Decimal`](super::Value::Decimal).
    pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
    /// `INT32` days since 1970-01-01.
    pub const DATE: &str = "org.apache.kafka.connect.data.Date";
    /// `INT32` milliseconds since midnight.
    pub const TIME: &str = "org.apache.kafka.connect.data.Time";
    /// `INT64` milliseconds since 1970-01-01 00:00 UTC.
    pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
}

/// The type of a value and what is known about it.
///
/// Schemas are shared: make one for each shape of record, keep the `Arc`, and use it for every record of that shape.
/// Converters cache by the address of the `Arc`, so a schema made afresh for each record is slow.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The type.
    pub kind: Kind,
    /// Whether null is allowed.
    pub optional: bool,
    /// A logical type's or a record's name.
    pub name: Option<Arc<str>>,
    /// The version of the named schema, counted by whoever names it.
    pub version: Option<i32>,
    /// A sentence for people.
    pub doc: Option<Arc<str>>,
    /// Further properties, such as the `scale` of a decimal.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// What stands for an absent value.
    pub default: Option<Value>,
}

/// The types of Kafka Connect's data model.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// True or false.
    Boolean,
    /// 8 bits, signed.
    Int8,
    /// 16 bits, signed.
    Int16,
    /// 32 bits, signed.
    Int32,
    /// 64 bits, signed.
    Int64,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// UTF-8 text.
    String,
    /// Bytes; also decimals, by their logical name.
    Bytes,
    /// A list of values of one schema.
    Array(Arc<Schema>),
    /// Keys of one schema to values of another.
    Map(Arc<Schema>, Arc<Schema>),
    /// Named fields in order.
    Struct(Vec<Field>),
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name, unique in its struct.
    pub name: Arc<str>,
    /// What it holds.
    pub schema: Arc<Schema>,
}

impl Field {
    /// A field of that name.
    pub fn new(name: impl Into<Arc<str>>, schema: impl Into<Arc<Schema>>) -> Field {
        Field { name: name.into(), schema: schema.into() }
    }
}

impl Schema {
    /// A required, nameless schema of that type.
    pub fn new(kind: Kind) -> Schema {
        Schema { kind, optional: false, name: None, version: None, doc: None, parameters: Vec::new(), default: None }
    }

    /// Required text.
    pub fn string() -> Schema {
        Schema::new(Kind::String)
    }

    /// A struct of these fields.
    pub fn structure(fields: Vec<Field>) -> Schema {
        Schema::new(Kind::Struct(fields))
    }

    /// Kafka Connect's `Decimal` with that many digits behind the point.
    pub fn decimal(scale: u32) -> Schema {
        Schema::new(Kind::Bytes).named(logical::DECIMAL).version(1).parameter("scale", scale.to_string())
    }

    /// The same, null allowed.
    pub fn optional(mut self) -> Schema {
        self.optional = true;
        self
    }

    /// The same under a name.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Schema {
        self.name = Some(name.into());
        self
    }

    /// The same in that version.
    pub fn version(mut self, version: i32) -> Schema {
        self.version = Some(version);
        self
    }

    /// The same with a sentence for people.
    pub fn doc(mut self, doc: impl Into<Arc<str>>) -> Schema {
        self.doc = Some(doc.into());
        self
    }

    /// The same with a further property.
    pub fn parameter(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Schema {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The same with a default.
    pub fn default(mut self, value: Value) -> Schema {
        self.default = Some(value);
        self
    }

    /// The fields of a struct; empty for every other type.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Where a field of that name stands.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| &*field.name == name)
    }

    /// Whether this is the logical type of that name.
    pub fn is_logical(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }

    /// The `scale` of a decimal; 0 where none is given.
    pub fn scale(&self) -> u32 {
        let scale = self.parameters.iter().find(|(name, _)| &**name == "scale");
        scale.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
    }
}
