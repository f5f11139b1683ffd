//! What the stream has said of each table, and the shapes made of it.
//!
//! Names, order and identity flags of columns come from the stream, as of the row; whether columns may be null, their
//! defaults and the order of the primary key come from the catalog, which may be newer.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use connector_api::{Error, Host};

use crate::catalog::pg_type::Types;
use crate::catalog::tables::{self, Table, Which};
use crate::config::Settings;
use crate::connection::{Fault, Purpose, Session};
use crate::envelope::Shape;
use crate::envelope::shape::{Making, WireColumn, WireTable};
use crate::replication::pgoutput::Relation;

/// Tables by their ids.
pub struct Relations {
    settings: Rc<Settings>,
    host: Arc<dyn Host>,
    types: Types,
    /// What the catalog said when the stream began; used up by the first mention of each table.
    catalog: HashMap<u32, Table>,
    known: HashMap<u32, Known>,
}

/// A table that the stream has mentioned.
enum Known {
    /// It is not captured.
    Ignored,
    /// It is, and its rows look so.
    Captured(Arc<Shape>),
}

/// A table that the stream speaks of.
pub enum Found<'a> {
    /// Its changes make no records.
    Ignored,
    /// Its changes make records.
    Captured(&'a Arc<Shape>),
    /// The stream has not described it.
    Unknown,
}

impl Relations {
    /// For a stream that begins now.
    pub fn new(settings: Rc<Settings>, host: Arc<dyn Host>, types: Types, catalog: Vec<Table>) -> Relations {
        let catalog = catalog.into_iter().map(|table| (table.id, table)).collect();
        Relations { settings, host, types, catalog, known: HashMap::new() }
    }

    /// Looks a table up.
    pub fn find(&self, id: u32) -> Found<'_> {
        match self.known.get(&id) {
            Some(Known::Captured(shape)) => Found::Captured(shape),
            Some(Known::Ignored) => Found::Ignored,
            None => Found::Unknown,
        }
    }

    /// The stream describes a table. Returns what has to be looked up in the catalog before its rows can be read:
    /// nothing at its first mention, if the catalog has been read already.
    pub fn describe(&mut self, relation: &Relation<'_>) -> Option<WireTable> {
        if !self.settings.filters.takes_table(relation.schema, relation.table) {
            self.known.insert(relation.id, Known::Ignored);
            return None;
        }
        let table = wire(relation);
        match self.catalog.remove(&relation.id) {
            Some(found) => {
                self.put(&table, Some(&found));
                None
            }
            None => Some(table),
        }
    }

    /// Looks a table up in the catalog, as it has changed or is new.
    pub async fn look_up(&mut self, table: WireTable) -> Result<(), Error> {
        let doing = |fault: Fault| fault.error(&format!("looking up the table {}.{}", table.schema, table.name));
        let mut session = Session::connect(&self.settings.target, Purpose::Sql).await.map_err(doing)?;
        let found = tables::load(&mut session, Which::One(table.id)).await.map_err(doing)?;
        self.types = Types::load(&mut session).await.map_err(doing)?;
        session.close().await;
        self.put(&table, found.first());
        Ok(())
    }

    /// Keeps the shape that there is if nothing has changed for its records: converters know it by its address.
    fn put(&mut self, table: &WireTable, catalog: Option<&Table>) {
        let making = Making { settings: &self.settings, types: &self.types, catalog };
        let shape = Shape::new(table, making);
        if let Some(Known::Captured(old)) = self.known.get(&table.id) {
            if old.same_as(&shape) {
                return;
            }
            tracing::info!(table = shape.table, "the table has changed");
        }
        warn_of_left_out(&shape, table, &self.settings, &*self.host);
        self.known.insert(table.id, Known::Captured(Arc::new(shape)));
    }
}

/// Says which columns are left out because their types are not known.
pub fn warn_of_left_out(shape: &Shape, table: &WireTable, settings: &Settings, host: &dyn Host) {
    let left_out = shape.left_out(settings, &table.schema, &table.name);
    if !left_out.is_empty() {
        host.warn(&format!(
            "`{}` of `{}` are left out, as no form for their types is known; `include.unknown.datatypes` shows them as \
             bytes of their text.",
            left_out.join("`, `"),
            shape.table
        ));
    }
}

fn wire(relation: &Relation<'_>) -> WireTable {
    let column = |column: &crate::replication::pgoutput::RelationColumn<'_>| WireColumn {
        name: column.name.to_owned(),
        type_id: column.type_id,
        modifier: column.modifier,
        identity: column.identity,
    };
    WireTable {
        id: relation.id,
        schema: relation.schema.to_owned(),
        name: relation.table.to_owned(),
        identity: relation.identity,
        columns: relation.columns.iter().map(column).collect(),
    }
}
