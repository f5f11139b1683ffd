//! Reading partitions from an offset to an end that does not move.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use broker_client::{Client, FetchConfig, FetchEvent, Fetcher, TopicPartition};
use broker_wire::records::{Batch, MAX_DECOMPRESSED, OpenBatch};

use super::failure::{Failure, Result};

/// How long a log may give nothing before reading is given up.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// From which offset to which end partitions are read.
pub type Ranges = BTreeMap<TopicPartition, (i64, i64)>;

/// Which of the two logs is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that is moved, of which only what was committed counts. Nobody writes there: who has caught up has read everything,
    /// though what is left may have been aborted.
    Source,
    /// The one that it is moved to, of which everything counts. Who has caught up may have to wait: a new leader learns a moment
    /// later what is safe to show.
    Target,
}

impl Side {
    /// How it is read: in large answers.
    pub fn fetch_config(self) -> FetchConfig {
        FetchConfig {
            max_wait: Duration::from_millis(100),
            max_bytes: 16 << 20,
            partition_bytes: 4 << 20,
            read_committed: self == Side::Source,
            ..FetchConfig::default()
        }
    }
}

/// Batches of one partition. Records before `from` and from `end` on are not wanted.
pub struct Read<'a> {
    /// The partition.
    pub partition: &'a TopicPartition,
    /// The first offset wanted.
    pub from: i64,
    /// The offset behind the last one wanted.
    pub end: i64,
    /// A batch; no marker.
    pub batch: &'a Batch,
}

impl Read<'_> {
    /// Its records.
    pub fn open(&self) -> Result<OpenBatch> {
        self.batch.open(MAX_DECOMPRESSED).map_err(|why| self.damaged(&why))
    }

    /// Whether the offset is wanted.
    pub fn wants(&self, offset: i64) -> bool {
        (self.from..self.end).contains(&offset)
    }

    /// The error of a batch that cannot be read.
    pub fn damaged(&self, why: &dyn std::fmt::Display) -> Failure {
        let Read { partition, batch, .. } = self;
        Failure::running(format!("The batch at {partition} offset {} cannot be read: {why}.", batch.header.base_offset))
    }
}

/// Reads the ranges, and hands over batch after batch, those of a partition in order. `take` says whether it wants more of
/// the partition.
pub async fn read(
    (client, side): (&Client, Side),
    ranges: &Ranges,
    mut take: impl FnMut(Read<'_>) -> Result<bool>,
) -> Result<()> {
    let mut fetcher = Fetcher::new(client.clone(), side.fetch_config());
    let mut open: BTreeMap<&TopicPartition, i64> = BTreeMap::new();
    for (partition, (from, end)) in ranges.iter().filter(|(_, (from, end))| from < end) {
        fetcher.read_from(partition.clone(), *from);
        open.insert(partition, *end);
    }
    let mut last = Instant::now();
    while !open.is_empty() {
        match next(&mut fetcher).await? {
            FetchEvent::Records { partition, from, batches, .. } => {
                last = Instant::now();
                let Some(end) = open.get(&partition).copied() else { continue };
                let mut more = batches.last().is_some_and(|batch| batch.header.last_offset() + 1 < end);
                let wanted =
                    batches.iter().filter(|batch| !batch.header.is_control() && batch.header.base_offset < end);
                for batch in wanted {
                    more &= take(Read { partition: &partition, from, end, batch })?;
                }
                if !more {
                    open.remove(&partition);
                    fetcher.stop_reading(&partition);
                }
            }
            FetchEvent::CaughtUp if side == Side::Source => return Ok(()),
            event => failed(event, last)?,
        }
    }
    Ok(())
}

async fn next(fetcher: &mut Fetcher) -> Result<FetchEvent> {
    tokio::time::timeout(PATIENCE, fetcher.event()).await.map_err(|_| {
        Failure::running(format!(
            "The log gives nothing for {} s. Look after its brokers, then run the same command again.",
            PATIENCE.as_secs()
        ))
    })
}

/// What any reader does with an event that brings nothing.
pub fn failed(event: FetchEvent, last: Instant) -> Result<()> {
    match event {
        FetchEvent::Retrying(why) if last.elapsed() > PATIENCE => Err(why.into()),
        FetchEvent::Retrying(why) => {
            tracing::warn!(error = %why, "reading is tried again");
            Ok(())
        }
        FetchEvent::OutOfRange { partition, offset } => Err(Failure::running(format!(
            "{partition} does not have the offset {offset} any more. Somebody deletes its records; stop that."
        ))),
        FetchEvent::Failed { error, .. } => Err(error.into()),
        FetchEvent::Records { .. } | FetchEvent::CaughtUp => Ok(()),
    }
}
