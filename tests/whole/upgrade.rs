//! A newer version takes the place of an older one, which `NARU_TEST_FROM` names by its binary, and gives it back.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use naru_tests::{Log, Worker, naru_binary, until};
use serde_json::json;

use crate::herd::{counters, exact, numbers_of, settings, until_shared};

fn older() -> PathBuf {
    std::env::var_os("NARU_TEST_FROM").expect("NARU_TEST_FROM is the path of an older `naru`: see tests/slow").into()
}

#[test]
#[ignore = "needs another version: tests/slow upgrade"]
fn a_herd_is_upgraded_one_by_one_under_load_and_goes_back_without_a_gap_or_a_repeat() {
    let (log, old, new) = (Log::start(), older(), naru_binary());
    let settings = settings(&log);
    let mut workers = [(); 3].map(|()| Worker::start_as(&old, &settings.each_ref().map(String::as_str)));
    counters(&workers[0], 0..6);
    for version in [&new, &old, &new] {
        for one in 0..3 {
            workers[one].become_version(version);
            until_shared(&workers[one], &[(&workers[0], 2), (&workers[1], 2), (&workers[2], 2)]);
        }
        // Both versions take what is new.
        counters(&workers[0], 6..7);
        until("the new one runs", || workers[1].rest().task_state("count-6", 0).is_some_and(|it| it.0 == "RUNNING"));
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
    append(&input, 0);
    let text = "org.apache.kafka.connect.storage.StringConverter";
    let source =
        json!({ "connector.class": "FileStreamSource", "file": input, "topic": "lines", "value.converter": text });
    worker.rest().create("source", source);
    let sink =
        json!({ "connector.class": "FileStreamSink", "file": output, "topics": "lines", "value.converter": text });
    worker.rest().create("sink", sink);
    counters(&worker, 0..2);
    assert_eq!(worker.rest().send("PUT", "/connectors/count-1/pause", None, "").status, 202);
    let written = |lines: u64| std::fs::read_to_string(&output).is_ok_and(|text| text == whole(lines));
    until("the first lines are through", || written(LINES));
    until("it is paused", || worker.rest().task_state("count-1", 0).is_some_and(|it| it.0 == "PAUSED"));
    for (round, version) in (1..).zip([&new, &old, &new]) {
        worker.become_version(version);
        append(&input, round * LINES);
        until("the next lines are through, and none twice", || written((round + 1) * LINES));
        until("it is paused still", || worker.rest().task_state("count-1", 0).is_some_and(|it| it.0 == "PAUSED"));
        let before = worker.topics().end("count-0");
        until("the counter goes on", || worker.topics().end("count-0") > before);
    }
    let numbers = numbers_of(worker.topics().values("count-0"));
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "not each number once and in order");
}

const LINES: u64 = 1_000;

fn line(number: u64) -> String {
    format!("line {number}\n")
}

fn whole(lines: u64) -> String {
    (0..lines).map(line).collect()
}

fn append(file: &Path, from: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    file.write_all((from..from + LINES).map(line).collect::<String>().as_bytes()).unwrap();
}
