//! The commands of a replication session (PostgreSQL documentation, "Streaming Replication Protocol").

use crate::catalog::sql::{identifier, literal};
use crate::connection::{Fault, Session};
use crate::lsn::Lsn;

/// Which cluster answers, and in which life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Drawn when the cluster was initialised.
    pub system_id: u64,
    /// Counts promotions.
    pub timeline: u32,
}

/// A slot that has just been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSlot {
    /// Every transaction that commits after this point comes in the stream, and no other.
    pub consistent_point: Lsn,
    /// The snapshot that shows the database as of that point, for as long as the session is idle.
    pub snapshot: String,
}

/// IDENTIFY_SYSTEM.
pub async fn identify(session: &mut Session) -> Result<Identity, Fault> {
    let rows = session.query("IDENTIFY_SYSTEM").await?;
    let row = rows.first();
    let number = |column| row.and_then(|row| row.parsed::<u64>(column)).unwrap_or(0);
    Ok(Identity { system_id: number(0), timeline: number(1) as u32 })
}

/// CREATE_REPLICATION_SLOT with an exported snapshot. Waits for transactions that are running.
pub async fn create_slot(session: &mut Session, slot: &str, version: u32, failover: bool) -> Result<NewSlot, Fault> {
    let options = match (version >= 15, failover) {
        (false, _) => "EXPORT_SNAPSHOT",
        (true, false) => "(SNAPSHOT 'export')",
        (true, true) => "(SNAPSHOT 'export', FAILOVER true)",
    };
    let command = format!("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput {options}", identifier(slot));
    let rows = session.query(&command).await?;
    let row = rows.first();
    Ok(NewSlot {
        consistent_point: row.and_then(|row| row.parsed(1)).unwrap_or_default(),
        snapshot: row.map(|row| row.text(2).to_owned()).unwrap_or_default(),
    })
}

/// DROP_REPLICATION_SLOT; waits until nobody uses it.
pub async fn drop_slot(session: &mut Session, slot: &str) -> Result<(), Fault> {
    let command = format!("DROP_REPLICATION_SLOT {} WAIT", identifier(slot));
    session.query(&command).await.map(|_| ())
}

/// START_REPLICATION, as a command for [`Session::stream`]. From `start` on, or from where the slot stands if that is
/// later.
pub fn start(slot: &str, start: Lsn, publication: &str, origin: Option<&str>) -> String {
    let names = literal(&identifier(publication));
    let origin = origin.map(|origin| format!(", origin {}", literal(origin))).unwrap_or_default();
    let slot = identifier(slot);
    format!("START_REPLICATION SLOT {slot} LOGICAL {start} (proto_version '1', publication_names {names}{origin})")
}

/// A promotion: the timeline that ended, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The timeline that ended.
    pub timeline: u32,
    /// The position up to which its log is part of the later ones.
    pub at: Lsn,
}

/// TIMELINE_HISTORY: where earlier timelines ended.
pub async fn history(session: &mut Session, timeline: u32) -> Result<Vec<Switch>, Fault> {
    let rows = session.query(&format!("TIMELINE_HISTORY {timeline}")).await?;
    Ok(rows.first().map(|row| switches(row.text(1))).unwrap_or_default())
}

/// Lines of `timeline, position, reason` with tabs between them; `#` starts a comment.
fn switches(file: &str) -> Vec<Switch> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        Some(Switch { timeline: words.next()?.parse().ok()?, at: words.next()?.parse().ok()? })
    };
    file.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_twice_where_the_server_reads_them_twice() {
        assert_eq!(
            start("s", Lsn(0x10), r#"o"d'd"#, Some("none")),
            r#"START_REPLICATION SLOT "s" LOGICAL 0/10 (proto_version '1', publication_names '"o""d''d"', origin 'none')"#
        );
    }

    #[test]
    fn a_history_file_is_read_line_by_line() {
        let file = "1\t0/5000000\tno recovery target specified\n\n# later\n2\t1/A0\tafter LSN 1/A0\n";
        let expected = [Switch { timeline: 1, at: Lsn(0x500_0000) }, Switch { timeline: 2, at: Lsn(0x1_0000_00A0) }];
        assert_eq!(switches(file), expected);
    }
}
