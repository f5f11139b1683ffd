//! A herd in a small world: a config topic, a group coordinator, workers that read, hear, stop and start late, die, freeze
//! and come back. Nothing may run twice on workers that have a place, and in the end everything runs, evenly, and nobody
//! wants to move anything any more.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::seat::{Birth, Seat};
use super::{Item, Items, Plan, Situation, WorkerInfo, share_out};
use crate::herd::standing::Peer;

pub fn peer(id: u32) -> Peer {
    Peer { worker_id: format!("w:{id}"), peer_url: format!("http://w:{id}"), seal_id: "s".into() }
}

/// Connectors with that many tasks.
pub fn wanted(connectors: &[(&str, u32)]) -> BTreeSet<Item> {
    let items = connectors.iter().flat_map(|(name, tasks)| {
        let tasks = (0..*tasks).map(|task| Item::Task((*name).to_owned(), task));
        std::iter::once(Item::Connector((*name).to_owned())).chain(tasks).collect::<Vec<_>>()
    });
    items.collect()
}

/// A record of the config topic: what came to be, or what ended.
#[derive(Clone, Debug)]
enum Change {
    Born(Vec<Item>),
    Gone(String),
}

#[derive(Debug)]
struct Worker {
    seat: Seat,
    read: usize,
    frozen: bool,
    /// Its id in the group, while it believes to have a place.
    member: Option<String>,
    running: BTreeSet<Item>,
    /// It has said that it takes nothing new, and looks what it runs before it joins.
    prepares: bool,
    /// What it sent to join, if it waits for the answer.
    waits: bool,
    releasing: bool,
}

impl Worker {
    fn new(id: u32) -> Worker {
        Worker {
            seat: Seat::of(peer(id)),
            read: 0,
            frozen: false,
            member: None,
            running: BTreeSet::new(),
            prepares: false,
            waits: false,
            releasing: false,
        }
    }

    fn is_mine(&self, item: &Item) -> bool {
        self.seat.standing().is_some_and(|standing| standing.is_mine(item))
    }
}

/// What the coordinator has of a member.
#[derive(Debug)]
struct Entry {
    worker: u32,
    /// What it said in the round that is being gathered.
    info: Option<WorkerInfo>,
    answer: Option<(i32, Plan)>,
}

#[derive(Debug, Default)]
struct World {
    topic: Vec<Change>,
    workers: BTreeMap<u32, Worker>,
    members: BTreeMap<String, Entry>,
    rebalancing: bool,
    generation: i32,
    last_plan: Option<Plan>,
    next_id: u32,
    clock: i64,
    max_delay: i64,
    rounds: u32,
}

impl World {
    fn wanted(&self, read: usize) -> BTreeSet<Item> {
        let mut wanted = BTreeSet::new();
        for change in &self.topic[..read] {
            match change {
                Change::Born(items) => wanted.extend(items.iter().cloned()),
                Change::Gone(name) => wanted.retain(|item: &Item| item.connector() != name),
            }
        }
        wanted
    }

    fn births(&self, read: usize) -> Vec<Birth> {
        let mut known = BTreeSet::new();
        let mut births = Vec::new();
        for (offset, change) in self.topic[..read].iter().enumerate() {
            match change {
                Change::Born(items) => {
                    let new = items.iter().filter(|item| known.insert((*item).clone()));
                    births.extend(new.map(|item| (offset as i64, item.clone())));
                }
                Change::Gone(name) => known.retain(|item: &Item| item.connector() != name),
            }
        }
        births
    }

    fn start(&mut self) {
        self.next_id += 1;
        self.workers.insert(self.next_id, Worker::new(self.next_id));
        self.join(self.next_id);
    }

    fn prepare(&mut self, id: u32) {
        let wanted = self.wanted(self.workers[&id].read);
        let worker = self.workers.get_mut(&id).unwrap();
        worker.seat.prepare(&wanted);
        worker.prepares = true;
    }

    fn join(&mut self, id: u32) {
        self.next_id += 1;
        let fresh = format!("m{}", self.next_id);
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let running: Items = worker.running.iter().map(|item| (item.clone(), item.base_weight())).collect();
        let info = worker.seat.join(worker.read as i64, running);
        let member = worker.member.get_or_insert(fresh).clone();
        worker.waits = true;
        worker.prepares = false;
        worker.releasing = false;
        let entry = self.members.entry(member).or_insert(Entry { worker: id, info: None, answer: None });
        entry.info = Some(info);
        entry.answer = None;
        self.rebalancing = true;
    }

