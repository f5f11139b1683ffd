//! Passing on what stands in another log: whole batches as they are, numbered by who knows where they belong.
//!
//! A copy that may be interrupted at any moment numbers the records of a partition by their places in it, under one producer
//! id that it keeps. Then the log itself sees to it that each record is there once and in order: a request of a process that
//! has been killed and that arrives late, behind those of the process after it, is a repetition or leaves a gap, and is not
//! written (KIP-98).

use std::sync::Arc;

use broker_wire::records::Batch;

use super::run::{Producer, ProducerConfig};
use crate::client::Client;
use crate::error::{ClientError, Result};

impl Producer {
    /// An idempotent producer with an id and epoch that one before it had. There must not be two of them at a time, unless
    /// they write the same under the same numbers.
    pub fn resume(client: Client, config: ProducerConfig, (id, epoch): (i64, i16)) -> Producer {
        Producer::new(client, ProducerConfig { idempotent: true, ..config }, Some((id, epoch)), None)
    }

    /// Its id and epoch; `None` if it is not idempotent.
    pub fn identity(&self) -> Option<(i64, i16)> {
        self.filling.producer
    }

    /// Numbers the records of a partition from there on; only the lower 31 bits count. The topic must be known, and nothing
    /// of the partition queued or being filled.
    ///
    /// # Errors
    /// The topic or partition is not known, or has records that were not acknowledged yet.
    pub fn number_from(&mut self, topic: &Arc<str>, partition: i32, sequence: i64) -> Result<()> {
        let found = self.place(topic, partition)?;
        let state = &mut self.topics.all[found.0].partitions[found.1];
        if state.is_filling() || !state.queue.is_empty() {
            return Err(ClientError::Missing(format!("end of the records of {topic}-{partition} that are under way")));
        }
        state.number_from((sequence & i64::from(i32::MAX)) as i32);
        Ok(())
    }

    /// Adds a whole batch to a partition, behind the records before it. Its records keep their bytes, only header and checksum
    /// are written anew. The topic must be known.
    ///
    /// # Errors
    /// The topic or partition is not known, or the batch is one that no producer may send: a marker, one with gaps between its
    /// records, or one with the log's time. Its records have to be appended one by one.
    pub fn append_whole(&mut self, topic: &Arc<str>, partition: i32, batch: &Batch, token: u64) -> Result<()> {
        if !batch.header.is_sendable() {
            let base = batch.header.base_offset;
            return Err(ClientError::Missing(format!(
                "way to send the batch at {topic}-{partition} {base} as it stands"
            )));
        }
        let found = self.place(topic, partition)?;
        self.queued += self.topics.all[found.0].partitions[found.1].push_whole(batch, token, &self.filling)?;
        Ok(())
    }

    /// How many batches are queued or unanswered.
    pub fn queued(&self) -> usize {
        self.queued
    }

    fn place(&mut self, topic: &Arc<str>, partition: i32) -> Result<(usize, usize)> {
        let found = self.topics.find(topic).ok_or_else(|| ClientError::Missing(format!("topic {topic}")))?;
        let index = usize::try_from(partition).ok().filter(|index| *index < self.topics.all[found].partitions.len());
        Ok((found, index.ok_or_else(|| ClientError::Missing(format!("partition {topic}-{partition}")))?))
    }
}
