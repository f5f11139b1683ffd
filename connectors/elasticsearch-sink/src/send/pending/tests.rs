use std::collections::BTreeMap;

use connector_api::TopicPartition;
use proptest::prelude::*;

use super::*;
use crate::document::{Action, Version};
use crate::offsets::Offsets;

const CUT: Cut = Cut { documents: 4, bytes: 1 << 20, linger: 0 };

/// A job for each id, in that order, as the record of that offset.
fn pending(ids: &[u8], versioned: bool) -> (Pending, Offsets) {
    let (mut pending, mut offsets) = (Pending::default(), Offsets::default());
    for (record, id) in (0i64..).zip(ids) {
        let source = bytes::Bytes::from_static(b"{}");
        let action = match versioned {
            true => Action::Index { source, version: Some(Version { number: record, again: false }) },
            false => Action::Upsert { source },
        };
        let place = offsets.set_out(&TopicPartition::new("t", 0), record, None);
        let operation = Operation { index: "i".into(), id: id.to_string(), routing: None, action };
        pending.add(Job { place, operation, own: false }, 0);
    }
    (pending, offsets)
}

fn numbers(batch: &[Entry]) -> Vec<u64> {
    batch.iter().map(|entry| entry.number).collect()
}

/// The numbers of the next request.
fn seen(pending: &mut Pending, now: u64, cut: Cut) -> Vec<u64> {
    let batch = pending.next(now, cut, true);
    numbers(&batch)
}

#[test]
fn writes_of_one_document_wait_for_the_request_before() {
    let (mut pending, _) = pending(&[1, 1, 2, 1, 2, 1], true);
    let first = pending.next(0, Cut { documents: 2, ..CUT }, true);
    assert_eq!(numbers(&first), [0, 1]);
    assert_eq!(seen(&mut pending, 0, CUT), [2, 4], "what writes document 1 stays behind");
    assert_eq!(seen(&mut pending, 0, CUT), [0; 0]);
    assert_eq!(pending.done(first, &[Fate::Settled; 2]).len(), 2);
    assert_eq!(seen(&mut pending, 0, CUT), [3, 5]);
}

#[test]
fn a_write_that_goes_again_takes_those_behind_it_along() {
    let (mut merges, _) = pending(&[1, 1, 2], false);
    let batch = merges.next(0, CUT, true);
    let over = merges.done(batch, &[Fate::Again { at: 10 }, Fate::Settled, Fate::Settled]);
    assert_eq!(over.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [2]);
    assert_eq!((seen(&mut merges, 9, CUT), merges.next_time(9, CUT)), (vec![], Some(10)));
    assert_eq!(seen(&mut merges, 10, CUT), [0, 1]);
    let (mut versioned, _) = pending(&[1, 1], true);
    let batch = versioned.next(0, CUT, true);
    versioned.done(batch, &[Fate::Again { at: 1 }, Fate::Settled]);
    assert_eq!(seen(&mut versioned, 1, CUT), [0], "versions keep the later one safe");
}

#[test]
fn a_request_that_is_refused_as_a_whole_is_halved() {
    let (mut pending, _) = pending(&[1, 2, 3], true);
    let batch = pending.next(0, CUT, true);
    pending.done(batch, &[Fate::Split; 3]);
    assert_eq!(seen(&mut pending, 0, CUT), [0, 1]);
    assert_eq!(seen(&mut pending, 0, CUT), [2]);
}

#[test]
fn bytes_are_kept_to_and_a_large_document_goes_alone() {
    let (mut pending, _) = pending(&[1, 2, 3], true);
    let one = pending.bytes() / 3;
    assert_eq!(seen(&mut pending, 0, Cut { documents: 9, bytes: 2 * one, linger: 0 }), [0, 1]);
    assert_eq!(seen(&mut pending, 0, Cut { documents: 9, bytes: 1, linger: 0 }), [2]);
}

