//! What a move will do, and what stands in its way: decided before anything is written.

use std::collections::BTreeMap;

use super::move_file::MoveFile;
use super::survey::Survey;

/// A topic of the log that is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTopic {
    /// When it is copied.
    pub stage: Stage,
    /// Its settings that the target is told of.
    pub carried: BTreeMap<String, String>,
    /// Its partitions.
    pub partitions: BTreeMap<i32, Survey>,
}

/// The order in which topics are copied. A worker that somebody starts at the target too early finds no connectors until all that
/// they need is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What connectors wrote and read.
    Data,
    /// Positions and states.
    Positions,
    /// Configurations, once offsets of groups are there too.
    Configurations,
}

/// A topic as the target has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTopic {
    /// Its id, if the target has ids.
    pub id: Option<String>,
    /// Where its partitions end.
    pub ends: Vec<i64>,
}

/// Why records cannot go to the topics of the target: one line for each that is in the way.
pub fn in_the_way(
    source: &BTreeMap<String, SourceTopic>,
    target: &BTreeMap<String, TargetTopic>,
    known: Option<&MoveFile>,
) -> Vec<String> {
    let one = |(name, topic): (&String, &SourceTopic)| {
        let known = known.and_then(|known| known.topics.get(name));
        check(name, topic, target.get(name)?, known.map(|known| known.id.as_deref()))
    };
    source.iter().filter_map(one).collect()
}

fn check(name: &str, topic: &SourceTopic, there: &TargetTopic, known: Option<Option<&str>>) -> Option<String> {
    let (here, count) = (topic.partitions.len(), there.ends.len());
    if here != count {
        return Some(format!(
            "The topic {name} has {here} partitions here and {count} at the target, where records and offsets would stand elsewhere. \
             Delete it there, or leave it out with `--topics`."
        ));
    }
    if there.ends.iter().all(|end| *end == 0) {
        return None;
    }
    // Ids are noted before the first record is written, so another id, or none, is not this move's topic.
    let own = known.is_some_and(|id| id == there.id.as_deref());
    if !own {
        return Some(format!(
            "The topic {name} at the target holds records that this move has not written. Delete it there, or leave it out with \
             `--topics`."
        ));
    }
    let more = |(partition, survey): (&i32, &Survey)| {
        let end = usize::try_from(*partition).ok().and_then(|index| there.ends.get(index)).copied().unwrap_or(0);
        (end > survey.contents.records).then(|| {
            format!(
                "The partition {name}-{partition} has {} records here and {end} at the target: somebody else writes there. Stop \
                 that, delete the topic at the target, and run the same command again.",
                survey.contents.records
            )
        })
    };
    topic.partitions.iter().find_map(more)
}

/// A committed offset, and where it stands at the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedOffset {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Here: the next record to read.
    pub offset: i64,
    /// There.
    pub moved: i64,
    /// The text that the group keeps with it.
    pub metadata: String,
}

impl MovedOffset {
    /// Where a committed offset stands at the target. `None` for a partition that is not moved.
    pub fn of(
        source: &BTreeMap<String, SourceTopic>,
        (group, topic, partition): (&str, &str, i32),
        (offset, metadata): (i64, &str),
    ) -> Option<MovedOffset> {
        let survey = source.get(topic)?.partitions.get(&partition)?;
        let moved = survey.map.translate(offset)?;
        Some(MovedOffset {
            group: group.to_owned(),
            topic: topic.to_owned(),
            partition,
            offset,
            moved,
            metadata: metadata.to_owned(),
        })
    }

    /// The sentence that says that it changes, if it does.
    pub fn change(&self) -> Option<String> {
        let MovedOffset { group, topic, partition, offset, moved, .. } = self;
        (offset != moved)
            .then(|| format!("group {group} goes on at {moved} in {topic}-{partition}, which was {offset}"))
    }
}

