//! Writing to the worker's own topics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use broker_client::{Backoff, Client, ClientError, Producer, ProducerConfig, ProducerEvent, RecordToSend, Result};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// A record to write. Its partition follows from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; `None` deletes.
    pub value: Option<Bytes>,
}

impl Entry {
    /// As it goes to the producer, with the time of this moment.
    pub(crate) fn to_send(&self, token: u64) -> RecordToSend<'_> {
        let (key, value) = (Some(&*self.key), self.value.as_deref());
        RecordToSend { partition: None, timestamp: now_ms(), key, value, headers: &[], token }
    }
}

/// Writes records, in order, and says when the log holds them durably. Cheap to clone; may be used from any thread.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::UnboundedSender<Job>,
}

struct Job {
    topic: Arc<str>,
    entries: Vec<Entry>,
    done: oneshot::Sender<Result<()>>,
}

impl Writer {
    /// Starts writing on this runtime.
    pub fn start(client: Client) -> Writer {
        let (jobs, received) = mpsc::unbounded_channel();
        let config = ProducerConfig { batch_bytes: 16 * 1024, ..ProducerConfig::default() };
        tokio::spawn(Actor { client, config, producer: None, open: HashMap::new(), next: 0 }.run(received));
        Writer { jobs }
    }

    /// Returns once the log holds all the entries durably.
    pub async fn write(&self, topic: &Arc<str>, entries: Vec<Entry>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let gone = || ClientError::Missing("writer any more: the worker is stopping".to_owned());
        self.hand_over(topic, entries).ok_or_else(gone)?.await.map_err(|_| gone())?
    }

    /// Writes the entries some time, or not: nobody is told.
    pub fn write_if_possible(&self, topic: &Arc<str>, entries: Vec<Entry>) {
        if !entries.is_empty() {
            let _ = self.hand_over(topic, entries);
        }
    }

    fn hand_over(&self, topic: &Arc<str>, entries: Vec<Entry>) -> Option<oneshot::Receiver<Result<()>>> {
        let (done, written) = oneshot::channel();
        self.jobs.send(Job { topic: topic.clone(), entries, done }).ok()?;
        Some(written)
    }
}

struct Actor {
    client: Client,
    config: ProducerConfig,
    producer: Option<Producer>,
    /// Jobs that are not all written: how many entries are missing, and who waits.
    open: HashMap<u64, (u32, oneshot::Sender<Result<()>>)>,
    next: u64,
}

impl Actor {
    async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        loop {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => self.begin(job).await,
                    None => break,
                },
                event = next_event(&mut self.producer) => self.on_event(event),
            }
        }
        while !self.open.is_empty() {
            let event = next_event(&mut self.producer).await;
            self.on_event(event);
        }
    }

    async fn begin(&mut self, job: Job) {
        self.next += 1;
        let token = self.next;
        match self.append(token, &job).await {
            Ok(()) => drop(self.open.insert(token, (job.entries.len() as u32, job.done))),
            // The producer stays: others wait for what it has under way.
            Err(error) => drop(job.done.send(Err(error))),
        }
    }

    async fn append(&mut self, token: u64, job: &Job) -> Result<()> {
        let producer = match &mut self.producer {
            Some(producer) => producer,
            empty => empty.insert(opened(|| Producer::open(self.client.clone(), self.config)).await?),
        };
        if !producer.knows(&job.topic) && !producer.learn(&job.topic).await? {
            return Err(ClientError::Missing(format!("topic {}", job.topic)));
        }
        for entry in &job.entries {
            producer.append(&job.topic, &entry.to_send(token))?;
        }
        producer.flush()
    }

    fn on_event(&mut self, event: ProducerEvent) {
        match event {
            ProducerEvent::Acknowledged(acknowledged) => {
                for done in acknowledged {
                    let Some((missing, _)) = self.open.get_mut(&done.token) else { continue };
                    *missing = missing.saturating_sub(done.records);
                    if *missing == 0
                        && let Some((_, waiting)) = self.open.remove(&done.token)
                    {
                        let _ = waiting.send(Ok(()));
                    }
                }
            }
            // It writes without transactions.
            ProducerEvent::Committed => {}
            ProducerEvent::Retrying(error) => {
                tracing::warn!(%error, "writing to the worker's own topics is tried again")
            }
            ProducerEvent::Failed(error) => {
                tracing::error!(%error, "cannot write to the worker's own topics");
                self.producer = None;
                let text = error.to_string();
                for (_, (_, waiting)) in self.open.drain() {
                    let _ = waiting.send(Err(ClientError::Missing(format!("way to write: {text}"))));
                }
            }
        }
    }
}

/// A new producer; a few attempts bridge a log that is just starting.
pub(super) async fn opened<F: Future<Output = Result<Producer>>>(mut open: impl FnMut() -> F) -> Result<Producer> {
    let mut backoff = Backoff::default();
    loop {
        match open().await {
            Err(error) if error.is_retriable() && backoff.attempts() < 5 => {
                tokio::time::sleep(backoff.next_delay()).await;
            }
            opened => return opened,
        }
    }
}

async fn next_event(producer: &mut Option<Producer>) -> ProducerEvent {
    match producer {
        Some(producer) if producer.is_busy() => producer.event().await,
        _ => std::future::pending().await,
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
