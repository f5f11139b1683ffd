//! Tests of the group state machine.

use std::collections::BTreeMap;

use broker_wire::ErrorCode;
use bytes::Bytes;
use proptest::prelude::*;

use super::assignment::Sync;
use super::group::{Effect, Group, JoinRefused, Joined, Phase, Synced, Token};
use super::member::Profile;
use super::membership::{Join, JoinLimits};

const LIMITS: JoinLimits = JoinLimits { initial_delay_ms: 0, awaited: None, max_size: 100 };
const SESSION: i64 = 10_000;
const REBALANCE: i64 = 60_000;

fn profile(protocols: &[&str]) -> Profile {
    Profile {
        client_id: "c".into(),
        session_timeout_ms: SESSION,
        rebalance_timeout_ms: REBALANCE,
        protocols: protocols.iter().map(|name| ((*name).to_owned(), Bytes::from(format!("of {name}")))).collect(),
        ..Profile::default()
    }
}

fn join(member_id: &str, fresh_id: &str) -> Join {
    Join {
        member_id: member_id.to_owned(),
        fresh_id: fresh_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        profile: profile(&["range"]),
        id_first: false,
        can_skip_assignment: true,
    }
}

fn static_join(member_id: &str, fresh_id: &str, instance: &str) -> Join {
    let mut join = join(member_id, fresh_id);
    join.profile.instance_id = Some(instance.to_owned());
    join
}

fn sync(group: &Group, member_id: &str, assignments: &[(&str, &str)]) -> Sync {
    let assignments = assignments.iter().map(|(id, text)| ((*id).to_owned(), Bytes::from((*text).to_owned())));
    Sync {
        generation: group.generation,
        member_id: member_id.to_owned(),
        assignments: assignments.collect(),
        ..Sync::default()
    }
}

fn joined(effects: &[Effect], token: Token) -> &Result<Joined, JoinRefused> {
    let answer = effects.iter().find_map(|effect| match effect {
        Effect::Join(of, answer) if *of == token => Some(answer),
        _ => None,
    });
    answer.unwrap_or_else(|| panic!("no answer to join {token} in {effects:?}"))
}

fn synced(effects: &[Effect], token: Token) -> &Result<Synced, ErrorCode> {
    let answer = effects.iter().find_map(|effect| match effect {
        Effect::Sync(of, answer) if *of == token => Some(answer),
        _ => None,
    });
    answer.unwrap_or_else(|| panic!("no answer to sync {token} in {effects:?}"))
}

/// A stable group of these members, the first one its leader.
fn stable(ids: &[&str]) -> Group {
    let mut group = Group::default();
    for (i, id) in ids.iter().enumerate() {
        group.join(0, join("", id), LIMITS, i as u64);
    }
    // Those before the last have to join again for the generation with all of them.
    for (i, id) in ids.iter().enumerate().take(ids.len() - 1) {
        group.join(0, join(id, ""), LIMITS, 100 + i as u64);
    }
    let leader = group.leader.clone().unwrap();
    let parts: Vec<(&str, &str)> = ids.iter().map(|id| (*id, *id)).collect();
    let leader_sync = sync(&group, &leader, &parts);
    group.sync(0, leader_sync, 200);
    for (i, id) in ids.iter().enumerate() {
        let own = sync(&group, id, &[]);
        group.sync(0, own, 300 + i as u64);
    }
    assert_eq!(group.phase, Phase::Stable);
    group
}

#[test]
fn a_lone_member_leads_its_group_at_once() {
    let mut group = Group::default();
    let effects = group.join(0, join("", "a"), LIMITS, 1);
    let answer = joined(&effects, 1).as_ref().unwrap();
    assert_eq!((answer.generation, answer.leader.as_str(), answer.protocol.as_str()), (1, "a", "range"));
    assert_eq!(answer.members, [("a".to_owned(), None, Bytes::from("of range"))]);
    let leader_sync = sync(&group, "a", &[("a", "all")]);
    let effects = group.sync(0, leader_sync, 2);
    assert_eq!(effects[0], Effect::Persist);
    assert_eq!(synced(&effects, 2).as_ref().unwrap().assignment, "all");
}

