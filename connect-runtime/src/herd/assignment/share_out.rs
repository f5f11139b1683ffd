//! How the leader decides: what runs goes on where it runs, what was lost waits or is given out with what is new, and what
//! is uneven is evened out in two rounds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::plan::{Member, Plan, Waiting};
use super::{Item, Items, WorkerInfo};

/// So far apart may workers be, as a part of what one carries on average, before anything is moved. Loads are measured, and
/// measured again a little otherwise; nothing moves for that.
const EVEN_ENOUGH: f64 = 0.1;

/// Of tasks that do nothing, one more on one side than on the other is as even as it gets; two more are not, although what they weigh
/// is measured and never quite the same.
const LEAST_DIFFERENCE: f64 = 1.5;

/// A move must take away at least so much of a difference, as a part of what moves, or it would only go back and forth.
const WORTH_MOVING: f64 = 0.5;

/// All that the leader looks at.
pub struct Situation<'a> {
    /// The members by their ids in the group, with what they say.
    pub members: &'a [(String, WorkerInfo)],
    /// The leader, by its `host:port`.
    pub leader: &'a str,
    /// What is wanted, and how far the config topic was read for that.
    pub wanted: &'a BTreeSet<Item>,
    /// The offset.
    pub config_offset: i64,
    /// The last plan that the leader knows.
    pub previous: Option<&'a Plan>,
    /// Whether a worker that is gone had stopped an item and said so.
    pub released: &'a dyn Fn(&Item, &str) -> bool,
    /// The time, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// How long what was lost waits for its worker, in milliseconds: `scheduled.rebalance.max.delay.ms`.
    pub max_delay_ms: i64,
}

/// Decides.
pub fn share_out(situation: &Situation<'_>) -> Plan {
    let mut shares = Shares::kept(situation);
    let mut lost = lost(situation, &shares);
    let wait_until_ms = wait_until(situation, &lost);
    let waits = |lost: &Lost| wait_until_ms.is_some() && lost.back_at.is_none();
    let waiting: Vec<Waiting> = lost.extract_if(.., |lost| waits(lost)).map(|lost| lost.what).collect();
    shares.give_back(&lost);
    shares.give_out(situation, &waiting);
    let moving = if waiting.is_empty() { shares.even_out() } else { Items::new() };
    let members = situation.members.iter().zip(shares.items);
    let member =
        |((id, info), items): (&(String, WorkerInfo), Items)| Member { id: id.clone(), peer: info.peer.clone(), items };
    Plan {
        config_offset: situation.config_offset,
        leader: place_of(situation, situation.leader).unwrap_or(0),
        members: members.map(member).collect(),
        moving,
        waiting,
        wait_until_ms,
    }
}

fn place_of(situation: &Situation<'_>, worker_id: &str) -> Option<usize> {
    situation.members.iter().position(|(_, info)| info.peer.worker_id == worker_id)
}

/// What each member has, while it is decided.
struct Shares<'a> {
    items: Vec<Items>,
    loads: Vec<f64>,
    /// What was running before, and so costs something to move.
    kept: HashSet<Item>,
    weights: HashMap<&'a Item, f64>,
}

