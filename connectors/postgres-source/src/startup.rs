//! What to do at a start, from what is stored and what the server has. Pure: every row of the table is a test.

use std::fmt;

use connector_api::Error;

use crate::config::{SlotSettings, SnapshotMode};
use crate::lsn::Lsn;
use crate::position::{Origin, Phase, Stored, StreamPosition};
use crate::replication::commands::{Identity, Switch};
use crate::slot::Slot;

/// What was found.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// What the user wants.
    pub mode: SnapshotMode,
    /// The slot that the user wants.
    pub settings: &'a SlotSettings,
    /// The database.
    pub database: &'a str,
    /// What the worker has stored.
    pub stored: Option<&'a Stored>,
    /// The slot on the server.
    pub slot: Option<&'a Slot>,
    /// Which cluster answers.
    pub identity: Identity,
    /// Where its earlier timelines ended.
    pub history: &'a [Switch],
    /// The end of its log.
    pub log_end: Lsn,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Read all rows, without a slot, and stop.
    SnapshotOnly,
    /// Make the slot, read all rows if `snapshot`, and stream from there. With `drop`, the slot that is there goes
    /// first.
    Begin {
        /// Whether a slot of that name is in the way.
        drop: bool,
        /// Whether rows are read.
        snapshot: bool,
    },
    /// Go on from a position.
    Resume(StreamPosition),
    /// Stream from where the slot stands, and say why.
    Adopt(Lsn, &'static str),
    /// Everything that was wanted is done.
    Finished,
    /// The slot is in use by this process: wait.
    Wait(u32),
}

/// In a few words, for the log.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plan::SnapshotOnly => f.write_str("read all rows and stop"),
            Plan::Begin { snapshot: true, .. } => f.write_str("make the slot, read all rows, then stream"),
            Plan::Begin { snapshot: false, .. } => f.write_str("make the slot and stream"),
            Plan::Resume(position) => write!(f, "go on after {}", position.complete),
            Plan::Adopt(lsn, why) => write!(f, "stream from {lsn}: {why}"),
            Plan::Finished => f.write_str("everything is done"),
            Plan::Wait(_) => f.write_str("wait until the slot is free"),
        }
    }
}

/// How a user starts from the beginning.
const START_AGAIN: &str = "To start again with a new snapshot, drop the slot, and stop the connector, delete its \
    offsets \
                           (DELETE /connectors/{name}/offsets) and resume it";

/// Decides.
pub fn decide(found: &Situation<'_>) -> Result<Plan, Error> {
    match found.stored {
        Some(stored) => {
            same_cluster(found, stored)?;
            match stored.phase {
                Phase::Snapshot => first_start(found, true),
                Phase::SnapshotOnly if found.mode == SnapshotMode::InitialOnly => Ok(Plan::Finished),
                Phase::SnapshotOnly => Err(snapshot_without_stream(found)),
                Phase::Streaming if found.mode == SnapshotMode::InitialOnly => Ok(Plan::Finished),
                Phase::Streaming => go_on(found, stored),
            }
        }
        None => first_start(found, false),
    }
}

/// Nothing is stored, or only that a snapshot had begun. A slot that is left over would stream without a baseline, so
/// a snapshot makes it anew; without a snapshot the stream goes on where the slot stands.
fn first_start(found: &Situation<'_>, was_ours: bool) -> Result<Plan, Error> {
    if found.mode == SnapshotMode::InitialOnly {
        return Ok(Plan::SnapshotOnly);
    }
    let snapshot = found.mode == SnapshotMode::Initial;
    let Some(slot) = found.slot else { return Ok(Plan::Begin { drop: false, snapshot }) };
    fitting(found, slot)?;
    match slot.active_pid {
        Some(pid) => Ok(Plan::Wait(pid)),
        None if snapshot || slot.lost.is_some() => Ok(Plan::Begin { drop: true, snapshot }),
        None if was_ours => Ok(Plan::Adopt(slot.confirmed, "its snapshot was not finished and is no longer wanted")),
        None => Ok(Plan::Adopt(slot.confirmed, "it was there before the connector had a position")),
    }
}

