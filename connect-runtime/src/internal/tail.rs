//! Reading a topic to its end, and following it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker_client::admin::{OffsetAt, offsets_at};
use broker_client::{Client, FetchConfig, FetchEvent, Fetcher, Result, TopicPartition, bridged};
use broker_wire::records::{MAX_DECOMPRESSED, Record};
use tokio::sync::{mpsc, oneshot};

/// How long the log may wait for the next record: changes wake it at once, so this only bounds idle work.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What happens with each record: its partition and the record.
pub type Apply = Box<dyn FnMut(i32, &Record) + Send>;

/// Follows all partitions of a topic. Dropping it ends that.
pub struct Tail {
    requests: mpsc::UnboundedSender<Request>,
}

/// Somebody who wants to be told once everything before these ends has been read.
type Request = (OffsetAt, oneshot::Sender<Result<()>>);

impl Tail {
    /// Reads the topic to its end, and follows it from there on this runtime.
    pub async fn start(client: Client, topic: &str, apply: Apply) -> Result<Tail> {
        Tail::follow(client, topic, apply, false).await
    }

    /// The same for a topic that is written in transactions: only what was committed is read, and the end is that of what can be
    /// told to be committed or not.
    pub async fn start_committed(client: Client, topic: &str, apply: Apply) -> Result<Tail> {
        Tail::follow(client, topic, apply, true).await
    }

    async fn follow(client: Client, topic: &str, apply: Apply, read_committed: bool) -> Result<Tail> {
        let topic: Arc<str> = topic.into();
        let known = bridged(|| client.settled_partitions(&topic)).await?;
        let partitions: Vec<i32> = (0..known.leaders.len() as i32).collect();
        let fetch = FetchConfig { max_wait: MAX_WAIT, read_committed, ..FetchConfig::default() };
        let starts = bridged(|| offsets_at(&client, &topic, &partitions, OffsetAt::Earliest)).await?;
        let mut fetcher = Fetcher::new(client.clone(), fetch);
        for (partition, offset) in &starts {
            fetcher.read_from(TopicPartition { topic: topic.clone(), partition: *partition }, *offset);
        }
        let mut follower = Follower { client, topic, partitions, fetcher, read_to: starts, apply, waiting: Vec::new() };
        follower.catch_up(if read_committed { OffsetAt::Stable } else { OffsetAt::Latest }).await?;
        let (requests, received) = mpsc::unbounded_channel();
        tokio::spawn(follower.run(received));
        Ok(Tail { requests })
    }

    /// Returns once everything has been applied that the topic held when this was called. Where only what was committed is read,
    /// this waits for the end of all transactions that are open: what is committed behind the begin of one cannot be read sooner.
    pub async fn catch_up(&self) -> Result<()> {
        self.read_to(OffsetAt::Latest).await
    }

    /// The same without waiting for open transactions.
    pub async fn catch_up_to_stable(&self) -> Result<()> {
        self.read_to(OffsetAt::Stable).await
    }

    /// The follower goes on following while a broker that does not answer is waited for.
    async fn read_to(&self, end: OffsetAt) -> Result<()> {
        bridged(|| self.ask(end)).await
    }

    async fn ask(&self, end: OffsetAt) -> Result<()> {
        let (done, caught_up) = oneshot::channel();
        let gone = || broker_client::ClientError::Missing("follower of the topic any more".to_owned());
        self.requests.send((end, done)).map_err(|_| gone())?;
        caught_up.await.map_err(|_| gone())?
    }
}

/// Somebody who waits until these offsets have been read.
type Waiting = (BTreeMap<i32, i64>, oneshot::Sender<Result<()>>);

struct Follower {
    client: Client,
    topic: Arc<str>,
    partitions: Vec<i32>,
    fetcher: Fetcher,
    read_to: BTreeMap<i32, i64>,
    apply: Apply,
    waiting: Vec<Waiting>,
}

impl Follower {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    None => return,
                    Some((end, done)) => self.on_request(end, done).await,
                },
                event = self.fetcher.event() => {
                    self.on_event(event).await;
                    self.tell_those_who_wait();
                }
            }
        }
    }

    async fn on_request(&mut self, end: OffsetAt, done: oneshot::Sender<Result<()>>) {
        match self.ends(end).await {
            Ok(ends) => self.waiting.push((ends, done)),
            Err(error) => drop(done.send(Err(error))),
        }
        self.tell_those_who_wait();
    }

    fn tell_those_who_wait(&mut self) {
        for (ends, done) in std::mem::take(&mut self.waiting) {
            if self.has_read(&ends) {
                let _ = done.send(Ok(()));
            } else {
                self.waiting.push((ends, done));
            }
        }
    }

    async fn catch_up(&mut self, end: OffsetAt) -> Result<()> {
        let (client, topic, partitions) = (self.client.clone(), self.topic.clone(), self.partitions.clone());
        let ends = bridged(|| offsets_at(&client, &topic, &partitions, end)).await?;
        while !self.has_read(&ends) {
            match self.fetcher.event().await {
                FetchEvent::Failed { error, .. } => return Err(error),
                event => self.on_event(event).await,
            }
        }
        Ok(())
    }

    fn ends(&self, end: OffsetAt) -> impl Future<Output = Result<BTreeMap<i32, i64>>> + Send + use<> {
        let (client, topic, partitions) = (self.client.clone(), self.topic.clone(), self.partitions.clone());
        async move { offsets_at(&client, &topic, &partitions, end).await }
    }

    fn has_read(&self, ends: &BTreeMap<i32, i64>) -> bool {
        ends.iter().all(|(partition, end)| self.read_to.get(partition).is_some_and(|read| read >= end))
    }

    async fn on_event(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Records { partition, from, batches, next, .. } => {
                for batch in batches {
                    self.apply_batch(&partition, from, &batch);
                }
                self.read_to.insert(partition.partition, next);
            }
            FetchEvent::CaughtUp => {}
            FetchEvent::Retrying(error) => tracing::warn!(topic = &*self.topic, %error, "reading is tried again"),
            FetchEvent::OutOfRange { partition, offset } => {
                tracing::error!(%partition, offset, "the log does not have this offset any more; reading from its start");
                let start = self.start(partition.partition);
                self.fetcher.read_from(partition, start.await);
            }
            FetchEvent::Failed { partition, error } => {
                tracing::error!(%partition, %error, "the worker cannot follow its own topic any more; restart it");
            }
        }
    }

    /// Where a partition begins now; 0 if the log does not say.
    fn start(&self, partition: i32) -> impl Future<Output = i64> + Send + use<> {
        let (client, topic, wanted) = (self.client.clone(), self.topic.clone(), [partition]);
        async move {
            let starts = bridged(|| offsets_at(&client, &topic, &wanted, OffsetAt::Earliest)).await;
            starts.ok().and_then(|starts| starts.get(&partition).copied()).unwrap_or(0)
        }
    }

    fn apply_batch(&mut self, partition: &TopicPartition, from: i64, batch: &broker_wire::records::Batch) {
        if batch.header.is_control() {
            return;
        }
        let records = match batch.open(MAX_DECOMPRESSED) {
            Ok(open) => open,
            Err(error) => {
                tracing::error!(%partition, %error, "a batch of the worker's own topic cannot be read and is passed over");
                return;
            }
        };
        for record in records.slices().filter_map(std::result::Result::ok).filter(|record| record.offset >= from) {
            (self.apply)(partition.partition, &record);
        }
    }
}
