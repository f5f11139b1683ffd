//! What is in a partition: how much, a checksum of it, and where its records will stand at the target.

use std::collections::BTreeSet;

use broker_wire::records::RecordRef;
use serde::{Deserialize, Serialize};

use super::offset_map::{Mapping, OffsetMap};

/// Bytes that are gathered before they go into the checksum: it is quick over much at a time.
const GATHERED: usize = 32 * 1024;

/// A partition of the source as it was read from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The first offset.
    pub start: i64,
    /// The offset behind the last record.
    pub end: i64,
    /// What is copied: records that are no markers and were not aborted.
    pub contents: Contents,
    /// Their offsets here and at the target.
    pub map: OffsetMap,
}

impl Survey {
    /// Whether every record keeps its offset.
    pub fn keeps_offsets(&self) -> bool {
        self.start == 0 && self.contents.records == self.end
    }

    /// About how many bytes so many of its records have.
    pub fn bytes_of(&self, records: i64) -> u64 {
        let Contents { records: all, bytes, .. } = self.contents;
        let share = records.max(0) as f64 / all.max(1) as f64;
        (bytes as f64 * share) as u64
    }
}

/// How much there is, and a checksum of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Records.
    pub records: i64,
    /// Bytes of keys, values and headers.
    pub bytes: u64,
    /// CRC-32C over timestamps, keys, values and headers, in order; offsets are no part of it.
    pub crc: u32,
}

/// Sums up records.
#[derive(Debug, Default)]
pub struct Summing {
    contents: Contents,
    gathered: Vec<u8>,
}

impl Summing {
    /// Takes in a record; returns its bytes. `value` stands in the place of the record's own.
    pub fn record(&mut self, record: &RecordRef<'_>, value: Option<&[u8]>) -> u64 {
        let mut bytes = self.field(record.key) + self.field(value);
        self.gathered.extend_from_slice(&record.timestamp.to_be_bytes());
        for (name, value) in record.headers {
            bytes += self.field(Some(name)) + self.field(value);
        }
        // So that a header never reads like the beginning of the next record.
        self.gathered.push(0xff);
        if self.gathered.len() >= GATHERED {
            self.pour();
        }
        self.contents.records += 1;
        self.contents.bytes += bytes;
        bytes
    }

    /// What there was.
    pub fn finish(mut self) -> Contents {
        self.pour();
        self.contents
    }

    /// Its length in front tells null from empty, and one field from the next.
    fn field(&mut self, bytes: Option<&[u8]>) -> u64 {
        let length = bytes.map_or(-1, |bytes| bytes.len() as i64);
        self.gathered.extend_from_slice(&length.to_be_bytes());
        self.gathered.extend_from_slice(bytes.unwrap_or_default());
        length.max(0).unsigned_abs()
    }

    fn pour(&mut self) {
        self.contents.crc = crc32c::crc32c_append(self.contents.crc, &self.gathered);
        self.gathered.clear();
    }
}

/// Reads a partition of the source from its start to its end.
#[derive(Debug)]
pub struct Surveying {
    start: i64,
    mapping: Mapping,
    summing: Summing,
}

impl Surveying {
    /// Of a partition that begins at `start`; the map will know the offsets `pins` exactly.
    pub fn new(start: i64, pins: &BTreeSet<i64>) -> Surveying {
        Surveying { start, mapping: Mapping::new(start, pins), summing: Summing::default() }
    }

    /// Takes in a record, with the value that it will have at the target.
    pub fn record(&mut self, record: &RecordRef<'_>, value: Option<&[u8]>) {
        let bytes = self.summing.record(record, value);
        self.mapping.record(record.offset, bytes);
    }

    /// Its place among the records that are copied: of the next one.
    pub fn place(&self) -> i64 {
        self.mapping.records()
    }

    /// The partition, which ends at `end`.
    pub fn finish(self, end: i64) -> Survey {
        Survey { start: self.start, end, contents: self.summing.finish(), map: self.mapping.finish(end) }
    }
}

#[cfg(test)]
mod tests {
    use broker_wire::records::{Batch, BatchBuilder, Compression, MAX_DECOMPRESSED, batches};
    use proptest::prelude::*;

    use super::*;

    type Made = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

    fn batch(records: &[Made], codec: Compression) -> Option<Batch> {
        let mut builder = BatchBuilder::new();
        for (timestamp, key, value, headers) in records {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
            builder.push(*timestamp, key.as_deref(), value.as_deref(), &headers);
        }
        batches(builder.finish(codec, None).unwrap()).next().map(Result::unwrap)
    }

    fn contents(batches: &[Batch]) -> Contents {
        let mut summing = Summing::default();
        for batch in batches {
            for record in batch.open(MAX_DECOMPRESSED).unwrap().records() {
                let record = record.unwrap();
                summing.record(&record, record.value);
            }
        }
        summing.finish()
    }

    fn made() -> impl Strategy<Value = Made> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..4);
        let maybe = move || proptest::option::of(bytes());
        (0i64..5, maybe(), maybe(), proptest::collection::vec((bytes(), maybe()), 0..3))
    }

    proptest! {
        #[test]
        fn the_checksum_is_of_records_and_not_of_batches(
            records in proptest::collection::vec(made(), 1..20), cut in 0usize..20,
        ) {
            let cut = cut.min(records.len());
            let whole: Vec<Batch> = batch(&records, Compression::Gzip).into_iter().collect();
            let parts = [batch(&records[..cut], Compression::None), batch(&records[cut..], Compression::Lz4)];
            let parts: Vec<Batch> = parts.into_iter().flatten().collect();
            prop_assert_eq!(contents(&whole), contents(&parts));
            prop_assert_eq!(contents(&whole).records, records.len() as i64);
        }

        #[test]
        fn other_records_have_another_checksum(
            records in proptest::collection::vec(made(), 1..6), others in proptest::collection::vec(made(), 1..6),
        ) {
            let crc = |records: &[Made]| contents(&batch(records, Compression::None).into_iter().collect::<Vec<_>>()).crc;
            prop_assert_eq!(crc(&records) == crc(&others), records == others);
        }
    }

    #[test]
    fn offsets_are_kept_only_from_0_on_and_without_holes() {
        let survey = |start: i64, records: i64, end: i64| {
            let contents = Contents { records, ..Contents::default() };
            Survey { start, end, contents, map: OffsetMap::default() }.keeps_offsets()
        };
        assert!(survey(0, 0, 0) && survey(0, 5, 5));
        assert!(!survey(1, 4, 5) && !survey(0, 4, 5) && !survey(5, 0, 5));
    }
}