/// A position in the stream is stored.
fn go_on(found: &Situation<'_>, stored: &Stored) -> Result<Plan, Error> {
    let at = stored.at;
    let Some(slot) = found.slot else {
        if found.settings.drop_on_stop {
            return Ok(Plan::Begin { drop: false, snapshot: found.mode == SnapshotMode::Initial });
        }
        return Err(lost(found, stored, "it does not exist"));
    };
    fitting(found, slot)?;
    if let Some(reason) = &slot.lost {
        return Err(lost(found, stored, &format!("the server has given it up: {reason}")));
    }
    same_history(found, stored)?;
    if let Some(pid) = slot.active_pid {
        return Ok(Plan::Wait(pid));
    }
    if at.furthest() > found.log_end {
        let message = format!(
            "the stored position {} lies behind the end of the server's log {}, so the server has been set back, as by \
             restoring an older backup",
            at.furthest(),
            found.log_end
        );
        return Err(Error::fatal(message).remedy(START_AGAIN));
    }
    if slot.confirmed > at.furthest() {
        return moved(found, slot, at);
    }
    Ok(Plan::Resume(at))
}

fn moved(found: &Situation<'_>, slot: &Slot, at: StreamPosition) -> Result<Plan, Error> {
    if found.settings.trusted {
        return Ok(Plan::Adopt(slot.confirmed, "somebody moved it on, and `offset.mismatch.strategy` trusts the slot"));
    }
    let message = format!(
        "the slot `{}` stands at {}, past the stored position {}: something else has read from it, and the changes in \
         between cannot be read again",
        found.settings.name,
        slot.confirmed,
        at.furthest()
    );
    Err(Error::fatal(message).remedy(format!(
        "Give each connector a slot of its own. {START_AGAIN}. To go on without the changes in between, set \
         `offset.mismatch.strategy` to trust_slot"
    )))
}

fn fitting(found: &Situation<'_>, slot: &Slot) -> Result<(), Error> {
    let name = &found.settings.name;
    let what = if !slot.logical {
        "is a physical one".to_owned()
    } else if slot.plugin != "pgoutput" {
        format!("decodes by the plugin {}", slot.plugin)
    } else if slot.database != found.database {
        format!("belongs to the database `{}`", slot.database)
    } else {
        return Ok(());
    };
    let message = format!("the slot `{name}` {what} and cannot be used for `{}`", found.database);
    Err(Error::bad_config("slot.name", message).remedy("Choose another name, or drop the slot if nobody needs it"))
}

fn lost(found: &Situation<'_>, stored: &Stored, why: &str) -> Error {
    let name = &found.settings.name;
    let was = match &stored.origin {
        Some(Origin { slot, .. }) if slot != name => format!(" (the position was stored with the slot `{slot}`)"),
        _ => String::new(),
    };
    let message = format!(
        "the slot `{name}` is lost, because {why}{was}. Changes after {} can no longer be read",
        stored.at.furthest()
    );
    Error::fatal(message).remedy(format!(
        "{START_AGAIN}. If its log grew too large, raise `max_slot_wal_keep_size`; if the server failed over, see \
         `slot.failover`"
    ))
}

fn snapshot_without_stream(found: &Situation<'_>) -> Error {
    let message = format!(
        "the stored position is that of an `initial_only` snapshot, after which changes were not kept for the slot \
        `{}`",
        found.settings.name
    );
    Error::fatal(message).remedy(format!("{START_AGAIN}; or set `snapshot.mode` back to initial_only"))
}

fn same_cluster(found: &Situation<'_>, stored: &Stored) -> Result<(), Error> {
    match &stored.origin {
        Some(origin) if origin.identity.system_id != found.identity.system_id => {
            let message = format!(
                "another cluster answers: its system identifier is {}, and the stored position belongs to {}",
                found.identity.system_id, origin.identity.system_id
            );
            Err(Error::fatal(message)
                .remedy(format!("Put `database.hostname` and `database.port` right. {START_AGAIN}")))
        }
        _ => Ok(()),
    }
}