/// Which groups are somewhere else at the target already: somebody reads there. `there` is what a group has committed of a
/// partition at the target.
pub fn read_already(wanted: &[MovedOffset], there: impl Fn(&MovedOffset) -> Option<i64>) -> Vec<String> {
    let one = |wanted: &MovedOffset| {
        let found = there(wanted).filter(|found| *found != wanted.moved)?;
        let MovedOffset { group, topic, partition, moved, .. } = wanted;
        Some(format!(
            "The group {group} has committed {found} in {topic}-{partition} at the target, and would have to go on at {moved}: \
             somebody reads there under that name. Delete that group at the target, or its offsets."
        ))
    };
    wanted.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::move_file::{MovedPartition, MovedTopic};
    use super::super::offset_map::Mapping;
    use super::super::survey::Contents;
    use super::*;

    fn survey(start: i64, end: i64) -> Survey {
        let mut mapping = Mapping::new(start, &BTreeSet::new());
        (start..end).for_each(|offset| mapping.record(offset, 1));
        let contents = Contents { records: end - start, ..Contents::default() };
        Survey { start, end, contents, map: mapping.finish(end) }
    }

    fn source(name: &str, partitions: &[Survey]) -> BTreeMap<String, SourceTopic> {
        let partitions = (0..).zip(partitions.iter().cloned()).collect();
        [(name.to_owned(), SourceTopic { stage: Stage::Data, carried: BTreeMap::new(), partitions })].into()
    }

    fn target(name: &str, id: &str, ends: &[i64]) -> BTreeMap<String, TargetTopic> {
        [(name.to_owned(), TargetTopic { id: Some(id.to_owned()), ends: ends.to_vec() })].into()
    }

    fn file(name: &str, id: &str, partitions: &[Survey]) -> MoveFile {
        let mut file = MoveFile::new("to".into(), None, (1, 0));
        let moved = |survey: &Survey| MovedPartition { survey: survey.clone(), written: 0, checked: false };
        let partitions = (0..).zip(partitions.iter().map(moved)).collect();
        file.topics.insert(name.to_owned(), MovedTopic { id: Some(id.to_owned()), partitions });
        file
    }

    #[test]
    fn only_topics_that_are_empty_or_this_move_s_own_are_written_to() {
        let here = [survey(0, 5), survey(2, 4)];
        let source = source("t", &here);
        let known = file("t", "mine", &here);
        let said = |target: &BTreeMap<String, TargetTopic>, known| in_the_way(&source, target, known).join("\n");
        assert_eq!(said(&BTreeMap::new(), None), "");
        assert_eq!(said(&target("t", "x", &[0, 0]), None), "");
        assert_eq!(said(&target("t", "mine", &[5, 1]), Some(&known)), "");
        assert_eq!(said(&target("other", "x", &[9]), None), "");
        assert!(said(&target("t", "x", &[0]), None).contains("2 partitions here and 1"));
        assert!(said(&target("t", "x", &[0, 1]), None).contains("has not written"));
        assert!(said(&target("t", "another", &[1, 0]), Some(&known)).contains("has not written"));
        let mut not_made = known.clone();
        not_made.topics.get_mut("t").unwrap().id = None;
        assert!(said(&target("t", "mine", &[1, 0]), Some(&not_made)).contains("has not written"));
        assert!(said(&target("t", "mine", &[5, 3]), Some(&known)).contains("t-1 has 2 records here and 3"));
    }

    #[test]
    fn groups_go_on_at_the_same_record_unless_they_have_gone_on_already() {
        let source = source("t", &[survey(10, 20)]);
        let moved = MovedOffset::of(&source, ("g", "t", 0), (15, "m")).unwrap();
        assert_eq!((moved.moved, moved.metadata.as_str()), (5, "m"));
        assert_eq!(moved.change().unwrap(), "group g goes on at 5 in t-0, which was 15");
        assert_eq!(MovedOffset::of(&source, ("g", "t", 1), (15, "")), None);
        let wanted = [moved];
        assert!(read_already(&wanted, |_| None).is_empty() && read_already(&wanted, |_| Some(5)).is_empty());
        assert!(read_already(&wanted, |_| Some(9))[0].contains("has committed 9 in t-0"));
    }
}
