//! Writing under a transactional id: whoever claims it last writes, and nobody before any more (KIP-98).
//!
//! One worker leads and writes the config topic. If it is frozen, another one leads, and when it wakes up it must not write
//! what it was about to. A check in the worker cannot see to that, the log can.

use std::sync::Arc;
use std::time::Duration;

use broker_client::{Backoff, Client, ClientError, Producer, ProducerConfig, ProducerEvent, Result, TransactionalId};
use broker_wire::ErrorCode;
use tokio::sync::Mutex;

use super::writer::{Entry, opened};

/// How long a transaction may be open. It holds a few records.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(60);

/// Writes records all together or not at all, as long as nobody else has claimed the id.
pub struct FencedWriter {
    client: Client,
    id: String,
    /// Not there before the first claim, and after a failure, when nobody knows what the log has.
    producer: Mutex<Option<Producer>>,
}

impl FencedWriter {
    /// Nothing is claimed yet.
    pub fn new(client: Client, id: String) -> FencedWriter {
        FencedWriter { client, id, producer: Mutex::new(None) }
    }

    /// From the return on nobody writes any more who claimed the id before. Without effect while this writer has it, as far
    /// as it knows.
    pub async fn claim(&self) -> Result<()> {
        let mut producer = self.producer.lock().await;
        if producer.is_none() {
            *producer = Some(self.open().await?);
        }
        Ok(())
    }

    async fn open(&self) -> Result<Producer> {
        let id = TransactionalId { id: self.id.clone(), timeout: TRANSACTION_LIMIT };
        opened(|| Producer::open_transactional(self.client.clone(), ProducerConfig::default(), &id)).await
    }

    /// Writes entries to a topic; on return the log holds all of them durably. After an error, or if the future is dropped,
    /// it holds all or nothing, and the id has to be claimed again.
    pub async fn write(&self, topic: &Arc<str>, entries: &[Entry]) -> Result<()> {
        self.try_write(topic, entries).await.map_err(|error| match error.code() {
            // The transaction is over although nobody here has ended it: a claim of another writer has.
            Some(ErrorCode::TRANSACTION_ABORTABLE | ErrorCode::INVALID_TXN_STATE) => {
                ClientError::refused(format!("cannot write as {}", self.id), ErrorCode::PRODUCER_FENCED)
            }
            _ => error,
        })
    }

    async fn try_write(&self, topic: &Arc<str>, entries: &[Entry]) -> Result<()> {
        let mut place = self.producer.lock().await;
        let mut producer =
            place.take().ok_or_else(|| ClientError::Missing(format!("claim to write as {}", self.id)))?;
        if !producer.knows(topic) && !producer.learn(topic).await? {
            return Err(ClientError::Missing(format!("topic {topic}")));
        }
        producer.begin()?;
        for entry in entries {
            producer.append(topic, &entry.to_send(0))?;
        }
        producer.flush()?;
        while producer.is_busy() {
            match producer.event().await {
                ProducerEvent::Acknowledged(_) | ProducerEvent::Committed => {}
                ProducerEvent::Retrying(error) => tracing::warn!(%topic, %error, "writing is tried again"),
                ProducerEvent::Failed(error) => return Err(error),
            }
        }
        commit(&mut producer).await?;
        *place = Some(producer);
        Ok(())
    }
}

/// A commit whose answer was lost is asked for again: the log knows whether it has it.
async fn commit(producer: &mut Producer) -> Result<()> {
    let mut backoff = Backoff::default();
    loop {
        match producer.commit().await {
            Err(error) if error.is_retriable() => tokio::time::sleep(backoff.next_delay()).await,
            committed => return committed,
        }
    }
}