impl<'a> Shares<'a> {
    /// What runs goes on where it runs. What two members say they run stays with the one that was given it last. What is not
    /// wanted any more stays there too, at no weight: its worker may not have stopped it when it comes to be again.
    fn kept(situation: &Situation<'a>) -> Shares<'a> {
        let mut claims: BTreeMap<&Item, (i32, usize, f64)> = BTreeMap::new();
        for (place, (_, info)) in situation.members.iter().enumerate() {
            for (item, weight) in &info.runs {
                let weight = if situation.wanted.contains(item) { *weight } else { 0.0 };
                let claim = (info.generation, place, weight);
                let best = claims.entry(item).or_insert(claim);
                if best.0 < claim.0 {
                    *best = claim;
                }
            }
        }
        let count = situation.members.len();
        let mut shares = Shares {
            items: vec![Items::new(); count],
            loads: vec![0.0; count],
            kept: HashSet::new(),
            weights: situation.previous.map(Plan::weights).unwrap_or_default(),
        };
        for (item, (_, place, weight)) in claims {
            shares.kept.insert(item.clone());
            shares.put(item.clone(), place, weight);
        }
        shares
    }

    fn put(&mut self, item: Item, place: usize, weight: f64) {
        self.loads[place] += weight;
        self.items[place].insert(item, weight);
    }

    fn holds(&self, item: &Item) -> bool {
        self.items.iter().any(|items| items.contains_key(item))
    }

    fn weight_of(&self, item: &Item) -> f64 {
        self.weights.get(item).copied().unwrap_or_else(|| item.base_weight())
    }

    /// What was lost goes to its worker if that has come back.
    fn give_back(&mut self, lost: &[Lost]) {
        for lost in lost {
            if let Some(place) = lost.back_at {
                self.put(lost.what.item.clone(), place, lost.what.weight);
            }
        }
    }

    /// What nobody has, the heaviest first, to whoever carries least; tasks of one connector apart where that is equal.
    fn give_out(&mut self, situation: &Situation<'_>, waiting: &[Waiting]) {
        if self.items.is_empty() {
            return;
        }
        let mut siblings: HashMap<(&str, usize), usize> = HashMap::new();
        let mut taken: HashSet<&Item> = waiting.iter().map(|waiting| &waiting.item).collect();
        for (place, items) in self.items.iter().enumerate() {
            // Whatever has a worker is wanted; as it stands there it may be kept while the shares change.
            for item in items.keys().filter_map(|item| situation.wanted.get(item)) {
                *siblings.entry((item.connector(), place)).or_default() += 1;
                taken.insert(item);
            }
        }
        let free = situation.wanted.iter().filter(|item| !taken.contains(item));
        let mut free: Vec<(f64, &Item)> = free.map(|item| (self.weight_of(item), item)).collect();
        free.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
        for (weight, item) in free {
            let count = |place: usize| siblings.get(&(item.connector(), place)).copied().unwrap_or(0);
            let lighter = |one: &usize, other: &usize| {
                self.loads[*one].total_cmp(&self.loads[*other]).then(count(*one).cmp(&count(*other)))
            };
            let place = (0..self.loads.len()).min_by(lighter).unwrap_or(0);
            *siblings.entry((item.connector(), place)).or_default() += 1;
            self.put(item.clone(), place, weight);
        }
    }

    /// Takes from whoever carries most what whoever carries least should have. It is given out in the next round, once its
    /// worker has stopped it.
    fn even_out(&mut self) -> Items {
        let mut moving = Items::new();
        let mut loads = self.loads.clone();
        let mean = loads.iter().sum::<f64>() / loads.len().max(1) as f64;
        let mut enough = (mean * EVEN_ENOUGH).max(LEAST_DIFFERENCE);
        loop {
            let places = 0..loads.len();
            let most = places.clone().max_by(|one, other| loads[*one].total_cmp(&loads[*other]));
            let least = places.min_by(|one, other| loads[*one].total_cmp(&loads[*other]));
            let (Some(most), Some(least)) = (most, least) else { return moving };
            let difference = loads[most] - loads[least];
            if difference < enough - 1e-9 {
                return moving;
            }
            // Once something moves anyway, it is made as even as can be.
            enough = LEAST_DIFFERENCE;
            let Some((item, weight)) = self.best_to_move(most, difference) else { return moving };
            self.items[most].remove(&item);
            moving.insert(item, weight);
            loads[most] -= weight;
            loads[least] += weight;
        }
    }

    /// What evens out most of a difference.
    fn best_to_move(&self, from: usize, difference: f64) -> Option<(Item, f64)> {
        let gain = |weight: f64| weight.min(difference - weight);
        let movable = self.items[from].iter().filter(|(item, weight)| {
            // What a new worker gets at once need not be taken away again first.
            self.kept.contains(*item) && **weight >= 1.0 && gain(**weight) >= **weight * WORTH_MOVING
        });
        let best = movable.max_by(|one, other| gain(*one.1).total_cmp(&gain(*other.1)).then(other.0.cmp(one.0)));
        best.map(|(item, weight)| (item.clone(), *weight))
    }
}

/// What a worker ran that is gone.
struct Lost {
    what: Waiting,
    back_at: Option<usize>,
}

fn lost(situation: &Situation<'_>, shares: &Shares<'_>) -> Vec<Lost> {
    let Some(previous) = situation.previous else { return Vec::new() };
    let present: HashSet<&str> = situation.members.iter().map(|(id, _)| id.as_str()).collect();
    let gone = previous.members.iter().filter(|member| !present.contains(member.id.as_str()));
    let left = gone.flat_map(|member| {
        let waiting = |(item, weight): (&Item, &f64)| Waiting {
            item: item.clone(),
            weight: *weight,
            worker_id: member.peer.worker_id.clone(),
        };
        member.items.iter().map(waiting).collect::<Vec<_>>()
    });
    let lost = left.chain(previous.waiting.iter().cloned());
    let lost = lost.filter(|lost| {
        situation.wanted.contains(&lost.item)
            && !shares.holds(&lost.item)
            && !(situation.released)(&lost.item, &lost.worker_id)
    });
    let with_place = lost.map(|what| {
        let back_at = place_of(situation, &what.worker_id);
        Lost { what, back_at }
    });
    with_place.collect()
}

/// Until when what was lost waits; `None` if it does not.
fn wait_until(situation: &Situation<'_>, lost: &[Lost]) -> Option<i64> {
    if situation.max_delay_ms <= 0 || lost.iter().all(|lost| lost.back_at.is_some()) {
        return None;
    }
    let longest = situation.now_ms.saturating_add(situation.max_delay_ms);
    // A clock that was set back must not make anybody wait for longer.
    let until = situation.previous.and_then(|plan| plan.wait_until_ms).map_or(longest, |until| until.min(longest));
    (situation.now_ms < until).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::super::simulation::{peer, wanted};
    use super::*;

    fn worker(id: u32, generation: i32, runs: &[(Item, f64)]) -> (String, WorkerInfo) {
        let runs = runs.iter().cloned().collect();
        (format!("m{id}"), WorkerInfo { peer: peer(id), config_offset: 9, generation, runs })
    }

    fn task(number: u32) -> Item {
        Item::Task("a".into(), number)
    }

    struct Case<'a> {
        members: &'a [(String, WorkerInfo)],
        previous: Option<&'a Plan>,
        now_ms: i64,
        max_delay_ms: i64,
    }

