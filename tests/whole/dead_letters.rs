//! Records that cannot be read or taken: the task goes on without them if it may, and none of them is lost.

use std::collections::BTreeSet;
use std::io::Write;

use connector_api::conformance::doubles::world;
use naru_tests::{Rest, Worker, WorkerWithDoubles, until};
use serde_json::{Value as Json, json};

/// A hundred numbers in a topic.
fn numbers(rest: &Rest, topic: &str) {
    let config = json!({ "connector.class": "DoubleSource", "topic": topic, "world": format!("{topic}-source"), "count": "100" });
    rest.create(&format!("{topic}-source"), config);
}

/// A sink that misbehaves, and goes on without what it rejects.
fn tolerant(topic: &str, world: &str, trouble: &str) -> Json {
    json!({
        "connector.class": "DoubleSink", "topics": topic, "world": world, "trouble": trouble,
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": format!("{world}-dead"),
    })
}

fn taken(name: &str) -> Vec<i64> {
    world(name).records.iter().map(|(_, offset, _)| *offset).collect()
}

fn committed(rest: &Rest, name: &str) -> Json {
    rest.get(&format!("/connectors/{name}/offsets")).body["offsets"][0]["offset"]["kafka_offset"].clone()
}

#[test]
fn what_a_sink_rejects_is_a_dead_letter_as_it_was_read_and_the_rest_arrives() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    numbers(&rest, "odd");
    let mut config = tolerant("odd", "odd-sink", "put:odd:1:0");
    config["errors.deadletterqueue.context.headers.enable"] = json!("true");
    rest.create("odd-sink", config);
    until("everything is committed", || committed(&rest, "odd-sink") == json!(100));
    assert_eq!(taken("odd-sink"), (0..100).step_by(2).collect::<Vec<i64>>());
    let letters = worker.topics().read("odd-sink-dead");
    let originals = worker.topics().read("odd");
    let kept: Vec<_> = letters.iter().map(|letter| (&letter.key, &letter.value)).collect();
    let odd = originals.iter().filter(|record| record.offset % 2 == 1);
    assert_eq!(kept, odd.map(|record| (&record.key, &record.value)).collect::<Vec<_>>());
    let expected = [
        ("topic", "odd"),
        ("partition", "0"),
        ("offset", "1"),
        ("connector.name", "odd-sink"),
        ("task.id", "0"),
        ("stage", "TASK_PUT"),
        ("class.name", "naru.DoubleSinkTask"),
        ("exception.class.name", "org.apache.kafka.connect.errors.DataException"),
        ("exception.message", "offset 1 is odd"),
        ("exception.stacktrace", "offset 1 is odd"),
    ];
    let names = expected.map(|(name, value)| (format!("__connect.errors.{name}"), Some(value.to_owned())));
    assert_eq!(letters[0].headers, names);
    let status = rest.get("/connectors/odd-sink/tasks/0/status").body;
    assert_eq!((&status["state"], &status["passed_over"]), (&json!("RUNNING"), &json!(50)));
    assert!(status["warnings"][0].as_str().unwrap().contains("odd-0 offset 1 was passed over (TASK_PUT)"), "{status}");
}

#[test]
fn what_a_sink_rejects_after_it_was_put_is_a_dead_letter_too() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    numbers(&rest, "late");
    until("the numbers are there", || worker.topics().end("late") == 100);
    let mut config = tolerant("late", "late-sink", "put:keep:1:0,written:odd:1:0");
    config["consumer.override.max.poll.records"] = json!("10");
    rest.create("late-sink", config);
    until("everything is committed", || committed(&rest, "late-sink") == json!(100));
    assert_eq!(taken("late-sink"), (0..100).step_by(2).collect::<Vec<i64>>());
    let letters: Vec<Option<String>> =
        worker.topics().read("late-sink-dead").into_iter().map(|one| one.value).collect();
    let odd = worker.topics().read("late").into_iter().filter(|record| record.offset % 2 == 1);
    assert_eq!(letters, odd.map(|record| record.value).collect::<Vec<_>>());
    let kept = world("late-sink").calls.into_iter().filter_map(|call| call.strip_prefix("written ")?.parse().ok());
    let most: usize = kept.max().unwrap();
    assert!((10..40).contains(&most), "it had {most} records at a time, and takes none from thirty on");
}

