//! Transactions in one partition: what readers of committed records see, through kills, power cuts and restarts.

use std::collections::{BTreeMap, HashSet};

use broker_wire::records::ControlType;
use proptest::prelude::*;

use super::super::append::AppendError;
use super::super::producers::SequenceError;
use super::super::segment::SegmentPaths;
use super::*;

/// A batch of one record of a transactional producer.
fn transactional(producer_id: i64, base_sequence: i32, text: &str) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.push(5, None, Some(text.as_bytes()), &[]);
    let stamp = ProducerStamp { producer_id, epoch: 0, base_sequence, transactional: true };
    builder.finish(Compression::None, Some(stamp)).unwrap()
}

impl Rig {
    fn begin(&self, producer_id: i64) {
        self.log.announce(producer_id, 0);
    }

    fn end(&self, producer_id: i64, outcome: ControlType) -> Option<Ticket> {
        self.log.end_transaction((producer_id, 0), outcome, 0).unwrap()
    }

    fn committed(&self, offset: i64, max_bytes: usize) -> Vec<(i64, String)> {
        committed(&self.log, offset, max_bytes)
    }
}

/// Everything that a reader of committed records gets from `offset` on, in steps of `max_bytes`, as a client finds it out.
pub fn committed(log: &PartitionLog, mut offset: i64, max_bytes: usize) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    loop {
        let limits = Limits { max_bytes, at_least_one: true };
        let bytes = log.read_below(log.last_stable_offset(), offset, limits).unwrap();
        if bytes.is_empty() {
            return values;
        }
        let mut aborted = log.aborted(offset, &bytes).unwrap();
        aborted.sort_by_key(|aborted| aborted.first_offset);
        let (mut aborted, mut out) = (aborted.into_iter().peekable(), HashSet::new());
        for batch in batches(bytes) {
            let batch = batch.unwrap();
            while let Some(next) = aborted.next_if(|next| next.first_offset <= batch.header.last_offset()) {
                out.insert(next.producer_id);
            }
            let producer_id = batch.header.producer_id;
            if batch.control_type() == Some(ControlType::Abort) {
                out.remove(&producer_id);
            }
            let hidden = batch.header.is_transactional() && out.contains(&producer_id);
            if !hidden && !batch.header.is_control() {
                values.extend(read_values(batch.bytes).into_iter().filter(|(at, _)| *at >= offset));
            }
            offset = batch.header.last_offset() + 1;
        }
    }
}
#[derive(Debug, Clone, Copy)]
enum Step {
    Plain(usize),
    Write(i64, usize),
    End(i64, bool),
    Wait,
    Kill,
    PowerCut,
    CleanStop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1usize..400).prop_map(Step::Plain),
        8 => (1i64..6, 1usize..400).prop_map(|(id, len)| Step::Write(id, len)),
        5 => (1i64..6, any::<bool>()).prop_map(|(id, commit)| Step::End(id, commit)),
        2 => Just(Step::Wait),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        1 => Just(Step::CleanStop),
    ]
}

/// What was appended, offset by offset.
#[derive(Debug, Clone, PartialEq)]
enum Written {
    Plain(String),
    Part(i64, String),
    End(i64, bool),
}

/// What readers of committed records shall see, and up to where.
fn expected(written: &[Written]) -> (Vec<(i64, String)>, i64) {
    let end_of = |from: usize, id: i64| {
        let ends = |later: &Written| match later {
            Written::End(of, commit) if *of == id => Some(*commit),
            _ => None,
        };
        written[from..].iter().find_map(ends)
    };
    let open = |(at, entry): (usize, &Written)| matches!(entry, Written::Part(id, _) if end_of(at, *id).is_none());
    let stable = (0..written.len()).find(|at| open((*at, &written[*at]))).unwrap_or(written.len());
    let visible = written[..stable].iter().enumerate().filter_map(|(at, entry)| match entry {
        Written::Plain(text) => Some((at as i64, text.clone())),
        Written::Part(id, text) => end_of(at, *id)?.then(|| (at as i64, text.clone())),
        Written::End(..) => None,
    });
    (visible.collect(), stable as i64)
}

