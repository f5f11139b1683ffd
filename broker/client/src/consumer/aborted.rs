//! Leaving out what was aborted: a reader of committed records is told which transactions among its batches were (KIP-98).

use std::collections::HashSet;

use broker_wire::messages::fetch::AbortedTransaction;
use broker_wire::records::{Batch, ControlType};

/// Removes the batches of transactions that were aborted; markers stay.
pub(super) fn leave_out_aborted(batches: &mut Vec<Batch>, mut aborted: Vec<AbortedTransaction>) {
    if aborted.is_empty() {
        return;
    }
    aborted.sort_by_key(|transaction| transaction.first_offset);
    let mut aborted = aborted.into_iter().peekable();
    let mut out: HashSet<i64> = HashSet::new();
    batches.retain(|batch| {
        let header = &batch.header;
        while let Some(begun) = aborted.next_if(|next| next.first_offset <= header.last_offset()) {
            out.insert(begun.producer_id);
        }
        if header.is_control() {
            if batch.control_type() == Some(ControlType::Abort) {
                out.remove(&header.producer_id);
            }
            return true;
        }
        !(header.is_transactional() && out.contains(&header.producer_id))
    });
}

#[cfg(test)]
mod tests {
    use broker_wire::records::{BatchBuilder, Compression, ProducerStamp, batches, marker};
    use bytes::Bytes;

    use super::*;

    fn at(base_offset: i64, bytes: &Bytes) -> Batch {
        let mut bytes = bytes.to_vec();
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        batches(bytes.into()).next().unwrap().unwrap()
    }

    fn data(base_offset: i64, producer_id: i64, transactional: bool) -> Batch {
        let mut builder = BatchBuilder::new();
        builder.push(1, None, Some(b"v"), &[]);
        let stamp = ProducerStamp { producer_id, epoch: 0, base_sequence: 0, transactional };
        at(base_offset, &builder.finish(Compression::None, Some(stamp)).unwrap())
    }

    fn end(base_offset: i64, producer_id: i64, outcome: ControlType) -> Batch {
        at(base_offset, &marker(producer_id, 0, outcome, 1).unwrap())
    }

    #[test]
    fn only_batches_of_aborted_transactions_go() {
        let (abort, commit) = (ControlType::Abort, ControlType::Commit);
        let mut all = vec![
            data(10, 1, true),
            data(11, 2, true),
            data(12, 3, false),
            end(13, 1, abort),
            data(14, 1, true),
            end(15, 2, commit),
            data(16, 2, true),
            end(17, 1, commit),
            data(18, 2, true),
        ];
        let aborted = |producer_id, first_offset| AbortedTransaction { producer_id, first_offset };
        // The first began before what was read, the last one ends behind it.
        leave_out_aborted(&mut all, vec![aborted(2, 16), aborted(1, 4)]);
        let kept: Vec<i64> = all.iter().map(|batch| batch.header.base_offset).collect();
        assert_eq!(kept, [11, 12, 13, 14, 15, 17]);
    }
}
