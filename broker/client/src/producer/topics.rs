//! Topics, partitions and the batches that are being filled.

use std::collections::HashMap;
use std::sync::Arc;

use broker_wire::partition_for_key;
use broker_wire::records::{Batch as WholeBatch, BatchBuilder, Compression, ProducerStamp, RoomyBatch};
use tokio::time::Instant;

use super::batch::{Batch, BatchBytes, Tokens};
use super::queue::Queue;
use super::run::RecordToSend;
use crate::client::Partitions;
use crate::error::{ClientError, Result};

/// All topics that were sent to.
#[derive(Default)]
pub(super) struct Topics {
    pub all: Vec<TopicState>,
    by_name: HashMap<Arc<str>, usize>,
    last: usize,
}

pub(super) struct TopicState {
    pub name: Arc<str>,
    pub partitions: Vec<PartitionState>,
    /// The partition for records without a key. It changes with each batch that is full, and once it has had as many bytes as one
    /// in smaller ones (KIP-794): a source that is slow would otherwise never leave it.
    sticky: usize,
    /// Bytes of such records that it has had.
    stuck: usize,
    /// When the log was last heard of its partitions.
    pub heard: Instant,
}

#[derive(Default)]
pub(super) struct PartitionState {
    pub leader: Option<i32>,
    pub queue: Queue,
    builder: BatchBuilder,
    tokens: Tokens,
    next_sequence: i32,
    /// The most bytes of a batch here, once the log has found one too large.
    most: Option<usize>,
}

/// How batches are made.
#[derive(Clone, Copy)]
pub(super) struct Filling {
    pub batch_bytes: usize,
    pub compression: Compression,
    /// Id and epoch of an idempotent producer.
    pub producer: Option<(i64, i16)>,
    /// Batches are parts of transactions.
    pub transactional: bool,
}

impl Filling {
    /// What a batch that begins with that number has in its header; `None` if the producer is not idempotent.
    fn stamp(&self, base_sequence: i32) -> Option<ProducerStamp> {
        let transactional = self.transactional;
        self.producer.map(|(producer_id, epoch)| ProducerStamp { producer_id, epoch, base_sequence, transactional })
    }

    /// Where records without a key begin. Ids of producers are given out in blocks of a thousand, so they are mixed first: whoever
    /// starts again and again would else begin in the same partition each time.
    pub fn first(&self) -> usize {
        let mixed = |id: i64| id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        self.producer.map_or(0, |(id, _)| usize::try_from(mixed(id)).unwrap_or(0))
    }
}

impl Topics {
    /// Where a topic stands. Records mostly go to the same topic as the one before.
    pub fn find(&mut self, name: &Arc<str>) -> Option<usize> {
        let same = |known: &TopicState| Arc::ptr_eq(&known.name, name) || *known.name == **name;
        if !self.all.get(self.last).is_some_and(same) {
            self.last = *self.by_name.get(name)?;
        }
        Some(self.last)
    }

    /// Takes in what is known of a topic now. Partitions never go away. Records without a key begin in the partition `first`, or in
    /// what is left of it after dividing by how many there are: another one for each producer, since many live shortly.
    pub fn learn(&mut self, name: &Arc<str>, known: &Partitions, first: usize) {
        let index = *self.by_name.entry(name.clone()).or_insert_with(|| {
            let heard = Instant::now();
            self.all.push(TopicState { name: name.clone(), partitions: Vec::new(), sticky: first, stuck: 0, heard });
            self.all.len() - 1
        });
        let topic = &mut self.all[index];
        topic.heard = Instant::now();
        for (index, leader) in known.leaders.iter().enumerate() {
            if index == topic.partitions.len() {
                topic.partitions.push(PartitionState::default());
            }
            topic.partitions[index].leader = *leader;
        }
    }
}

impl TopicState {
    /// Whether a partition has no leader, or none that is known.
    pub fn lacks_leader(&self) -> bool {
        self.partitions.iter().any(|partition| partition.leader.is_none())
    }

    /// Adds a record to the batch of its partition; returns how many batches were closed by that.
    pub fn append(&mut self, record: &RecordToSend<'_>, filling: &Filling) -> Result<usize> {
        let (mut closed, mut index) = (0, self.choose(record)?);
        while !self.partitions[index].has_room_for(record, filling) {
            closed += self.close(index, filling)?;
            // A record without a key goes on in the next partition, where another batch may be full too.
            index = self.choose(record)?;
        }
        let partition = &mut self.partitions[index];
        partition.builder.push(record.timestamp, record.key, record.value, record.headers);
        if record.partition.is_none() && record.key.is_none() {
            self.stuck += BatchBuilder::record_size_bound(None, record.value, record.headers);
            if self.stuck >= partition.most(filling) {
                (self.sticky, self.stuck) = (index + 1, 0);
            }
        }
        match partition.tokens.last_mut() {
            Some((token, count)) if *token == record.token => *count += 1,
            _ => partition.tokens.push((record.token, 1)),
        }
        if partition.builder.size() >= partition.most(filling) {
            closed += self.close(index, filling)?;
        }
        Ok(closed)
    }

    fn close(&mut self, index: usize, filling: &Filling) -> Result<usize> {
        (self.sticky, self.stuck) = (index + 1, 0);
        self.partitions[index].close(filling).map(usize::from)
    }

