//! The shape of a table's records at one moment: its schemas, and how each column is read. Made once for each version
//! of a table and shared by all its records.

use std::sync::{Arc, LazyLock};

use connector_api::Topic;
use connector_api::data::{Field, Kind, Schema, Value};

use super::names;
use super::source::{self, Template};
use crate::catalog::pg_type::Types;
use crate::catalog::tables;
use crate::config::Settings;
use crate::decode::plan::{Plan, plan};
use crate::decode::{Decoder, defaults, placeholder, zero};

/// A column as it comes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireColumn {
    /// Its name.
    pub name: String,
    /// Its type's id.
    pub type_id: u32,
    /// Its type's modifier.
    pub modifier: i32,
    /// Whether it belongs to the replica identity.
    pub identity: bool,
}

/// A table as it comes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireTable {
    /// Its id.
    pub id: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `pg_class.relreplident`.
    pub identity: u8,
    /// Its columns in the order of the rows.
    pub columns: Vec<WireColumn>,
}

/// How a column of the wire is read.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, for messages.
    pub name: String,
    /// How its text is read; `None` if the column is left out.
    pub decoder: Option<Decoder>,
    /// Whether null is allowed.
    pub optional: bool,
    /// Whether old rows that show only the replica identity show it.
    pub identity: bool,
    /// What stands for a value that is stored apart and was not touched.
    pub placeholder: Value,
    /// What stands for a value that an old row does not show.
    pub absent: Value,
}

/// The key of a table's records.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The schema.
    pub schema: Arc<Schema>,
    /// The columns that make it up, as places in the decoded row.
    pub columns: Vec<usize>,
    /// Whether the replica identity covers it, so that old rows show it.
    pub in_identity: bool,
}

/// The shape of a table's records.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The table's name, for messages.
    pub table: String,
    /// Where the records go.
    pub topic: Topic,
    /// The columns in the order of the wire. Those with a decoder make up the decoded row, in this order.
    pub columns: Vec<Column>,
    /// Which places of the decoded row values hold; `None` for all.
    pub in_value: Option<Vec<usize>>,
    /// The schema of rows.
    pub row: Arc<Schema>,
    /// The key, if the table has one.
    pub key: Option<Key>,
    /// The schema of the whole value.
    pub envelope: Arc<Schema>,
    /// The `source` block.
    pub source: Template,
    /// About how much memory a record takes beside its text, in bytes.
    pub overhead: usize,
}

/// What the shape of any table depends on.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// The database's types.
    pub types: &'a Types,
    /// Whether columns may be null, defaults and the primary key: from the catalog, where the table is still there.
    pub catalog: Option<&'a tables::Table>,
}

/// A column with a form, on its way into the schemas.
struct Planned {
    plan: Plan,
    default: Option<Value>,
    in_value: bool,
    field: String,
}

impl Shape {
    /// Makes the shape of a table.
    pub fn new(table: &WireTable, making: Making<'_>) -> Shape {
        let Making { settings, catalog, .. } = making;
        let records = &settings.records;
        let topic = names::topic(records, &table.schema, &table.name);
        let key_names = key_names(table, making);
        let mut columns = Vec::new();
        let mut planned = Vec::new();
        let mut key_places = vec![None; key_names.len()];
        for column in &table.columns {
            let key_place = key_names.iter().position(|name| *name == column.name);
            let found = catalog.and_then(|catalog| catalog.column(&column.name));
            let wanted = Wanted { table, column, in_key: key_place.is_some(), catalog: found };
            let (column, plan) = wanted.plan(making);
            if let (Some(place), Some(_)) = (key_place, &plan) {
                key_places[place] = Some((planned.len(), column.identity));
            }
            columns.push(column);
            planned.extend(plan);
        }
        let row = Arc::new(row_schema(records, &topic, &planned));
        let key = key(names::schema(records, &topic, "Key"), &key_places, &planned);
        let envelope = envelope_schema(names::schema(records, &topic, "Envelope"), &row);
        let in_value = planned.iter().any(|planned| !planned.in_value).then(|| {
            planned.iter().enumerate().filter(|(_, planned)| planned.in_value).map(|(place, _)| place).collect()
        });
        Shape {
            table: format!("{}.{}", table.schema, table.name),
            overhead: overhead(&row, key.as_ref(), &envelope),
            source: Template::new(&records.prefix, &settings.target.database, &table.schema, &table.name),
            topic: topic.into(),
            columns,
            in_value,
            row,
            key,
            envelope: Arc::new(envelope),
        }
    }

    /// Whether records of the two shapes look the same, so that one may stand for the other.
    pub fn same_as(&self, other: &Shape) -> bool {
        let wire = |shape: &Shape| {
            let column = |column: &Column| (column.name.clone(), column.decoder.is_some(), column.identity);
            shape.columns.iter().map(column).collect::<Vec<_>>()
        };
        self.row == other.row && self.key == other.key && self.topic == other.topic && wire(self) == wire(other)
    }

    /// Columns that are left out because no form for their type is known.
    pub fn left_out<'a>(&'a self, settings: &'a Settings, schema: &'a str, name: &'a str) -> Vec<&'a str> {
        let unknown =
            |column: &&Column| column.decoder.is_none() && settings.filters.takes_column(schema, name, &column.name);
        self.columns.iter().filter(unknown).map(|column| column.name.as_str()).collect()
    }
}

/// A column and what is known about it.
struct Wanted<'a> {
    table: &'a WireTable,
    column: &'a WireColumn,
    in_key: bool,
    catalog: Option<&'a tables::Column>,
}