#[test]
fn a_request_waits_to_be_filled_up_only_while_others_are_under_way() {
    let cut = Cut { linger: 20, ..CUT };
    let (mut few, _) = pending(&[1, 2, 3, 4, 5, 6], true);
    let first = few.next(5, cut, false);
    assert_eq!(numbers(&first), [0, 1, 2, 3], "nothing was under way");
    assert!(few.next(5, cut, false).is_empty());
    assert_eq!(few.next_time(5, cut), Some(20));
    assert_eq!(few.next(20, cut, false).len(), 2);
    let (mut many, _) = pending(&[1, 2, 3, 4, 5, 6, 7, 8, 9], true);
    let sizes: Vec<usize> = (0..3).map(|_| many.next(5, cut, false).len()).collect();
    assert_eq!(sizes, [4, 4, 0], "what is full does not wait");
    assert_eq!(many.next(5, cut, true).len(), 1);
}

#[test]
fn what_fails_too_often_is_counted_and_what_is_not_wanted_dropped() {
    let (mut pending, offsets) = pending(&[1, 2], true);
    for round in 1..4 {
        let batch = pending.next(round, Cut { documents: 1, ..CUT }, true);
        pending.done(batch, &[Fate::Again { at: round }]);
        assert_eq!(pending.failing(1), usize::from(round > 1));
    }
    let first = pending.next(9, Cut { documents: 1, ..CUT }, true);
    pending.retain(|_| false);
    assert_eq!((pending.len(), pending.failing(0)), (1, 0));
    let over = pending.done(first, &[Fate::Settled]);
    assert_eq!(over.iter().map(|(_, place)| offsets.of(*place).unwrap().1).collect::<Vec<_>>(), [0]);
    assert_eq!((pending.len(), pending.bytes()), (0, 0));
}

/// A server that does requests in any order, and each operation of a request or not.
struct Server {
    /// The record that wrote each document last.
    documents: BTreeMap<String, u64>,
    versioned: bool,
}

impl Server {
    fn write(&mut self, entry: &Entry) {
        let last = self.documents.entry(entry.job.operation.id.clone()).or_insert(entry.number);
        if !self.versioned || entry.number > *last {
            *last = entry.number;
        }
    }
}

proptest! {
    #[test]
    fn the_last_write_of_each_document_wins_whatever_fails(
        ids in proptest::collection::vec(0u8..6, 0..40),
        choices in proptest::collection::vec((any::<u8>(), any::<u8>()), 400),
        versioned: bool, documents in 1usize..8, linger in 0u64..3,
    ) {
        let (mut pending, _) = pending(&ids, versioned);
        let expected: BTreeMap<String, u64> = (0..).zip(&ids).map(|(record, id)| (id.to_string(), record)).collect();
        let mut server = Server { documents: BTreeMap::new(), versioned };
        let (mut under_way, mut now, mut settled): (Vec<Vec<Entry>>, u64, usize) = (Vec::new(), 0, 0);
        let mut choices = choices.into_iter();
        while pending.len() > 0 {
            let (choice, outcome) = choices.next().unwrap_or((0, 0));
            let batch = pending.next(now, Cut { documents, bytes: 1 << 20, linger }, choice % 2 == 0);
            if !batch.is_empty() {
                let id = |entry: &Entry| entry.job.operation.id.clone();
                let busy: HashSet<String> = under_way.iter().flatten().map(id).collect();
                prop_assert!(batch.len() <= documents && numbers(&batch).is_sorted());
                prop_assert!(batch.iter().all(|entry| !busy.contains(&id(entry))));
                under_way.push(batch);
            }
            now += 1;
            if under_way.is_empty() || choice % 3 == 0 && under_way.len() < 4 {
                continue;
            }
            let batch = under_way.remove(usize::from(choice) % under_way.len());
            let mut fates = Vec::new();
            for (at, entry) in batch.iter().enumerate() {
                let failed = (outcome >> (at % 8)) & 1 == 1;
                // A failed operation may have been done all the same, as when the reply was lost; not one behind a
                // failed one that was not done, in the same shard's queue.
                if !failed || outcome == 255 {
                    server.write(entry);
                }
                fates.push(match failed {
                    false => Fate::Settled,
                    true if outcome == 127 => Fate::Split,
                    true => Fate::Again { at: now + u64::from(choice % 3) },
                });
            }
            settled += pending.done(batch, &fates).len();
        }
        prop_assert_eq!(server.documents, expected);
        prop_assert_eq!((settled, pending.bytes()), (ids.len(), 0));
    }
}
