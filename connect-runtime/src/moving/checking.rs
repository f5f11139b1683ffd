//! Reading back what the target holds.

use std::collections::BTreeMap;

use broker_client::{Client, TopicPartition};

use super::copying::Part;
use super::failure::{Failure, Result};
use super::pace::Pace;
use super::reading::{Ranges, Side, read};
use super::survey::{Contents, Summing};

/// How many records at the end of a partition are compared before a copy goes on behind them.
const TAIL: i64 = 1000;

/// Compares what whole partitions hold at the target with what was read here.
///
/// # Errors
/// The first partition that differs.
pub async fn check(target: &Client, parts: &[Part<'_>], pace: &Pace) -> Result<()> {
    let range = |part: &Part<'_>| (part.partition.clone(), (0, part.survey.contents.records));
    let ranges: Ranges = parts.iter().map(range).collect();
    let found = sum_up((target, Side::Target), &ranges, Some(pace)).await?;
    let differs = parts.iter().find(|part| found.get(part.partition) != Some(&part.survey.contents));
    differs.map_or(Ok(()), |part| {
        let here = part.survey.contents;
        let there = found.get(part.partition).copied().unwrap_or_default();
        Err(Failure::running(format!(
            "{} at the target is not the same as here: {} records with checksum {:08x}, here {} with {:08x}. Somebody else writes \
             there or deletes. Delete that topic at the target, then run the same command again.",
            part.partition, there.records, there.crc, here.records, here.crc
        )))
    })
}

/// Compares the last records that partitions hold at the target with those that stand here at their places, so that nothing is written
/// behind records that are not this move's.
///
/// # Errors
/// The first partition that differs.
pub async fn check_tails(logs: (&Client, &Client), parts: &[Part<'_>]) -> Result<()> {
    let tail = |part: &&Part<'_>| (part.there - TAIL).max(0);
    let begun: Vec<&Part<'_>> = parts.iter().filter(|part| part.there > 0).collect();
    let there: Ranges = begun.iter().map(|part| (part.partition.clone(), (tail(part), part.there))).collect();
    let there = sum_up((logs.1, Side::Target), &there, None).await?;
    let here = sum_up_places(logs.0, &begun, tail).await?;
    let differs = begun.iter().find(|part| there.get(part.partition) != here.get(part.partition));
    differs.map_or(Ok(()), |part| {
        Err(Failure::running(format!(
            "The last of the {} records of {} at the target are not those that stand there here: somebody else writes there, or the \
             log here has changed. Delete that topic at the target, then run the same command again.",
            part.there, part.partition
        )))
    })
}

/// The records here at the places from `tail` to the number that is there.
async fn sum_up_places(
    source: &Client,
    parts: &[&Part<'_>],
    tail: impl Fn(&&Part<'_>) -> i64,
) -> Result<BTreeMap<TopicPartition, Contents>> {
    let mut places = BTreeMap::new();
    let mut ranges = Ranges::new();
    for part in parts {
        let (from, place) = part.survey.map.before(tail(part)).unwrap_or((part.survey.start, 0));
        ranges.insert(part.partition.clone(), (from, part.survey.end));
        places.insert(part.partition, (place, tail(part), part.there, part.offsets));
    }
    let mut sums: BTreeMap<TopicPartition, Summing> = begin(&ranges);
    read((source, Side::Source), &ranges, |found| {
        let (Some(sum), Some((place, first, end, offsets))) =
            (sums.get_mut(found.partition), places.get_mut(found.partition))
        else {
            return Ok(false);
        };
        for record in found.open()?.records() {
            let record = record.map_err(|why| found.damaged(&why))?;
            if !found.wants(record.offset) || *place >= *end {
                continue;
            }
            if *place >= *first {
                let rewritten = offsets.and_then(|offsets| offsets.rewritten(record.key, record.value));
                sum.record(&record, rewritten.as_deref().or(record.value));
            }
            *place += 1;
        }
        Ok(*place < *end)
    })
    .await?;
    Ok(finish(sums))
}

async fn sum_up(
    log: (&Client, Side),
    ranges: &Ranges,
    pace: Option<&Pace>,
) -> Result<BTreeMap<TopicPartition, Contents>> {
    let mut sums = begin(ranges);
    read(log, ranges, |found| {
        let Some(sum) = sums.get_mut(found.partition) else { return Ok(false) };
        let mut count = 0;
        for record in found.open()?.records() {
            let record = record.map_err(|why| found.damaged(&why))?;
            if found.wants(record.offset) {
                sum.record(&record, record.value);
                count += 1;
            }
        }
        pace.into_iter().for_each(|pace| pace.add(count, found.batch.bytes.len() as u64));
        Ok(true)
    })
    .await?;
    Ok(finish(sums))
}

fn begin(ranges: &Ranges) -> BTreeMap<TopicPartition, Summing> {
    ranges.keys().map(|partition| (partition.clone(), Summing::default())).collect()
}

fn finish(sums: BTreeMap<TopicPartition, Summing>) -> BTreeMap<TopicPartition, Contents> {
    sums.into_iter().map(|(partition, sum)| (partition, sum.finish())).collect()
}
