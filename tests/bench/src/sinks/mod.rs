//! A topic into the sinks, beside the bare clients of the same servers.

mod codec;
mod s3;
mod search;
mod topic;

use std::time::{Duration, Instant};

use naru_tests::Worker;
use serde_json::Value as Json;

use crate::table::Table;
use crate::usage::{Spent, used_by};

/// Records in the topic.
const RECORDS: u64 = 1_000_000;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// How fast records come into S3, and what else the same runs say.
pub fn s3_pace(table: &mut Table) {
    s3::pace(table);
}

/// What else there is to say of S3.
pub fn s3(table: &mut Table) {
    s3::more(table);
}

/// All rows of OpenSearch.
pub fn search(table: &mut Table) {
    search::measure(table);
}

/// Runs a sink from its POST until `is_done`.
fn run(worker: &mut Worker, name: &str, config: &Json, is_done: impl Fn() -> bool) -> Spent {
    let (rest, pid) = (worker.rest(), worker.process().id());
    let (spent, ()) = used_by(pid, || {
        rest.create(name, config.clone());
        let since = Instant::now();
        while !is_done() {
            let status = || rest.get(&format!("/connectors/{name}/status")).body;
            assert!(since.elapsed() < PATIENCE, "it is not done: {}", status());
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(rest.delete(&format!("/connectors/{name}")).status, 204);
    spent
}
