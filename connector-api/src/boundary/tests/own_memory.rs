//! Small payloads have memory of their own in records that are used again.

use bytes::Bytes;

use super::allocated::most_during;
use super::round_trips::{sink_batch, written_by};
use crate::boundary::batch::{BatchReader, BatchWriter};
use crate::data::Payload;
use crate::record::{SinkRecord, SourceRecord, TopicPartition};

/// A batch for a sink: so many records, with payloads of that length, all of that letter.
fn batch(records: usize, length: usize, letter: u8) -> Bytes {
    let origin = TopicPartition::new("topic", 0);
    let value = || Payload::Bytes(vec![letter; length].into());
    let record = |offset| SinkRecord::new(origin.clone(), offset, value());
    sink_batch(&(0..records as i64).map(record).collect::<Vec<_>>())
}

fn bytes(record: &SinkRecord) -> &Bytes {
    record.value.as_bytes().expect("a value of bytes")
}

fn is_of(batch: &Bytes, record: &SinkRecord) -> bool {
    batch.as_ptr_range().contains(&bytes(record).as_ptr())
}

#[test]
fn small_payloads_take_the_place_of_those_before_and_keep_no_batch() {
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    let (first, second) = (batch(100, 200, b'a'), batch(100, 150, b'b'));
    reader.sink_into(&first, &mut records).unwrap();
    let places: Vec<*const u8> = records.iter().map(|record| bytes(record).as_ptr()).collect();
    assert!(first.is_unique(), "the batch is kept");
    reader.let_go_sink(&mut records);
    reader.sink_into(&second, &mut records).unwrap();
    assert!(records.iter().all(|record| *bytes(record) == [b'b'; 150][..]));
    assert!(records.iter().map(|record| bytes(record).as_ptr()).eq(places));
}

#[test]
fn batch_after_batch_takes_no_more_memory() {
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    let batches = [batch(300, 200, b'a'), batch(300, 180, b'b')];
    reader.sink_into(&batches[0], &mut records).unwrap();
    let most = most_during(|| {
        for batch in batches.iter().cycle().take(10) {
            reader.let_go_sink(&mut records);
            reader.sink_into(batch, &mut records).unwrap();
        }
    });
    assert!(most < 1000, "{most} bytes");
}

#[test]
fn a_payload_that_somebody_keeps_stays_as_it_is() {
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    let mut kept = Vec::new();
    for letter in b'a'..=b'z' {
        reader.sink_into(&batch(3, 10, letter), &mut records).unwrap();
        kept.push((letter, bytes(&records[0]).clone(), bytes(&records[2]).slice(3..5)));
        reader.let_go_sink(&mut records);
    }
    for (letter, whole, part) in kept {
        assert_eq!((&*whole, &*part), (&[letter; 10][..], &[letter; 2][..]));
    }
}

#[test]
fn payloads_are_shares_of_their_batch_while_they_are_kept_and_are_copied_again_later() {
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    let mut kept = Vec::new();
    let mut shared = Vec::new();
    for number in 0..400 {
        let batch = batch(10, 10, b'a');
        reader.sink_into(&batch, &mut records).unwrap();
        shared.push(is_of(&batch, &records[0]));
        if number < 200 {
            kept.extend(records.iter().map(|record| bytes(record).clone()));
        }
        reader.let_go_sink(&mut records);
        assert!(number < 200 || batch.is_unique(), "the batch is kept");
    }
    let copied = shared.iter().take(200).filter(|shared| !**shared).count();
    assert!((1..20).contains(&copied), "{copied} of 200 batches are copied although all is kept");
    assert!(!shared.last().unwrap(), "nothing is kept any more");
}

#[test]
fn long_payloads_are_shares_of_their_batch_until_they_are_let_go() {
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    let batch = batch(10, 1000, b'a');
    reader.sink_into(&batch, &mut records).unwrap();
    assert!(records.iter().all(|record| is_of(&batch, record)));
    reader.let_go_sink(&mut records);
    assert!(batch.is_unique());
}

#[test]
fn records_that_wait_for_the_next_batch_hold_little() {
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    let batch = batch(10_000, 500, b'a');
    // The records themselves are kept as they were before.
    let records_alone = 10_000 * size_of::<SinkRecord>();
    let most = most_during(|| {
        reader.sink_into(&batch, &mut records).unwrap();
        reader.let_go_sink(&mut records);
    });
    assert!(batch.is_unique());
    assert!(most < records_alone + (1 << 20), "{most} bytes");
}

#[test]
fn what_a_worker_puts_into_records_of_a_source_is_let_go() {
    let record = SourceRecord::new("topic", Payload::Null, Payload::Bytes(Bytes::from_static(b"value")));
    let batch = written_by(|to| BatchWriter::default().source(to, &[record]));
    let (mut reader, mut records) = (BatchReader::default(), Vec::new());
    reader.source_into(&batch, &mut records).unwrap();
    let other = Bytes::from(vec![1; 1000]);
    records[0].value = Payload::Bytes(other.slice(10..20));
    reader.let_go_source(&mut records);
    assert!(other.is_unique());
}
