//! The publication: what it publishes, and what has to be done so that it publishes the captured tables.

use std::collections::{HashMap, HashSet};

use connector_api::Error;

use crate::catalog::sql::{identifier, literal, qualified};
use crate::catalog::tables::Table;
use crate::config::{Autocreate, PublicationSettings, Skipped};
use crate::connection::{Fault, Row, Session};

/// A publication that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// Whether it is FOR ALL TABLES.
    pub all_tables: bool,
    /// Whether partitions' rows count as their root's.
    pub via_root: bool,
    /// What it publishes: insert, update, delete, truncate.
    pub operations: [bool; 4],
    /// Whether generated columns are published.
    pub generated: bool,
    /// The tables that were put into it, by id.
    pub members: HashSet<u32>,
    /// The tables whose rows it publishes, by schema and name.
    pub tables: HashMap<(String, String), Published>,
}

/// How a table is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The columns, if not all.
    pub columns: Option<Vec<String>>,
    /// The condition that rows must meet, if there is one.
    pub filter: Option<String>,
}

const OPERATIONS: [&str; 4] = ["insert", "update", "delete", "truncate"];

impl Publication {
    /// Looks for the publication and its tables.
    pub async fn find(session: &mut Session, name: &str, version: u32) -> Result<Option<Publication>, Fault> {
        let generated = if version >= 18 { "pubgencols = 's'" } else { "false" };
        let query = format!(
            "SELECT puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate, {generated} \
             FROM pg_catalog.pg_publication WHERE pubname = {}",
            literal(name)
        );
        let rows = session.query(&query).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut found = Publication {
            all_tables: row.flag(0),
            via_root: row.flag(1),
            operations: [2, 3, 4, 5].map(|column| row.flag(column)),
            generated: row.flag(6),
            ..Publication::default()
        };
        let query = format!(
            "SELECT r.prrelid FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = \
            r.prpubid \
             WHERE p.pubname = {}",
            literal(name)
        );
        found.members = session.query(&query).await?.iter().filter_map(|row| row.parsed(0)).collect();
        let details = if version >= 15 { "array_to_string(attnames, E'\\x01'), rowfilter" } else { "NULL, NULL" };
        let query = format!(
            "SELECT schemaname, tablename, {details} FROM pg_catalog.pg_publication_tables WHERE pubname = {}",
            literal(name)
        );
        found.tables = session.query(&query).await?.iter().map(published).collect();
        Ok(Some(found))
    }

    fn has(&self, table: &Table) -> bool {
        self.members.contains(&table.id) || self.table(table).is_some()
    }

    /// How a table is published; `None` if it is not.
    pub fn table(&self, table: &Table) -> Option<&Published> {
        self.tables.get(&(table.schema.clone(), table.name.clone()))
    }
}

fn published(row: &Row) -> ((String, String), Published) {
    let columns = row.get(2).map(|names| names.split('\u{1}').map(str::to_owned).collect());
    let filter = row.get(3).map(str::to_owned);
    ((row.text(0).to_owned(), row.text(1).to_owned()), Published { columns, filter })
}

/// The statements that bring a publication into line with the captured tables; none if nothing is to be done. Pure.
pub fn statements(
    found: Option<&Publication>,
    settings: &PublicationSettings,
    tables: &[&Table],
    skipped: Skipped,
) -> Result<Vec<String>, Error> {
    let name = identifier(&settings.name);
    let options = options(settings, skipped);
    match (found, settings.autocreate) {
        (None, Autocreate::Disabled) => {
            let message = format!(
                "the publication `{}` does not exist, and `publication.autocreate.mode` is disabled",
                settings.name
            );
            Err(Error::bad_config("publication.name", message).remedy(format!(
                "Run CREATE PUBLICATION {name} FOR TABLE ... in the database, or set the mode to filtered"
            )))
        }
        (None, Autocreate::AllTables) => Ok(vec![format!("CREATE PUBLICATION {name} FOR ALL TABLES WITH ({options})")]),
        (None, Autocreate::NoTables) => Ok(vec![format!("CREATE PUBLICATION {name} WITH ({options})")]),
        (None, Autocreate::Filtered) => {
            let list = names(tables.iter().copied());
            Ok(vec![format!("CREATE PUBLICATION {name} FOR TABLE {list} WITH ({options})")])
        }
        (Some(found), Autocreate::Filtered) if !found.all_tables => Ok(changes(found, settings, tables, skipped)),
        (Some(_), _) => Ok(Vec::new()),
    }
}