    impl Case<'_> {
        fn decide(&self, wanted: &BTreeSet<Item>) -> Plan {
            share_out(&Situation {
                members: self.members,
                leader: "w:1",
                wanted,
                config_offset: 9,
                previous: self.previous,
                released: &|_, _| false,
                now_ms: self.now_ms,
                max_delay_ms: self.max_delay_ms,
            })
        }
    }

    fn now(members: &[(String, WorkerInfo)]) -> Case<'_> {
        Case { members, previous: None, now_ms: 0, max_delay_ms: 0 }
    }

    fn counts(plan: &Plan) -> Vec<usize> {
        plan.members.iter().map(|member| member.items.len()).collect()
    }

    #[test]
    fn what_is_new_is_spread_and_the_tasks_of_one_connector_apart() {
        let members = [worker(1, -1, &[]), worker(2, -1, &[])];
        let plan = now(&members).decide(&wanted(&[("a", 2), ("b", 2)]));
        for member in &plan.members {
            let tasks =
                |name| member.items.keys().filter(|item| matches!(item, Item::Task(of, _) if of == name)).count();
            assert_eq!((tasks("a"), tasks("b")), (1, 1), "{plan:?}");
        }
    }

    #[test]
    fn whoever_joins_gets_a_share_in_two_rounds_and_no_more_is_moved_than_needed() {
        let runs: Vec<(Item, f64)> = (0..10).map(|number| (task(number), 1.0)).collect();
        let wanted: BTreeSet<Item> = runs.iter().map(|(item, _)| item.clone()).collect();
        let first = now(&[worker(1, 3, &runs), worker(2, -1, &[])]).decide(&wanted);
        assert_eq!(counts(&first), [5, 0]);
        let kept: Vec<(Item, f64)> = first.members[0].items.clone().into_iter().collect();
        let second = now(&[worker(1, 4, &kept), worker(2, 4, &[])]).decide(&wanted);
        assert_eq!(counts(&second), [5, 5]);
        assert_eq!(second.members[0].items, first.members[0].items);
    }

    #[test]
    fn load_counts_and_not_the_number_of_tasks() {
        let heavy = [(task(0), 51.0), (task(1), 1.0), (task(2), 1.0), (task(3), 1.0)];
        let light: Vec<(Item, f64)> = (4..30).map(|number| (task(number), 1.0)).collect();
        let wanted: BTreeSet<Item> = heavy.iter().chain(&light).map(|(item, _)| item.clone()).collect();
        let plan = now(&[worker(1, 3, &heavy), worker(2, 3, &light)]).decide(&wanted);
        assert!(plan.members[0].items.contains_key(&task(0)), "a move would only turn it round");
        assert_eq!(plan.members[0].items.len(), 1, "{plan:?}");
        assert_eq!(plan.members[1].items.len(), light.len());
    }

    #[test]
    fn what_moves_weighs_the_same_on_its_way() {
        let heavy = [(task(0), 31.0), (task(1), 30.0)];
        let wanted: BTreeSet<Item> = (0..4).map(task).collect();
        let light = [(task(2), 1.0), (task(3), 1.0)];
        let first = now(&[worker(1, 3, &heavy), worker(2, 3, &light)]).decide(&wanted);
        assert_eq!(first.moving, [(task(1), 30.0)].into());
        let left = [worker(1, 4, &heavy[..1]), worker(2, 4, &light), worker(3, -1, &[])];
        let second = Case { members: &left, previous: Some(&first), now_ms: 0, max_delay_ms: 0 }.decide(&wanted);
        assert_eq!(second.members[2].items, [(task(1), 30.0)].into());
        let weights = second.weights();
        assert_eq!((weights.get(&task(1)), weights.get(&task(9))), (Some(&30.0), None));
    }

    #[test]
    fn small_differences_move_nothing() {
        let one = [(task(0), 30.4), (task(1), 1.0), (task(2), 1.2)];
        let other = [(task(3), 31.0), (task(4), 1.1)];
        let wanted: BTreeSet<Item> = one.iter().chain(&other).map(|(item, _)| item.clone()).collect();
        let plan = now(&[worker(1, 3, &one), worker(2, 3, &other)]).decide(&wanted);
        assert_eq!(counts(&plan), [3, 2]);
    }

    #[test]
    fn what_two_say_they_run_stays_with_the_one_that_was_given_it_last() {
        let members = [worker(1, 3, &[(task(0), 1.0)]), worker(2, 5, &[(task(0), 1.0)])];
        let plan = now(&members).decide(&BTreeSet::from([task(0)]));
        assert_eq!(counts(&plan), [0, 1]);
    }

    #[test]
    fn what_is_deleted_and_has_not_stopped_stays_where_it_is_in_case_it_comes_to_be_again() {
        let members = [worker(1, 3, &[(task(0), 9.0), (task(1), 9.0)]), worker(2, 3, &[(task(2), 1.0)])];
        let plan = now(&members).decide(&BTreeSet::from([task(1), task(2)]));
        assert_eq!(plan.members[0].items, [(task(0), 0.0), (task(1), 9.0)].into());
        assert_eq!(plan.weights().get(&task(0)), None);
        let mut ownership = plan.ownership();
        ownership.born(&task(0));
        assert_eq!(ownership.owner(&task(0)), Some(0));
    }

    #[test]
    fn what_moves_and_comes_to_be_again_waits_until_its_worker_has_stopped_it() {
        let plan = Plan { moving: [(task(0), 1.0)].into(), ..now(&[worker(1, 3, &[])]).decide(&BTreeSet::new()) };
        let mut ownership = plan.ownership();
        ownership.born(&task(0));
        ownership.born(&task(1));
        assert_eq!((ownership.owner(&task(0)), ownership.owner(&task(1))), (None, Some(0)));
    }

    #[test]
    fn what_was_lost_waits_for_its_worker_and_is_given_out_when_the_time_is_over() {
        let wanted = BTreeSet::from([task(0), task(1)]);
        let both = [worker(1, 3, &[(task(0), 1.0)]), worker(2, 3, &[(task(1), 4.0)])];
        let before = now(&both).decide(&wanted);
        let left = [worker(1, 4, &[(task(0), 1.0)])];
        let at = |members, previous, now_ms| Case { members, previous, now_ms, max_delay_ms: 1_000 }.decide(&wanted);
        let waiting = at(&left, Some(&before), 10_000);
        assert_eq!((counts(&waiting), waiting.wait_until_ms), (vec![1], Some(11_000)));
        let still = at(&left, Some(&waiting), 10_900);
        assert_eq!((still.waiting.len(), still.wait_until_ms), (1, Some(11_000)));
        let over = at(&left, Some(&still), 11_000);
        assert_eq!((counts(&over), over.wait_until_ms), (vec![2], None));
        assert_eq!(over.members[0].items[&task(1)], 4.0);
        // It comes back in time, under another id of the group.
        let back = [worker(1, 4, &[(task(0), 1.0)]), ("new".to_owned(), worker(2, -1, &[]).1)];
        let returned = at(&back, Some(&still), 10_950);
        assert_eq!((counts(&returned), returned.waiting.len()), (vec![1, 1], 0));
    }

    #[test]
    fn what_crosses_the_log_reads_back_and_nonsense_does_not() {
        let members = [worker(1, 3, &[(task(0), 1.25), (Item::Connector("ä-1".into()), 0.1)]), worker(2, -1, &[])];
        assert_eq!(WorkerInfo::from_bytes(&members[0].1.to_bytes()), Some(members[0].1.clone()));
        let mut plan = now(&members).decide(&wanted(&[("a", 3)]));
        plan.waiting = vec![Waiting { item: task(7), weight: 2.0, worker_id: "w:9".into() }];
        plan.moving = [(task(8), 2.5)].into();
        plan.wait_until_ms = Some(5);
        assert_eq!(Plan::from_bytes(&plan.to_bytes()), Some(plan));
        for nonsense in [&b""[..], b"\xff", b"{}"] {
            assert_eq!((WorkerInfo::from_bytes(nonsense), Plan::from_bytes(nonsense)), (None, None));
        }
    }

    #[test]
    fn a_plan_for_thousands_of_tasks_is_small() {
        let names: Vec<String> = (0..1_000).map(|number| format!("orders-{number}")).collect();
        let connectors: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 4)).collect();
        let members: Vec<(String, WorkerInfo)> = (1..=10).map(|id| worker(id, -1, &[])).collect();
        let plan = now(&members).decide(&wanted(&connectors));
        // Ten members get it in one record of the log, which takes a megabyte.
        assert!(plan.to_bytes().len() < 60_000, "{}", plan.to_bytes().len());
    }
}
