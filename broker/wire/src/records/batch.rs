//! Whole batches out of a record set.

use bytes::Bytes;

use super::RecordError;
use super::compression::{Compression, decompress};
use super::header::{BATCH_OVERHEAD, BatchHeader, TimestampType, check_batch};
use super::record::{Base, Record, RecordRef, Records};

/// A batch whose checksum was right.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// What the batch says of itself.
    pub header: BatchHeader,
    /// All of its bytes, header included.
    pub bytes: Bytes,
}

impl Batch {
    /// Makes the records readable, decompressing them if need be into at most `limit` bytes
    /// ([`MAX_DECOMPRESSED`](super::MAX_DECOMPRESSED) is a good one).
    ///
    /// # Errors
    /// The codec refuses, the limit would be passed, or the number of records is impossible.
    pub fn open(&self, limit: usize) -> Result<OpenBatch, RecordError> {
        let records = self.bytes.slice(BATCH_OVERHEAD..);
        let payload = match self.header.compression()? {
            Compression::None => records,
            codec => Bytes::from(decompress(codec, &records, limit)?),
        };
        let count = self.header.records_count;
        if usize::try_from(count).map_or(true, |count| count > payload.len()) {
            return Err(RecordError::Count(count));
        }
        Ok(OpenBatch { header: self.header, payload })
    }
}

/// A batch with its records laid open.
#[derive(Debug, Clone)]
pub struct OpenBatch {
    /// What the batch says of itself.
    pub header: BatchHeader,
    payload: Bytes,
}

impl OpenBatch {
    /// The records, borrowed.
    pub fn records(&self) -> Records<'_> {
        let header = &self.header;
        let append_time = (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp);
        let base = Base { offset: header.base_offset, timestamp: header.base_timestamp, append_time };
        Records { rest: &self.payload, base, index: 0, count: header.records_count }
    }

    /// The records as slices of the batch's bytes.
    pub fn slices(&self) -> impl Iterator<Item = Result<Record, RecordError>> {
        self.clone().into_slices()
    }

    /// The same, for who reads on later.
    pub fn into_slices(self) -> Slices {
        let Records { base, .. } = self.records();
        Slices {
            count: self.header.records_count,
            payload: self.payload,
            base,
            read: Place::default(),
            before: Place::default(),
        }
    }
}

/// Records as slices of their batch's bytes, each read when it is wanted: an iterator, see [`OpenBatch::into_slices`].
#[derive(Debug, Clone)]
pub struct Slices {
    payload: Bytes,
    base: Base,
    count: i32,
    /// Behind the last record read, and before it.
    read: Place,
    before: Place,
}

/// So many bytes, which are so many records.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    bytes: usize,
    records: i32,
}

/// A record of which slices can be had: only what is sliced counts as one more user of the batch's memory.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// The record.
    pub record: RecordRef<'a>,
    payload: &'a Bytes,
}

impl Slice<'_> {
    /// The key.
    #[inline]
    pub fn key(&self) -> Option<Bytes> {
        self.record.key.map(|key| self.payload.slice_ref(key))
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Option<Bytes> {
        self.record.value.map(|value| self.payload.slice_ref(value))
    }

    /// All of it.
    pub fn to_record(&self) -> Record {
        Record::slice(self.payload, &self.record)
    }
}

impl Slices {
    /// The next record, without a slice of it yet.
    #[inline]
    pub fn next_slice(&mut self) -> Option<Result<Slice<'_>, RecordError>> {
        let Place { bytes, records } = self.read;
        let mut rest = Records { rest: self.payload.get(bytes..)?, index: records, count: self.count, base: self.base };
        let record = rest.next()?;
        self.before = self.read;
        self.read = Place { bytes: self.payload.len() - rest.rest.len(), records: rest.index };
        Some(record.map(|record| Slice { record, payload: &self.payload }))
    }

    /// Has the last record come once more.
    pub fn step_back(&mut self) {
        self.read = self.before;
    }

    /// Whether no record follows.
    pub fn is_over(&self) -> bool {
        self.read.records >= self.count
    }
}

