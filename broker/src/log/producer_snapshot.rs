//! The `.snapshot` files: what is remembered of producers at an offset, in Kafka's format version 1.
//!
//! `version i16 | crc32c u32 of the rest | count i32 | entries`. Kafka writes one entry for each producer, its last batch;
//! here each remembered batch has an entry, oldest first, so that a retry of any of them is recognised after a restart as
//! well. Kafka's readers let the last entry of a producer win, which is the one that they would have written. A producer without a
//! remembered batch has one entry with sequence and offset -1.

use broker_wire::records::COORDINATOR_EPOCH;

use super::producers::{Appended, Producer, Producers};

const VERSION: i16 = 1;
const ENTRY: usize = 46;
const HEADER: usize = 10;
/// Stands for no batch.
const NO_BATCH: Appended =
    Appended { first_sequence: -1, last_sequence: -1, base_offset: -1, last_offset: -1, timestamp: -1 };

/// Content of a snapshot file.
pub fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0i32;
    for (id, producer) in producers.all() {
        let nothing = [NO_BATCH];
        let batches: &mut dyn Iterator<Item = &Appended> =
            if producer.batches.is_empty() { &mut nothing.iter() } else { &mut producer.batches.iter() };
        for batch in batches {
            push(&mut entries, id, producer, batch);
            count += 1;
        }
    }
    let body = [&count.to_be_bytes()[..], &entries].concat();
    [&VERSION.to_be_bytes()[..], &crc32c::crc32c(&body).to_be_bytes(), &body].concat()
}

fn push(out: &mut Vec<u8>, producer_id: i64, producer: &Producer, batch: &Appended) {
    out.extend(producer_id.to_be_bytes());
    out.extend(producer.epoch.to_be_bytes());
    out.extend(batch.last_sequence.to_be_bytes());
    out.extend(batch.last_offset.to_be_bytes());
    out.extend(((batch.last_offset - batch.base_offset) as i32).to_be_bytes());
    out.extend(batch.timestamp.to_be_bytes());
    out.extend(producer.transaction.map_or(-1, |_| COORDINATOR_EPOCH).to_be_bytes());
    out.extend(producer.transaction.unwrap_or(-1).to_be_bytes());
    // Kafka's entry ends here; its length is fixed, so nothing else can be added.
}

/// Reads a snapshot file; `None` if it is damaged or of another version. Every producer counts as heard of at `now_ms`.
pub fn decode(bytes: &[u8], now_ms: i64) -> Option<Producers> {
    let version = i16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
    let crc = u32::from_be_bytes(bytes.get(2..6)?.try_into().ok()?);
    let body = bytes.get(6..)?;
    if version != VERSION || crc != crc32c::crc32c(body) {
        return None;
    }
    let entries = bytes.get(HEADER..)?;
    let mut producers = Producers::default();
    for entry in entries.chunks(ENTRY) {
        restore(&mut producers, entry, now_ms)?;
    }
    Some(producers)
}

fn restore(producers: &mut Producers, entry: &[u8], now_ms: i64) -> Option<()> {
    let i64_at = |at: usize| Some(i64::from_be_bytes(entry.get(at..at + 8)?.try_into().ok()?));
    let i32_at = |at: usize| Some(i32::from_be_bytes(entry.get(at..at + 4)?.try_into().ok()?));
    let epoch = i16::from_be_bytes(entry.get(8..10)?.try_into().ok()?);
    let (last_sequence, last_offset, delta) = (i32_at(10)?, i64_at(14)?, i32_at(22)?);
    let first = i64::from(last_sequence) - i64::from(delta);
    let wrapped = if first < 0 { first + i64::from(i32::MAX) + 1 } else { first };
    let batch = Appended {
        first_sequence: wrapped as i32,
        last_sequence,
        base_offset: last_offset - i64::from(delta),
        last_offset,
        timestamp: i64_at(26)?,
    };
    let transaction = Some(i64_at(38)?).filter(|first| *first >= 0);
    producers.restore((i64_at(0)?, epoch), (last_offset >= 0).then_some(batch), transaction, now_ms);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Producers {
        let mut producers = Producers::default();
        for i in 0..3 {
            let base_offset = i64::from(i) * 100;
            let batch = Appended {
                first_sequence: (i32::MAX - 3).wrapping_add(i * 2) & i32::MAX,
                last_sequence: (i32::MAX - 2).wrapping_add(i * 2) & i32::MAX,
                base_offset,
                last_offset: base_offset + 1,
                timestamp: 5,
            };
            producers.restore((7, 2), Some(batch), None, 1);
        }
        producers.restore((8, 1), None, Some(150), 1);
        producers.restore((9, 4), None, None, 1);
        producers
    }

    #[test]
    fn a_snapshot_reads_back_with_every_remembered_batch() {
        let bytes = encode(&sample());
        assert_eq!(bytes.len(), HEADER + 5 * ENTRY);
        assert_eq!(decode(&bytes, 1), Some(sample()));
    }

    #[test]
    fn a_damaged_snapshot_is_no_snapshot() {
        let bytes = encode(&sample());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged, 1), None, "byte {at}");
            assert_eq!(decode(&bytes[..at], 1), None, "cut at {at}");
        }
    }
}