fn open_in(written: &[Written]) -> BTreeMap<i64, i64> {
    let mut open = BTreeMap::new();
    for (at, entry) in written.iter().enumerate() {
        match entry {
            Written::Part(id, _) => drop(open.entry(*id).or_insert(at as i64)),
            Written::End(id, _) => drop(open.remove(id)),
            Written::Plain(_) => {}
        }
    }
    open
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Transactions of several producers over small segments: whatever happens, readers of committed records see just the
    /// committed ones, in order, from wherever they begin, and never past one that is open.
    #[test]
    fn readers_see_what_was_committed_and_nothing_else(
        steps in proptest::collection::vec(step(), 1..120),
        from in 0i64..40,
        max_bytes in 1usize..3000,
    ) {
        let mut rig = Rig::new();
        let mut written: Vec<Written> = Vec::new();
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Plain(len) => {
                    let text = format!("{i}-{}", "p".repeat(len));
                    rig.append(&batch(&[&text])).unwrap();
                    written.push(Written::Plain(text));
                }
                Step::Write(id, len) => {
                    let text = format!("{i}-{}", "t".repeat(len));
                    // Odd producers number their records, the others do as the broker's own do.
                    let before = written.iter().filter(|old| matches!(old, Written::Part(of, _) if *of == id)).count();
                    let sequence = if id % 2 == 1 { before as i32 } else { -1 };
                    rig.begin(id);
                    rig.append(&transactional(id, sequence, &text)).unwrap();
                    written.push(Written::Part(id, text));
                }
                Step::End(id, commit) => {
                    let outcome = if commit { ControlType::Commit } else { ControlType::Abort };
                    let marked = rig.end(id, outcome).is_some();
                    prop_assert_eq!(marked, open_in(&written).contains_key(&id));
                    if marked {
                        written.push(Written::End(id, commit));
                    }
                }
                Step::Wait => {
                    rig.append_safe(&batch(&["w"]));
                    written.push(Written::Plain("w".to_owned()));
                }
                Step::Kill => rig = Rig::open(rig.disk.after_kill(), false).unwrap(),
                Step::PowerCut => {
                    rig = Rig::open(rig.disk.after_power_cut(), false).unwrap();
                    written.truncate(rig.log.end_offset() as usize);
                }
                Step::CleanStop => rig = Rig::open(rig.stop_clean(), true).unwrap(),
            }
            prop_assert!(rig.log.last_stable_offset() <= expected(&written).1);
            let open: BTreeMap<i64, i64> =
                rig.log.open_transactions().into_iter().map(|(id, _, first)| (id, first)).collect();
            prop_assert_eq!(open, open_in(&written));
        }
        rig.append_safe(&batch(&["last"]));
        written.push(Written::Plain("last".to_owned()));
        let (visible, stable) = expected(&written);
        prop_assert_eq!(rig.log.last_stable_offset(), stable);
        prop_assert_eq!(rig.committed(0, max_bytes), &visible[..]);
        let from = from.min(stable);
        let rest: Vec<_> = visible.into_iter().filter(|(at, _)| *at >= from).collect();
        prop_assert_eq!(rig.committed(from, max_bytes), rest);
    }
}

#[test]
fn a_marker_counts_only_once_it_is_durable() {
    let rig = Rig::new();
    rig.begin(1);
    let (_, ticket) = rig.append(&transactional(1, 0, "a")).unwrap();
    wait(&ticket).unwrap();
    assert_eq!((rig.log.high_watermark(), rig.log.last_stable_offset()), (1, 0));
    rig.disk.faults(|faults| faults.syncs_fail = true);
    let ticket = rig.end(1, ControlType::Commit).unwrap();
    assert!(wait(&ticket).is_err());
    // A sync that began before the marker was written says nothing of it.
    rig.log.publish(1);
    assert_eq!(rig.log.last_stable_offset(), 0);
    rig.log.publish(2);
    assert_eq!(rig.log.last_stable_offset(), 2);
}