fn options(settings: &PublicationSettings, skipped: Skipped) -> String {
    let operations: Vec<&str> =
        OPERATIONS.into_iter().zip(wanted(skipped)).filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect();
    format!("publish = '{}', publish_via_partition_root = {}", operations.join(", "), settings.via_root)
}

fn wanted(skipped: Skipped) -> [bool; 4] {
    [!skipped.inserts, !skipped.updates, !skipped.deletes, !skipped.truncates]
}

fn names<'a>(tables: impl Iterator<Item = &'a Table>) -> String {
    let names: Vec<String> = tables.map(|table| format!("ONLY {}", qualified(&table.schema, &table.name))).collect();
    names.join(", ")
}

/// Tables that are published already stay as they are, with the columns and conditions that somebody may have given
/// them. None is taken out: another connector may share the publication.
fn changes(found: &Publication, settings: &PublicationSettings, tables: &[&Table], skipped: Skipped) -> Vec<String> {
    let name = identifier(&settings.name);
    let mut statements = Vec::new();
    let missing: Vec<&Table> = tables.iter().copied().filter(|table| !found.has(table)).collect();
    if !missing.is_empty() {
        statements.push(format!("ALTER PUBLICATION {name} ADD TABLE {}", names(missing.into_iter())));
    }
    if found.operations != wanted(skipped) || found.via_root != settings.via_root {
        statements.push(format!("ALTER PUBLICATION {name} SET ({})", options(settings, skipped)));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Table {
        Table {
            id: name.bytes().map(u32::from).sum(),
            schema: "public".into(),
            name: name.into(),
            partitioned: false,
            ancestors: Vec::new(),
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

    fn settings(autocreate: Autocreate) -> PublicationSettings {
        PublicationSettings { name: "p".into(), autocreate, via_root: false }
    }

    const SKIPPED: Skipped = Skipped { inserts: false, updates: false, deletes: false, truncates: true };

    #[test]
    fn a_missing_publication_is_made_as_the_mode_says() {
        let (a, b) = (table("a"), table("b\"c"));
        let made = |mode| statements(None, &settings(mode), &[&a, &b], SKIPPED);
        let with = "WITH (publish = 'insert, update, delete', publish_via_partition_root = false)";
        assert_eq!(
            made(Autocreate::Filtered).unwrap(),
            [format!(r#"CREATE PUBLICATION "p" FOR TABLE ONLY "public"."a", ONLY "public"."b""c" {with}"#)]
        );
        assert_eq!(made(Autocreate::AllTables).unwrap(), [format!(r#"CREATE PUBLICATION "p" FOR ALL TABLES {with}"#)]);
        assert_eq!(made(Autocreate::NoTables).unwrap(), [format!(r#"CREATE PUBLICATION "p" {with}"#)]);
        assert!(made(Autocreate::Disabled).is_err());
    }

    #[test]
    fn a_filtered_publication_follows_the_captured_tables() {
        let (a, b) = (table("a"), table("b"));
        let mut found = Publication { operations: [true, true, true, false], ..Publication::default() };
        found.tables.insert(("public".into(), "a".into()), Published::default());
        let done = |found: &Publication, tables: &[&Table], skipped| {
            statements(Some(found), &settings(Autocreate::Filtered), tables, skipped).unwrap()
        };
        assert_eq!(done(&found, &[&a, &b], SKIPPED), [r#"ALTER PUBLICATION "p" ADD TABLE ONLY "public"."b""#]);
        assert_eq!(done(&found, &[&a], SKIPPED), [""; 0]);
        let inserts = Skipped { updates: true, deletes: true, ..SKIPPED };
        assert_eq!(
            done(&found, &[&a], inserts),
            [r#"ALTER PUBLICATION "p" SET (publish = 'insert', publish_via_partition_root = false)"#]
        );
        assert_eq!(done(&Publication { all_tables: true, ..found }, &[&b], SKIPPED), [""; 0]);
    }
}
