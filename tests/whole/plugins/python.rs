//! The second implementation of the protocol: the examples in Python.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use naru_tests::{Worker, install, plugin_folder, repository, until};
use serde_json::{Value as Json, json};

use super::numbers;

fn worker() -> Worker {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugin_folder(folder.path());
    for file in fs::read_dir(repository().join("examples/python")).unwrap().map(Result::unwrap) {
        install(&file.path(), &plugins.join(file.file_name()));
    }
    let path = format!("plugin.path={}", plugins.display());
    Worker::start_in(folder, &[&path, "offset.flush.interval.ms=200", "task.restart.backoff.ms=100"])
}

/// Kills the process that runs that script.
fn kill(worker: &Worker, script: &str) {
    let pattern = format!("python3 {script}");
    let found = Command::new("pgrep").args(["-f", &pattern]).output().unwrap();
    let own = worker.folder().canonicalize().unwrap();
    for pid in String::from_utf8_lossy(&found.stdout).split_whitespace() {
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        if folder.starts_with(&own) {
            assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
        }
    }
}

#[test]
fn the_examples_in_python_lose_nothing_through_kills_of_their_processes_and_of_the_worker() {
    const COUNT: i64 = 20_000;
    let mut worker = worker();
    let file = worker.file("out.jsonl");
    worker.rest().create(
        "count",
        json!({
            "connector.class": "counter", "topic": "numbers", "count": COUNT.to_string(), "batch": "100",
            "rate.limit.records.per.second": "5000",
        }),
    );
    worker.rest().create("lines", json!({ "connector.class": "jsonl", "topics": "numbers", "file": file }));
    let lines = || fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let past = |count: usize| until("records flow", || lines().len() > count);
    past(500);
    kill(&worker, "counter_source.py");
    past(3000);
    kill(&worker, "jsonl_sink.py");
    past(6000);
    worker.kill();
    worker.start_again();
    let seen = || -> BTreeSet<i64> {
        let value =
            |line: String| serde_json::from_str::<Json>(&line).ok().and_then(|line| line["value"]["n"].as_i64());
        lines().into_iter().filter_map(value).collect()
    };
    until("all is in the file", || seen().len() as i64 == COUNT);
    assert_eq!(numbers(&worker, "numbers").into_iter().collect::<BTreeSet<i64>>(), (0..COUNT).collect());
    let whole = lines();
    assert!(whole.iter().all(|line| serde_json::from_str::<Json>(line).is_ok()), "no line is torn");
    for (config, said) in [
        (json!({ "connector.class": "counter", "topic": "no such topic!" }), "is no name of a topic"),
        (json!({ "connector.class": "counter", "topic": "t", "connector.isolation": "none" }), "it is a program"),
    ] {
        let refused = worker.rest().post("/connectors", &json!({ "name": "bad", "config": config }));
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.body["message"].as_str().unwrap().contains(said), "{}", refused.body);
    }
}

#[test]
fn programs_that_say_nothing_or_nonsense_are_refused_and_heard_again_once_they_are_mended() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugin_folder(folder.path());
    let script = |name: &str, text: &str| {
        fs::write(plugins.join(format!("{name}.py")), text).unwrap();
        fs::write(
            plugins.join(format!("{name}.plugin.json")),
            format!("{{\"command\": [\"python3\", \"{name}.py\"]}}"),
        )
        .unwrap();
    };
    let hello = |major: u32, descriptions: &[&str]| {
        let texts: String =
            descriptions.iter().map(|text| format!("b += struct.pack('<I', {}) + b'{text}'\n", text.len())).collect();
        let count = descriptions.len();
        format!(
            "import socket, struct\ns = socket.socket(fileno=0)\nb = b'\\x01NARU' + struct.pack('<IIIsI', {major}, 0, 1, b'x', {count})\n{texts}\
             s.sendall(struct.pack('<I', len(b)) + b)\ns.recv(1000)\ns.recv(1)\n"
        )
    };
    script("silent", "import time\ntime.sleep(100)\n");
    script("silent-too", "import time\ntime.sleep(100)\n");
    script("newer", &hello(2, &[]));
    script("empty", &hello(1, &[]));
    // What keeps it from speaking is not in its files, and passes.
    let sieve = hello(1, &["{\"kind\": \"sink\", \"class\": \"x.Moody\", \"version\": \"1\"}"]);
    script("moody", &format!("import os\nif os.path.exists('mood'):\n    raise SystemExit('not now')\n{sieve}"));
    fs::write(plugins.join("mood"), "").unwrap();
    script("ends", "raise SystemExit('it does not like it here')\n");
    script("nonsense", "import os\nos.write(0, b'\\xff\\xff\\xff\\xff')\n");
    let path = format!("plugin.path={}", plugins.display());
    let worker = Worker::start_in(folder, &[&path]);
    let said = |name: &str| {
        let refused = worker.rest().get("/admin/plugins/refused").body;
        let of_it = |one: &&Json| one["location"].as_str().unwrap().ends_with(&format!("/{name}.plugin.json"));
        refused.as_array().unwrap().iter().find(of_it).map(|one| one["reason"].as_str().unwrap().to_owned())
    };
    for (name, reason) in [
        ("silent", "it has not said hello within"),
        ("silent-too", "it has not said hello within"),
        ("newer", "speaks version 2.0 of the protocol, and this worker 1.1"),
        ("empty", "it describes no connector"),
        ("moody", "not now"),
        ("ends", "it does not like it here"),
        ("nonsense", "is too large"),
    ] {
        assert!(said(name).is_some_and(|said| said.contains(reason)), "{name}: {:?}", said(name));
    }
    let example = repository().join("examples/python/counter_source.py");
    fs::copy(example, plugins.join("newer.py")).unwrap();
    fs::remove_file(plugins.join("mood")).unwrap();
    let scanned = worker.rest().post("/admin/plugins/rescan", &json!({})).body;
    assert_eq!(scanned["loaded"].as_array().unwrap().len(), 2, "{scanned}");
    assert_eq!((said("newer"), said("moody")), (None, None));
    assert!(said("silent").is_some() && said("ends").is_some());
}
