//! Tables, columns and keys.

use std::collections::HashMap;

use crate::config::filters::Filters;
use crate::connection::{Fault, Row, Session};

/// A table that can be captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its id.
    pub id: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether its rows are in partitions.
    pub partitioned: bool,
    /// The tables that it is a partition of, by id.
    pub ancestors: Vec<u32>,
    /// `pg_class.relreplident`: `d`, `n`, `f` or `i`.
    pub identity: u8,
    /// About how many rows it has; 0 if nobody has counted.
    pub estimate: u64,
    /// Whether the role may read it.
    pub readable: bool,
    /// Whether the role owns it, as those must who publish it.
    pub owned: bool,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// The primary key's columns in the key's order; those of a unique index over columns that are never null where
    /// there is no primary key; empty if there is neither.
    pub key: Vec<String>,
    /// Whether `key` is the primary key.
    pub has_primary_key: bool,
    /// The columns of the index that is the replica identity.
    pub identity_index: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type's id.
    pub type_id: u32,
    /// Its type's modifier.
    pub modifier: i32,
    /// Whether it is never null.
    pub not_null: bool,
    /// Whether it is computed from others. The stream does not carry such columns.
    pub generated: bool,
    /// The expression of its default.
    pub default: Option<String>,
}

impl Table {
    /// `schema.table`, as the filters see it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether updates and deletes can be published: without, the application's own fail.
    pub fn has_identity(&self) -> bool {
        match self.identity {
            b'f' => true,
            b'i' => !self.identity_index.is_empty(),
            b'n' => false,
            _ => self.has_primary_key,
        }
    }
}

/// What is captured, and what the user should know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The tables whose rows make records.
    pub tables: Vec<Table>,
    /// Partitioned tables that the filters take but whose rows count as their partitions'.
    pub roots: Vec<Table>,
}

impl Captured {
    /// Sorts out partitions. A row of a partition counts as the partition's own, or with `via_root` as that of the
    /// table it is a partition of, if that is taken too.
    pub fn sort_out(tables: Vec<Table>, via_root: bool) -> Captured {
        let taken: Vec<u32> = tables.iter().map(|table| table.id).collect();
        let below = |table: &Table| table.ancestors.iter().any(|id| taken.contains(id));
        let (mut captured, mut roots) = (Vec::new(), Vec::new());
        for table in tables {
            match (via_root, table.partitioned) {
                (true, _) if below(&table) => {}
                (false, true) => roots.push(table),
                _ => captured.push(table),
            }
        }
        Captured { tables: captured, roots }
    }
}

/// Which tables to read.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// All that can be captured.
    All,
    /// One, by its id.
    One(u32),
    /// Those that the filters take.
    Filtered(&'a Filters),
}

/// Reads tables. Temporary and unlogged ones are not part of any stream and left out.
pub async fn load(session: &mut Session, which: Which<'_>) -> Result<Vec<Table>, Fault> {
    let only = match which {
        Which::One(id) => format!("AND c.oid = {id}"),
        _ => String::new(),
    };
    let rows = session.query(&TABLES.replace("$only", &only)).await?;
    let mut tables: Vec<Table> = rows.iter().filter_map(table).collect();
    if let Which::Filtered(filters) = which {
        tables.retain(|table| filters.takes_table(&table.schema, &table.name));
    }
    for some in tables.chunks_mut(CHUNK) {
        complete(session, some).await?;
    }
    Ok(tables)
}

/// How many tables' columns are asked for at once.
const CHUNK: usize = 500;

const TABLES: &str = "SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', \
    CASE WHEN c.relispartition THEN (SELECT pg_catalog.string_agg(relid::pg_catalog.oid::text, ',') \
        FROM pg_catalog.pg_partition_ancestors(c.oid) WHERE relid <> c.oid) END, c.relreplident, \
    GREATEST(c.reltuples, 0)::pg_catalog.int8, pg_catalog.has_table_privilege(c.oid, 'SELECT'), \
    pg_catalog.pg_has_role(c.relowner, 'USAGE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' \
    AND n.nspname <> 'information_schema' $only ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '', \
    CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END FROM pg_catalog.pg_attribute a \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN ($ids) ORDER BY a.attrelid, a.attnum";

