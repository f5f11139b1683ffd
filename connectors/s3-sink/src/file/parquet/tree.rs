//! Takes records apart: which column a value belongs to, and at which levels.

use std::sync::Arc;

use connector_api::data::{Kind, Schema, Value, logical};

use super::columns::Columns;

/// A node of the schema, with the columns below it.
#[derive(Debug)]
pub(super) struct Node {
    optional: bool,
    what: What,
    /// The columns below it: the first, and the one after the last.
    columns: (usize, usize),
}

#[derive(Debug)]
enum What {
    Column(ColumnKind),
    Struct(Vec<(Arc<str>, Node)>),
    List(Box<Node>),
    Map(Box<(Node, Node)>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Boolean,
    Int32,
    Int64,
    Float,
    Double,
    Bytes,
    Decimal(u32),
}

/// Definition and repetition levels: how much of the way to a value is there, and which list it goes on.
#[derive(Clone, Copy)]
struct Levels {
    definition: i16,
    repetition: i16,
    /// How many lists there are above.
    lists: i16,
}

impl Node {
    /// The tree of a schema.
    pub fn new(schema: &Schema) -> Node {
        Node::from(schema, &mut 0)
    }

    fn from(schema: &Schema, next: &mut usize) -> Node {
        let first = *next;
        let what = match &schema.kind {
            Kind::Struct(fields) => {
                What::Struct(fields.iter().map(|field| (field.name.clone(), Node::from(&field.schema, next))).collect())
            }
            Kind::Array(item) => What::List(Box::new(Node::from(item, next))),
            Kind::Map(key, value) => What::Map(Box::new((Node::from(key, next), Node::from(value, next)))),
            _ => {
                *next += 1;
                What::Column(column_kind(schema))
            }
        };
        Node { optional: schema.optional, what, columns: (first, *next) }
    }

    /// The columns in order: what they hold.
    pub fn kinds(&self, kinds: &mut Vec<ColumnKind>) {
        match &self.what {
            What::Column(kind) => kinds.push(*kind),
            What::Struct(fields) => fields.iter().for_each(|(_, field)| field.kinds(kinds)),
            What::List(item) => item.kinds(kinds),
            What::Map(entry) => {
                entry.0.kinds(kinds);
                entry.1.kinds(kinds);
            }
        }
    }

    /// Appends a record. The error says what is wrong with it.
    pub fn shred(&self, record: &Value, columns: &mut Columns) -> Result<(), String> {
        // The record itself is always there, whatever its schema says of being optional.
        let levels = Levels { definition: 0, repetition: 0, lists: 0 };
        match record {
            Value::Null => Err("nothing stands where something must".to_owned()),
            present => self.present(present, levels, columns),
        }
    }

    fn put(&self, value: &Value, mut levels: Levels, columns: &mut Columns) -> Result<(), String> {
        match (self.optional, value) {
            (true, Value::Null) => {
                self.absent(levels, columns);
                return Ok(());
            }
            (true, _) => levels.definition += 1,
            (false, _) => {}
        }
        self.present(value, levels, columns)
    }

    fn present(&self, value: &Value, levels: Levels, columns: &mut Columns) -> Result<(), String> {
        match (&self.what, value) {
            (What::Column(kind), value) => {
                columns.push(self.columns.0, *kind, value, (levels.definition, levels.repetition))
            }
            (What::Struct(fields), Value::Struct(value)) if fields.len() == value.values().len() => {
                for ((name, field), value) in fields.iter().zip(value.values()) {
                    field.put(value, levels, columns).map_err(|why| format!("`{name}`: {why}"))?;
                }
                Ok(())
            }
            (What::List(item), Value::Array(items)) => {
                self.each(items, levels, columns, |value, levels, columns| item.put(value, levels, columns))
            }
            (What::Map(entry), Value::Map(entries)) => {
                self.each(entries, levels, columns, |(key, value), levels, columns| {
                    entry.0.put(key, levels, columns)?;
                    entry.1.put(value, levels, columns)
                })
            }
            (_, Value::Null) => Err("nothing stands where something must".to_owned()),
            _ => Err("it is of another type".to_owned()),
        }
    }

    fn each<T>(
        &self,
        items: &[T],
        levels: Levels,
        columns: &mut Columns,
        put: impl Fn(&T, Levels, &mut Columns) -> Result<(), String>,
    ) -> Result<(), String> {
        if items.is_empty() {
            self.absent(levels, columns);
        }
        let lists = levels.lists + 1;
        for (index, item) in items.iter().enumerate() {
            let repetition = if index == 0 { levels.repetition } else { lists };
            put(item, Levels { definition: levels.definition + 1, repetition, lists }, columns)?;
        }
        Ok(())
    }

    /// Nothing, in all columns below.
    fn absent(&self, levels: Levels, columns: &mut Columns) {
        (self.columns.0..self.columns.1)
            .for_each(|column| columns.skip(column, (levels.definition, levels.repetition)));
    }
}

fn column_kind(schema: &Schema) -> ColumnKind {
    match &schema.kind {
        Kind::Boolean => ColumnKind::Boolean,
        Kind::Int64 => ColumnKind::Int64,
        Kind::Float32 => ColumnKind::Float,
        Kind::Float64 => ColumnKind::Double,
        Kind::Bytes if schema.is_logical(logical::DECIMAL) => ColumnKind::Decimal(schema.scale()),
        Kind::String | Kind::Bytes => ColumnKind::Bytes,
        _ => ColumnKind::Int32,
    }
}