    fn choose(&self, record: &RecordToSend<'_>) -> Result<usize> {
        let count = self.partitions.len();
        let missing = |partition: i32| ClientError::Missing(format!("partition {}-{partition}", self.name));
        match (record.partition, record.key) {
            (Some(partition), _) => {
                let index = usize::try_from(partition).ok().filter(|index| *index < count);
                index.ok_or_else(|| missing(partition))
            }
            _ if count == 0 => Err(missing(0)),
            (None, Some(key)) => Ok(partition_for_key(key, count as i32) as usize),
            (None, None) => Ok(self.sticky % count),
        }
    }
}

impl PartitionState {
    fn most(&self, filling: &Filling) -> usize {
        self.most.unwrap_or(filling.batch_bytes)
    }

    fn has_room_for(&self, record: &RecordToSend<'_>, filling: &Filling) -> bool {
        let more = BatchBuilder::record_size_bound(record.key, record.value, record.headers);
        self.builder.is_empty() || self.builder.size() + more <= self.most(filling)
    }

    /// Whether a batch is being filled.
    pub fn is_filling(&self) -> bool {
        !self.builder.is_empty()
    }

    /// Forgets all batches, and numbers records from 0 again.
    pub fn discard(&mut self) {
        *self = PartitionState { leader: self.leader, most: self.most, ..PartitionState::default() };
    }

    /// The log has found a batch of that many bytes too large: those to come are half as large.
    pub fn fill_less(&mut self, bytes: usize, filling: &Filling) {
        self.most = Some(self.most(filling).min(bytes / 2));
    }

    /// Ends the batch that is being filled and queues it; false if there is none.
    pub fn close(&mut self, filling: &Filling) -> Result<bool> {
        if self.builder.is_empty() {
            return Ok(false);
        }
        let sequence = self.next_sequence;
        let count = self.builder.len() as i32;
        let finished = self.builder.finish_roomy(filling.compression, filling.stamp(sequence));
        let bytes = BatchBytes::Roomy(finished.map_err(|why| ClientError::Missing(format!("batch: {why}")))?);
        let tokens = std::mem::take(&mut self.tokens);
        self.queue_up(Batch { sequence, bytes, tokens }, count);
        Ok(true)
    }

    /// Queues a batch that is whole, behind the one that is being filled; returns how many were queued.
    pub fn push_whole(&mut self, batch: &WholeBatch, token: u64, filling: &Filling) -> Result<usize> {
        let closed = usize::from(self.close(filling)?);
        let (sequence, count) = (self.next_sequence, batch.header.records_count);
        let none = ProducerStamp { producer_id: -1, epoch: -1, base_sequence: -1, transactional: false };
        let bytes = BatchBytes::Roomy(RoomyBatch::stamped(batch, filling.stamp(sequence).unwrap_or(none)));
        self.queue_up(Batch { sequence, bytes, tokens: vec![(token, count.unsigned_abs())] }, count);
        Ok(closed + 1)
    }

    /// Numbers records from there on. Nothing may be queued or being filled.
    pub fn number_from(&mut self, sequence: i32) {
        self.next_sequence = sequence & i32::MAX;
    }

    fn queue_up(&mut self, batch: Batch, count: i32) {
        // Numbers go round from the largest to zero.
        self.next_sequence = batch.sequence.wrapping_add(count) & i32::MAX;
        self.queue.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use broker_wire::Uuid;

    use super::*;

    fn topic(first: usize) -> Topics {
        let mut topics = Topics::default();
        let known = Partitions { id: Uuid::ZERO, leaders: vec![Some(1); 3] };
        topics.learn(&"t".into(), &known, first);
        topics
    }

    /// The partitions of that many records, each in a batch of its own.
    fn placed(first: usize, count: usize) -> Vec<usize> {
        let mut topics = topic(first);
        let filling =
            Filling { batch_bytes: 1000, compression: Compression::None, producer: None, transactional: false };
        let value = vec![0; 90];
        let record =
            RecordToSend { partition: None, timestamp: 0, key: None, value: Some(&value), headers: &[], token: 0 };
        let place = |_| {
            let topic = &mut topics.all[0];
            topic.append(&record, &filling).unwrap();
            let index = topic.partitions.iter().position(PartitionState::is_filling).unwrap();
            topic.partitions[index].close(&filling).unwrap();
            index
        };
        (0..count).map(place).collect()
    }

    #[test]
    fn records_without_a_key_move_on_though_no_batch_is_ever_full_and_begin_anywhere() {
        let placed_at = placed(0, 60);
        let share = |partition| placed_at.iter().filter(|index| **index == partition).count();
        assert!((0..3).all(|partition| (10..=30).contains(&share(partition))), "{placed_at:?}");
        assert_eq!((placed(4, 1), placed(5, 1)), (vec![1], vec![2]));
        let filling = |id| Filling {
            batch_bytes: 0,
            compression: Compression::None,
            producer: Some((id, 0)),
            transactional: false,
        };
        let odd = (0..100).filter(|block| filling(block * 1000 + 3).first() % 2 == 1).count();
        assert!((30..=70).contains(&odd), "{odd} of a hundred starts begin in the second of two partitions");
    }
}
