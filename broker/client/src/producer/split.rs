//! A batch in halves, because the log finds it too large (KIP-126).

use broker_wire::records::{BatchBuilder, MAX_DECOMPRESSED, OpenBatch, ProducerStamp, batches};

use super::batch::{Batch, BatchBytes, Tokens};

/// Two batches with the same records, numbered as they were. `None` for a batch of one record: nothing makes it smaller.
pub(super) fn halves(batch: &mut Batch) -> Option<[Batch; 2]> {
    let open = batches(batch.bytes.plain()).next()?.ok()?.open(MAX_DECOMPRESSED).ok()?;
    let count = usize::try_from(open.header.records_count).ok().filter(|count| *count > 1)?;
    let (first_tokens, second_tokens) = split_tokens(&batch.tokens, count / 2);
    let first = part(&open, (0, count / 2), batch.sequence, first_tokens)?;
    // Numbers go round from the largest to zero.
    let sequence = batch.sequence.wrapping_add((count / 2) as i32) & i32::MAX;
    Some([first, part(&open, (count / 2, count), sequence, second_tokens)?])
}

fn part(open: &OpenBatch, (from, to): (usize, usize), sequence: i32, tokens: Tokens) -> Option<Batch> {
    let header = &open.header;
    let stamp = header.has_producer().then_some(ProducerStamp {
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: sequence,
        transactional: header.is_transactional(),
    });
    let mut builder = BatchBuilder::new();
    for record in open.records().skip(from).take(to - from) {
        let record = record.ok()?;
        let headers: Vec<(&[u8], Option<&[u8]>)> = record.headers.collect();
        builder.push(record.timestamp, record.key, record.value, &headers);
    }
    let bytes = builder.finish_roomy(header.compression().ok()?, stamp).ok()?;
    Some(Batch { sequence, bytes: BatchBytes::Roomy(bytes), tokens })
}

/// The tokens of the first `count` records, and of the rest.
fn split_tokens(tokens: &Tokens, count: usize) -> (Tokens, Tokens) {
    let (mut first, mut second, mut left) = (Tokens::new(), Tokens::new(), count as u32);
    for (token, records) in tokens {
        let here = left.min(*records);
        left -= here;
        first.extend((here > 0).then_some((*token, here)));
        second.extend((*records > here).then_some((*token, records - here)));
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use broker_wire::records::{Compression, Record};

    use super::*;

    fn batch(records: usize, codec: Compression) -> Batch {
        let mut builder = BatchBuilder::new();
        for number in 0..records {
            let text = number.to_string();
            let header: (&[u8], Option<&[u8]>) = (b"h", number.is_multiple_of(2).then_some(text.as_bytes()));
            builder.push(1_000 + number as i64, Some(text.as_bytes()), (number != 1).then_some(b"value"), &[header]);
        }
        let stamp = ProducerStamp { producer_id: 7, epoch: 2, base_sequence: i32::MAX - 1, transactional: false };
        let bytes = builder.finish(codec, Some(stamp)).unwrap();
        Batch { sequence: i32::MAX - 1, bytes: bytes.into(), tokens: vec![(1, 2), (2, records as u32 - 2)] }
    }

    fn records(batch: &mut Batch) -> (ProducerStampOf, Vec<Record>) {
        let open = batches(batch.bytes.plain()).next().unwrap().unwrap().open(MAX_DECOMPRESSED).unwrap();
        let header = &open.header;
        let stamp = (header.producer_id, header.producer_epoch, header.base_sequence, header.attributes);
        (stamp, open.slices().map(Result::unwrap).collect())
    }

    type ProducerStampOf = (i64, i16, i32, i16);

    #[test]
    fn halves_hold_the_records_their_numbers_and_their_tokens() {
        for codec in Compression::ALL {
            let mut whole = batch(7, codec);
            let [mut first, mut second] = halves(&mut whole).unwrap();
            assert_eq!((first.sequence, second.sequence), (i32::MAX - 1, 1));
            assert_eq!((&first.tokens, &second.tokens), (&vec![(1, 2), (2, 1)], &vec![(2, 4)]));
            let (stamp, mut all) = records(&mut first);
            assert_eq!(stamp, (7, 2, i32::MAX - 1, codec as i16));
            let (stamp, rest) = records(&mut second);
            assert_eq!(stamp, (7, 2, 1, codec as i16));
            all.extend(rest.into_iter().map(|record| Record { offset: record.offset + 3, ..record }));
            assert_eq!(all, records(&mut whole).1);
        }
    }

    #[test]
    fn one_record_stays_whole() {
        let [mut first, mut second] = halves(&mut batch(2, Compression::None)).unwrap();
        assert!(halves(&mut first).is_none() && halves(&mut second).is_none());
    }
}
