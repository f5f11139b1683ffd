//! The replication slot, as the server shows it.

use crate::catalog::sql::literal;
use crate::connection::{Fault, Session};
use crate::lsn::Lsn;

/// A slot that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The plugin that decodes for it.
    pub plugin: String,
    /// Whether it is a logical one.
    pub logical: bool,
    /// Its database.
    pub database: String,
    /// The process that uses it.
    pub active_pid: Option<u32>,
    /// Everything before it is confirmed and will not be sent again.
    pub confirmed: Lsn,
    /// Why the server has given it up, if it has.
    pub lost: Option<String>,
}

impl Slot {
    /// Looks for the slot.
    pub async fn find(session: &mut Session, name: &str, version: u32) -> Result<Option<Slot>, Fault> {
        let reason = if version >= 17 { "invalidation_reason" } else { "NULL" };
        let query = format!(
            "SELECT plugin, slot_type = 'logical', database, CASE WHEN active THEN active_pid END, \
            confirmed_flush_lsn, \
             wal_status, {reason}, restart_lsn IS NULL FROM pg_catalog.pg_replication_slots WHERE slot_name = {}",
            literal(name)
        );
        let rows = session.query(&query).await?;
        Ok(rows.first().map(|row| Slot {
            plugin: row.text(0).to_owned(),
            logical: row.flag(1),
            database: row.text(2).to_owned(),
            active_pid: row.parsed(3),
            confirmed: row.parsed(4).unwrap_or_default(),
            lost: match (row.text(5), row.get(6)) {
                (_, Some(reason)) => Some(reason.to_owned()),
                ("lost", None) => Some("its log grew past max_slot_wal_keep_size".to_owned()),
                _ => None,
            },
        }))
    }
}
