//! The beginning of a snapshot: its transaction, its locks, and what there is to read.

use std::sync::Arc;
use std::time::Instant as Clock;

use connector_api::{Error, Host};
use tokio::time::Instant;

use super::plan::{Job, order, statement, wire};
use super::{LOG_EVERY, SHOW_EVERY, Snapshot};
use crate::catalog::pg_type::Types;
use crate::catalog::sql::{literal, qualified};
use crate::catalog::tables::{self, Captured, Table, Which};
use crate::config::Settings;
use crate::connection::{Fault, Purpose, Session};
use crate::decode::Scratch;
use crate::envelope::Shape;
use crate::envelope::shape::Making;
use crate::lsn::Lsn;
use crate::publication::Publication;

/// What a snapshot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The point in the log.
    pub lsn: Lsn,
    /// The last transaction that it can show.
    pub xid: Option<u32>,
    /// When it was taken, in microseconds since 1970.
    pub time: i64,
}

/// Opens the transaction that reads the snapshot: the one that a slot has exported, with the slot's point, or a new one.
pub async fn begin(
    settings: &Settings,
    host: &Arc<dyn Host>,
    exported: Option<(&str, Lsn)>,
    publication: Option<&Publication>,
) -> Result<Snapshot, Error> {
    let doing = |fault: Fault| fault.error("opening the snapshot");
    let mut session = Session::connect(&settings.target, Purpose::Sql).await.map_err(doing)?;
    let point = transaction(&mut session, exported).await.map_err(doing)?;
    let tables = locked_tables(&mut session, settings).await?;
    let types = Types::load(&mut session).await.map_err(doing)?;
    let mut jobs = jobs(&tables, &types, settings, publication);
    order(&mut jobs, settings.snapshot.order);
    let rows: u64 = jobs.iter().map(|job| job.estimate).sum();
    tracing::info!(tables = jobs.len(), rows, lsn = %point.lsn, "snapshot: begins");
    for job in &jobs {
        host.progress(super::progress(&job.name, 0, job.estimate, false));
    }
    let now = Instant::now();
    Ok(Snapshot {
        session,
        host: host.clone(),
        point,
        count: jobs.len(),
        jobs: jobs.into(),
        current: None,
        held: None,
        within: None,
        any: false,
        scratch: Scratch::default(),
        failure: settings.failure,
        shown: now.checked_sub(SHOW_EVERY).unwrap_or(now),
        logged: now.checked_sub(LOG_EVERY).unwrap_or(now),
    })
}

async fn transaction(session: &mut Session, exported: Option<(&str, Lsn)>) -> Result<Point, Fault> {
    session.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    if let Some((snapshot, _)) = exported {
        session.query(&format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot))).await?;
    }
    let query = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()), \
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
        ELSE pg_catalog.pg_current_wal_insert_lsn() END, \
        (EXTRACT(epoch FROM pg_catalog.now()) * 1000000)::pg_catalog.int8";
    let rows = session.query(query).await?;
    let row = rows.first();
    let xid = row.and_then(|row| row.parsed::<u64>(0)).map(|xid| xid.wrapping_sub(1) as u32);
    let here = row.and_then(|row| row.parsed(1)).unwrap_or_default();
    let time = row.and_then(|row| row.parsed(2)).unwrap_or(0);
    Ok(Point { lsn: exported.map_or(here, |(_, lsn)| lsn), xid, time })
}

/// Locks the tables as `pg_dump` does, so that none is altered while it is read, and makes sure that none was rewritten
/// between the snapshot and the lock: its rows would not show in the snapshot.
async fn locked_tables(session: &mut Session, settings: &Settings) -> Result<Vec<Table>, Error> {
    let doing = |fault: Fault| fault.error("locking the tables of the snapshot");
    session.query("SET LOCAL statement_timeout = 0").await.map_err(doing)?;
    let tables = tables::load(session, Which::Filtered(&settings.filters)).await.map_err(doing)?;
    let mut tables = Captured::sort_out(tables, settings.publication.via_root).tables;
    tables.retain(|table| settings.filters.takes_snapshot(&table.schema, &table.name));
    readable(&tables)?;
    if tables.is_empty() {
        return Ok(tables);
    }
    let only = |table: &Table| if table.partitioned { "" } else { "ONLY " };
    let names: Vec<String> =
        tables.iter().map(|table| format!("{}{}", only(table), qualified(&table.schema, &table.name))).collect();
    let started = Clock::now();
    let wait = settings.snapshot.lock_timeout.as_millis();
    session.query(&format!("SET LOCAL lock_timeout = {wait}")).await.map_err(doing)?;
    session.query(&format!("LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "))).await.map_err(doing)?;
    tracing::debug!(tables = tables.len(), took = ?started.elapsed(), "snapshot: tables locked");
    let ids: Vec<String> = tables.iter().map(|table| table.id.to_string()).collect();
    let query = format!(
        "SELECT relname FROM pg_catalog.pg_class WHERE oid IN ({}) AND relkind = 'r' \
         AND relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(oid)",
        ids.join(",")
    );
    match session.query(&query).await.map_err(doing)?.first() {
        Some(row) => {
            Err(Error::retry(format!("`{}` was rewritten while the snapshot began; it begins again", row.text(0))))
        }
        None => Ok(tables),
    }
}

fn readable(tables: &[Table]) -> Result<(), Error> {
    let unreadable: Vec<&Table> = tables.iter().filter(|table| !table.readable).collect();
    if unreadable.is_empty() {
        return Ok(());
    }
    Err(crate::validate::unreadable(&unreadable))
}

fn jobs(tables: &[Table], types: &Types, settings: &Settings, publication: Option<&Publication>) -> Vec<Job> {
    let job = |table: &Table| {
        let published = publication.and_then(|publication| publication.table(table));
        let generated = publication.is_some_and(|publication| publication.generated);
        let wire = wire(table, published, generated);
        let shape = Shape::new(&wire, Making { settings, types, catalog: Some(table) });
        let statement = statement(table, &shape, published, settings);
        Job { name: table.full_name(), shape: Arc::new(shape), statement, estimate: table.estimate }
    };
    tables.iter().map(job).collect()
}
