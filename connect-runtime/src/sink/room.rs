//! Records that were put, as room for the next ones (pure).
//!
//! A record shares its topic's name with all others. Written over where they stand, records go on sharing it, instead of counting
//! themselves out and in again, and none is moved to its place.

use broker_client::TopicPartition;
use connector_api::data::Payload;
use connector_api::{SinkRecord, TopicPartition as Named};

/// So many are kept at most.
const MOST: usize = 1_000;

/// Records that hold nothing any more.
#[derive(Default)]
pub(super) struct Room(Vec<SinkRecord>);

impl Room {
    /// These, whatever they hold.
    pub fn of(mut records: Vec<SinkRecord>) -> Room {
        empty_all(&mut records);
        records.truncate(MOST);
        records.shrink_to(MOST);
        Room(records)
    }
}

/// How many records are looked at before what they hold is let go.
const AT_ONCE: usize = 8;

/// Lets go of what records hold. To let go of a payload counts the users of its memory down, and a processor that counts does nothing
/// else meanwhile, so the records are fetched before, some at a time.
fn empty_all(records: &mut [SinkRecord]) {
    let holds = |record: &SinkRecord| !(record.key.is_null() & record.value.is_null() & record.headers.is_empty());
    for some in records.chunks_mut(AT_ONCE) {
        if some.iter().fold(false, |any, record| any | holds(record)) {
            some.iter_mut().for_each(empty);
        }
    }
}

/// Looks before it drops: millions of payloads in a second are null already.
#[inline]
fn empty(record: &mut SinkRecord) {
    for payload in [&mut record.key, &mut record.value].into_iter().filter(|payload| !payload.is_null()) {
        *payload = Payload::Null;
    }
    if !record.headers.is_empty() {
        record.headers.clear();
    }
}

/// Room that is being filled.
pub(super) struct Filling {
    records: Vec<SinkRecord>,
    filled: usize,
}

impl Filling {
    /// For about so many records.
    pub fn new(room: Room, expected: usize) -> Filling {
        let Room(mut records) = room;
        records.reserve(expected.min(MOST).saturating_sub(records.len()));
        Filling { records, filled: 0 }
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.filled
    }

    /// The place of the next record, which may hold anything. It counts once it is [kept](Self::keep).
    pub fn next(&mut self, partition: &TopicPartition) -> &mut SinkRecord {
        if self.filled == self.records.len() {
            let origin = Named { topic: partition.topic.clone(), partition: partition.partition };
            self.records.push(SinkRecord::new(origin, 0, Payload::Null));
        }
        &mut self.records[self.filled]
    }

    /// The next record is there.
    pub fn keep(&mut self) {
        self.filled += 1;
    }

    /// The records.
    pub fn into_records(self) -> Vec<SinkRecord> {
        let Filling { mut records, filled } = self;
        records.truncate(filled);
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_over_and_what_does_not_count_is_left_out() {
        let partition = |number| TopicPartition { topic: "t".into(), partition: number };
        let mut filling = Filling::new(Room::default(), 2);
        for offset in 0..3 {
            let record = filling.next(&partition(0));
            (record.offset, record.value) = (offset, Payload::Bytes("a".into()));
            filling.keep();
        }
        let records = filling.into_records();
        assert_eq!(records.len(), 3);
        let mut filling = Filling::new(Room::of(records), 2);
        for offset in [7, 8] {
            let record = filling.next(&partition(1));
            assert!(record.value.is_null());
            record.offset = offset;
            if offset == 7 {
                filling.keep();
            }
        }
        assert_eq!(filling.count(), 1);
        assert_eq!(filling.into_records().iter().map(|record| record.offset).collect::<Vec<_>>(), [7]);
        let many = (0..1_500).map(|offset| SinkRecord::new(Named::new("t", 0), offset, Payload::Null)).collect();
        assert_eq!(Room::of(many).0.capacity(), MOST);
    }
}
