//! The transaction: rows and the offsets behind them, all or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use bytes::Bytes;
use connector_api::TopicPartition;
use futures_util::SinkExt;
use tokio_postgres::{Client, Row as Found, Transaction};

use crate::names::Table;
use crate::row::Row;
use crate::session::{Said, Statements};

/// For each partition, the offset of the next record.
pub type Offsets = BTreeMap<TopicPartition, i64>;

/// Writes the rows that are not there yet, and moves their partitions on, at most to where they are held.
pub async fn transaction(client: &mut Client, with: &Statements, name: &str, rows: &[Row], held: &Offsets) -> Said<()> {
    let ends: Offsets = rows.iter().map(|row| (row.origin.clone(), row.offset + 1)).collect();
    let work = client.transaction().await?;
    let (topics, numbers) = columns(ends.keys());
    // Whoever else writes these partitions waits here, or has made us wait and been first.
    let stored = work.query(&with.lock, &[&name, &topics, &numbers]).await?;
    let stored: Offsets = stored.iter().filter_map(offset).collect();
    let new = rows.iter().filter(|row| stored.get(&row.origin).is_none_or(|next| row.offset >= *next));
    copy(&work, with, &new.collect::<Vec<_>>()).await?;
    let ends: Vec<i64> =
        ends.iter().map(|(partition, end)| held.get(partition).map_or(*end, |at| *end.min(at))).collect();
    work.execute(&with.store, &[&name, &topics, &numbers, &ends]).await?;
    work.commit().await
}

async fn copy(work: &Transaction<'_>, with: &Statements, rows: &[&Row]) -> Said<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let tables: Vec<&Table> = rows.iter().map(|row| &row.table).collect::<BTreeSet<_>>().into_iter().collect();
    let mut text = Vec::new();
    for row in rows {
        row.write(&mut text, tables.binary_search(&&row.table).unwrap_or_default());
    }
    let mut stream = pin!(work.copy_in::<_, Bytes>(&with.copy).await?);
    stream.send(text.into()).await?;
    stream.finish().await?;
    let inserts: String = tables.iter().enumerate().map(|(number, table)| insert(number, &table.0)).collect();
    work.batch_execute(&inserts).await
}

/// Rows that are there already are those behind a record that was rejected, up to which alone the partition was moved:
/// the same again. Or they are of a topic that has been made anew since, and what the log holds now must not be dropped
/// for them.
fn insert(number: usize, table: &str) -> String {
    format!(
        "INSERT INTO {table} (key, value, topic, partition, kafka_offset) SELECT key, value, topic, partition, \
         kafka_offset FROM naru_staging WHERE target = {number} ON CONFLICT (topic, partition, kafka_offset) \
         DO UPDATE SET key = excluded.key, value = excluded.value;"
    )
}

/// Topics and numbers of partitions, as parameters.
pub fn columns<'p>(of: impl Iterator<Item = &'p TopicPartition>) -> (Vec<&'p str>, Vec<i32>) {
    of.map(|partition| (&*partition.topic, partition.partition)).unzip()
}

/// A partition and its offset, of a row of the table of offsets; none where nothing has been written.
pub fn offset(row: &Found) -> Option<(TopicPartition, i64)> {
    let next: Option<i64> = row.try_get(2).ok()?;
    Some((TopicPartition::new(row.try_get::<_, String>(0).ok()?, row.try_get(1).ok()?), next?))
}
