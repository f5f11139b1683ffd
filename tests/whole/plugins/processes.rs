//! Connectors in processes of their own: what a process does to itself stays there.

use std::process::Command;

use naru_tests::until;
use serde_json::json;

use super::{numbers, worker_with_doubles};

/// The processes that run plugins for that worker.
fn children(worker: u32) -> Vec<u32> {
    let output = Command::new("ps").args(["-o", "pid=", "--ppid", &worker.to_string()]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn is_there(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

#[test]
fn a_crash_of_a_process_hurts_its_task_alone_which_starts_again_and_loses_nothing() {
    let mut worker = worker_with_doubles(&["task.restart.backoff.ms=100"]);
    let own = worker.process().id();
    worker.rest().create(
        "bystander",
        json!({ "connector.class": "DoubleSource", "topic": "bystander", "connector.isolation": "process" }),
    );
    until("it runs", || numbers(&worker, "bystander").len() == 100);
    for (kind, said) in [("abort", "signal 6 (abort)"), ("overflow", "signal"), ("leak", "signal 6 (abort)")] {
        let topic = format!("crash-{kind}");
        worker.rest().create(
            &topic,
            json!({
                "connector.class": "DoubleSource", "topic": topic, "trouble": format!("poll:{kind}:5:1"), "count": "40",
                "connector.isolation": "process", "connector.isolation.memory.bytes": "268435456",
            }),
        );
        let why = worker.rest().wait_for_task(&topic, 0, "FAILED");
        assert!(why.contains("its process was ended by") && why.contains(said), "{kind}: {why}");
        // Each life reads four batches before its fifth poll crashes; the last one has nothing left to read.
        until("all is there", || numbers(&worker, &topic).len() >= 40);
        let mut seen = numbers(&worker, &topic);
        seen.dedup();
        assert_eq!(seen, (0..40).collect::<Vec<i64>>(), "{kind}");
        worker.rest().delete(&format!("/connectors/{topic}"));
    }
    assert!(worker.process().is_running() && worker.process().id() == own);
    assert_eq!(worker.rest().wait_for_task("bystander", 0, "RUNNING"), "");
}

#[test]
fn processes_end_with_their_tasks_and_with_their_worker() {
    let mut worker = worker_with_doubles(&[]);
    let own = worker.process().id();
    let config =
        |topic: &str| json!({ "connector.class": "DoubleSource", "topic": topic, "connector.isolation": "process" });
    worker.rest().create("one", config("one"));
    worker.rest().create("two", config("two"));
    until("both run", || numbers(&worker, "one").len() == 100 && numbers(&worker, "two").len() == 100);
    until("each has a process", || children(own).len() == 2);
    let before = children(own);
    worker.rest().delete("/connectors/one");
    until("one has ended", || children(own).len() == 1);
    // One that blocks and never looks at its socket.
    worker.rest().create("busy", json!({
        "connector.class": "DoubleSource", "topic": "busy", "trouble": "poll:block:1:0", "connector.isolation": "process",
    }));
    until("it has a process", || children(own).len() == 2);
    let left = children(own);
    worker.kill();
    until("nobody is left behind", || !left.iter().chain(&before).any(|pid| is_there(*pid)));
}
