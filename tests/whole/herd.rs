//! Several workers on one log: they share the work, take over from each other, and disturb nothing that need not move.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use naru_tests::{Log, Worker, naru_binary, threads, until, until_it_is};
use serde_json::{Value as Json, json};

use crate::plugins::worker_with_doubles;

/// Short, so that the tests need not wait for long.
const SESSION: Duration = Duration::from_secs(3);

fn worker(log: &Log) -> Worker {
    worker_as(&naru_binary(), log)
}

/// A worker of that version.
pub(crate) fn worker_as(binary: &Path, log: &Log) -> Worker {
    with_settings(log, |settings| Worker::start_as(binary, settings))
}

/// A worker whose plugins are the doubles, and whose tasks have ten seconds to stop.
fn worker_with_doubles_on(log: &Log) -> Worker {
    let patient = "task.shutdown.graceful.timeout.ms=10000";
    with_settings(log, |settings| worker_with_doubles(&[settings, &[patient]].concat()))
}

fn with_settings(log: &Log, start: impl FnOnce(&[&str]) -> Worker) -> Worker {
    let bootstrap = format!("bootstrap.servers={}", log.bootstrap());
    let session = format!("session.timeout.ms={}", SESSION.as_millis());
    start(&[&bootstrap, &session, "heartbeat.interval.ms=200", "offset.flush.interval.ms=200"])
}