#[test]
fn late_and_strange_batches_open_no_transaction() {
    let rig = Rig::new();
    let refused = |batch: &Bytes| match rig.append(batch) {
        Err(AppendError::Sequence(error)) => error,
        other => panic!("{other:?}"),
    };
    let unannounced = SequenceError::NoTransaction { producer_id: 1, epoch: 0 };
    assert_eq!(refused(&transactional(1, 0, "early")), unannounced);
    rig.begin(1);
    rig.append_safe(&transactional(1, 0, "a"));
    let mut builder = BatchBuilder::new();
    builder.push(5, None, Some(b"plain"), &[]);
    let plain = ProducerStamp { producer_id: 1, epoch: 0, base_sequence: 1, transactional: false };
    let plain = builder.finish(Compression::None, Some(plain)).unwrap();
    assert_eq!(refused(&plain), SequenceError::InTransaction { producer_id: 1 });
    rig.end(1, ControlType::Commit);
    assert_eq!(refused(&transactional(1, 1, "late")), unannounced);
    // A batch that is there already is told so, whatever became of its transaction.
    assert_eq!(rig.append_safe(&transactional(1, 0, "a")), 0);
    // A marker of a later epoch fences the earlier ones, also across a restart.
    rig.begin(1);
    rig.append_safe(&transactional(1, 1, "b"));
    rig.log.end_transaction((1, 1), ControlType::Abort, 0).unwrap();
    let fenced = SequenceError::Epoch { producer_id: 1, epoch: 0, current: 1 };
    assert_eq!(refused(&transactional(1, 2, "zombie")), fenced);
    let rig = Rig::open(rig.disk.after_kill(), false).unwrap();
    rig.begin(1);
    assert!(matches!(rig.append(&transactional(1, 2, "zombie")), Err(AppendError::Sequence(error)) if error == fenced));
}

#[test]
fn a_damaged_index_of_aborted_transactions_is_made_anew() {
    let rig = Rig::new();
    for i in 0..60 {
        rig.begin(1);
        rig.append_safe(&transactional(1, i, &"a".repeat(100)));
        rig.end(1, if i % 2 == 0 { ControlType::Abort } else { ControlType::Commit });
    }
    rig.append_safe(&batch(&["end"]));
    let seen = rig.committed(0, 500);
    assert_eq!(seen.len(), 31);
    let closed: Vec<i64> = rig.log.with_state(|state| state.closed.iter().map(|s| s.base_offset).collect());
    assert!(closed.len() > 2);
    let path = SegmentPaths::new(&dir(), closed[0]).aborted();
    for clean in [true, false] {
        let disk =
            if clean { Rig::open(rig.disk.after_kill(), false).unwrap().stop_clean() } else { rig.disk.after_kill() };
        disk.tamper(&path, |bytes| bytes[1] ^= 1);
        let again = Rig::open(disk.after_kill(), clean).unwrap();
        assert_eq!(again.committed(0, 500), seen, "clean: {clean}");
    }
}

#[test]
fn without_room_for_the_index_readers_still_see_nothing_that_was_aborted() {
    let rig = Rig::new();
    rig.begin(1);
    rig.append_safe(&transactional(1, 0, "gone"));
    rig.end(1, ControlType::Abort);
    let mut room = 1000;
    for i in 0..80 {
        // Just room enough for the batch now and then, so that some of the files of a closed segment fit and some do not.
        rig.disk.faults(|faults| faults.room = Some(room));
        match rig.append(&batch(&[&format!("{i}-{}", "x".repeat(150))])) {
            Ok((_, ticket)) => wait(&ticket).unwrap(),
            Err(AppendError::Full { .. }) => room += 40,
            Err(other) => panic!("{other}"),
        }
    }
    rig.disk.faults(|faults| faults.room = None);
    rig.append_safe(&batch(&["end"]));
    let seen = rig.committed(0, 700);
    assert_eq!(seen.len() as i64, rig.log.end_offset() - 2);
    for disk in [rig.disk.after_kill(), rig.disk.after_power_cut()] {
        assert_eq!(Rig::open(disk, false).unwrap().committed(0, 700), seen);
    }
}