#[test]
fn a_member_that_can_is_told_its_id_first() {
    let mut group = Group::default();
    let first = Join { id_first: true, ..join("", "a") };
    let effects = group.join(0, first.clone(), LIMITS, 1);
    let expected = JoinRefused { error: ErrorCode::MEMBER_ID_REQUIRED, member_id: "a".to_owned() };
    assert_eq!(joined(&effects, 1), &Err(expected));
    assert!(group.members.is_empty() && !group.is_disposable());
    let effects = group.join(1, Join { member_id: "a".to_owned(), ..first }, LIMITS, 2);
    assert!(joined(&effects, 2).is_ok());
    // An id that is never used is forgotten.
    let mut group = Group::default();
    group.join(0, Join { id_first: true, ..join("", "b") }, LIMITS, 1);
    assert_eq!(group.next_deadline(), Some(SESSION));
    group.expire(SESSION);
    assert!(group.is_disposable());
}

#[test]
fn a_second_member_makes_the_first_one_join_again() {
    let mut group = stable(&["a"]);
    assert!(group.join(0, join("", "b"), LIMITS, 1).is_empty());
    assert_eq!(group.heartbeat(1, "a", None, 1), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    let effects = group.join(2, join("a", ""), LIMITS, 2);
    assert_eq!(joined(&effects, 2).as_ref().unwrap().members.len(), 2);
    assert_eq!(joined(&effects, 1).as_ref().unwrap().members.len(), 0);
    assert_eq!(group.generation, 2);
    assert_eq!(group.heartbeat(3, "a", None, 1), Err(ErrorCode::ILLEGAL_GENERATION));
    assert_eq!(group.heartbeat(3, "a", None, 2), Ok(()));
    let follower = sync(&group, "b", &[]);
    assert!(group.sync(3, follower, 3).is_empty());
    let leader = sync(&group, "a", &[("a", "one"), ("b", "two")]);
    let effects = group.sync(3, leader, 4);
    assert_eq!(synced(&effects, 3).as_ref().unwrap().assignment, "two");
    assert_eq!(synced(&effects, 4).as_ref().unwrap().assignment, "one");
}

#[test]
fn a_member_that_does_not_rejoin_in_time_is_out() {
    let mut group = stable(&["a", "b"]);
    let old = group.generation;
    let mut effects = group.join(1, join("a", ""), LIMITS, 1);
    // "b" keeps its session alive but does not join.
    for now in (0..REBALANCE).step_by(5_000) {
        group.heartbeat(now, "b", None, old).unwrap_err();
        effects.extend(group.expire(now));
    }
    assert!(effects.is_empty());
    let effects = group.expire(REBALANCE + 1);
    assert_eq!(joined(&effects, 1).as_ref().unwrap().members.len(), 1);
    assert_eq!(group.heartbeat(REBALANCE + 2, "b", None, old), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(group.check_commit(REBALANCE + 2, "b", None, old), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_silent_member_is_out_and_the_others_rebalance() {
    let mut group = stable(&["a", "b"]);
    group.heartbeat(SESSION - 1, "a", None, group.generation).unwrap();
    assert!(group.expire(SESSION).is_empty());
    assert_eq!(group.phase, Phase::PreparingRebalance);
    assert_eq!(group.members.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_member_that_never_asks_for_its_assignment_is_out() {
    let mut group = Group::default();
    group.join(0, join("", "a"), LIMITS, 1);
    group.join(0, join("", "b"), LIMITS, 2);
    group.join(0, join("a", ""), LIMITS, 3);
    let own = sync(&group, "b", &[]);
    group.sync(0, own, 4);
    let mut effects = Vec::new();
    for now in (0..=REBALANCE).step_by(5_000) {
        group.heartbeat(now, "a", None, group.generation).ok();
        effects.extend(group.expire(now));
    }
    assert_eq!(synced(&effects, 4), &Err(ErrorCode::REBALANCE_IN_PROGRESS));
    assert_eq!(group.members.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn leaving_starts_a_rebalance_and_the_last_one_leaves_it_empty() {
    let mut group = stable(&["a", "b"]);
    let generation = group.generation;
    let mut effects = Vec::new();
    assert_eq!(group.leave(1, "b", None, &mut effects), Ok(()));
    assert_eq!(group.leave(1, "b", None, &mut effects), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(group.phase, Phase::PreparingRebalance);
    assert_eq!(group.leave(1, "a", None, &mut effects), Ok(()));
    assert_eq!((group.phase, group.generation), (Phase::Empty, generation + 1));
    assert_eq!(effects, [Effect::Persist]);
    assert_eq!(group.check_commit(2, "", None, -1), Ok(()));
}

#[test]
fn commits_are_fenced_by_member_and_generation() {
    let mut group = stable(&["a"]);
    let generation = group.generation;
    assert_eq!(group.check_commit(1, "a", None, generation), Ok(()));
    assert_eq!(group.check_commit(1, "a", None, generation - 1), Err(ErrorCode::ILLEGAL_GENERATION));
    assert_eq!(group.check_commit(1, "x", None, generation), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(group.check_commit(1, "", None, -1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    group.join(1, join("", "b"), LIMITS, 1);
    assert_eq!(group.check_commit(1, "a", None, generation), Ok(()), "while the others join");
    group.join(1, join("a", ""), LIMITS, 2);
    assert_eq!(group.check_commit(1, "a", None, generation + 1), Err(ErrorCode::REBALANCE_IN_PROGRESS));
}

#[test]
fn a_member_of_another_kind_is_refused() {
    let mut group = stable(&["a"]);
    let other_kind = Join { protocol_type: "connect".into(), ..join("", "b") };
    let other_protocol = Join { profile: profile(&["sticky"]), ..join("", "b") };
    for (token, join) in [(1, other_kind), (2, other_protocol)] {
        let effects = group.join(1, join, LIMITS, token);
        assert_eq!(joined(&effects, token).as_ref().unwrap_err().error, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    assert_eq!(group.phase, Phase::Stable);
    let wrong = Sync { protocol: Some("sticky".into()), ..sync(&group, "a", &[]) };
    let effects = group.sync(1, wrong, 3);
    assert_eq!(synced(&effects, 3), &Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
}

#[test]
fn the_protocol_is_the_one_that_most_like_best_and_all_can_use() {
    let mut group = Group::default();
    let with = |fresh: &str, protocols: &[&str]| Join { profile: profile(protocols), ..join("", fresh) };
    group.join(0, with("a", &["new", "old"]), LIMITS, 1);
    group.join(0, with("b", &["newest", "old", "new"]), LIMITS, 2);
    let again = Join { member_id: "a".into(), ..with("", &["new", "old"]) };
    let effects = group.join(0, again, LIMITS, 3);
    assert!(["new", "old"].contains(&joined(&effects, 3).as_ref().unwrap().protocol.as_str()));
    let effects = group.join(0, with("c", &["old"]), LIMITS, 4);
    assert!(effects.is_empty());
    for (token, id, protocols) in [(5, "a", &["new", "old"][..]), (6, "b", &["newest", "old", "new"])] {
        let again = Join { member_id: id.into(), ..with("", protocols) };
        let effects = group.join(0, again, LIMITS, token);
        if token == 6 {
            assert_eq!(joined(&effects, 4).as_ref().unwrap().protocol, "old");
        }
    }
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_its_old_self_is_fenced() {
    let mut group = Group::default();
    group.join(0, static_join("", "s-1", "s"), LIMITS, 1);
    let leader = sync(&group, "s-1", &[("s-1", "mine")]);
    group.sync(0, leader, 2);
    let generation = group.generation;
    let effects = group.join(1, static_join("", "s-2", "s"), LIMITS, 3);
    let answer = joined(&effects, 3).as_ref().unwrap();
    assert_eq!((answer.generation, answer.member_id.as_str(), answer.leader.as_str()), (generation, "s-2", "s-2"));
    assert!(answer.skip_assignment);
    let own = Sync { instance_id: Some("s".into()), ..sync(&group, "s-2", &[]) };
    let effects = group.sync(1, own, 4);
    assert_eq!(synced(&effects, 4).as_ref().unwrap().assignment, "mine");
    assert_eq!(group.heartbeat(1, "s-1", Some("s"), generation), Err(ErrorCode::FENCED_INSTANCE_ID));
    assert_eq!(group.check_commit(1, "s-1", Some("s"), generation), Err(ErrorCode::FENCED_INSTANCE_ID));
    let effects = group.join(1, static_join("s-1", "", "s"), LIMITS, 5);
    assert_eq!(joined(&effects, 5).as_ref().unwrap_err().error, ErrorCode::FENCED_INSTANCE_ID);
    let older = Join { can_skip_assignment: false, ..static_join("", "s-3", "s") };
    let effects = group.join(2, older, LIMITS, 6);
    assert_eq!(joined(&effects, 6).as_ref().unwrap().leader, "s-2", "an older client must not assign anew");
    let mut effects = Vec::new();
    assert_eq!(group.leave(3, "", Some("s"), &mut effects), Ok(()));
    assert_eq!(group.phase, Phase::Empty);
}

#[test]
fn a_static_member_keeps_its_place_while_it_is_away() {
    let mut group = Group::default();
    group.join(0, static_join("", "s-1", "s"), LIMITS, 1);
    group.join(0, join("", "d"), LIMITS, 2);
    let effects = group.join(0, static_join("s-1", "", "s"), LIMITS, 3);
    assert_eq!(joined(&effects, 3).as_ref().unwrap().members.len(), 2);
    group.join(1, join("", "e"), LIMITS, 5);
    group.join(1, join("d", ""), LIMITS, 4);
    group.members.get_mut("s-1").unwrap().deadline = i64::MAX;
    let effects = group.expire(REBALANCE + 1);
    let answer = joined(&effects, 4).as_ref().unwrap();
    assert_eq!((answer.leader.as_str(), answer.members.len()), ("d", 3));
}

#[test]
fn a_lost_answer_is_given_again() {
    let mut group = stable(&["a", "b"]);
    let generation = group.generation;
    let follower = if group.leader.as_deref() == Some("a") { "b" } else { "a" };
    let effects = group.join(1, join(follower, ""), LIMITS, 1);
    assert_eq!(joined(&effects, 1).as_ref().unwrap().generation, generation);
    let own = sync(&group, follower, &[]);
    let effects = group.sync(1, own, 2);
    assert_eq!(synced(&effects, 2).as_ref().unwrap().assignment, follower);
    assert_eq!(group.phase, Phase::Stable);
}

#[test]
fn an_empty_group_gathers_members_for_its_initial_delay() {
    let limits = JoinLimits { initial_delay_ms: 3000, awaited: None, max_size: 2 };
    let mut group = Group::default();
    assert!(group.join(0, join("", "a"), limits, 1).is_empty());
    assert!(group.join(2000, join("", "b"), limits, 2).is_empty());
    let effects = group.join(2000, join("", "c"), limits, 3);
    assert_eq!(joined(&effects, 3).as_ref().unwrap_err().error, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert!(group.expire(4999).is_empty());
    let effects = group.expire(5000);
    assert_eq!(joined(&effects, 1).as_ref().unwrap().generation, 1);
    assert_eq!(joined(&effects, 2).as_ref().unwrap().generation, 1);
}

#[test]
fn an_empty_group_begins_once_all_are_there_that_were_announced() {
    let limits = JoinLimits { initial_delay_ms: 3000, awaited: Some(2), max_size: 100 };
    let mut group = Group::default();
    assert!(group.join(0, join("", "a"), limits, 1).is_empty());
    let effects = group.join(5, join("", "b"), limits, 2);
    assert_eq!(joined(&effects, 1).as_ref().unwrap().generation, 1);
    assert_eq!(joined(&effects, 2).as_ref().unwrap().generation, 1);
    // Fewer than were announced are waited for no longer than without a word.
    let mut group = Group::default();
    assert!(group.join(0, join("", "a"), limits, 1).is_empty());
    assert!(group.expire(2999).is_empty());
    assert_eq!(joined(&group.expire(3000), 1).as_ref().unwrap().generation, 1);
}

/// What a random client may do.
#[derive(Debug, Clone)]
enum Act {
    Join(usize, bool),
    Sync(usize),
    Beat(usize),
    Leave(usize),
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0usize..5, any::<bool>()).prop_map(|(who, id_first)| Act::Join(who, id_first)),
        4 => (0usize..5).prop_map(Act::Sync),
        2 => (0usize..5).prop_map(Act::Beat),
        1 => (0usize..5).prop_map(Act::Leave),
        1 => (0i64..30_000).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever clients do: every request is answered once, at the latest when all times are over; generations only grow;
    /// in a generation all members are told the same leader; and assignments reach only members of their generation.
    #[test]
    fn every_request_is_answered_once_and_generations_agree(acts in proptest::collection::vec(act(), 1..80)) {
        let mut group = Group::default();
        let mut ids: Vec<String> = vec![String::new(); 5];
        let mut open: BTreeMap<Token, usize> = BTreeMap::new();
        let mut leaders: BTreeMap<i32, String> = BTreeMap::new();
        let (mut now, mut token, mut generation) = (0, 0, 0);
        for act in acts.into_iter().chain((0..20).map(|_| Act::Wait(REBALANCE))) {
            token += 1;
            let effects = match act {
                Act::Join(who, id_first) => {
                    open.insert(token, who);
                    let wish = Join { id_first, ..join(&ids[who], &format!("m{who}-{token}")) };
                    group.join(now, wish, LIMITS, token)
                }
                Act::Sync(who) => {
                    open.insert(token, who);
                    let parts: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
                    let wish = sync(&group, &ids[who], &parts);
                    group.sync(now, wish, token)
                }
                Act::Beat(who) => {
                    group.heartbeat(now, &ids[who], None, group.generation).ok();
                    Vec::new()
                }
                Act::Leave(who) => {
                    let mut effects = Vec::new();
                    group.leave(now, &ids[who], None, &mut effects).ok();
                    effects
                }
                Act::Wait(ms) => {
                    now += ms;
                    group.expire(now)
                }
            };
            for effect in effects {
                match effect {
                    Effect::Join(token, Ok(joined)) => {
                        let who = open.remove(&token).expect("answered twice");
                        ids[who] = joined.member_id;
                        prop_assert_eq!(joined.generation, group.generation);
                        let leader = leaders.entry(joined.generation).or_insert(joined.leader.clone());
                        prop_assert_eq!(&*leader, &joined.leader);
                    }
                    Effect::Join(token, Err(refused)) => {
                        let who = open.remove(&token).expect("answered twice");
                        ids[who] = match refused.error {
                            ErrorCode::MEMBER_ID_REQUIRED => refused.member_id,
                            ErrorCode::UNKNOWN_MEMBER_ID => String::new(),
                            _ => ids[who].clone(),
                        };
                    }
                    Effect::Sync(token, answer) => {
                        let who = open.remove(&token).expect("answered twice");
                        if let Ok(synced) = answer {
                            prop_assert!(group.members.contains_key(&ids[who]));
                            prop_assert!(synced.assignment.is_empty() || synced.assignment == ids[who]);
                        }
                    }
                    Effect::Persist => {}
                }
            }
            prop_assert!(group.generation >= generation);
            generation = group.generation;
            prop_assert!(group.phase == Phase::Empty || !group.members.is_empty() || group.phase == Phase::PreparingRebalance);
            prop_assert!(group.leader.is_none() || group.members.is_empty() || group.members.contains_key(group.leader.as_ref().unwrap()));
        }
        prop_assert!(open.is_empty(), "never answered: {:?} in {:?}", open, group);
        prop_assert!(group.is_disposable());
    }
}
