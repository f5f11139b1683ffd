//! A newer version takes the place of an older one, which `NARU_TEST_FROM` names by its binary, and gives it back.

use std::path::PathBuf;

use naru_tests::{Log, Worker, naru_binary, until};
use serde_json::json;

use crate::herd::{counters, exact, numbers_of, until_shared, worker_as};
use crate::r#move::{append, lines};

/// So many lines come with each version.
const LINES: usize = 1_000;

fn older() -> PathBuf {
    std::env::var_os("NARU_TEST_FROM").expect("NARU_TEST_FROM is the path of an older `naru`: see tests/slow").into()
}

#[test]
#[ignore = "needs another version: tests/slow upgrade"]
fn a_herd_is_upgraded_one_by_one_under_load_and_goes_back_without_a_gap_or_a_repeat() {
    let (log, old, new) = (Log::start(), older(), naru_binary());
    let mut workers = [(); 3].map(|()| worker_as(&old, &log));
    counters(&workers[0], 0..6);
    for version in [&new, &old, &new] {
        for one in 0..3 {
            workers[one].become_version(version);
            until_shared(&workers[one], &[(&workers[0], 2), (&workers[1], 2), (&workers[2], 2)]);
        }
        // Both versions take what is new.
        counters(&workers[0], 6..7);
        workers[1].rest().wait_for_task("count-6", 0, "RUNNING");
        assert_eq!(workers[2].rest().delete("/connectors/count-6").status, 204);
        until_shared(&workers[0], &[(&workers[0], 2), (&workers[1], 2), (&workers[2], 2)]);
    }
    for number in 0..6 {
        exact(&log, &format!("count-{number}"));
    }
}

#[test]
#[ignore = "needs another version: tests/slow upgrade"]
fn a_worker_with_its_own_log_is_upgraded_and_goes_back_and_everything_goes_on_where_it_stood() {
    let (old, new) = (older(), naru_binary());
    let mut worker = Worker::start_as(&old, &["offset.flush.interval.ms=200"]);
    let (input, output) = (worker.file("in.txt"), worker.file("out.txt"));
    append(&input, 0, LINES);
    let text = "org.apache.kafka.connect.storage.StringConverter";
    let source =
        json!({ "connector.class": "FileStreamSource", "file": input, "topic": "lines", "value.converter": text });
    worker.rest().create("source", source);
    let sink =
        json!({ "connector.class": "FileStreamSink", "file": output, "topics": "lines", "value.converter": text });
    worker.rest().create("sink", sink);
    counters(&worker, 0..2);
    assert_eq!(worker.rest().send("PUT", "/connectors/count-1/pause", None, "").status, 202);
    let written = |count: usize| lines(&output).into_iter().eq((0..count).map(|number| format!("line {number}")));
    until("the first lines are through", || written(LINES));
    worker.rest().wait_for_task("count-1", 0, "PAUSED");
    for (round, version) in (1..).zip([&new, &old, &new]) {
        worker.become_version(version);
        append(&input, round * LINES, (round + 1) * LINES);
        until("the next lines are through, and none twice", || written((round + 1) * LINES));
        worker.rest().wait_for_task("count-1", 0, "PAUSED");
        let before = worker.topics().end("count-0");
        until("the counter goes on", || worker.topics().end("count-0") > before);
    }
    let numbers = numbers_of(worker.topics().values("count-0"));
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "not each number once and in order");
}
