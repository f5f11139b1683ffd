use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::document::{Action, Version};

const LIMITS: Limits = Limits { documents: 4, bytes: 1 << 20 };

fn jobs(ids: &[u8], versioned: bool) -> Vec<Job> {
    let job = |(record, id): (usize, &u8)| {
        let source = bytes::Bytes::from_static(b"{}");
        let action = match versioned {
            true => Action::Index { source, version: Some(Version { number: record as i64, again: false }) },
            false => Action::Upsert { source },
        };
        Job {
            record,
            operation: Operation { index: "i".into(), id: id.to_string(), routing: None, action },
            own: false,
        }
    };
    ids.iter().enumerate().map(job).collect()
}

#[test]
fn writes_of_one_document_wait_for_the_request_before() {
    let mut pending = Pending::new(jobs(&[1, 1, 2, 1, 2, 1], true), 5);
    let first = pending.next(0, Limits { documents: 2, ..LIMITS });
    assert_eq!(first, [0, 1]);
    let second = pending.next(0, LIMITS);
    assert_eq!(second, [2, 4], "what writes document 1 stays behind");
    assert_eq!(pending.next(0, LIMITS), [0; 0]);
    pending.done(&first, &[Fate::Settled; 2]);
    assert_eq!(pending.next(0, LIMITS), [3, 5]);
}

#[test]
fn a_write_that_goes_again_takes_those_behind_it_along() {
    let mut pending = Pending::new(jobs(&[1, 1, 2], false), 5);
    let batch = pending.next(0, LIMITS);
    pending.done(&batch, &[Fate::Again { at: 10 }, Fate::Settled, Fate::Settled]);
    assert_eq!((pending.next(9, LIMITS), pending.next_time(9)), (vec![], Some(10)));
    assert_eq!(pending.next(10, LIMITS), [0, 1]);
    let mut pending = Pending::new(jobs(&[1, 1], true), 5);
    let batch = pending.next(0, LIMITS);
    pending.done(&batch, &[Fate::Again { at: 0 }, Fate::Settled]);
    assert_eq!(pending.next(0, LIMITS), [0], "versions keep the later one safe");
}

#[test]
fn a_request_that_is_refused_as_a_whole_is_halved() {
    let mut pending = Pending::new(jobs(&[1, 2, 3], true), 0);
    let batch = pending.next(0, LIMITS);
    pending.done(&batch, &[Fate::Split; 3]);
    assert_eq!(pending.next(0, LIMITS), [0, 1]);
    assert_eq!(pending.next(0, LIMITS), [2]);
}

#[test]
fn bytes_are_kept_to_and_a_large_document_goes_alone() {
    let mut pending = Pending::new(jobs(&[1, 2, 3], true), 0);
    let one = size_of(&pending.jobs()[0].operation);
    assert_eq!(pending.next(0, Limits { documents: 9, bytes: 2 * one }), [0, 1]);
    assert_eq!(pending.next(0, Limits { documents: 9, bytes: 1 }), [2]);
}

#[test]
fn what_is_tried_too_often_is_given_up_with_what_is_behind_it() {
    let mut pending = Pending::new(jobs(&[1, 2, 1], true), 1);
    for _ in 0..2 {
        let batch = pending.next(0, Limits { documents: 1, ..LIMITS });
        assert_eq!(batch, [0]);
        pending.done(&batch, &[Fate::Again { at: 0 }]);
    }
    let rest = pending.next(0, LIMITS);
    assert_eq!(rest, [1]);
    pending.done(&rest, &[Fate::Settled]);
    assert!(pending.is_over());
    assert_eq!(pending.into_given_up(), [0, 2]);
}

/// A server that does requests in any order, and each operation of a request or not.
struct Server {
    /// The record that wrote each document last.
    documents: BTreeMap<String, usize>,
    versioned: bool,
}

impl Server {
    fn write(&mut self, job: &Job) {
        let last = self.documents.entry(job.operation.id.clone()).or_insert(job.record);
        if !self.versioned || job.record > *last {
            *last = job.record;
        }
    }
}

proptest! {
    #[test]
    fn the_last_write_of_each_document_wins_whatever_fails(
        ids in proptest::collection::vec(0u8..6, 0..40),
        choices in proptest::collection::vec((any::<u8>(), any::<u8>()), 400),
        versioned: bool, documents in 1usize..8,
    ) {
        let all = jobs(&ids, versioned);
        let expected: BTreeMap<String, usize> = all.iter().map(|job| (job.operation.id.clone(), job.record)).collect();
        let mut server = Server { documents: BTreeMap::new(), versioned };
        let mut pending = Pending::new(all, u32::MAX);
        let (mut under_way, mut now): (Vec<Vec<usize>>, u64) = (Vec::new(), 0);
        let mut choices = choices.into_iter();
        while !pending.is_over() {
            let (choice, outcome) = choices.next().unwrap_or((0, 0));
            let batch = pending.next(now, Limits { documents, bytes: 1 << 20 });
            if !batch.is_empty() {
                let busy: HashSet<&str> = under_way.iter().flatten().map(|job| pending.jobs()[*job].operation.id.as_str()).collect();
                prop_assert!(batch.len() <= documents && batch.is_sorted());
                prop_assert!(batch.iter().all(|job| !busy.contains(pending.jobs()[*job].operation.id.as_str())));
                under_way.push(batch);
            }
            now += 1;
            if under_way.is_empty() || choice % 3 == 0 && under_way.len() < 4 {
                continue;
            }
            let batch = under_way.remove(usize::from(choice) % under_way.len());
            let mut fates = Vec::new();
            for (at, job) in batch.iter().enumerate() {
                let failed = (outcome >> (at % 8)) & 1 == 1;
                // A failed operation may have been done all the same, as when the reply was lost; not one behind a
                // failed one that was not done, in the same shard's queue.
                if !failed || outcome == 255 {
                    server.write(&pending.jobs()[*job]);
                }
                fates.push(match failed {
                    false => Fate::Settled,
                    true if outcome == 127 => Fate::Split,
                    true => Fate::Again { at: now + u64::from(choice % 3) },
                });
            }
            pending.done(&batch, &fates);
        }
        prop_assert_eq!(server.documents, expected);
        prop_assert!(pending.into_given_up().is_empty());
    }
}
