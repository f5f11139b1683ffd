//! Who reads which partition: balanced, sticky, and cooperative (KIP-429).
//!
//! Each member ends with as many partitions as any other, give or take one, as far as subscriptions allow; it keeps
//! what it has while that is so. A partition that moves is given to nobody until its owner has let go of it, which it
//! does by joining again without it.

use std::collections::{BTreeMap, BTreeSet};

use crate::consumer::TopicPartition;

/// What the assignor knows of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscriber {
    /// Topics that it reads.
    pub topics: BTreeSet<String>,
    /// Partitions that it says it owns.
    pub owned: BTreeSet<TopicPartition>,
}

/// Shares the partitions of `topics` (names and partition counts) out among members, by member id.
///
/// A partition that somebody else still owns is left out of its new owner's share: the next generation, which its
/// present owner brings about by giving it up, hands it over.
pub fn cooperative_sticky(
    members: &BTreeMap<String, Subscriber>,
    topics: &BTreeMap<String, i32>,
) -> BTreeMap<String, BTreeSet<TopicPartition>> {
    let mut target = balanced(members, topics);
    for (member, share) in &mut target {
        share.retain(|partition| {
            let owned_elsewhere =
                |(other, known): (&String, &Subscriber)| other != member && known.owned.contains(partition);
            !members.iter().any(owned_elsewhere)
        });
    }
    target
}

/// The shares that everybody ends with.
fn balanced(
    members: &BTreeMap<String, Subscriber>,
    topics: &BTreeMap<String, i32>,
) -> BTreeMap<String, BTreeSet<TopicPartition>> {
    let mut shares: BTreeMap<String, BTreeSet<TopicPartition>> =
        members.keys().map(|member| (member.clone(), BTreeSet::new())).collect();
    let mut free = Vec::new();
    for partition in all_partitions(topics) {
        match keeper(members, &partition) {
            Some(member) => shares.entry(member.clone()).or_default().insert(partition),
            None => {
                free.push(partition);
                true
            }
        };
    }
    for partition in free {
        let readers = members.iter().filter(|(_, known)| known.topics.contains(&*partition.topic));
        if let Some((member, _)) = readers.min_by_key(|(member, _)| shares[*member].len()) {
            shares.entry(member.clone()).or_default().insert(partition);
        }
    }
    even_out(members, &mut shares);
    shares
}

fn all_partitions(topics: &BTreeMap<String, i32>) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|(topic, count)| {
        let topic: std::sync::Arc<str> = topic.as_str().into();
        (0..*count).map(move |partition| TopicPartition { topic: topic.clone(), partition })
    })
}

/// Who has the partition now and may keep it. If two say so, neither is believed: both may be out of date.
fn keeper<'a>(members: &'a BTreeMap<String, Subscriber>, partition: &TopicPartition) -> Option<&'a String> {
    let owns = |(_, known): &(&String, &Subscriber)| known.owned.contains(partition);
    let mut owners = members.iter().filter(owns);
    let (member, known) = owners.next()?;
    (owners.next().is_none() && known.topics.contains(&*partition.topic)).then_some(member)
}

/// Moves single partitions from those with most to those with least, until no move makes it more even.
fn even_out(members: &BTreeMap<String, Subscriber>, shares: &mut BTreeMap<String, BTreeSet<TopicPartition>>) {
    while let Some((from, to, partition)) = best_move(members, shares) {
        shares.entry(from).or_default().remove(&partition);
        shares.entry(to).or_default().insert(partition);
    }
}

