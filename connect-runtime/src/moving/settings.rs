//! The settings of topics: which ones go to the target, and when.
//!
//! While it is filled a topic must stay as it is: a cluster would otherwise compact it, delete records that are older than its retention,
//! or give them its own time, before anything has been checked. So those settings wait until the topic has been, if the target
//! lets settings be changed; a target that does not (the log of this project) does none of that.

use std::collections::BTreeMap;

/// A setting as the log describes it: its key, its value, and whether it was set for the topic itself.
pub type Described = (String, String, bool);

/// What Kafka takes where nobody sets `max.message.bytes`.
const USUAL_MESSAGE_BYTES: &str = "1048588";

/// The settings of one topic at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// While it is filled.
    pub at_first: BTreeMap<String, String>,
    /// Once it is checked: what is set, or with `None` what is left to the cluster.
    pub later: BTreeMap<String, Option<String>>,
    /// What the user has to set, because the target lets nobody change settings.
    pub by_hand: BTreeMap<String, String>,
}

/// What a topic has here that it is to have there: what was set for it, and what the log does with all topics and a cluster would do
/// otherwise. The log deletes nothing by itself, which a cluster does after seven days.
pub fn carried(described: &[Described]) -> BTreeMap<String, String> {
    let compacted = described.iter().any(|(key, value, _)| key == "cleanup.policy" && !value.contains("delete"));
    let matters = |(key, value, own): &&Described| match key.as_str() {
        "retention.ms" | "retention.bytes" => *own || !compacted,
        "max.message.bytes" => *own || value != USUAL_MESSAGE_BYTES,
        _ => *own,
    };
    described.iter().filter(matters).map(|(key, value, _)| (key.clone(), value.clone())).collect()
}

/// When each of them is set. `can_alter` says whether the target lets settings be changed.
pub fn settings(carried: BTreeMap<String, String>, can_alter: bool) -> Settings {
    let (mut at_first, mut later, mut by_hand) = (carried, BTreeMap::new(), BTreeMap::new());
    let append_time = at_first.remove("message.timestamp.type").filter(|kind| kind == "LogAppendTime");
    if !can_alter {
        by_hand.extend(append_time.map(|kind| ("message.timestamp.type".to_owned(), kind)));
        return Settings { at_first, later, by_hand };
    }
    for (key, while_filled) in [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")] {
        let wanted = at_first.insert(key.to_owned(), while_filled.to_owned());
        if wanted.as_deref() != Some(while_filled) {
            later.insert(key.to_owned(), wanted);
        }
    }
    later.extend(append_time.map(|kind| ("message.timestamp.type".to_owned(), Some(kind))));
    Settings { at_first, later, by_hand }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn described(pairs: &[(&str, &str, bool)]) -> Vec<Described> {
        pairs.iter().map(|(key, value, own)| ((*key).to_owned(), (*value).to_owned(), *own)).collect()
    }

    #[test]
    fn what_the_log_keeps_for_ever_a_cluster_is_told_to_keep_for_ever() {
        let all = [
            ("cleanup.policy", "delete", false),
            ("max.message.bytes", "1048588", false),
            ("retention.ms", "-1", false),
            ("retention.bytes", "-1", false),
            ("segment.bytes", "134217728", false),
        ];
        let wanted = BTreeMap::from([("retention.bytes", "-1"), ("retention.ms", "-1")]);
        let wanted: BTreeMap<String, String> = wanted.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(carried(&described(&all)), wanted);
        let large = [("max.message.bytes", "9000000", false)];
        assert_eq!(carried(&described(&large))["max.message.bytes"], "9000000");
    }

    #[test]
    fn a_compacted_topic_is_compacted_once_it_is_checked() {
        let compacted = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        let made = settings(compacted.clone(), true);
        assert_eq!(made.at_first["cleanup.policy"], "delete");
        assert_eq!(made.later["cleanup.policy"].as_deref(), Some("compact"));
        assert_eq!(made.later["retention.ms"], None);
        assert_eq!(settings(compacted.clone(), false), Settings { at_first: compacted, ..Settings::default() });
    }

    proptest! {
        #[test]
        fn in_the_end_a_topic_has_what_was_carried(
            policy in proptest::option::of(prop_oneof![Just("delete"), Just("compact"), Just("compact,delete")]),
            kind in proptest::option::of(prop_oneof![Just("CreateTime"), Just("LogAppendTime")]),
            retention in proptest::option::of(prop_oneof![Just("-1"), Just("1000")]),
            can_alter: bool,
        ) {
            let pairs = [("cleanup.policy", policy), ("message.timestamp.type", kind), ("retention.ms", retention)];
            let carried: BTreeMap<String, String> =
                pairs.iter().filter_map(|(key, value)| Some(((*key).to_owned(), (*value)?.to_owned()))).collect();
            let made = settings(carried.clone(), can_alter);
            let mut end = made.at_first.clone();
            for (key, value) in made.later.into_iter().chain(made.by_hand.into_iter().map(|(key, value)| (key, Some(value)))) {
                match value {
                    Some(value) => end.insert(key, value),
                    None => end.remove(&key),
                };
            }
            // What says what a cluster does anyway may be missing.
            let plain = |settings: &BTreeMap<String, String>, key: &str, usual: &str| {
                settings.get(key).map_or(usual.to_owned(), String::clone)
            };
            for (key, usual) in [("cleanup.policy", "delete"), ("message.timestamp.type", "CreateTime"), ("retention.ms", "none")] {
                prop_assert_eq!(plain(&end, key, usual), plain(&carried, key, usual));
            }
        }
    }
}
