//! Offsets that stand inside the records of the config topic.
//!
//! A commit of tasks names the offset of the configuration that they were made for, `config-offset`. A worker compares it with the
//! offset of the newest configuration: if they differ it makes the tasks anew. Where the offsets of the config topic change, a commit
//! that is copied as it stands may by chance name a newer configuration than the one it was made for, and a change of the
//! configuration that no worker had carried out yet would never be. So the number is changed with the offset. A configuration
//! that is not in the topic any more (compaction) gets -1: there is a newer one then, and the tasks have to be made for that.
//! Everything else in the worker's topics is free of offsets: `tasks-fencing` counts tasks, states name generations.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// The offsets of configurations, here and at the target.
#[derive(Clone, Debug, Default)]
pub struct ConfigOffsets(BTreeMap<i64, i64>);

impl ConfigOffsets {
    /// Takes in a record of the config topic: its offset, and its place at the target.
    pub fn note(&mut self, key: Option<&[u8]>, offset: i64, place: i64) {
        if key.is_some_and(|key| key.starts_with(b"connector-")) {
            self.0.insert(offset, place);
        }
    }

    /// The value that the record has at the target, if it is not its own. Without any configuration nothing changes.
    pub fn rewritten(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Vec<u8>> {
        key.filter(|key| !self.0.is_empty() && key.starts_with(b"commit-"))?;
        let mut json: Json = serde_json::from_slice(value?).ok()?;
        let offset = json.get("config-offset")?.as_i64()?;
        let moved = self.0.get(&offset).copied().unwrap_or(-1);
        if moved == offset {
            return None;
        }
        json["config-offset"] = moved.into();
        serde_json::to_vec(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use connector_api::config::RawConfig;
    use proptest::prelude::*;

    use super::*;
    use crate::herd::config_log::{ConfigLog, connector_record, task_records};

    fn config(value: usize) -> RawConfig {
        RawConfig::from([("k".to_owned(), value.to_string())])
    }

    proptest! {
        /// Whether tasks fit the newest configuration is the same before and after, whatever was cut off in front or is missing.
        #[test]
        fn tasks_fit_their_configuration_after_the_move_if_they_did_before(
            steps in proptest::collection::vec((0u8..3, 0usize..3), 1..30),
            cut in 0usize..10,
            holes in proptest::collection::btree_set(0usize..60, 0..8),
        ) {
            let mut all = vec![connector_record("a", &config(0), "x")];
            let mut newest = 0;
            for (step, value) in steps {
                match step {
                    0 => { newest = all.len() as i64; all.push(connector_record("a", &config(value), "x")); }
                    // For a configuration that is out of date, or for the newest.
                    1 => all.extend(task_records("a", &[config(value)], "x", 0)),
                    _ => all.extend(task_records("a", &[config(value)], "x", newest)),
                }
            }
            let is_newest = |at: &usize| *at as i64 == newest;
            let kept: Vec<usize> = (0..all.len())
                .filter(|at| is_newest(at) || (*at >= cut && !holes.contains(at)))
                .collect();
            let (mut before, mut after, mut offsets) = (ConfigLog::default(), ConfigLog::default(), ConfigOffsets::default());
            for (place, at) in kept.iter().enumerate() {
                offsets.note(Some(all[*at].0.as_bytes()), *at as i64, place as i64);
            }
            for (place, at) in kept.iter().enumerate() {
                let (key, value) = &all[*at];
                let value = value.as_deref().map(str::as_bytes);
                before.apply(*at as i64, key, value);
                let rewritten = offsets.rewritten(Some(key.as_bytes()), value);
                after.apply(place as i64, key, rewritten.as_deref().or(value));
            }
            let state = |log: &ConfigLog| {
                let entry = &log.connectors()["a"];
                (entry.config.clone(), entry.tasks.clone(), entry.incomplete)
            };
            let fits = |log: &ConfigLog| log.connectors()["a"].tasks_for == log.connectors()["a"].config_offset;
            prop_assert_eq!(state(&before), state(&after));
            prop_assert_eq!(fits(&before), fits(&after));
        }
    }

    #[test]
    fn records_without_an_offset_stay_as_they_are() {
        let mut offsets = ConfigOffsets::default();
        offsets.note(Some(b"connector-a"), 9, 0);
        let rewritten = |key: &str, value: &str| offsets.rewritten(Some(key.as_bytes()), Some(value.as_bytes()));
        assert_eq!(rewritten("commit-a", r#"{"tasks":1}"#), None);
        assert_eq!(rewritten("commit-a", "no JSON"), None);
        assert_eq!(rewritten("tasks-fencing-a", r#"{"task-count":1}"#), None);
        assert_eq!(rewritten("connector-a", r#"{"config-offset":7}"#), None);
        assert_eq!(
            rewritten("commit-a", r#"{"config-offset":7,"tasks":1}"#).unwrap(),
            br#"{"config-offset":-1,"tasks":1}"#
        );
        assert_eq!(offsets.rewritten(None, None), None);
    }
}
