//! Positions, as the worker stores them.
//!
//! A position names each change exactly: the end of the last transaction that is out as a whole, and how many changes of
//! the next one are out. Row positions in the log would not do, since rows of one COPY share one.
//!
//! The offset keeps Debezium's fields (`lsn`, `lsn_proc`, `lsn_commit`, `txId`, `ts_usec`, `snapshot` ...) beside our
//! own, whose names begin with `naru_`, so that either connector can go on where the other stopped.

use connector_api::{SourceOffset, SourcePartition};
use serde_json::Value as Json;

use crate::lsn::Lsn;
use crate::replication::commands::Identity;

/// What has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Some rows of the snapshot are out. It can only start again.
    Snapshot,
    /// A snapshot without a stream is out as a whole.
    SnapshotOnly,
    /// All rows of the snapshot are out, and the changes up to the position.
    Streaming,
}

/// Where a position was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The cluster and its life.
    pub identity: Identity,
    /// The slot.
    pub slot: String,
}

/// Changes of an open transaction that are out already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// None.
    Nothing,
    /// The first so many of the transaction whose commit record stands there.
    Events {
        /// Where the commit record stands.
        commit: Lsn,
        /// How many.
        count: u64,
        /// The transaction's number.
        xid: u32,
        /// Where the last of them stands, and how many of them stand right there.
        row: (Lsn, u64),
    },
    /// Those of the transaction of that number up to a row: what Debezium stores.
    UpToRow {
        /// The transaction's number; `None` for the first one that comes.
        xid: Option<u32>,
        /// Where the last one stands, and how many of them stand right there; `None` for all.
        row: (Lsn, Option<u64>),
    },
}

/// How far the stream has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPosition {
    /// The end of the last transaction that is out as a whole.
    pub complete: Lsn,
    /// What is out of the next one.
    pub skip: Skip,
    /// The last transaction that has been seen.
    pub last: Last,
}

/// A transaction that has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Its number.
    pub xid: Option<u32>,
    /// When it was committed, in microseconds since 1970.
    pub time: i64,
    /// The end of the last one that is out as a whole. Unlike the position it never moves between transactions, so that
    /// an event that names it looks the same whenever it is read.
    pub end: Lsn,
}

/// A stored position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What has been reached.
    pub phase: Phase,
    /// How far the stream has got; in a snapshot the point that it shows.
    pub at: StreamPosition,
    /// Where it was taken; `None` if Debezium stored it.
    pub origin: Option<Origin>,
}

/// The one partition of a connector, as Debezium names it.
pub fn partition(prefix: &str) -> SourcePartition {
    SourcePartition::of("server", prefix)
}

impl StreamPosition {
    /// Everything up to there is out, and nothing behind it.
    pub fn after(complete: Lsn) -> StreamPosition {
        StreamPosition { complete, skip: Skip::Nothing, last: Last::default() }
    }

    /// The furthest point that is known to be out.
    pub fn furthest(&self) -> Lsn {
        match self.skip {
            Skip::Nothing => self.complete,
            Skip::Events { row: (row, _), .. } | Skip::UpToRow { row: (row, _), .. } => self.complete.max(row),
        }
    }
}

impl Stored {
    /// The form in which it is stored.
    pub fn to_offset(&self) -> SourceOffset {
        let mut offset = SourceOffset::default();
        let mut put = |name: &str, value: Json| offset.0.insert(name.to_owned(), value);
        self.put_debezium(&mut put);
        let phase = match self.phase {
            Phase::Snapshot => "snapshot",
            Phase::SnapshotOnly => "snapshot_only",
            Phase::Streaming => "streaming",
        };
        put("naru_phase", phase.into());
        put("naru_end_lsn", self.at.complete.to_offset().into());
        if let Skip::Events { commit, count, .. } = self.at.skip {
            put("naru_commit_lsn", commit.to_offset().into());
            put("naru_ordinal", count.into());
        }
        if let Some(Origin { identity, slot }) = &self.origin {
            put("naru_system_id", identity.system_id.to_string().into());
            put("naru_timeline", identity.timeline.into());
            put("naru_slot", slot.as_str().into());
        }
        offset
    }

    fn put_debezium(&self, put: &mut impl FnMut(&str, Json) -> Option<Json>) {
        let Last { xid, time, end } = self.at.last;
        put("ts_usec", time.into());
        xid.map(|xid| put("txId", xid.into()));
        if self.phase != Phase::Streaming {
            let done = self.phase == Phase::SnapshotOnly;
            put("lsn", self.at.complete.to_offset().into());
            put("snapshot", "INITIAL".into());
            put("snapshot_completed", done.into());
            put("last_snapshot_record", done.into());
            return;
        }
        let (row, count) = match self.at.skip {
            Skip::Events { row, .. } => (row.0, Some(row.1)),
            Skip::UpToRow { row, .. } => row,
            Skip::Nothing => (self.at.complete, None),
        };
        put("lsn", row.to_offset().into());
        put("lsn_proc", row.to_offset().into());
        if end != Lsn::NONE {
            put("lsn_commit", end.to_offset().into());
        }
        count.map(|count| put("lsn_events_processed", count.into()));
    }