/// After a promotion the position must lie on the part of the old life that the new one has kept.
fn same_history(found: &Situation<'_>, stored: &Stored) -> Result<(), Error> {
    let Some(origin) = &stored.origin else { return Ok(()) };
    let (then, now) = (origin.identity.timeline, found.identity.timeline);
    let switch = found.history.iter().find(|switch| switch.timeline == then);
    match switch {
        _ if then == now => Ok(()),
        Some(switch) if then < now && stored.at.furthest() <= switch.at => Ok(()),
        _ => {
            let until = switch.map(|switch| format!(", which ended at {}", switch.at)).unwrap_or_default();
            let message = format!(
                "the server is on timeline {now}, and the stored position {} lies on timeline {then}{until}: the \
                server \
                 that was promoted had not received all changes",
                stored.at.furthest()
            );
            Err(Error::fatal(message).remedy(START_AGAIN))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use connector_api::Decision;

    use super::*;
    use crate::position::Skip;

    const HERE: Identity = Identity { system_id: 1, timeline: 2 };

    fn settings() -> SlotSettings {
        SlotSettings {
            name: "s".into(),
            drop_on_stop: false,
            failover: false,
            patience: Duration::ZERO,
            retry_delay: Duration::ZERO,
            trusted: false,
            origin: None,
            status_interval: Duration::ZERO,
        }
    }

    fn slot() -> Slot {
        Slot {
            plugin: "pgoutput".into(),
            logical: true,
            database: "db".into(),
            active_pid: None,
            confirmed: Lsn(100),
            lost: None,
        }
    }

    fn stored(phase: Phase, complete: u64) -> Stored {
        let origin = Some(Origin { identity: HERE, slot: "s".into() });
        Stored { phase, at: StreamPosition::after(Lsn(complete)), origin }
    }

    struct Case {
        mode: SnapshotMode,
        settings: SlotSettings,
        stored: Option<Stored>,
        slot: Option<Slot>,
        identity: Identity,
        history: Vec<Switch>,
    }

    fn case(stored: Option<Stored>, slot: Option<Slot>) -> Case {
        let (mode, settings) = (SnapshotMode::Initial, settings());
        Case { mode, settings, stored, slot, identity: HERE, history: Vec::new() }
    }

    fn decided(case: &Case) -> Result<Plan, Error> {
        decide(&Situation {
            mode: case.mode,
            settings: &case.settings,
            database: "db",
            stored: case.stored.as_ref(),
            slot: case.slot.as_ref(),
            identity: case.identity,
            history: &case.history,
            log_end: Lsn(1000),
        })
    }

    fn fatal(case: &Case, word: &str) {
        let error = decided(case).unwrap_err();
        assert_eq!(error.decision(), &Decision::Fatal, "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.remedy_text().is_some(), "{error}");
    }

    #[test]
    fn nothing_stored_and_no_slot_begins() {
        for (mode, plan) in [
            (SnapshotMode::Initial, Plan::Begin { drop: false, snapshot: true }),
            (SnapshotMode::NoData, Plan::Begin { drop: false, snapshot: false }),
            (SnapshotMode::InitialOnly, Plan::SnapshotOnly),
        ] {
            assert_eq!(decided(&Case { mode, ..case(None, None) }).unwrap(), plan);
        }
    }

    #[test]
    fn a_slot_that_is_left_over_is_made_anew_for_a_snapshot_and_used_without() {
        let left = case(None, Some(slot()));
        assert_eq!(decided(&left).unwrap(), Plan::Begin { drop: true, snapshot: true });
        let adopted = decided(&Case { mode: SnapshotMode::NoData, ..left }).unwrap();
        assert!(matches!(adopted, Plan::Adopt(Lsn(100), _)));
    }

    #[test]
    fn a_snapshot_that_was_not_finished_starts_again() {
        let broken = case(Some(stored(Phase::Snapshot, 100)), Some(slot()));
        assert_eq!(decided(&broken).unwrap(), Plan::Begin { drop: true, snapshot: true });
        assert_eq!(decided(&Case { slot: None, ..broken }).unwrap(), Plan::Begin { drop: false, snapshot: true });
    }

    #[test]
    fn a_position_at_or_behind_the_slots_is_gone_on_from() {
        for complete in [100, 150] {
            let at = stored(Phase::Streaming, complete);
            assert_eq!(decided(&case(Some(at.clone()), Some(slot()))).unwrap(), Plan::Resume(at.at));
        }
    }

    #[test]
    fn a_lost_slot_is_fatal() {
        let at = || Some(stored(Phase::Streaming, 100));
        fatal(&case(at(), None), "is lost, because it does not exist");
        fatal(&case(at(), Some(Slot { lost: Some("wal_removed".into()), ..slot() })), "wal_removed");
        let renamed = Origin { identity: HERE, slot: "old".into() };
        fatal(&case(at().map(|stored| Stored { origin: Some(renamed), ..stored }), None), "with the slot `old`");
    }

    #[test]
    fn a_slot_that_stop_has_dropped_begins_anew() {
        let mut dropped = case(Some(stored(Phase::Streaming, 100)), None);
        dropped.settings.drop_on_stop = true;
        assert_eq!(decided(&dropped).unwrap(), Plan::Begin { drop: false, snapshot: true });
    }

    #[test]
    fn a_slot_that_somebody_moved_is_fatal_unless_trusted() {
        let mut moved = case(Some(stored(Phase::Streaming, 50)), Some(slot()));
        fatal(&moved, "something else has read from it");
        moved.settings.trusted = true;
        assert!(matches!(decided(&moved).unwrap(), Plan::Adopt(Lsn(100), _)));
    }

    #[test]
    fn another_cluster_is_fatal_in_every_phase() {
        for phase in [Phase::Snapshot, Phase::SnapshotOnly, Phase::Streaming] {
            let mut other = case(Some(stored(phase, 100)), Some(slot()));
            other.identity = Identity { system_id: 9, timeline: 2 };
            fatal(&other, "another cluster answers");
        }
    }

    #[test]
    fn a_promotion_is_followed_only_if_it_kept_the_position() {
        let mut promoted = case(Some(stored(Phase::Streaming, 100)), Some(slot()));
        promoted.identity.timeline = 3;
        promoted.history = vec![Switch { timeline: 1, at: Lsn(10) }, Switch { timeline: 2, at: Lsn(100) }];
        assert!(matches!(decided(&promoted).unwrap(), Plan::Resume(_)));
        promoted.history[1].at = Lsn(99);
        fatal(&promoted, "timeline 2, which ended at 0/63");
        promoted.identity.timeline = 1;
        fatal(&promoted, "timeline");
    }

    #[test]
    fn a_server_that_was_set_back_is_fatal() {
        fatal(&case(Some(stored(Phase::Streaming, 5000)), Some(slot())), "set back");
    }

    #[test]
    fn a_slot_in_use_is_waited_for() {
        let used = Slot { active_pid: Some(42), ..slot() };
        for stored in [None, Some(stored(Phase::Streaming, 100)), Some(stored(Phase::Snapshot, 100))] {
            assert_eq!(decided(&case(stored, Some(used.clone()))).unwrap(), Plan::Wait(42));
        }
    }

    #[test]
    fn a_slot_of_another_kind_is_a_wrong_name() {
        for other in [
            Slot { plugin: "wal2json".into(), ..slot() },
            Slot { database: "other".into(), ..slot() },
            Slot { logical: false, ..slot() },
        ] {
            let error = decided(&case(None, Some(other))).unwrap_err();
            assert_eq!(error.decision(), &Decision::BadConfig { key: "slot.name".into() });
        }
    }

    #[test]
    fn a_snapshot_without_a_stream_ends_and_cannot_be_gone_on_from() {
        let mut done = case(Some(stored(Phase::SnapshotOnly, 100)), None);
        fatal(&done, "initial_only");
        done.mode = SnapshotMode::InitialOnly;
        assert_eq!(decided(&done).unwrap(), Plan::Finished);
    }

    #[test]
    fn what_debezium_stored_is_gone_on_from() {
        let skip = Skip::UpToRow { xid: Some(1), row: (Lsn(120), None) };
        let at = StreamPosition { complete: Lsn(90), skip, last: Default::default() };
        let theirs = Stored { phase: Phase::Streaming, at, origin: None };
        assert_eq!(decided(&case(Some(theirs), Some(slot()))).unwrap(), Plan::Resume(at));
    }
}
