//! Records out of topics onto the screen, and lines into a topic.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::sync::Arc;

use broker_client::admin::{NewTopic, create_topics};
use broker_client::{
    Client, FetchConfig, FetchEvent, Fetcher, Producer, ProducerConfig, ProducerEvent, RecordToSend, Result,
    TopicPartition,
};
use broker_wire::records::MAX_DECOMPRESSED;
use tokio::sync::mpsc;

use crate::herd::Herd;
use crate::internal::now_ms;

/// Letters of a key or value that are shown.
const SHOWN: usize = 400;

/// Shows what is in the topics that are not the worker's own.
pub struct Outgoing {
    client: Client,
    fetcher: Fetcher,
    own: BTreeSet<String>,
    known: BTreeSet<String>,
    count: u64,
    most: u64,
}

impl Outgoing {
    /// Of this herd's log, so many records at most.
    pub fn new(herd: &Herd, client: Client, most: Option<u64>) -> Outgoing {
        let config = &herd.parts().config;
        let own = [&config.config_topic, &config.offset_topic, &config.status_topic].map(|topic| topic.name.clone());
        let fetcher = Fetcher::new(client.clone(), FetchConfig::default());
        Outgoing { client, fetcher, own: own.into(), known: BTreeSet::new(), count: 0, most: most.unwrap_or(u64::MAX) }
    }

    /// How many records have been shown.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Reads topics that are new from their beginning.
    pub async fn look_for_topics(&mut self) {
        let Ok(names) = self.client.topic_names().await else { return };
        for name in names {
            if name.starts_with("__") || self.own.contains(&name) || !self.known.insert(name.clone()) {
                continue;
            }
            let partitions = self.client.settled_partitions(&name).await.map_or(1, |known| known.leaders.len());
            let topic: Arc<str> = name.into();
            for partition in 0..partitions as i32 {
                self.fetcher.read_from(TopicPartition { topic: topic.clone(), partition }, 0);
            }
        }
    }

    /// Waits for records and shows them.
    pub async fn show_next(&mut self) {
        if let FetchEvent::Records { partition, from, batches, .. } = self.fetcher.event().await {
            for opened in batches.iter().filter_map(|batch| batch.open(MAX_DECOMPRESSED).ok()) {
                for record in opened.slices().filter_map(std::result::Result::ok).filter(|record| record.offset >= from)
                {
                    if self.count == self.most {
                        return;
                    }
                    self.count += 1;
                    let part = |bytes: Option<&[u8]>| bytes.map_or("null".to_owned(), text);
                    let (key, value) = (part(record.key.as_deref()), part(record.value.as_deref()));
                    println!("{partition} @{}  {key}  {value}", record.offset);
                }
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

/// Lines of the standard input into a topic.
pub struct Incoming {
    topic: Arc<str>,
    producer: Producer,
    lines: mpsc::Receiver<String>,
    sent: u64,
    over: bool,
}

impl Incoming {
    /// Makes the topic, and begins to read.
    pub async fn open(client: &Client, topic: &str) -> Result<Incoming> {
        let new = NewTopic { name: topic.to_owned(), partitions: 1, replication_factor: -1, configs: BTreeMap::new() };
        create_topics(client, &[new]).await?.into_iter().collect::<Result<Vec<bool>>>()?;
        let mut producer = Producer::open(client.clone(), ProducerConfig::default()).await?;
        let topic: Arc<str> = topic.into();
        producer.learn(&topic).await?;
        let (sender, lines) = mpsc::channel(1000);
        std::thread::spawn(move || {
            let lines = std::io::stdin().lock().lines();
            lines.map_while(std::result::Result::ok).try_for_each(|line| sender.blocking_send(line).ok())
        });
        Ok(Incoming { topic, producer, lines, sent: 0, over: false })
    }

    /// How many records are in the topic.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether there are no more lines.
    pub fn is_over(&self) -> bool {
        self.over && !self.producer.is_busy()
    }

    /// Sends the next line, or hears of the last ones.
    pub async fn send_next(&mut self) -> Result<()> {
        tokio::select! {
            line = self.lines.recv(), if !self.over => match line {
                Some(line) => {
                    let value = Some(line.as_bytes());
                    let (partition, timestamp, key, headers) = (None, now_ms(), None, &[][..]);
                    self.producer.append(&self.topic, &RecordToSend { partition, timestamp, key, value, headers, token: 0 })?;
                    self.producer.flush()?;
                    self.sent += 1;
                }
                None => self.over = true,
            },
            event = self.producer.event(), if self.producer.is_busy() => {
                if let ProducerEvent::Failed(why) = event {
                    return Err(why);
                }
            }
            () = std::future::pending(), if self.over => {}
        }
        Ok(())
    }
}