impl Iterator for Slices {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_slice()?.map(|slice| slice.to_record()))
    }
}

/// Cuts a record set into its batches and checks each one's checksum. A batch that is cut off at the end of the set is
/// left out, because a broker may end its answer anywhere; any other fault is an error and ends the iteration.
pub fn batches(record_set: Bytes) -> Batches {
    Batches { rest: record_set }
}

/// The batches of a record set: an iterator, see [`batches`].
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
}

impl Iterator for Batches {
    type Item = Result<Batch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        match check_batch(&self.rest) {
            Ok(header) => Some(Ok(Batch { header, bytes: self.rest.split_to(header.size()) })),
            Err(RecordError::Short { .. }) => None,
            Err(error) => {
                self.rest.clear();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    type Field = Option<Vec<u8>>;
    type Row = (i64, Field, Field, Vec<(Vec<u8>, Field)>);

    fn field() -> impl Strategy<Value = Field> {
        proptest::option::of(vec(any::<u8>(), 0..40))
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let headers = vec((vec(any::<u8>(), 0..5), field()), 0..4);
        vec((-5_000i64..5_000_000_000_000, field(), field(), headers), 1..30)
    }

    fn build(rows: &[Row], codec: Compression, stamp: Option<ProducerStamp>) -> Bytes {
        let mut builder = BatchBuilder::new();
        for (timestamp, key, value, headers) in rows {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_deref())).collect();
            let bound = BatchBuilder::record_size_bound(key.as_deref(), value.as_deref(), &headers);
            let before = builder.size();
            builder.push(*timestamp, key.as_deref(), value.as_deref(), &headers);
            assert!(builder.size() - before <= bound);
        }
        assert_eq!(builder.len(), rows.len());
        let size = builder.size();
        let batch = builder.finish(codec, stamp).unwrap();
        assert!(codec != Compression::None || batch.len() == size);
        batch
    }

