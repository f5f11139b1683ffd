//! What the journal says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

/// A cut: the records of a path from one offset to another are one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The path of the object.
    pub path: Arc<str>,
    /// The first offset: the one in the object's name.
    pub start: i64,
    /// The last offset.
    pub end: i64,
    /// Which life of which task decided it.
    pub writer: Arc<str>,
}

/// The content of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Content {
    /// Who may write it: a new one for each life of a task.
    pub owner: String,
    /// Counts what was written.
    pub version: u64,
    /// The lowest offset from which on all cuts are listed. Those below are stored and forgotten.
    pub low: i64,
    /// The cuts, in the order in which they were decided.
    pub cuts: Vec<Cut>,
}

impl Content {
    /// As bytes. Paths and writers repeat, so cuts name them by number.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut words: BTreeMap<&str, usize> = BTreeMap::new();
        self.cuts.iter().flat_map(|cut| [&cut.path, &cut.writer]).for_each(|word| {
            words.insert(word, 0);
        });
        words.values_mut().enumerate().for_each(|(index, number)| *number = index);
        let cut = |cut: &Cut| json!([words[&*cut.path], cut.start, cut.end, words[&*cut.writer]]);
        let cuts: Vec<Value> = self.cuts.iter().map(cut).collect();
        let words: Vec<&str> = words.into_keys().collect();
        json!({
            "format": 1, "owner": self.owner, "version": self.version, "low": self.low, "words": words, "cuts": cuts
        })
        .to_string()
        .into_bytes()
    }

    /// Reads it; `None` if it is no journal of this format.
    pub fn read(bytes: &[u8]) -> Option<Content> {
        let json: Value = serde_json::from_slice(bytes).ok().filter(|json: &Value| json["format"] == 1)?;
        let words: Option<Vec<Arc<str>>> =
            json["words"].as_array()?.iter().map(|word| Some(word.as_str()?.into())).collect();
        let words = words?;
        let word = |index: &Value| words.get(usize::try_from(index.as_u64()?).ok()?).cloned();
        let cut = |cut: &Value| {
            Some(Cut { path: word(&cut[0])?, start: cut[1].as_i64()?, end: cut[2].as_i64()?, writer: word(&cut[3])? })
        };
        let cuts: Option<Vec<Cut>> = json["cuts"].as_array()?.iter().map(cut).collect();
        Some(Content {
            owner: json["owner"].as_str()?.to_owned(),
            version: json["version"].as_u64()?,
            low: json["low"].as_i64()?,
            cuts: cuts?,
        })
    }

    /// Forgets cuts that end below `settled`, but for the newest `keep` of them, and remembers from where on the rest is
    /// complete.
    pub fn forget(&mut self, settled: i64, keep: usize) {
        let mut ends: Vec<i64> = self.cuts.iter().map(|cut| cut.end).filter(|end| *end < settled).collect();
        if ends.len() <= keep {
            return;
        }
        ends.sort_unstable();
        let Some(last) = ends.get(ends.len() - keep - 1).copied() else { return };
        self.cuts.retain(|cut| cut.end > last);
        self.low = self.low.max(last + 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        let cut = ("[a-c/]{1,4}", 0i64..1000, 0i64..50, "[xy]");
        let cuts = prop::collection::vec(cut, 0..30);
        (cuts, any::<u64>(), "[a-z]*").prop_map(|(cuts, version, owner)| Content {
            owner,
            version,
            low: 0,
            cuts: cuts
                .into_iter()
                .map(|(path, start, more, writer)| Cut {
                    path: path.into(),
                    start,
                    end: start + more,
                    writer: writer.into(),
                })
                .collect(),
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(content in content()) {
            prop_assert_eq!(Content::read(&content.to_bytes()), Some(content));
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            Content::read(&bytes);
        }

        #[test]
        fn what_is_forgotten_is_settled_and_below_the_mark(content in content(), settled in 0i64..1100, keep in 0usize..10) {
            let mut after = content.clone();
            after.forget(settled, keep);
            prop_assert!(after.low <= settled.max(content.low));
            for cut in &content.cuts {
                prop_assert!(after.cuts.contains(cut) || cut.end < after.low);
            }
            let kept = after.cuts.iter().filter(|cut| cut.end < settled).count();
            prop_assert!(kept <= keep);
        }
    }
}
