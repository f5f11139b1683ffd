//! Which partitions are read, and from where.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// How one partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The next offset wanted.
    pub offset: i64,
    /// It is in a request that has not been answered.
    pub asked: bool,
    /// Leave it out for now.
    pub paused: bool,
    /// Changes whenever the caller moves the position, so that an answer to an older question is known as such.
    pub turn: u64,
}

/// The partitions that are read.
#[derive(Debug, Default)]
pub(super) struct Positions {
    all: BTreeMap<TopicPartition, Position>,
    turns: u64,
}

impl Positions {
    /// Reads a partition from that offset on.
    pub fn set(&mut self, partition: TopicPartition, offset: i64) {
        self.turns += 1;
        let paused = self.all.get(&partition).is_some_and(|known| known.paused);
        self.all.insert(partition, Position { offset, asked: false, paused, turn: self.turns });
    }

    pub fn remove(&mut self, partition: &TopicPartition) {
        self.all.remove(partition);
    }

    pub fn pause(&mut self, paused: bool) {
        self.all.values_mut().for_each(|position| position.paused = paused);
    }

    pub fn get(&self, partition: &TopicPartition) -> Option<&Position> {
        self.all.get(partition)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Position)> {
        self.all.iter()
    }

    /// Partitions that may be asked for now.
    pub fn idle(&self) -> impl Iterator<Item = (&TopicPartition, &Position)> {
        self.all.iter().filter(|(_, position)| !position.asked && !position.paused)
    }

    pub fn mark_asked(&mut self, partition: &TopicPartition) {
        if let Some(position) = self.all.get_mut(partition) {
            position.asked = true;
        }
    }

    /// The question of that turn has been answered. False if the position has been moved or removed since.
    pub fn answered(&mut self, partition: &TopicPartition, turn: u64) -> bool {
        match self.all.get_mut(partition) {
            Some(position) if position.turn == turn => {
                position.asked = false;
                true
            }
            _ => false,
        }
    }

    /// Goes on behind records that have been handed over.
    pub fn advance(&mut self, partition: &TopicPartition, next: i64) {
        if let Some(position) = self.all.get_mut(partition) {
            position.offset = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_an_older_question_is_known_as_such() {
        let partition = TopicPartition { topic: "t".into(), partition: 0 };
        let mut positions = Positions::default();
        positions.set(partition.clone(), 5);
        let turn = positions.get(&partition).unwrap().turn;
        positions.mark_asked(&partition);
        assert_eq!(positions.idle().count(), 0);
        positions.set(partition.clone(), 2);
        assert!(!positions.answered(&partition, turn));
        assert_eq!(positions.idle().count(), 1);
        positions.pause(true);
        assert_eq!(positions.idle().count(), 0);
    }
}
