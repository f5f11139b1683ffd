//! Transactions as records of `__transaction_state`, in Kafka's formats: one record for each step, the last one of an id counts.

use std::collections::BTreeMap;

use broker_wire::records::{BatchBuilder, Compression, OpenBatch, RecordError};
use broker_wire::transaction_state::{TransactionKey, TransactionPartitions, TransactionValue};
use broker_wire::{DecodeError, EncodeError};
use bytes::Bytes;
use thiserror::Error;

use super::transaction::{Phase, Transaction};

/// A record that cannot be written or read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// A name is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A record is not what it should be.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A batch is not what it should be.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// A state that does not exist.
    #[error("transactional id {id} is in the unknown state {status}: the journal is of a newer release")]
    Status {
        /// The transactional id.
        id: String,
        /// Number of the state.
        status: i8,
    },
}

/// A batch of one record: how a transaction stands, or with `None` that its id is forgotten.
///
/// # Errors
/// A name is too long.
pub fn entry(id: &str, transaction: Option<&Transaction>, now_ms: i64) -> Result<Bytes, JournalError> {
    let key = TransactionKey { transactional_id: id.to_owned() }.to_bytes()?;
    let value = transaction.map(|transaction| value(transaction).to_bytes()).transpose()?;
    let mut builder = BatchBuilder::new();
    builder.push(now_ms, Some(&key), value.as_deref(), &[]);
    Ok(builder.finish(Compression::None, None)?)
}

fn value(transaction: &Transaction) -> TransactionValue {
    let mut partitions: Vec<TransactionPartitions> = Vec::new();
    for (topic, partition) in &transaction.partitions {
        match partitions.last_mut().filter(|last| last.topic == *topic) {
            Some(last) => last.partition_ids.push(*partition),
            None => {
                partitions.push(TransactionPartitions { topic: topic.clone(), partition_ids: vec![*partition] });
            }
        }
    }
    TransactionValue {
        producer_id: transaction.producer_id,
        producer_epoch: transaction.epoch,
        timeout_ms: transaction.timeout_ms,
        status: status(transaction.phase),
        partitions: (!partitions.is_empty()).then_some(partitions),
        last_update_ms: transaction.updated_ms,
        start_ms: transaction.started_ms.unwrap_or(-1),
    }
}

/// Applies the records of one batch, in order. Kinds of record that are not known are skipped.
///
/// # Errors
/// A record is not what it should be; those before it are applied.
pub fn apply(known: &mut BTreeMap<String, Transaction>, batch: &OpenBatch) -> Result<(), JournalError> {
    for record in batch.slices() {
        let record = record?;
        let Some(key) = TransactionKey::from_bytes(record.key.unwrap_or_default())? else { continue };
        let id = key.transactional_id;
        match record.value.map(TransactionValue::from_bytes).transpose()? {
            Some(value) => drop(known.insert(id.clone(), transaction(id, value)?)),
            None => drop(known.remove(&id)),
        }
    }
    Ok(())
}

fn transaction(id: String, value: TransactionValue) -> Result<Transaction, JournalError> {
    let phase = phase(value.status).ok_or(JournalError::Status { id, status: value.status })?;
    let topics = value.partitions.unwrap_or_default().into_iter();
    let partitions = topics.flat_map(|TransactionPartitions { topic, partition_ids }| {
        partition_ids.into_iter().map(move |partition| (topic.clone(), partition))
    });
    Ok(Transaction {
        producer_id: value.producer_id,
        epoch: value.producer_epoch,
        previous_epoch: None,
        timeout_ms: value.timeout_ms,
        phase,
        partitions: partitions.collect(),
        started_ms: Some(value.start_ms).filter(|start| *start >= 0),
        updated_ms: value.last_update_ms,
    })
}

fn status(phase: Phase) -> i8 {
    Phase::ALL.iter().find(|(known, ..)| *known == phase).map_or(0, |(_, status, _)| *status)
}

fn phase(status: i8) -> Option<Phase> {
    Phase::ALL.iter().find(|(_, known, _)| *known == status).map(|(phase, ..)| *phase)
}

#[cfg(test)]
mod tests {
    use broker_wire::records::{ControlType, MAX_DECOMPRESSED, batches};

    use super::*;

    fn applied(entries: Vec<Bytes>) -> Result<BTreeMap<String, Transaction>, JournalError> {
        let mut known = BTreeMap::new();
        for entry in entries {
            let batch = batches(entry).next().unwrap().unwrap();
            apply(&mut known, &batch.open(MAX_DECOMPRESSED).unwrap())?;
        }
        Ok(known)
    }

    fn sample(phase: Phase) -> Transaction {
        let at = |topic: &str, partition| (topic.to_owned(), partition);
        Transaction {
            producer_id: 7,
            epoch: 3,
            previous_epoch: None,
            timeout_ms: 60_000,
            phase,
            partitions: [at("a", 0), at("a", 2), at("b", 1)].into(),
            started_ms: Some(5),
            updated_ms: 6,
        }
    }

    #[test]
    fn the_last_record_of_each_id_counts_and_deletions_delete() {
        for (phase, ..) in Phase::ALL {
            let last = sample(phase);
            let first = Transaction { epoch: 2, ..last.clone() };
            let written = [entry("x", Some(&first), 1), entry("y", Some(&first), 1), entry("x", Some(&last), 2)];
            let mut written: Vec<_> = written.into_iter().map(Result::unwrap).collect();
            written.push(entry("y", None, 3).unwrap());
            assert_eq!(applied(written).unwrap(), [("x".to_owned(), last)].into());
        }
    }

    #[test]
    fn an_unknown_state_is_named() {
        let value = TransactionValue { status: 9, ..value(&sample(Phase::Prepared(ControlType::Commit))) };
        let key = TransactionKey { transactional_id: "x".into() }.to_bytes().unwrap();
        let mut builder = BatchBuilder::new();
        builder.push(1, Some(&key), Some(&value.to_bytes().unwrap()), &[]);
        let error = applied(vec![builder.finish(Compression::None, None).unwrap()]).unwrap_err();
        assert!(error.to_string().starts_with("transactional id x is in the unknown state 9"), "{error}");
    }
}