impl Wanted<'_> {
    fn plan(&self, making: Making<'_>) -> (Column, Option<Planned>) {
        let Making { settings, types, .. } = making;
        let (table, column) = (self.table, self.column);
        let in_value = settings.filters.takes_column(&table.schema, &table.name, &column.name);
        let optional = !self.catalog.is_some_and(|found| found.not_null);
        let plan = (in_value || self.in_key)
            .then(|| plan(types, column.type_id, column.modifier, optional, &settings.modes))
            .flatten();
        let default = plan.as_ref().and_then(|plan| {
            let expression = self.catalog.and_then(|found| found.default.as_deref())?;
            let (base, _) = types.resolve(column.type_id, column.modifier);
            defaults::default(expression, base, &plan.decoder, &plan.schema)
        });
        let wire = Column {
            name: column.name.clone(),
            decoder: plan.as_ref().map(|plan| plan.decoder.clone()),
            optional,
            identity: column.identity,
            placeholder: plan.as_ref().map_or(Value::Null, |plan| stand_in(plan, making, optional)),
            absent: match (&plan, &default) {
                (Some(plan), None) if !optional => zero(&plan.decoder),
                (Some(_), Some(default)) if !optional => default.clone(),
                _ => Value::Null,
            },
        };
        let field = names::field(&settings.records, &column.name);
        (wire, plan.map(|plan| Planned { plan, default, in_value, field }))
    }
}

fn stand_in(plan: &Plan, making: Making<'_>, optional: bool) -> Value {
    match placeholder(&plan.decoder, &plan.schema, &making.settings.modes) {
        Value::Null if !optional => zero(&plan.decoder),
        value => value,
    }
}

/// The names of the key's columns in the key's order. The user's choice goes first. An index that is the replica
/// identity is the key, because deletions show nothing else. Else it is the primary key as the catalog has it; where
/// that no longer fits the rows, the columns of the replica identity as the rows show it.
fn key_names(table: &WireTable, making: Making<'_>) -> Vec<String> {
    if let Some(chosen) = making.settings.records.keys.of(&table.schema, &table.name) {
        return chosen.to_vec();
    }
    let identity = || table.columns.iter().filter(|column| column.identity).map(|column| column.name.clone());
    let here = |name: &String| table.columns.iter().any(|column| column.name == *name);
    match (making.catalog, table.identity) {
        (Some(catalog), b'i') if !catalog.identity_index.is_empty() && catalog.identity_index.iter().all(here) => {
            catalog.identity_index.clone()
        }
        (_, b'i') => identity().collect(),
        (Some(catalog), b'd') if identity().count() > 0 => {
            let same = identity().all(|name| catalog.key.contains(&name)) && catalog.key.len() == identity().count();
            if same { catalog.key.clone() } else { identity().collect() }
        }
        (Some(catalog), _) if catalog.key.iter().all(here) => catalog.key.clone(),
        (None, b'd') => identity().collect(),
        _ => Vec::new(),
    }
}

fn with_default(planned: &Planned) -> Arc<Schema> {
    match &planned.default {
        Some(default) => Arc::new(Schema::clone(&planned.plan.schema).default(default.clone())),
        None => planned.plan.schema.clone(),
    }
}

fn row_schema(records: &crate::config::RecordSettings, topic: &str, planned: &[Planned]) -> Schema {
    let shown = planned.iter().filter(|planned| planned.in_value);
    let fields = shown.map(|planned| Field::new(planned.field.as_str(), with_default(planned))).collect();
    Schema::structure(fields).optional().named(names::schema(records, topic, "Value"))
}

/// There is no key if a column of it is not there.
fn key(name: String, places: &[Option<(usize, bool)>], planned: &[Planned]) -> Option<Key> {
    let places: Vec<(usize, bool)> = places.iter().copied().collect::<Option<_>>()?;
    if places.is_empty() {
        return None;
    }
    let field = |(place, _): &(usize, bool)| {
        let planned = &planned[*place];
        Field::new(planned.field.as_str(), with_default(planned))
    };
    Some(Key {
        schema: Arc::new(Schema::structure(places.iter().map(field).collect()).named(name)),
        in_identity: places.iter().all(|(_, identity)| *identity),
        columns: places.iter().map(|(place, _)| *place).collect(),
    })
}

static TRANSACTION: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let fields = vec![
        Field::new("id", Schema::string()),
        Field::new("total_order", Schema::new(Kind::Int64)),
        Field::new("data_collection_order", Schema::new(Kind::Int64)),
    ];
    Arc::new(Schema::structure(fields).optional().named("event.block").version(1))
});

fn envelope_schema(name: String, row: &Arc<Schema>) -> Schema {
    let number = || Schema::new(Kind::Int64).optional();
    let fields = vec![
        Field::new("before", row.clone()),
        Field::new("after", row.clone()),
        Field::new("source", source::SCHEMA.clone()),
        Field::new("transaction", TRANSACTION.clone()),
        Field::new("op", Schema::string()),
        Field::new("ts_ms", number()),
        Field::new("ts_us", number()),
        Field::new("ts_ns", number()),
    ];
    Schema::structure(fields).named(name).version(2)
}

/// A record takes its own size, that of the slots of its values, and some text that all events have.
fn overhead(row: &Schema, key: Option<&Key>, envelope: &Schema) -> usize {
    const TEXT: usize = 150;
    let key = key.map_or(0, |key| key.columns.len());
    let slots = envelope.fields().len() + source::SCHEMA.fields().len() + row.fields().len() + key;
    size_of::<connector_api::SourceRecord>() + slots * size_of::<Value>() + TEXT
}
