//! Nothing is lost, nothing is made up, order is kept; repeats stay within what is promised.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use naru_tests::{Random, Worker, threads, until};
use serde_json::json;

fn append(file: &Path, from: u64, to: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    let lines: String = (from..to).map(|n| format!("line {n} {}\n", "x".repeat(80))).collect();
    file.write_all(lines.as_bytes()).unwrap();
}

fn numbers(text: &str) -> Vec<u64> {
    text.lines()
        .map(|line| line.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{line:?}")))
        .collect()
}

fn file_to_file(worker: &Worker) {
    let (input, output) = (worker.file("in.txt"), worker.file("out.txt"));
    let text = "StringConverter";
    worker.rest().create(
        "in",
        json!({
            "connector.class": "FileStreamSource", "file": input, "topic": "lines", "value.converter": text,
        }),
    );
    worker.rest().create(
        "out",
        json!({
            "connector.class": "FileStreamSink", "file": output, "topics": "lines", "value.converter": text,
        }),
    );
}

/// Every number in order; a number that comes again starts a run that repeats what came before, never a gap. Returns
/// the longest such repeat.
fn check_repeats(what: &str, seen: &[u64], count: u64) -> u64 {
    let (mut next, mut longest) = (0, 0);
    for number in seen {
        assert!(*number <= next, "{what}: a gap before {number}, expected {next}");
        if *number < next {
            longest = longest.max(next - number);
        }
        next = number + 1;
    }
    assert_eq!(next, count, "{what}: the end is missing");
    longest
}

#[test]
fn twenty_kills_lose_nothing_from_file_to_topic_to_file() {
    let mut worker = Worker::start(&["offset.flush.interval.ms=200"]);
    file_to_file(&worker);
    let mut random = Random::new(7);
    let mut written = 0;
    for _ in 0..20 {
        let more = 500 + random.below(3000);
        append(&worker.file("in.txt"), written, written + more);
        written += more;
        std::thread::sleep(Duration::from_millis(random.below(600)));
        worker.kill();
        worker.start_again();
    }
    append(&worker.file("in.txt"), written, written + 100);
    written += 100;
    let last = format!("line {} ", written - 1);
    until("the last line is in the file", || {
        std::fs::read_to_string(worker.file("out.txt")).unwrap_or_default().contains(&last)
    });
    worker.terminate();
    worker.start_again();
    let topic = numbers(&worker.topics().values("lines").join("\n"));
    let repeat = check_repeats("the topic", &topic, written);
    let file = numbers(&std::fs::read_to_string(worker.file("out.txt")).unwrap());
    let mut distinct = file.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct, (0..written).collect::<Vec<u64>>(), "the file has every line");
    assert!(topic.len() as u64 > written / 2 && written > 10_000, "the run moved {written} lines, repeat {repeat}");
}

#[test]
fn what_a_kill_repeats_stays_within_one_commit_window() {
    const RATE: u64 = 2000;
    let mut worker = Worker::start(&["offset.flush.interval.ms=500"]);
    worker.rest().create(
        "ticks",
        json!({
            "connector.class": "VerifiableSource", "topic": "ticks", "throughput": RATE.to_string(),
        }),
    );
    let mut random = Random::new(3);
    for _ in 0..10 {
        until("it runs", || worker.rest().task_state("ticks", 0).is_some_and(|(state, _)| state == "RUNNING"));
        std::thread::sleep(Duration::from_millis(800 + random.below(1000)));
        worker.kill();
        worker.start_again();
    }
    let number = |value: String| serde_json::from_str::<serde_json::Value>(&value).unwrap()["seqno"].as_u64().unwrap();
    let read = || -> Vec<u64> { worker.topics().values("ticks").into_iter().map(number).collect() };
    let furthest = read().into_iter().max().unwrap();
    until("it is past what it repeats", || read().last().is_some_and(|last| *last > furthest));
    assert_eq!(worker.rest().send("PUT", "/connectors/ticks/stop", None, "").status, 204);
    until("it has stopped", || worker.rest().get("/connectors/ticks/tasks").body == json!([]));
    std::thread::sleep(Duration::from_millis(500));
    let seen = read();
    let repeat = check_repeats("the topic", &seen, seen.last().unwrap() + 1);
    // One window, and as much again for a machine that is busy with other tests.
    assert!(repeat <= RATE, "{repeat} records came again: more than was sent in a second");
    assert!(seen.len() as u64 > RATE * 5, "the run moved {} records", seen.len());
}