    /// The log has not heard of a member for too long, or it has left.
    fn expire(&mut self, id: u32) {
        let before = self.members.len();
        self.members.retain(|_, entry| entry.worker != id);
        self.rebalancing |= self.members.len() < before;
    }

    /// All members have joined: the leader decides. It has read the topic to its end.
    fn complete(&mut self) {
        let all_in = self.members.values().all(|entry| entry.info.is_some());
        if !self.rebalancing || !all_in || self.members.is_empty() {
            return;
        }
        self.rounds += 1;
        self.generation += 1;
        let members: Vec<(String, WorkerInfo)> =
            self.members.iter().map(|(id, entry)| (id.clone(), entry.info.clone().unwrap())).collect();
        let wanted = self.wanted(self.topic.len());
        let plan = share_out(&Situation {
            members: &members,
            leader: &members[0].1.peer.worker_id,
            wanted: &wanted,
            config_offset: self.topic.len() as i64,
            previous: self.last_plan.as_ref(),
            released: &|_, _| false,
            now_ms: self.clock,
            max_delay_ms: self.max_delay,
        });
        for entry in self.members.values_mut() {
            entry.info = None;
            entry.answer = Some((self.generation, plan.clone()));
        }
        self.last_plan = Some(plan);
        self.rebalancing = false;
    }

    /// A worker takes one step: it reads one record, hears from the log, starts or stops something.
    fn step(&mut self, id: u32, what: u8) {
        match self.workers.get(&id) {
            Some(worker) if !worker.frozen => {}
            _ => return,
        }
        match what % 4 {
            0 => self.read_one(id),
            1 => self.hear(id),
            2 => self.stop_one(id),
            _ => self.start_one(id),
        }
    }

    fn read_one(&mut self, id: u32) {
        let end = self.topic.len();
        let read = (self.workers[&id].read + 1).min(end);
        let births = self.births(read);
        let worker = self.workers.get_mut(&id).unwrap();
        worker.read = read;
        worker.seat.born(&births);
    }

    fn hear(&mut self, id: u32) {
        let Some(member) = self.workers[&id].member.clone() else { return self.join(id) };
        let births = self.births(self.workers[&id].read);
        let Some(entry) = self.members.get_mut(&member) else {
            // The place is lost: everything is given up at once.
            let worker = self.workers.get_mut(&id).unwrap();
            worker.seat.lost();
            worker.running.clear();
            worker.member = None;
            worker.waits = false;
            worker.prepares = false;
            return;
        };
        let worker = self.workers.get_mut(&id).unwrap();
        if worker.prepares {
            return self.join(id);
        }
        if let Some((generation, plan)) = entry.answer.take() {
            let gives_up = worker.seat.assigned(generation, &member, &plan, &births);
            worker.releasing = gives_up.unwrap_or(false);
            worker.waits = false;
            return;
        }
        let has_released = worker.releasing && worker.running.iter().all(|item| worker.is_mine(item));
        if !worker.waits && (self.rebalancing || has_released) {
            self.prepare(id);
        }
    }

    fn stop_one(&mut self, id: u32) {
        let wanted = self.wanted(self.workers[&id].read);
        let worker = self.workers.get_mut(&id).unwrap();
        let stops = |item: &&Item| !wanted.contains(*item) || !worker.is_mine(item);
        if let Some(item) = worker.running.iter().find(stops).cloned() {
            worker.running.remove(&item);
        }
    }

    fn start_one(&mut self, id: u32) {
        let wanted = self.wanted(self.workers[&id].read);
        let worker = self.workers.get_mut(&id).unwrap();
        if let Some(item) = wanted.into_iter().find(|item| worker.is_mine(item) && !worker.running.contains(item)) {
            worker.running.insert(item);
        }
    }

