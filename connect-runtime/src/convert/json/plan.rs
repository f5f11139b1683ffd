//! What can be prepared once for each schema: the shape to walk, and the names of fields as they stand in JSON.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
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
    Struct(Arc<Schema>, Vec<(Box<[u8]>, Plan)>),
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
                    let mut name = BytesMut::from(if index == 0 { &b"{"[..] } else { &b","[..] });
                    write_text(&field.name, &mut name);
                    name.extend_from_slice(b":");
                    (name[..].into(), Plan::new(&field.schema))
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
    limit: usize,
}

pub(super) struct Prepared {
    _schema: Arc<Schema>,
    pub plan: Plan,
    /// `{"schema":...,"payload":` for values that carry their schema.
    pub head: Bytes,
}

impl Plans {
    pub fn new(limit: usize) -> Plans {
        Plans { plans: HashMap::new(), limit: limit.max(1) }
    }

    /// The plan of a schema. Past the limit all are forgotten: that many schemas at once are rare, and cheap to plan.
    pub fn of(&mut self, schema: &Arc<Schema>) -> Arc<Prepared> {
        let address = Arc::as_ptr(schema) as usize;
        if let Some(known) = self.plans.get(&address) {
            return known.clone();
        }
        if self.plans.len() >= self.limit {
            self.plans.clear();
        }
        let mut head = BytesMut::from(&b"{\"schema\":"[..]);
        write_schema(schema, &mut head);
        head.extend_from_slice(b",\"payload\":");
        let prepared = Prepared { _schema: schema.clone(), plan: Plan::new(schema), head: head.freeze() };
        let prepared = Arc::new(prepared);
        self.plans.insert(address, prepared.clone());
        prepared
    }
}
