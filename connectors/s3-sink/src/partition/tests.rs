//! A world in memory: the store, the journal, the committed offset, and lives that end at any moment.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::file::{Codec, Shape, Side};
use crate::journal::{Content, Cut};

/// A step of a life.
#[derive(Clone, Debug)]
enum Step {
    Records(u8),
    ClockMoves(u8),
    CutEarly(u8),
    Decide,
    Store(u8),
    Commit,
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..12).prop_map(Step::Records),
        1 => (0u8..40).prop_map(Step::ClockMoves),
        1 => any::<u8>().prop_map(Step::CutEarly),
        3 => Just(Step::Decide),
        3 => any::<u8>().prop_map(Step::Store),
        2 => Just(Step::Commit),
        1 => Just(Step::Die),
    ]
}

fn rules(choice: u8, deterministic: bool) -> Rules {
    let on = |bit: u8, value: i64| (choice & bit != 0).then_some(value);
    Rules {
        records: on(1, 5).map(|limit| limit as u64),
        bytes: if choice & 2 != 0 { 30 } else { 10_000 },
        interval: on(4, 10),
        schedule: on(8, 50).filter(|_| !deterministic),
        idle: on(16, 20).filter(|_| !deterministic),
        zone: TimeZone::UTC,
    }
}

/// The record at an offset: its path (by a stable function) and its time, which is not in order.
fn record(offset: i64, paths: i64) -> (String, i64) {
    let mixed = offset.wrapping_mul(2_654_435_761) >> 7;
    (format!("p{}", mixed.rem_euclid(paths)), offset + mixed.rem_euclid(9))
}

struct World {
    objects: BTreeMap<(String, i64), Vec<i64>>,
    journal: Content,
    committed: i64,
    life: u64,
}

struct Life {
    partition: Partition,
    making: Making,
    next: i64,
    uploads: Vec<OpenFile>,
}

impl World {
    fn begin(&mut self, rules: Rules, single: bool, now: i64) -> Life {
        self.life += 1;
        let mut plan = Plan::default();
        for cut in self.journal.cuts.iter().filter(|cut| cut.end >= self.committed) {
            plan.add(cut, self.objects.contains_key(&(cut.path.to_string(), cut.start)));
        }
        let writer = self.life.to_string().into();
        let output = |side, ending: &str| Output { side, shape: Shape::JsonLines(Codec::None), ending: ending.into() };
        let outputs = [output(Side::Values, ".json"), output(Side::Keys, ".keys.json")].into();
        let making = Making { rules, outputs, writer, single, part_size: usize::MAX, buffers: Buffers::new(100) };
        let partition = Partition::new(TopicPartition::new("t", 0)).following(plan);
        let _ = now;
        Life { partition, making, next: self.committed, uploads: Vec::new() }
    }

    fn store(&mut self, file: &mut OpenFile) {
        let [text, keys] = [0, 1].map(|output| String::from_utf8(file.bodies[output].rest().to_vec()).unwrap());
        assert_eq!(text, keys);
        let offsets = text.lines().map(|line| line.parse().unwrap()).collect();
        self.objects.insert((file.path.to_string(), file.start()), offsets);
    }
}

impl Life {
    fn read(&mut self, count: u8, paths: i64, now: i64) {
        for offset in self.next..self.next + i64::from(count) {
            let (path, time) = record(offset, paths);
            self.partition.passed(offset);
            let json = Payload::Json(offset.to_string().into());
            let record = [json.clone(), json];
            let entry = Entry { offset, path: &path, time: Some(time), now, record: &record };
            self.partition.take(entry, &self.making).unwrap();
        }
        self.next += i64::from(count);
    }

    fn decide(&mut self, world: &mut World, journal: bool) {
        let files = self.partition.take_cut();
        if journal {
            let new = files.iter().filter(|file| file.planned_end.is_none());
            world.journal.cuts.extend(new.map(|file| Cut {
                path: file.path.clone(),
                start: file.start(),
                end: file.tally.last,
                writer: file.writer.clone(),
            }));
            world.journal.forget(world.committed, 3);
        }
        self.uploads.extend(files);
    }

    fn safe(&self) -> Option<i64> {
        self.partition.safe(self.uploads.iter().map(OpenFile::start))
    }
}

fn each_record_is_stored_once(steps: Vec<Step>, choice: u8, paths: i64, journal: bool) -> Result<(), TestCaseError> {
    let mut world = World { objects: BTreeMap::new(), journal: Content::default(), committed: 0, life: 0 };
    let mut now = 0;
    let mut life = world.begin(rules(choice, !journal), !journal, now);
    for step in steps {
        now += 1;
        match step {
            Step::Records(count) => life.read(count, paths, now),
            Step::ClockMoves(by) => {
                now += i64::from(by);
                life.partition.cut_by_clock(&life.making, now);
            }
            Step::CutEarly(which) if journal => {
                let paths: Vec<Arc<str>> = life.partition.files().map(|file| file.path.clone()).collect();
                if let Some(path) = paths.get(usize::from(which) % paths.len().max(1)) {
                    life.partition.cut_early(path);
                }
            }
            Step::CutEarly(_) => {}
            Step::Decide => life.decide(&mut world, journal),
            Step::Store(which) if !life.uploads.is_empty() => {
                let mut file = life.uploads.swap_remove(usize::from(which) % life.uploads.len());
                world.store(&mut file);
            }
            Step::Store(_) => {}
            Step::Commit => world.committed = life.safe().unwrap_or(0).max(world.committed),
            Step::Die => life = world.begin(rules(choice, !journal), !journal, now),
        }
    }
    // The last life goes on until everything up to here is cut and stored.
    let end = life.next.max(1);
    let last = life;
    drop(last);
    let mut life = world.begin(rules(choice, !journal), !journal, now);
    while life.next < end + 200 {
        life.read(1, paths, now);
    }
    life.decide(&mut world, journal);
    let mut uploads = std::mem::take(&mut life.uploads);
    uploads.iter_mut().for_each(|file| world.store(file));
    let safe = life.safe().unwrap();
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    world.objects.values().flatten().for_each(|offset| *seen.entry(*offset).or_default() += 1);
    for offset in 0..safe {
        prop_assert_eq!(seen.get(&offset), Some(&1), "offset {} of {}", offset, safe);
    }
    prop_assert!(seen.values().all(|count| *count == 1));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn with_a_journal_each_record_is_stored_once(
        steps in prop::collection::vec(step(), 0..120), choice in 0u8..32, paths in 1i64..6,
    ) {
        each_record_is_stored_once(steps, choice, paths, true)?;
    }

    #[test]
    fn one_open_file_needs_no_journal(
        steps in prop::collection::vec(step(), 0..120), choice in 0u8..8, paths in 1i64..3,
    ) {
        each_record_is_stored_once(steps, choice, paths, false)?;
    }
}