fn best_move(
    members: &BTreeMap<String, Subscriber>,
    shares: &BTreeMap<String, BTreeSet<TopicPartition>>,
) -> Option<(String, String, TopicPartition)> {
    let mut by_size: Vec<&String> = shares.keys().collect();
    by_size.sort_by_key(|member| shares[*member].len());
    for from in by_size.iter().rev() {
        for to in &by_size {
            if shares[*from].len() <= shares[*to].len() + 1 {
                break;
            }
            let readable = |partition: &&TopicPartition| members[*to].topics.contains(&*partition.topic);
            if let Some(partition) = shares[*from].iter().rev().find(readable) {
                return Some(((*from).clone(), (*to).clone(), partition.clone()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Shares = BTreeMap<String, BTreeSet<TopicPartition>>;

    fn members(count: usize, topics: &[&str]) -> BTreeMap<String, Subscriber> {
        let topics: BTreeSet<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let member = |n| (format!("m{n}"), Subscriber { topics: topics.clone(), owned: BTreeSet::new() });
        (0..count).map(member).collect()
    }

    /// Rounds until nobody has anything to give up; how many it took.
    fn settle(members: &mut BTreeMap<String, Subscriber>, topics: &BTreeMap<String, i32>) -> (Shares, usize) {
        for round in 1..10 {
            let shares = cooperative_sticky(members, topics);
            let mut gave_up = false;
            for (member, known) in members.iter_mut() {
                gave_up |= known.owned.iter().any(|partition| !shares[member].contains(partition));
                known.owned.clone_from(&shares[member]);
            }
            if !gave_up {
                return (shares, round);
            }
        }
        panic!("it does not settle");
    }

    #[test]
    fn a_newcomer_takes_its_share_and_nothing_else_moves() {
        let topics = BTreeMap::from([("t".to_owned(), 9)]);
        let mut group = members(2, &["t"]);
        settle(&mut group, &topics);
        let before = group.clone();
        group.extend(members(3, &["t"]).into_iter().filter(|(name, _)| name == "m2"));
        let (shares, rounds) = settle(&mut group, &topics);
        assert_eq!(rounds, 2);
        assert_eq!(shares.values().map(BTreeSet::len).collect::<Vec<_>>(), [3, 3, 3]);
        for (member, known) in before {
            assert!(shares[&member].is_subset(&known.owned), "{member} got something new");
        }
    }

    #[test]
    fn what_two_members_claim_is_given_to_neither_until_one_lets_go() {
        let topics = BTreeMap::from([("t".to_owned(), 1)]);
        let mut group = members(2, &["t"]);
        let partition = TopicPartition { topic: "t".into(), partition: 0 };
        for known in group.values_mut() {
            known.owned.insert(partition.clone());
        }
        assert!(cooperative_sticky(&group, &topics).values().all(BTreeSet::is_empty));
    }

    proptest! {
        #[test]
        fn shares_are_whole_disjoint_even_and_stay(
            counts in proptest::collection::vec(1i32..12, 1..4),
            changes in proptest::collection::vec((any::<bool>(), 0usize..6), 1..8),
        ) {
            let topics: BTreeMap<String, i32> =
                counts.iter().enumerate().map(|(n, count)| (format!("t{n}"), *count)).collect();
            let names: Vec<&str> = topics.keys().map(String::as_str).collect();
            let everybody = members(6, &names);
            let mut group = members(1, &names);
            for (join, who) in changes {
                let name = format!("m{who}");
                if join {
                    group.entry(name.clone()).or_insert_with(|| everybody[&name].clone());
                } else if group.len() > 1 {
                    group.remove(&name);
                }
                let (shares, _) = settle(&mut group, &topics);
                let all: usize = shares.values().map(BTreeSet::len).sum();
                let distinct: BTreeSet<_> = shares.values().flatten().collect();
                prop_assert_eq!(all, counts.iter().sum::<i32>() as usize);
                prop_assert_eq!(distinct.len(), all);
                let (least, most) = (shares.values().map(BTreeSet::len).min(), shares.values().map(BTreeSet::len).max());
                prop_assert!(most.unwrap_or(0) - least.unwrap_or(0) <= 1);
                prop_assert_eq!(cooperative_sticky(&group, &topics), shares, "and nothing moves without a reason");
            }
        }
    }
}