/// How long nothing changes: as many seconds as `NARU_TEST_IDLE_SECONDS` says.
fn idle() -> Duration {
    let seconds = std::env::var("NARU_TEST_IDLE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

/// Sources that count, each into a topic of its own.
pub(crate) fn counters(worker: &Worker, names: impl Iterator<Item = usize>) {
    for number in names {
        let topic = format!("count-{number}");
        let config = json!({ "connector.class": "VerifiableSource", "topic": topic, "throughput": "300" });
        worker.rest().create(&topic, config);
    }
}

/// Which worker runs each task, as a worker says. Tasks that do not run are left out.
fn owners(asked: &Worker) -> BTreeMap<String, String> {
    let all = asked.rest().get("/connectors?expand=status").body;
    let mut owners = BTreeMap::new();
    for (name, shown) in all.as_object().into_iter().flatten() {
        for task in shown["status"]["tasks"].as_array().into_iter().flatten() {
            if task["state"] == "RUNNING" {
                owners.insert(
                    format!("{name}-{}", task["id"]),
                    task["worker_id"].as_str().unwrap_or_default().to_owned(),
                );
            }
        }
    }
    owners
}

fn counts(asked: &Worker) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    owners(asked).into_values().for_each(|owner| *counts.entry(owner).or_default() += 1);
    counts
}

fn id(worker: &Worker) -> String {
    format!("127.0.0.1:{}", worker.rest_port())
}

pub(crate) fn until_shared(asked: &Worker, wanted: &[(&Worker, usize)]) {
    let wanted: BTreeMap<String, usize> =
        wanted.iter().filter(|(_, count)| *count > 0).map(|(worker, count)| (id(worker), *count)).collect();
    until_it_is("who runs how many tasks", &wanted, || counts(asked));
}

/// What counters have written.
pub(crate) fn numbers_of(values: Vec<String>) -> Vec<u64> {
    let number = |value: String| serde_json::from_str::<Json>(&value).unwrap()["seqno"].as_u64().unwrap();
    values.into_iter().map(number).collect()
}

fn numbers(log: &Log, topic: &str) -> Vec<u64> {
    numbers_of(log.topics().values(topic))
}

/// Every number is there, and none twice.
pub(crate) fn exact(log: &Log, topic: &str) {
    let seen = numbers(log, topic);
    let wanted: Vec<u64> = (0..seen.len() as u64).collect();
    assert!(seen == wanted, "{topic}: {} numbers, not each once and in order", seen.len());
}

/// No number is missing.
fn whole(log: &Log, topic: &str) -> usize {
    let seen = numbers(log, topic);
    let distinct: BTreeSet<u64> = seen.iter().copied().collect();
    assert_eq!(distinct.last().map_or(0, |last| last + 1), distinct.len() as u64, "{topic} has gaps");
    seen.len() - distinct.len()
}

#[test]
fn a_worker_that_comes_gets_a_share_and_one_that_stops_hands_it_over_without_a_gap_or_a_repeat() {
    let log = Log::start();
    let first = worker(&log);
    counters(&first, 0..6);
    until_shared(&first, &[(&first, 6)]);
    let mut second = worker(&log);
    until_shared(&first, &[(&first, 3), (&second, 3)]);
    assert_eq!(owners(&first), owners(&second), "both say the same");

    // What is new goes to whoever has less, and disturbs nothing.
    let before = owners(&first);
    counters(&first, 6..8);
    until_shared(&second, &[(&first, 4), (&second, 4)]);
    let after = owners(&first);
    assert!(before.iter().all(|(task, owner)| after.get(task) == Some(owner)), "{before:?} {after:?}");

    let stopped = Instant::now();
    assert!(second.terminate().success());
    until_shared(&first, &[(&first, 8)]);
    assert!(stopped.elapsed() < SESSION, "it took {:?}", stopped.elapsed());
    std::thread::sleep(Duration::from_millis(500));
    for number in 0..8 {
        exact(&log, &format!("count-{number}"));
    }
}

#[test]
fn the_tasks_of_a_killed_worker_run_elsewhere_within_its_session_and_a_second() {
    let log = Log::start();
    let (first, mut second) = (worker(&log), worker(&log));
    counters(&first, 0..6);
    until_shared(&first, &[(&first, 3), (&second, 3)]);
    let killed = Instant::now();
    second.kill();
    until_shared(&first, &[(&first, 6)]);
    let took = killed.elapsed();
    // Two cores are shared with other tests; `./bench herd` has the second as its target.
    assert!(took < SESSION + Duration::from_secs(3), "it took {took:?}");
    let ends: Vec<usize> = (0..6).map(|number| numbers(&log, &format!("count-{number}")).len()).collect();
    until("all go on", || (0..6).all(|number| numbers(&log, &format!("count-{number}")).len() > ends[number]));
    for number in 0..6 {
        whole(&log, &format!("count-{number}"));
    }

    // It comes back, under the same name.
    second.start_again();
    until_shared(&first, &[(&first, 3), (&second, 3)]);
}

/// How far a sink has committed each topic of one partition.
fn committed(asked: &Worker, sink: &str) -> BTreeMap<String, i64> {
    let all = asked.rest().get(&format!("/connectors/{sink}/offsets")).body["offsets"].clone();
    let offset = |of: &Json| {
        let topic = of["partition"]["kafka_topic"].as_str()?.to_owned();
        Some((topic, of["offset"]["kafka_offset"].as_i64()?))
    };
    all.as_array().into_iter().flatten().filter_map(offset).collect()
}

#[test]
fn what_the_sinks_of_a_killed_worker_read_is_read_on_without_a_wait_for_the_consumers_session() {
    let log = Log::start();
    let (first, mut second) = (worker(&log), worker(&log));
    counters(&first, 0..2);
    // The log would wait for a consumer that was lost for the 45 s of its session.
    let sink = json!({
        "connector.class": "VerifiableSink", "topics": "count-0,count-1", "tasks.max": "2",
        "consumer.override.session.timeout.ms": "45000",
    });
    first.rest().create("sink", sink);
    until_shared(&first, &[(&first, 2), (&second, 2)]);
    let goes_on = |asked: &Worker| {
        let ends = ["count-0", "count-1"].map(|topic| (topic.to_owned(), log.topics().end(topic)));
        until("both topics are read on", || {
            let committed = committed(asked, "sink");
            ends.iter().all(|(topic, end)| committed.get(topic).is_some_and(|offset| offset > end))
        });
    };
    goes_on(&first);
    let killed = Instant::now();
    second.kill();
    until_shared(&first, &[(&first, 4)]);
    goes_on(&first);
    let took = killed.elapsed();
    assert!(took < SESSION + Duration::from_secs(8), "it took {took:?}");
    second.start_again();
    until_shared(&first, &[(&first, 2), (&second, 2)]);
    goes_on(&second);
}

#[test]
fn a_frozen_worker_that_wakes_up_repeats_at_most_and_takes_its_share_again() {
    let log = Log::start();
    let (first, mut second) = (worker(&log), worker(&log));
    counters(&first, 0..4);
    until_shared(&first, &[(&first, 2), (&second, 2)]);
    second.process().signal(libc::SIGSTOP);
    until_shared(&first, &[(&first, 4)]);
    std::thread::sleep(Duration::from_millis(500));
    second.process().signal(libc::SIGCONT);
    until_shared(&first, &[(&first, 2), (&second, 2)]);
    std::thread::sleep(Duration::from_millis(500));
    for number in 0..4 {
        let topic = format!("count-{number}");
        let repeats = whole(&log, &topic);
        // Nobody else counts meanwhile: the last stretch has each number once.
        let seen = numbers(&log, &topic);
        let tail = &seen[seen.len() - 50..];
        assert!(tail.windows(2).all(|pair| pair[1] == pair[0] + 1), "{topic} after {repeats} repeats: {tail:?}");
    }
}

#[test]
fn a_connector_that_is_created_again_starts_nowhere_else_while_its_old_task_stops() {
    let log = Log::start();
    let (mut first, mut second) = (worker_with_doubles_on(&log), worker_with_doubles_on(&log));
    counters(&first, 0..2);
    until_shared(&first, &[(&first, 1), (&second, 1)]);
    let rest = first.rest();
    let create = |count: &str| {
        let (class, trouble) = ("DoubleSource", "stop:hang:1:1");
        let config = json!({ "connector.class": class, "topic": "slow", "trouble": trouble, "count": count });
        rest.create("slow", config);
    };
    create("100");
    until("it has written", || log.topics().values("slow").len() == 100);
    let before = owners(&first).remove("slow-0");

    // Its task takes ten seconds to stop. Meanwhile a worker comes that has nothing, and would be given what is new.
    assert_eq!(rest.delete("/connectors/slow").status, 204);
    let mut third = worker_with_doubles_on(&log);
    until("all three are a herd", || first.log().contains("workers=3"));
    let processes = [first.process().id(), second.process().id(), third.process().id()];
    let has_task = |process: &&u32| threads(**process).iter().any(|(name, _)| name == "task-slow-0");
    let runs = || processes.iter().filter(has_task).count();
    assert_eq!(runs(), 1, "its old task has stopped already");
    create("200");
    until("it has written more", || {
        assert!(runs() <= 1, "it runs on two workers");
        log.topics().values("slow").len() == 200
    });
    assert_eq!(owners(&first).remove("slow-0"), before);
}

#[test]
fn a_herd_that_is_restarted_one_by_one_leaves_no_gap_and_no_repeat_and_an_idle_one_writes_nothing() {
    let log = Log::start();
    let mut workers = [worker(&log), worker(&log), worker(&log)];
    counters(&workers[0], 0..6);
    until_shared(&workers[0], &[(&workers[0], 2), (&workers[1], 2), (&workers[2], 2)]);
    for restarted in 0..3 {
        assert!(workers[restarted].terminate().success());
        workers[restarted].start_again();
        until_shared(&workers[restarted], &[(&workers[0], 2), (&workers[1], 2), (&workers[2], 2)]);
    }
    for number in 0..6 {
        exact(&log, &format!("count-{number}"));
    }

    let (written, owned) = (log.topics().end("naru-configs"), owners(&workers[0]));
    let shared = |worker: &Worker| worker.log().matches("has shared out").count();
    let rounds: Vec<usize> = workers.iter().map(shared).collect();
    std::thread::sleep(idle());
    assert_eq!(log.topics().end("naru-configs"), written);
    assert_eq!(owners(&workers[0]), owned);
    assert_eq!(workers.iter().map(shared).collect::<Vec<usize>>(), rounds);
}
