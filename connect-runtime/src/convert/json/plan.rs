//! What can be prepared once for each schema: the shape to walk, and the names of fields as they stand in JSON.

use std::collections::HashMap;
use std::sync::Arc;

use connector_api::Error;
use connector_api::data::{Kind, Schema, Value, logical};

use super::schema::write_schema;
use super::write::write_text;

/// How to write values of one schema.
pub(super) struct Plan {
    pub shape: Shape,
    pub optional: bool,
    pub default: Option<Value>,
}

pub(super) enum Shape {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Bytes,
    Decimal {
        scale: u32,
    },
    Array(Box<Plan>),
    /// Keys that are text make an object, all others a list of pairs.
    Map(Box<Plan>, Box<Plan>),
    Struct(Arc<Schema>, Vec<(FieldName, Plan)>),
}

/// How many bytes of a name are copied at once.
const SHORT: usize = 32;

/// A field's name as it stands in JSON: `{"name":` for the first field, `,"name":` for the others.
pub(super) struct FieldName {
    text: Box<[u8]>,
    /// The same with room behind it, if it is short: a copy of fixed length is a few instructions.
    padded: [u8; SHORT],
}

impl FieldName {
    fn new(name: &str, first: bool) -> FieldName {
        let mut text = vec![if first { b'{' } else { b',' }];
        write_text(name, &mut text);
        text.push(b':');
        let mut padded = [0; SHORT];
        let length = text.len().min(SHORT);
        padded[..length].copy_from_slice(&text[..length]);
        FieldName { text: text.into(), padded }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        if self.text.len() <= SHORT {
            let end = out.len() + self.text.len();
            out.extend_from_slice(&self.padded);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.text);
        }
    }

    /// The error of a value, with the field that it stands in.
    pub fn blame(&self, error: &Error) -> Error {
        let name = String::from_utf8_lossy(&self.text);
        let name = name.trim_matches(['{', ',', '"', ':']);
        Error::new(error.decision().clone(), format!("field `{name}`: {}", error.message()))
    }
}

impl Plan {
    pub fn new(schema: &Arc<Schema>) -> Plan {
        let shape = match &schema.kind {
            Kind::Boolean => Shape::Boolean,
            Kind::Int8 => Shape::Int8,
            Kind::Int16 => Shape::Int16,
            Kind::Int32 => Shape::Int32,
            Kind::Int64 => Shape::Int64,
            Kind::Float32 => Shape::Float32,
            Kind::Float64 => Shape::Float64,
            Kind::String => Shape::String,
            Kind::Bytes if schema.is_logical(logical::DECIMAL) => Shape::Decimal { scale: schema.scale() },
            Kind::Bytes => Shape::Bytes,
            Kind::Array(items) => Shape::Array(Box::new(Plan::new(items))),
            Kind::Map(keys, values) => Shape::Map(Box::new(Plan::new(keys)), Box::new(Plan::new(values))),
            Kind::Struct(fields) => {
                let field = |(index, field): (usize, &connector_api::data::Field)| {
                    (FieldName::new(&field.name, index == 0), Plan::new(&field.schema))
                };
                Shape::Struct(schema.clone(), fields.iter().enumerate().map(field).collect())
            }
        };
        Plan { shape, optional: schema.optional, default: schema.default.clone() }
    }
}

/// Plans by the address of their schema. The plan keeps its schema alive, so an address never means another schema.
pub(super) struct Plans {
    plans: HashMap<usize, Arc<Prepared>>,
    /// The plan that was asked for last; mostly the next one too.
    last: Option<(usize, Arc<Prepared>)>,
    limit: usize,
}

pub(super) struct Prepared {
    _schema: Arc<Schema>,
    pub plan: Plan,
    /// `{"schema":...,"payload":` for values that carry their schema.
    pub head: Box<[u8]>,
}

impl Plans {
    pub fn new(limit: usize) -> Plans {
        Plans { plans: HashMap::new(), last: None, limit: limit.max(1) }
    }

    /// The plan of a schema. Past the limit all are forgotten: that many schemas at once are rare, and cheap to plan.
    pub fn of(&mut self, schema: &Arc<Schema>) -> &Prepared {
        let address = Arc::as_ptr(schema) as usize;
        let found = match self.last.take() {
            Some((last, prepared)) if last == address => prepared,
            _ => self.plans.get(&address).cloned().unwrap_or_else(|| self.prepare(address, schema)),
        };
        let (_, prepared) = self.last.insert((address, found));
        prepared
    }

    fn prepare(&mut self, address: usize, schema: &Arc<Schema>) -> Arc<Prepared> {
        if self.plans.len() >= self.limit {
            self.plans.clear();
        }
        let mut head = b"{\"schema\":".to_vec();
        write_schema(schema, &mut head);
        head.extend_from_slice(b",\"payload\":");
        let prepared = Prepared { _schema: schema.clone(), plan: Plan::new(schema), head: head.into() };
        let prepared = Arc::new(prepared);
        self.plans.insert(address, prepared.clone());
        prepared
    }
}