    /// Reads a stored position, ours or Debezium's. `None` if it holds neither.
    pub fn from_offset(offset: &SourceOffset) -> Option<Stored> {
        let time = offset.number("ts_usec").unwrap_or(0);
        let xid = offset.number("txId").and_then(|xid| u32::try_from(xid).ok());
        let lsn = |name| offset.number(name).map(Lsn::from_offset);
        let Some(phase) = offset.text("naru_phase") else { return from_debezium(offset, xid, time) };
        let complete = lsn("naru_end_lsn")?;
        let skip = match (lsn("naru_commit_lsn"), offset.number("naru_ordinal")) {
            (Some(commit), Some(count)) => Skip::Events {
                commit,
                count: count.unsigned_abs(),
                xid: xid.unwrap_or(0),
                row: (lsn("lsn")?, offset.number("lsn_events_processed").unwrap_or(0).unsigned_abs()),
            },
            _ => Skip::Nothing,
        };
        let phase = match phase {
            "snapshot" => Phase::Snapshot,
            "snapshot_only" => Phase::SnapshotOnly,
            "streaming" => Phase::Streaming,
            _ => return None,
        };
        let last = Last { xid, time, end: lsn("lsn_commit").unwrap_or_default() };
        Some(Stored { phase, at: StreamPosition { complete, skip, last }, origin: origin(offset) })
    }
}

fn origin(offset: &SourceOffset) -> Option<Origin> {
    let system_id = offset.text("naru_system_id")?.parse().ok()?;
    let timeline = u32::try_from(offset.number("naru_timeline")?).ok()?;
    Some(Origin { identity: Identity { system_id, timeline }, slot: offset.text("naru_slot")?.to_owned() })
}

/// Debezium stores the row that it has handed over last (`lsn`, with how many changes stood there), the end of the last
/// whole transaction (`lsn_commit`) and the number of the open one (`txId`).
fn from_debezium(offset: &SourceOffset, xid: Option<u32>, time: i64) -> Option<Stored> {
    let row = Lsn::from_offset(offset.number("lsn")?);
    let end = offset.number("lsn_commit").map_or(Lsn::NONE, Lsn::from_offset);
    let at = |complete, skip| StreamPosition { complete, skip, last: Last { xid, time, end } };
    let stored = |phase, at| Some(Stored { phase, at, origin: None });
    let in_snapshot = offset.0.get("snapshot").is_some_and(|value| !value.is_null() && value != "false");
    if in_snapshot {
        let done = offset.flag("snapshot_completed") || offset.flag("last_snapshot_record");
        return stored(if done { Phase::Streaming } else { Phase::Snapshot }, at(row, Skip::Nothing));
    }
    let count = offset.number("lsn_events_processed").map(i64::unsigned_abs);
    match count {
        None if end == row => stored(Phase::Streaming, at(end, Skip::Nothing)),
        _ => stored(Phase::Streaming, at(end, Skip::UpToRow { xid, row: (row, count) })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn offset(json: Json) -> SourceOffset {
        match json {
            Json::Object(map) => SourceOffset(map),
            _ => SourceOffset::default(),
        }
    }

    #[test]
    fn what_debezium_stores_in_a_stream_is_understood() {
        let stored = Stored::from_offset(&offset(json!({
            "lsn_proc": 36890688, "lsn_events_processed": 2, "messageType": "INSERT", "lsn_commit": 36890600,
            "lsn": 36890688, "txId": 850, "ts_usec": 1795256340328225i64
        })));
        let skip = Skip::UpToRow { xid: Some(850), row: (Lsn(36890688), Some(2)) };
        let at = StreamPosition {
            complete: Lsn(36890600),
            skip,
            last: Last { xid: Some(850), time: 1795256340328225, end: Lsn(36890600) },
        };
        assert_eq!(stored, Some(Stored { phase: Phase::Streaming, at, origin: None }));
    }

    #[test]
    fn what_debezium_stores_in_a_snapshot_is_understood() {
        let at = |last: bool| {
            Stored::from_offset(&offset(json!({
                "last_snapshot_record": last, "lsn": 29679440, "txId": 802, "ts_usec": 1, "snapshot": "INITIAL",
                "snapshot_completed": last
            })))
        };
        assert_eq!(at(false).map(|stored| stored.phase), Some(Phase::Snapshot));
        let done = at(true).unwrap();
        assert_eq!((done.phase, done.at.complete, done.at.skip), (Phase::Streaming, Lsn(29679440), Skip::Nothing));
    }

    #[test]
    fn what_nobody_wrote_is_no_position() {
        assert_eq!(Stored::from_offset(&SourceOffset::default()), None);
        assert_eq!(Stored::from_offset(&offset(json!({"naru_phase": "other", "naru_end_lsn": 1, "lsn": 1}))), None);
    }

    proptest! {
        #[test]
        fn a_position_comes_back_as_it_was_stored(
            phase in prop::sample::select(vec![Phase::Snapshot, Phase::SnapshotOnly, Phase::Streaming]),
            complete in 1u64..i64::MAX as u64, partial: Option<(u32, u32, u32, u32)>, system_id: u64, timeline: u32, time: i64,
        ) {
            let streaming = phase == Phase::Streaming;
            let skip = partial.filter(|_| streaming).map_or(Skip::Nothing, |(commit, count, row, at)| Skip::Events {
                commit: Lsn(u64::from(commit)), count: u64::from(count), xid: 7, row: (Lsn(u64::from(row)), u64::from(at)),
            });
            let stored = Stored {
                phase,
                at: StreamPosition { complete: Lsn(complete), skip, last: Last { xid: Some(7), time, end: Lsn(if streaming { complete - 1 } else { 0 }) } },
                origin: Some(Origin { identity: Identity { system_id, timeline }, slot: "s".into() }),
            };
            let offset = stored.to_offset();
            prop_assert!(offset.0.values().all(|value| !value.is_object() && !value.is_array()), "flat");
            prop_assert_eq!(Stored::from_offset(&offset), Some(stored));
        }
    }
}
