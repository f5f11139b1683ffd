//! Kafka Connect's schemas as Avro's, in the way of the original's converter: logical types by Avro's names, and what Avro
//! has no word for under `connect.*`.

use connector_api::data::{Field, Kind, Schema, logical};
use serde_json::{Map, Value as Json, json};

/// The namespace of records that have no name of their own.
const NAMESPACE: &str = "io.confluent.connect.avro";
/// The precision of decimals that say none.
const PRECISION: u32 = 64;

/// The schema of records as JSON; they are never null themselves. The error says what Avro cannot hold.
pub(super) fn to_json(schema: &Schema) -> Result<Json, String> {
    Writer::default().plain(schema)
}

/// Whether keys of that schema make a map that Avro knows.
pub(super) fn is_text_map(key: &Schema) -> bool {
    matches!(key.kind, Kind::String) && !key.optional
}

/// How many digits a decimal may have.
pub(in crate::file) fn precision(schema: &Schema) -> u32 {
    let given = schema.parameters.iter().find(|(name, _)| &**name == "connect.decimal.precision");
    given.and_then(|(_, digits)| digits.parse().ok()).unwrap_or(PRECISION).max(schema.scale()).max(1)
}

/// Records that have been written out: each has a name, and is named from the second time on.
#[derive(Default)]
struct Writer<'s> {
    records: Vec<(String, &'s [Field])>,
}

impl<'s> Writer<'s> {
    fn write(&mut self, schema: &'s Schema) -> Result<Json, String> {
        let plain = self.plain(schema)?;
        Ok(if schema.optional { json!(["null", plain]) } else { plain })
    }

    fn plain(&mut self, schema: &'s Schema) -> Result<Json, String> {
        let mut known = Map::new();
        let kind: Json = match &schema.kind {
            Kind::Boolean => "boolean".into(),
            Kind::Int8 | Kind::Int16 => {
                known.insert("connect.type".into(), if schema.kind == Kind::Int8 { "int8" } else { "int16" }.into());
                "int".into()
            }
            Kind::Int32 => "int".into(),
            Kind::Int64 => "long".into(),
            Kind::Float32 => "float".into(),
            Kind::Float64 => "double".into(),
            Kind::String => "string".into(),
            Kind::Bytes => "bytes".into(),
            Kind::Array(item) => {
                known.insert("items".into(), self.write(item)?);
                "array".into()
            }
            Kind::Map(key, value) if is_text_map(key) => {
                known.insert("values".into(), self.write(value)?);
                "map".into()
            }
            Kind::Map(key, value) => {
                known.insert("items".into(), self.entry(key, value)?);
                "array".into()
            }
            Kind::Struct(fields) => return self.record(schema, fields),
        };
        known.extend(logical_type(schema));
        known.extend(properties(schema));
        if known.is_empty() {
            return Ok(kind);
        }
        known.insert("type".into(), kind);
        Ok(Json::Object(known))
    }

    fn record(&mut self, schema: &'s Schema, fields: &'s [Field]) -> Result<Json, String> {
        let (space, name) = match schema.name.as_deref().and_then(|name| name.rsplit_once('.')) {
            Some((space, name)) => (space.split('.').map(word).collect::<Vec<_>>().join("."), word(name)),
            None => match schema.name.as_deref() {
                Some(name) => (String::new(), word(name)),
                None => (NAMESPACE.to_owned(), "ConnectDefault".to_owned()),
            },
        };
        let full = |name: &str| if space.is_empty() { name.to_owned() } else { format!("{space}.{name}") };
        let mut number = 1;
        let mut unique = name.clone();
        while let Some((_, others)) = self.records.iter().find(|(known, _)| *known == full(&unique)) {
            if *others == fields {
                return Ok(full(&unique).into());
            }
            number += 1;
            unique = format!("{name}{number}");
        }
        self.records.push((full(&unique), fields));
        let mut record = Map::from_iter([("type".to_owned(), json!("record")), ("name".to_owned(), json!(unique))]);
        if !space.is_empty() {
            record.insert("namespace".into(), space.clone().into());
        }
        record.insert("fields".into(), self.fields(fields)?.into());
        record.extend(properties(schema));
        Ok(Json::Object(record))
    }

    fn fields(&mut self, fields: &'s [Field]) -> Result<Vec<Json>, String> {
        let mut written: Vec<Json> = Vec::with_capacity(fields.len());
        for field in fields {
            let name = word(&field.name);
            if written.iter().any(|other| other["name"] == name.as_str()) {
                return Err(format!("two of its fields are called `{name}` in Avro's letters"));
            }
            let mut json = json!({"name": name, "type": self.write(&field.schema)?});
            if field.schema.optional {
                json["default"] = Json::Null;
            }
            if let Some(doc) = &field.schema.doc {
                json["doc"] = (**doc).into();
            }
            written.push(json);
        }
        Ok(written)
    }

    /// An entry of a map whose keys are not text.
    fn entry(&mut self, key: &'s Schema, value: &'s Schema) -> Result<Json, String> {
        let name = |number: usize| format!("MapEntry{}", if number == 1 { String::new() } else { number.to_string() });
        let free =
            |number: &usize| !self.records.iter().any(|(known, _)| *known == format!("{NAMESPACE}.{}", name(*number)));
        let name = name((1..).find(free).unwrap_or(1));
        self.records.push((format!("{NAMESPACE}.{name}"), &[]));
        let fields = [("key", key), ("value", value)].map(|(name, schema)| (name, self.write(schema)));
        let mut written = Vec::new();
        for (name, schema) in fields {
            written.push(json!({"name": name, "type": schema?}));
        }
        Ok(json!({"type": "record", "name": name, "namespace": NAMESPACE, "fields": written,
                  "connect.internal.type": "MapEntry"}))
    }
}

fn logical_type(schema: &Schema) -> Map<String, Json> {
    let of = |name: &str| Map::from_iter([("logicalType".to_owned(), json!(name))]);
    match (&schema.kind, schema.name.as_deref()) {
        (Kind::Bytes, Some(logical::DECIMAL)) => {
            let mut decimal = of("decimal");
            decimal.extend([
                ("precision".to_owned(), precision(schema).into()),
                ("scale".to_owned(), schema.scale().into()),
            ]);
            decimal
        }
        (Kind::Int32, Some(logical::DATE)) => of("date"),
        (Kind::Int32, Some(logical::TIME)) => of("time-millis"),
        (Kind::Int64, Some(logical::TIMESTAMP)) => of("timestamp-millis"),
        _ => Map::new(),
    }
}

/// What Avro has no word for.
fn properties(schema: &Schema) -> Map<String, Json> {
    let mut known = Map::new();
    known.extend(schema.name.as_ref().map(|name| ("connect.name".to_owned(), json!(**name))));
    known.extend(schema.version.map(|version| ("connect.version".to_owned(), json!(version))));
    known.extend(schema.doc.as_ref().map(|doc| ("connect.doc".to_owned(), json!(**doc))));
    if !schema.parameters.is_empty() {
        let parameters: Map<String, Json> =
            schema.parameters.iter().map(|(name, value)| (name.to_string(), json!(**value))).collect();
        known.insert("connect.parameters".into(), Json::Object(parameters));
    }
    known
}

/// A name in the letters that Avro allows.
fn word(name: &str) -> String {
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '_' };
    let word: String = name.chars().map(allowed).collect();
    if word.starts_with(|first: char| first.is_ascii_digit()) || word.is_empty() { format!("_{word}") } else { word }
}
