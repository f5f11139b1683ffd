//! The offset topic, record by record.
//!
//! The key is the JSON array `["CONNECTOR", {source partition}]`, the value the JSON object of the source offset, or
//! null to forget the partition.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use connector_api::{Position, SourceOffset, SourcePartition};
use serde_json::Value as Json;

use crate::internal::Entry;

/// The state of the offset topic after some of its records. Reads no topic.
#[derive(Debug, Default)]
pub struct OffsetLog {
    connectors: HashMap<String, BTreeMap<String, Stored>>,
}

#[derive(Debug)]
struct Stored {
    /// The key as it stands in the topic. A new record must repeat these very bytes to replace the old one, and another
    /// writer may have written names in another order.
    key: Bytes,
    partition: SourcePartition,
    offset: SourceOffset,
}

impl OffsetLog {
    /// Takes in a record. What is not understood is passed over.
    pub fn apply(&mut self, key: &Bytes, value: Option<&[u8]>) {
        let Some((connector, partition)) = read_key(key) else { return };
        let name = name_of(&partition);
        let known = self.connectors.entry(connector).or_default();
        match value.and_then(|value| serde_json::from_slice::<Json>(value).ok()) {
            Some(Json::Object(offset)) => {
                // A copy: a slice would keep the whole fetched frame in memory.
                let key = Bytes::copy_from_slice(key);
                known.insert(name, Stored { key, partition, offset: SourceOffset(offset) });
            }
            _ => drop(known.remove(&name)),
        }
    }

    /// All positions of a connector, in a stable order.
    pub fn positions(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        let stored = self.connectors.get(connector).into_iter().flat_map(BTreeMap::values);
        stored.map(|stored| (stored.partition.clone(), stored.offset.clone())).collect()
    }

    /// The records that store positions.
    pub fn entries(&self, connector: &str, positions: &[Position]) -> Vec<Entry> {
        let known = self.connectors.get(connector);
        let entry = |position: &Position| {
            let stored = known.and_then(|known| known.get(&name_of(&position.partition)));
            let key = stored.map_or_else(|| write_key(connector, &position.partition), |stored| stored.key.clone());
            let value = position.offset.as_ref().map(|offset| Json::Object(offset.0.clone()).to_string().into());
            Entry { key, value }
        };
        positions.iter().map(entry).collect()
    }
}

/// The same name for the same partition, whatever the order of its parts (maps are sorted by name).
fn name_of(partition: &SourcePartition) -> String {
    Json::Object(partition.0.clone()).to_string()
}

fn read_key(key: &[u8]) -> Option<(String, SourcePartition)> {
    match serde_json::from_slice(key).ok()? {
        Json::Array(parts) => match <[Json; 2]>::try_from(parts).ok()? {
            [Json::String(connector), Json::Object(partition)] => Some((connector, SourcePartition(partition))),
            _ => None,
        },
        _ => None,
    }
}

fn write_key(connector: &str, partition: &SourcePartition) -> Bytes {
    Json::Array(vec![connector.into(), Json::Object(partition.0.clone())]).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_replaces_the_one_before_it_under_the_very_same_key() {
        let mut log = OffsetLog::default();
        let key = Bytes::from_static(br#"["a-b", {"server":"s","db":1}]"#);
        log.apply(&key, Some(br#"{"lsn":5,"snapshot":true}"#));
        let (partition, offset) = log.positions("a-b").pop().unwrap();
        assert_eq!((offset.number("lsn"), offset.flag("snapshot")), (Some(5), true));
        let position = Position { partition, offset: Some(SourceOffset::of("lsn", 6)) };
        let entries = log.entries("a-b", std::slice::from_ref(&position));
        assert_eq!(entries, [Entry { key: key.clone(), value: Some(r#"{"lsn":6}"#.into()) }]);
        log.apply(&entries[0].key, None);
        assert!(log.positions("a-b").is_empty());
    }

    #[test]
    fn a_new_partition_gets_a_key_as_kafka_connect_writes_it() {
        let position = Position { partition: SourcePartition::of("filename", "/a"), offset: None };
        let entries = OffsetLog::default().entries("f", &[position]);
        assert_eq!(entries, [Entry { key: r#"["f",{"filename":"/a"}]"#.into(), value: None }]);
    }

    #[test]
    fn foreign_records_are_passed_over() {
        let mut log = OffsetLog::default();
        for key in [&b"x"[..], b"[]", br#"["a"]"#, br#"{"a":1}"#, br#"[1,{}]"#] {
            log.apply(&Bytes::copy_from_slice(key), Some(b"{}"));
        }
        assert!(log.connectors.is_empty());
    }
}
