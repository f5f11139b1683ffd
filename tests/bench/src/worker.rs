//! A worker that has nothing to do.

use std::time::{Duration, Instant};

use naru_tests::Worker;

use crate::table::{Row, Side, Table, Target, median};
use crate::usage::cpu;

/// How long an idle worker is watched.
const WATCHED: Duration = Duration::from_secs(60);

/// From nothing to REST that answers, in an empty folder.
pub fn start(table: &mut Table) {
    let round = || {
        let since = Instant::now();
        let worker = Worker::start(&[]);
        let took = since.elapsed().as_secs_f64();
        drop(worker);
        took
    };
    let took = median((0..5).map(|_| round()).collect(), |took| *took);
    table.add(Row {
        what: "start of a worker on an empty folder until REST is healthy, seconds",
        ours: Side::figure(format!("{:.0} ms", took * 1e3)),
        baseline: Side::default(),
        value: took,
        target: Target::AtMost(0.3),
    });
}

/// Memory and CPU of an idle worker with its log.
pub fn idle(table: &mut Table) {
    let mut worker = Worker::start(&[]);
    std::thread::sleep(Duration::from_secs(2));
    let pid = worker.process().id();
    let before = cpu(pid);
    std::thread::sleep(WATCHED);
    let share = (cpu(pid) - before) / WATCHED.as_secs_f64() * 100.0;
    let (now, peak) = worker.process().memory();
    let megabytes = now as f64 / 1e6;
    table.add(Row {
        what: "idle worker with its log: memory, MB",
        ours: Side { memory: Some(peak as f64 / 1e6), ..Side::figure(format!("{megabytes:.1} MB")) },
        baseline: Side::default(),
        value: megabytes,
        target: Target::AtMost(30.0),
    });
    table.add(Row {
        what: "idle worker with its log: CPU, percent of a core",
        ours: Side::figure(format!("{share:.2} % in {WATCHED:?}")),
        baseline: Side::default(),
        value: share,
        target: Target::AtMost(0.3),
    });
}