#[test]
fn batches_that_the_log_finds_too_large_are_split_and_a_record_that_is_says_so() {
    const LINES: u64 = 20_000;
    let worker = Worker::start(&["broker.message.max.bytes=20000"]);
    append(&worker.file("in.txt"), 0, LINES);
    let config = json!({
        "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": "lines",
        "value.converter": "StringConverter",
    });
    worker.rest().create("in", config);
    until("the last line is in the topic", || worker.topics().end("lines") >= LINES as i64);
    assert_eq!(numbers(&worker.topics().values("lines").join("\n")), (0..LINES).collect::<Vec<u64>>());
    let mut file = OpenOptions::new().append(true).open(worker.file("in.txt")).unwrap();
    file.write_all(format!("{}\n", "y".repeat(30_000)).as_bytes()).unwrap();
    let trace = worker.rest().wait_for_task("in", 0, "FAILED");
    assert!(trace.contains("too large") && trace.contains("max.message.bytes"), "{trace}");
    assert_eq!(worker.topics().end("lines"), LINES as i64);
}

#[test]
fn a_clean_stop_under_load_leaves_no_gap_and_no_repeat() {
    let mut worker = Worker::start(&[]);
    file_to_file(&worker);
    let mut written = 0;
    for _ in 0..5 {
        append(&worker.file("in.txt"), written, written + 20_000);
        written += 20_000;
        std::thread::sleep(Duration::from_millis(150));
        assert!(worker.terminate().success());
        worker.start_again();
    }
    let all: Vec<u64> = (0..written).collect();
    until("every line is in the file", || {
        std::fs::read_to_string(worker.file("out.txt")).unwrap_or_default().lines().count() as u64 >= written
    });
    assert_eq!(numbers(&worker.topics().values("lines").join("\n")), all, "the topic");
    assert_eq!(numbers(&std::fs::read_to_string(worker.file("out.txt")).unwrap()), all, "the file");
}

#[test]
fn the_tasks_of_a_sink_begin_together_without_the_log_s_wait_for_more_members() {
    // The worker's own group waits as long once, when it starts.
    let worker = Worker::start(&["broker.group.initial.rebalance.delay.ms=15000"]);
    let source = json!({ "connector.class": "VerifiableSource", "topic": "some", "max.messages": "1000" });
    worker.rest().create("source", source);
    let sink = json!({
        "connector.class": "VerifiableSink", "topics": "some", "tasks.max": "3",
        "consumer.override.auto.offset.reset": "earliest",
    });
    let since = Instant::now();
    worker.rest().create("sink", sink);
    until("everything is committed", || {
        worker.rest().get("/connectors/sink/offsets").body["offsets"][0]["offset"]["kafka_offset"] == 1_000
    });
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn tasks_are_nicer_than_the_worker_s_log_and_its_control_as_the_setting_says() {
    for (settings, nicer) in [(&[][..], 10), (&["task.nice=3"], 3), (&["task.nice=0"], 0)] {
        let mut worker = Worker::start(settings);
        worker
            .rest()
            .create("count", json!({ "connector.class": "VerifiableSource", "topic": "t", "throughput": "10" }));
        worker.rest().wait_for_task("count", 0, "RUNNING");
        let threads = threads(worker.process().id());
        let of = |name: &str| {
            let found: Vec<i32> = threads.iter().filter(|thread| thread.0 == name).map(|thread| thread.1).collect();
            assert!(!found.is_empty(), "no thread {name} in {threads:?}");
            found
        };
        let own = of("naru")[0];
        assert_eq!(of("task-count-0"), [own + nicer], "{threads:?}");
        assert!(
            [of("naru"), of("log"), of("log-committer")].concat().into_iter().all(|nice| nice == own),
            "{threads:?}"
        );
    }
}

#[test]
fn a_sink_a_hundred_times_slower_than_its_source_keeps_its_place_and_the_worker_its_memory() {
    let mut worker = Worker::start(&["worker.memory.bytes=8388608", "consumer.session.timeout.ms=6000"]);
    worker.rest().create(
        "fast",
        json!({
            "connector.class": "VerifiableSource", "topic": "flood", "record.bytes": "1000", "max.messages": "200000",
        }),
    );
    let report = worker.file("report.json");
    worker.rest().create(
        "slow",
        json!({
            "connector.class": "VerifiableSink", "topics": "flood", "delay.us": "20000", "report.file": report,
            "consumer.override.max.poll.records": "500",
        }),
    );
    until("the source is through", || {
        worker.rest().get("/connectors/fast/offsets").body["offsets"][0]["offset"]["seqno"] == 199_999
    });
    // Each call takes ten seconds, longer than the session: the place must be kept all the same.
    std::thread::sleep(Duration::from_secs(14));
    until("something is committed", || worker.rest().get("/connectors/slow/offsets").body["offsets"][0].is_object());
    let log = worker.log();
    assert!(!log.contains("lost the place"), "{log}");
    let (now, peak) = worker.process().memory();
    assert!(peak < 120 << 20, "memory is {now} bytes now and was {peak} at most, with 200 MB in the topic");
    let counts: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let stream = &counts["streams"]["fast-0"];
    assert_eq!((&stream["missing"], &stream["repeats"]), (&json!(0), &json!(0)), "{counts}");
    assert!(worker.terminate().success(), "it stops although a call is under way");
}