const KEYS: &str = "SELECT i.indrelid, i.indisprimary, i.indisreplident, pg_catalog.bool_and(a.attnotnull), \
    pg_catalog.string_agg(a.attname, E'\\x01' ORDER BY k.place) FROM pg_catalog.pg_index i \
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid \
    CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(number, place) \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
    WHERE i.indrelid IN ($ids) AND i.indisunique AND i.indislive AND i.indpred IS NULL AND i.indexprs IS NULL \
    AND k.place <= i.indnkeyatts GROUP BY i.indrelid, i.indexrelid, i.indisprimary, i.indisreplident, x.relname \
    ORDER BY i.indrelid, i.indisprimary DESC, x.relname";

fn table(row: &Row) -> Option<Table> {
    Some(Table {
        id: row.parsed(0)?,
        schema: row.text(1).to_owned(),
        name: row.text(2).to_owned(),
        partitioned: row.flag(3),
        ancestors: row.text(4).split(',').filter_map(|id| id.parse().ok()).collect(),
        identity: row.text(5).bytes().next().unwrap_or(b'd'),
        estimate: row.parsed(6).unwrap_or(0),
        readable: row.flag(7),
        owned: row.flag(8),
        columns: Vec::new(),
        key: Vec::new(),
        has_primary_key: false,
        identity_index: Vec::new(),
    })
}

async fn complete(session: &mut Session, tables: &mut [Table]) -> Result<(), Fault> {
    let ids: Vec<String> = tables.iter().map(|table| table.id.to_string()).collect();
    let ids = ids.join(",");
    let places: HashMap<u32, usize> = tables.iter().enumerate().map(|(at, table)| (table.id, at)).collect();
    let place = |row: &Row| row.parsed::<u32>(0).and_then(|id| places.get(&id).copied());
    for row in session.query(&COLUMNS.replace("$ids", &ids)).await? {
        if let (Some(at), Some(column)) = (place(&row), column(&row)) {
            tables[at].columns.push(column);
        }
    }
    for row in session.query(&KEYS.replace("$ids", &ids)).await? {
        if let Some(at) = place(&row) {
            add_key(&mut tables[at], &row);
        }
    }
    Ok(())
}

fn column(row: &Row) -> Option<Column> {
    Some(Column {
        name: row.text(1).to_owned(),
        type_id: row.parsed(2)?,
        modifier: row.parsed(3)?,
        not_null: row.flag(4),
        generated: row.flag(5),
        default: row.get(6).map(str::to_owned),
    })
}

/// Primary keys come first, then unique indexes by name.
fn add_key(table: &mut Table, row: &Row) {
    let (primary, identity, never_null) = (row.flag(1), row.flag(2), row.flag(3));
    let columns: Vec<String> = row.text(4).split('\u{1}').map(str::to_owned).collect();
    if identity {
        table.identity_index = columns.clone();
    }
    if table.key.is_empty() && never_null {
        table.has_primary_key = primary;
        table.key = columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(id: u32, partitioned: bool, ancestors: &[u32]) -> Table {
        Table {
            id,
            schema: "public".into(),
            name: format!("t{id}"),
            partitioned,
            ancestors: ancestors.to_vec(),
            identity: b'd',
            estimate: 0,
            readable: true,
            owned: true,
            columns: Vec::new(),
            key: Vec::new(),
            has_primary_key: false,
            identity_index: Vec::new(),
        }
    }

    #[test]
    fn a_row_counts_once_as_its_partitions_or_as_its_roots() {
        let tables = || vec![table(1, true, &[]), table(2, true, &[1]), table(3, false, &[2, 1]), table(4, false, &[])];
        let ids = |tables: &[Table]| tables.iter().map(|table| table.id).collect::<Vec<_>>();
        let apart = Captured::sort_out(tables(), false);
        assert_eq!((ids(&apart.tables), ids(&apart.roots)), (vec![3, 4], vec![1, 2]));
        let together = Captured::sort_out(tables(), true);
        assert_eq!((ids(&together.tables), ids(&together.roots)), (vec![1, 4], vec![]));
        let leaf_alone = Captured::sort_out(vec![table(3, false, &[2, 1])], true);
        assert_eq!(ids(&leaf_alone.tables), [3]);
    }

    #[test]
    fn updates_need_an_identity() {
        let with = |identity| Table { identity, ..table(1, false, &[]) };
        assert!(!with(b'd').has_identity() && with(b'f').has_identity() && !with(b'n').has_identity());
        assert!(Table { has_primary_key: true, ..with(b'd') }.has_identity());
    }
}