    fn read(set: Bytes) -> Vec<Row> {
        let mut rows = Vec::new();
        for batch in batches(set) {
            let open = batch.unwrap().open(MAX_DECOMPRESSED).unwrap();
            let borrowed: Vec<_> = open.records().map(Result::unwrap).collect();
            for (record, borrowed) in open.slices().map(Result::unwrap).zip(borrowed) {
                assert_eq!(record.key.as_deref(), borrowed.key);
                assert_eq!(record.headers.len(), borrowed.headers.len());
                let headers = record.headers.iter().map(|(n, v)| (n.to_vec(), v.as_ref().map(|v| v.to_vec())));
                let bytes = |field: Option<Bytes>| field.map(|bytes| bytes.to_vec());
                rows.push((
                    record.timestamp,
                    bytes(record.key.clone()),
                    bytes(record.value.clone()),
                    headers.collect(),
                ));
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn records_read_back_from_every_codec(rows in rows(), codec in 0usize..5, stamped: bool) {
            let codec = Compression::ALL[codec];
            let stamp = ProducerStamp { producer_id: 7, epoch: 2, base_sequence: 5, transactional: stamped };
            let batch = build(&rows, codec, stamped.then_some(stamp));
            let header = check_batch(&batch).unwrap();
            prop_assert!(header.is_dense() && !header.is_control());
            prop_assert_eq!(header.compression(), Ok(codec));
            prop_assert_eq!((header.has_producer(), header.is_transactional()), (stamped, stamped));
            prop_assert_eq!(header.max_timestamp, rows.iter().map(|row| row.0).max().unwrap());
            prop_assert_eq!(header.size(), batch.len());
            let twice = Bytes::from([&batch[..], &batch[..], &batch[..batch.len() / 2]].concat());
            prop_assert_eq!(read(twice), [&rows[..], &rows[..]].concat());
        }

        #[test]
        fn any_flipped_bit_behind_the_head_is_found(rows in rows(), at: prop::sample::Index, bit in 0u8..8) {
            let mut batch = build(&rows, Compression::None, None).to_vec();
            let at = HEAD_LEN + at.index(batch.len() - HEAD_LEN);
            batch[at] ^= 1 << bit;
            prop_assert!(check_batch(&batch).is_err());
        }

        #[test]
        fn records_that_lie_never_panic(rows in rows(), at: prop::sample::Index, byte: u8) {
            let batch = build(&rows, Compression::None, None);
            let mut bytes = batch.to_vec();
            let at = BATCH_OVERHEAD + at.index(bytes.len() - BATCH_OVERHEAD);
            bytes[at] = byte;
            let header = BatchHeader::parse(&bytes).unwrap();
            let open = Batch { header, bytes: bytes.into() }.open(MAX_DECOMPRESSED).unwrap();
            for record in open.records().flatten() {
                prop_assert!(record.headers.count() <= open.payload.len());
            }
        }
    }

    #[test]
    fn patching_the_head_leaves_the_checksum_right() {
        let batch = build(&[(5, None, Some(b"v".to_vec()), vec![])], Compression::None, None);
        let header = check_batch(&batch).unwrap();
        let stored = [&patched_head(&header, 1234, 3)[..], &batch[HEAD_LEN..]].concat();
        let patched = check_batch(&stored).unwrap();
        assert_eq!((patched.base_offset, patched.partition_leader_epoch, patched.last_offset()), (1234, 3, 1234));
        assert_eq!(patched.crc, header.crc);
    }

    #[test]
    fn the_brokers_time_replaces_that_of_the_records() {
        let batch = build(&[(5, None, None, vec![]), (9, None, None, vec![])], Compression::Lz4, None);
        let stamped = with_log_append_time(&batch, 77);
        let rows = read(stamped.into());
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [77, 77]);
    }

    #[test]
    fn sequences_wrap_and_old_magic_is_named() {
        let stamp = ProducerStamp { producer_id: 1, epoch: 0, base_sequence: i32::MAX, transactional: false };
        let row: Row = (0, None, None, vec![]);
        let batch = build(&[row.clone(), row], Compression::None, Some(stamp));
        assert_eq!(check_batch(&batch).unwrap().last_sequence(), 0);
        let mut old = batch.to_vec();
        old[16] = 1;
        assert_eq!(check_batch(&old), Err(RecordError::Magic(1)));
        old[16] = 2;
        old[8..12].copy_from_slice(&3i32.to_be_bytes());
        assert_eq!(check_batch(&old), Err(RecordError::Length(3)));
    }

    #[test]
    fn a_lying_record_count_is_refused() {
        let mut batch = build(&[(5, None, None, vec![])], Compression::None, None).to_vec();
        batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
        let header = BatchHeader::parse(&batch).unwrap();
        let opened = Batch { header, bytes: batch.into() }.open(MAX_DECOMPRESSED);
        assert_eq!(opened.unwrap_err(), RecordError::Count(i32::MAX));
    }

    #[test]
    fn a_record_comes_once_more_after_a_step_back() {
        let row = |value: &str| (5, None, Some(value.as_bytes().to_vec()), vec![]);
        let batch = batches(build(&[row("a"), row("b")], Compression::None, None)).next().unwrap().unwrap();
        let mut slices = batch.open(MAX_DECOMPRESSED).unwrap().into_slices();
        let mut next = |again: bool| {
            let value = slices.next_slice().map(|slice| slice.unwrap().value().unwrap());
            if again {
                slices.step_back();
            }
            (value, slices.is_over())
        };
        assert_eq!(next(true), (Some("a".into()), false));
        assert_eq!(next(false), (Some("a".into()), false));
        assert_eq!(next(true), (Some("b".into()), false));
        assert_eq!(next(false), (Some("b".into()), true));
        assert_eq!(next(false), (None, true));
    }

    #[test]
    fn control_records_are_told_apart() {
        assert_eq!(ControlType::from_key(&[0, 0, 0, 1]), Some(ControlType::Commit));
        assert_eq!(ControlType::from_key(&[0, 0, 0, 0]), Some(ControlType::Abort));
        assert_eq!(ControlType::from_key(&[0, 0, 0, 2]), None);
    }
}