#[test]
fn without_tolerance_a_late_rejection_fails_the_task_and_nothing_passes_it() {
    let worker = WorkerWithDoubles::start(&["offset.flush.interval.ms=10"]);
    let rest = worker.rest();
    numbers(&rest, "late-strict");
    until("the numbers are there", || worker.topics().end("late-strict") == 100);
    let mut config = tolerant("late-strict", "late-strict-sink", "put:keep:1:0,written:odd:3:0");
    config["errors.tolerance"] = json!("none");
    rest.create("late-strict-sink", config);
    let why = rest.wait_for_task("late-strict-sink", 0, "FAILED");
    assert!(why.contains("the sink cannot take late-strict-0 offset 21: offset 21 is odd"), "{why}");
    until("it has ended", || world("late-strict-sink").calls.iter().any(|call| call == "stop "));
    let at = committed(&rest, "late-strict-sink").as_i64().unwrap();
    assert!((10..=21).contains(&at), "committed {at}, though what it said last was beyond the record at 21");
}

#[test]
fn a_sink_that_takes_no_more_says_why_and_stops_at_once() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    numbers(&rest, "full");
    rest.create("full-sink", tolerant("full", "full-sink", "put:keep:1:0,written:retry:1:0"));
    until("the status says so", || {
        let status = rest.get("/connectors/full-sink/tasks/0/status").body;
        status["state"] == json!("RUNNING") && status.to_string().contains("trouble in written")
    });
    let asked = std::time::Instant::now();
    assert_eq!(rest.delete("/connectors/full-sink").status, 204);
    until("it has stopped", || world("full-sink").calls.iter().any(|call| call == "stop "));
    assert!(asked.elapsed() < std::time::Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(taken("full-sink").is_empty());
}

#[test]
fn a_rejection_that_names_no_record_is_narrowed_down_to_it() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    numbers(&rest, "sevens");
    rest.create("sevens-sink", tolerant("sevens", "sevens-sink", "put:sevens:1:0"));
    until("everything is committed", || committed(&rest, "sevens-sink") == json!(100));
    assert_eq!(taken("sevens-sink"), (0..100).filter(|offset| offset % 7 != 0).collect::<Vec<i64>>());
    let letters = worker.topics().read("sevens-sink-dead");
    let keys: Vec<String> = letters.iter().map(|letter| letter.key.clone().unwrap()).collect();
    assert_eq!(keys, (0..100).step_by(7).map(|offset| format!("\"{offset}\"")).collect::<Vec<_>>());
    assert!(letters.iter().all(|letter| letter.headers.is_empty()), "without the key there are no headers");
}

#[test]
fn without_tolerance_the_first_bad_record_fails_the_task_and_nothing_is_written() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    numbers(&rest, "strict");
    until("the numbers are there", || worker.topics().end("strict") == 100);
    let mut config = tolerant("strict", "strict-sink", "put:sevens:1:0");
    config["errors.tolerance"] = json!("none");
    rest.create("strict-sink", config);
    let why = rest.wait_for_task("strict-sink", 0, "FAILED");
    assert!(why.contains("the sink cannot take strict-0 offset 0: a multiple of seven"), "{why}");
    assert_eq!(worker.topics().end("strict-sink-dead"), 0);
    let warnings = rest.get("/connectors/strict-sink/status").body["connector"]["warnings"].to_string();
    assert!(warnings.contains("has no effect while `errors.tolerance` is `none`"), "{warnings}");
}

#[test]
fn a_late_dead_letter_that_cannot_be_written_fails_the_task_and_its_record_is_not_passed() {
    let worker = WorkerWithDoubles::start(&["broker.message.max.bytes=10000"]);
    let rest = worker.rest();
    lines_of_which_the_second_is_large(&worker);
    let mut config = tolerant("large", "late-large", "put:keep:1:0,written:odd:1:0");
    config["errors.deadletterqueue.context.headers.enable"] = json!("true");
    rest.create("late", config);
    let why = rest.wait_for_task("late", 0, "FAILED");
    assert!(why.contains("cannot write a dead letter"), "{why}");
    until("it has ended", || world("late-large").calls.iter().any(|call| call == "stop "));
    assert_ne!(committed(&rest, "late"), json!(3));
}

