//! Which tables are read, in which order, and by which statement. Pure.

use std::sync::Arc;

use crate::catalog::sql::{identifier, qualified};
use crate::catalog::tables::Table;
use crate::config::{Settings, TableOrder};
use crate::envelope::Shape;
use crate::envelope::shape::{WireColumn, WireTable};
use crate::publication::Published;

/// A table that is to be read.
#[derive(Clone, Debug)]
pub struct Job {
    /// `schema.table`.
    pub name: String,
    /// How its rows look.
    pub shape: Arc<Shape>,
    /// The statement that returns them.
    pub statement: String,
    /// About how many there are.
    pub estimate: u64,
}

/// A table as its rows will come in the stream: without computed columns, which the stream does not carry, and without
/// columns that the publication leaves out.
pub fn wire(table: &Table, published: Option<&Published>, generated: bool) -> WireTable {
    let listed = |name: &String| {
        published.and_then(|published| published.columns.as_ref()).is_none_or(|columns| columns.contains(name))
    };
    let in_identity = |name: &String| match table.identity {
        b'f' => true,
        b'i' => table.identity_index.contains(name),
        b'd' => table.has_primary_key && table.key.contains(name),
        _ => false,
    };
    let columns = table.columns.iter().filter(|column| (generated || !column.generated) && listed(&column.name));
    let column = |column: &crate::catalog::tables::Column| WireColumn {
        name: column.name.clone(),
        type_id: column.type_id,
        modifier: column.modifier,
        identity: in_identity(&column.name),
    };
    WireTable {
        id: table.id,
        schema: table.schema.clone(),
        name: table.name.clone(),
        identity: table.identity,
        columns: columns.map(column).collect(),
    }
}

/// The statement that reads a table: the columns of its shape, NULL for those that are left out, and only the rows that
/// are published.
pub fn statement(table: &Table, shape: &Shape, published: Option<&Published>, settings: &Settings) -> String {
    let column = |column: &crate::envelope::shape::Column| match column.decoder {
        Some(_) => identifier(&column.name),
        None => "NULL".to_owned(),
    };
    let columns: Vec<String> = shape.columns.iter().map(column).collect();
    let columns = if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") };
    if let Some(own) = settings.snapshot.statements.get(&table.full_name()) {
        return format!("SELECT {columns} FROM ({}) AS own", own.trim().trim_end_matches(';'));
    }
    let only = if table.partitioned { "" } else { "ONLY " };
    let from = qualified(&table.schema, &table.name);
    match published.and_then(|published| published.filter.as_deref()) {
        Some(filter) => format!("SELECT {columns} FROM {only}{from} WHERE {filter}"),
        None => format!("SELECT {columns} FROM {only}{from}"),
    }
}

/// Puts jobs into the order that the user wants; they come in that of their names.
pub fn order(jobs: &mut [Job], order: TableOrder) {
    match order {
        TableOrder::Name => {}
        TableOrder::Ascending => jobs.sort_by_key(|job| job.estimate),
        TableOrder::Descending => jobs.sort_by_key(|job| std::cmp::Reverse(job.estimate)),
    }
}