    /// What runs on a worker that has its place runs nowhere else.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut runs: BTreeMap<&Item, u32> = BTreeMap::new();
        for (id, worker) in &self.workers {
            let has_place = worker.member.as_ref().is_some_and(|member| self.members.contains_key(member));
            for item in worker.running.iter().filter(|_| has_place) {
                if let Some(other) = runs.insert(item, *id) {
                    return Err(TestCaseError::fail(format!("{item} runs on {other} and on {id}")));
                }
            }
        }
        Ok(())
    }

    /// Time passes and nothing else happens.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        let ids: Vec<u32> = self.workers.keys().copied().collect();
        for _ in 0..60 {
            self.clock += 50;
            let waits_over = self.last_plan.as_ref().and_then(|plan| plan.wait_until_ms);
            if waits_over.is_some_and(|until| self.clock >= until) && !self.rebalancing {
                let leader = self.members.values().next().map(|entry| entry.worker);
                leader.into_iter().for_each(|leader| self.prepare(leader));
            }
            for id in &ids {
                for what in [0, 0, 1, 2, 3, 3, 2, 3, 1] {
                    self.step(*id, what);
                    self.check()?;
                }
            }
            self.complete();
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Act {
    Start,
    Kill(prop::sample::Index),
    Leave(prop::sample::Index),
    Freeze(prop::sample::Index),
    Wake,
    Create(u8, u8),
    Delete(u8),
    Step(prop::sample::Index, u8),
    Complete,
}

/// With so many names, and so many of about eighty acts that delete one: the fewer names, the sooner one comes to be again.
fn act(names: u8, deletes: u32) -> impl Strategy<Value = Act> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        2 => Just(Act::Start),
        1 => index().prop_map(Act::Kill),
        1 => index().prop_map(Act::Leave),
        1 => index().prop_map(Act::Freeze),
        1 => Just(Act::Wake),
        4 => (0..names, 0u8..5).prop_map(|(name, tasks)| Act::Create(name, tasks)),
        deletes => (0..names).prop_map(Act::Delete),
        60 => (index(), any::<u8>()).prop_map(|(worker, what)| Act::Step(worker, what)),
        8 => Just(Act::Complete),
    ]
}

fn play(world: &mut World, act: &Act) {
    let ids: Vec<u32> = world.workers.keys().copied().collect();
    let pick = |index: &prop::sample::Index| (!ids.is_empty()).then(|| *index.get(&ids));
    world.clock += 1;
    match act {
        Act::Start if ids.len() < 6 => world.start(),
        Act::Start => {}
        Act::Kill(index) | Act::Leave(index) => {
            if let Some(id) = pick(index) {
                world.workers.remove(&id);
                world.expire(id);
            }
        }
        Act::Freeze(index) => {
            if let Some(id) = pick(index) {
                world.workers.get_mut(&id).unwrap().frozen = true;
                world.expire(id);
            }
        }
        Act::Wake => world.workers.values_mut().for_each(|worker| worker.frozen = false),
        Act::Create(name, tasks) => {
            world.topic.push(Change::Born(wanted(&[(&format!("c{name}"), u32::from(*tasks))]).into_iter().collect()));
        }
        Act::Delete(name) => world.topic.push(Change::Gone(format!("c{name}"))),
        Act::Step(index, what) => pick(index).into_iter().for_each(|id| world.step(id, *what)),
        Act::Complete => world.complete(),
    }
}

/// A herd lives through all that and is then left alone.
fn live(acts: &[Act], max_delay: i64) -> Result<(), TestCaseError> {
    let mut world = World { max_delay, ..World::default() };
    world.start();
    for act in acts {
        play(&mut world, act);
        world.check()?;
    }
    world.workers.values_mut().for_each(|worker| worker.frozen = false);
    if world.workers.is_empty() {
        world.start();
    }
    world.settle()?;

    let wanted = world.wanted(world.topic.len());
    let runs: Vec<&Item> = world.workers.values().flat_map(|worker| &worker.running).collect();
    prop_assert_eq!(runs.len(), wanted.len(), "{:?}", world);
    prop_assert!(runs.into_iter().all(|item| wanted.contains(item)));
    let (generation, rounds) = (world.generation, world.rounds);
    world.settle()?;
    prop_assert_eq!((world.generation, world.rounds), (generation, rounds), "an idle herd makes no rebalance");

    // Births are spread by what workers carry, so a herd that was never evened out may still be uneven by what died.
    world.start();
    world.settle()?;
    let tasks = |worker: &Worker| worker.running.iter().filter(|item| matches!(item, Item::Task(..))).count();
    let counts: Vec<usize> = world.workers.values().map(tasks).collect();
    let (most, least) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
    prop_assert!(most - least <= 2, "{:?}", counts);
    Ok(())
}

proptest! {
    // `PROPTEST_CASES` may ask for more.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(500)))]

    #[test]
    fn nothing_runs_twice_and_in_the_end_everything_runs(
        acts in proptest::collection::vec(act(6, 1), 1..400),
        max_delay in prop_oneof![Just(0i64), Just(500i64)],
    ) {
        live(&acts, max_delay)?;
    }

    #[test]
    fn nor_do_the_lives_of_a_connector_that_comes_and_goes(
        acts in proptest::collection::vec(act(2, 4), 1..400),
        max_delay in prop_oneof![Just(0i64), Just(500i64)],
    ) {
        live(&acts, max_delay)?;
    }
}
