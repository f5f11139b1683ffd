//! Offsets that belong to a transaction which is not over: held back until its marker, then shown or forgotten (KIP-98, KIP-447).
//!
//! A commit outside of transactions that comes later wins over what is held back, as does a deletion.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker_wire::ErrorCode;

use super::group::{Committed, Group};

/// Offsets by topic and partition.
pub type Offsets = BTreeMap<(String, i32), Committed>;

/// Which groups have something held back, by partition of the journal and producer.
#[derive(Debug, Default)]
pub struct Pending {
    groups: HashMap<(i32, i64), BTreeSet<String>>,
}

impl Pending {
    /// A group has something held back for a producer.
    pub fn insert(&mut self, journal: i32, producer_id: i64, group: &str) {
        let groups = self.groups.entry((journal, producer_id)).or_default();
        if !groups.contains(group) {
            groups.insert(group.to_owned());
        }
    }

    /// The groups whose offsets a marker of the producer in that partition of the journal decides.
    pub fn take(&mut self, journal: i32, producer_id: i64) -> BTreeSet<String> {
        self.groups.remove(&(journal, producer_id)).unwrap_or_default()
    }
}

impl Group {
    /// Whether offsets may be committed within a transaction. Nobody in particular (generation -1, no member id) always may: then
    /// the transactional id is the fence.
    ///
    /// # Errors
    /// The code that tells the caller what is wrong.
    pub fn check_transactional_commit(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return Ok(());
        }
        self.hear(now, member_id, instance_id, generation)
    }

    /// Holds offsets back until the producer's transaction is over.
    pub fn hold(&mut self, producer_id: i64, offsets: impl IntoIterator<Item = ((String, i32), Committed)>) {
        self.pending.entry(producer_id).or_default().extend(offsets);
    }

    /// The producer's transaction is over: what was held back for it is shown or forgotten.
    pub fn decide(&mut self, producer_id: i64, committed: bool) {
        let held = self.pending.remove(&producer_id).unwrap_or_default();
        if committed {
            self.offsets.extend(held);
        }
    }

    /// Shows an offset that was committed outside of transactions.
    pub fn show(&mut self, at: (String, i32), committed: Committed) {
        self.release(&at);
        self.offsets.insert(at, committed);
    }

    /// Forgets an offset, shown or held back.
    pub fn forget(&mut self, at: &(String, i32)) {
        self.release(at);
        self.offsets.remove(at);
    }

    /// True if an offset is held back.
    pub fn is_pending(&self, at: &(String, i32)) -> bool {
        self.pending.values().any(|held| held.contains_key(at))
    }

    fn release(&mut self, at: &(String, i32)) {
        if !self.pending.is_empty() {
            self.pending.values_mut().for_each(|held| drop(held.remove(at)));
            self.pending.retain(|_, held| !held.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32) -> (String, i32) {
        ("t".to_owned(), partition)
    }

    fn offset(offset: i64) -> Committed {
        Committed { offset, leader_epoch: -1, metadata: String::new() }
    }

    #[test]
    fn offsets_are_held_back_until_the_transaction_commits() {
        let mut group = Group::default();
        group.show(at(0), offset(1));
        group.hold(7, [(at(0), offset(5)), (at(1), offset(6))]);
        group.hold(8, [(at(2), offset(9))]);
        assert_eq!(group.offsets, [(at(0), offset(1))].into());
        assert!(group.is_pending(&at(0)) && group.is_pending(&at(2)));
        group.decide(8, false);
        group.decide(7, true);
        assert_eq!(group.offsets, [(at(0), offset(5)), (at(1), offset(6))].into());
        assert!(group.pending.is_empty());
    }

    #[test]
    fn later_commits_and_deletions_win() {
        let mut group = Group::default();
        group.hold(7, [(at(0), offset(5)), (at(1), offset(6))]);
        assert!(!group.is_disposable());
        group.show(at(0), offset(3));
        group.forget(&at(1));
        group.decide(7, true);
        assert_eq!(group.offsets, [(at(0), offset(3))].into());
    }

    #[test]
    fn members_are_checked_and_nobody_in_particular_is_not() {
        let mut group = Group { generation: 4, ..Group::default() };
        assert_eq!(group.check_transactional_commit(0, "", None, -1), Ok(()));
        assert_eq!(group.check_transactional_commit(0, "m", None, 4), Err(ErrorCode::UNKNOWN_MEMBER_ID));
        assert_eq!(group.check_transactional_commit(0, "", Some("i"), -1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    }
}