/// Three lines, of which the second fits into the log, but not with the headers of a dead letter.
fn lines_of_which_the_second_is_large(worker: &WorkerWithDoubles) {
    let file = worker.folder().join("lines.txt");
    std::fs::write(&file, format!("1\n{}\n2\n", "x".repeat(9_800))).unwrap();
    worker.rest().create(
        "lines",
        json!({
            "connector.class": "FileStreamSource", "file": file, "topic": "large", "value.converter": "StringConverter",
        }),
    );
    until("the lines are there", || worker.topics().end("large") == 3);
}

#[test]
fn a_dead_letter_that_cannot_be_written_fails_the_task_and_its_record_is_not_passed() {
    let worker = WorkerWithDoubles::start(&["broker.message.max.bytes=10000"]);
    let rest = worker.rest();
    lines_of_which_the_second_is_large(&worker);
    let mut config = tolerant("large", "large-sink", "");
    config["errors.deadletterqueue.context.headers.enable"] = json!("true");
    rest.create("large-sink", config);
    let why = rest.wait_for_task("large-sink", 0, "FAILED");
    assert!(
        why.contains("cannot write a dead letter to large-sink-dead") && why.contains("max.message.bytes"),
        "{why}"
    );
    assert_ne!(committed(&rest, "large-sink"), json!(3));
    assert_eq!(worker.topics().end("large-sink-dead"), 0);
}

/// Good and bad lines, a worker that is killed again and again: in the end each good line is in the file and each bad one
/// among the dead letters.
#[test]
fn ten_kills_lose_neither_a_record_nor_a_dead_letter() {
    const BLOCK: u64 = 2_000;
    let mut worker = Worker::start(&["offset.flush.interval.ms=100"]);
    let line =
        |number: u64| if number.is_multiple_of(5) { format!("bad {number}") } else { format!("{{\"n\":{number}}}") };
    let (input, output) = (worker.file("in.txt"), worker.file("out.txt"));
    std::fs::write(&input, "").unwrap();
    worker.rest().create("in", json!({
        "connector.class": "FileStreamSource", "file": input, "topic": "mixed", "value.converter": "StringConverter",
    }));
    worker.rest().create(
        "out",
        json!({
            "connector.class": "FileStreamSink", "topics": "mixed", "file": output,
            "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
            "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "bad",
            "errors.deadletterqueue.context.headers.enable": "true",
        }),
    );
    for round in 0..10 {
        let lines: String = (round * BLOCK..(round + 1) * BLOCK).map(|number| line(number) + "\n").collect();
        std::fs::OpenOptions::new().append(true).open(&input).unwrap().write_all(lines.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60 + round * 37 % 300));
        worker.kill();
        worker.start_again();
    }
    let last = line(10 * BLOCK - 1);
    let written = || std::fs::read_to_string(&output).unwrap_or_default();
    until("the last line is in the file", || written().lines().any(|line| line.ends_with(&last)));
    let letters = worker.topics().read("bad");
    let kept: BTreeSet<&str> = letters.iter().filter_map(|letter| letter.value.as_deref()).collect();
    let expected: Vec<String> = (0..10 * BLOCK).step_by(5).map(line).collect();
    assert_eq!(kept, expected.iter().map(String::as_str).collect());
    assert!(letters.iter().all(|letter| letter.header("__connect.errors.stage") == "VALUE_CONVERTER"));
    let text = written();
    let good = text.lines().filter(|line| !line.is_empty()).count() as u64;
    assert!(good >= 8 * BLOCK && !text.contains("bad"), "{good} lines");
}

#[test]
fn a_source_goes_on_without_a_record_that_cannot_be_converted() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    let config = json!({
        "connector.class": "DoubleSource", "topic": "bytes", "world": "bytes-source", "count": "100",
        "key.converter": "ByteArrayConverter", "errors.tolerance": "all",
    });
    rest.create("bytes-source", config);
    until("its position is stored", || {
        rest.get("/connectors/bytes-source/offsets").body["offsets"][0]["offset"]["next"] == json!(100)
    });
    let status = rest.get("/connectors/bytes-source/tasks/0/status").body;
    assert_eq!((&status["state"], &status["passed_over"]), (&json!("RUNNING"), &json!(100)));
    assert!(status["warnings"].to_string().contains("is no bytes"), "{status}");
    assert_eq!(worker.topics().end("bytes"), 0);
}
