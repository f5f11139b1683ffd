//! A worker that has nothing to do.

use std::time::Duration;

use naru_tests::Worker;

use crate::table::{Row, Table, Target};
use crate::usage::cpu;

/// How long an idle worker is watched.
const WATCHED: Duration = Duration::from_secs(60);

/// Memory and CPU of an idle worker with its log.
pub fn idle(table: &mut Table) {
    let mut worker = Worker::start(&[]);
    std::thread::sleep(Duration::from_secs(2));
    let pid = worker.process().id();
    let before = cpu(pid).own;
    std::thread::sleep(WATCHED);
    let share = (cpu(pid).own - before) / WATCHED.as_secs_f64() * 100.0;
    let (now, _) = worker.process().memory();
    let megabytes = now as f64 / 1e6;
    table.add(Row {
        what: "idle worker with its log: memory",
        ours: format!("{megabytes:.1} MB"),
        baseline: String::new(),
        value: megabytes,
        target: Target::AtMost(30.0),
        cost: String::new(),
    });
    table.add(Row {
        what: "idle worker with its log: CPU, percent of a core",
        ours: format!("{share:.2} %"),
        baseline: format!("watched for {WATCHED:?}"),
        value: share,
        target: Target::AtMost(0.3),
        cost: String::new(),
    });
}
