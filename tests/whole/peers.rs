//! Workers of a herd call each other: whichever is asked answers, and all say the same.

use std::process::Command;
use std::time::{Duration, Instant};

use naru_tests::{Log, Rest, Worker, free_port, naru_binary, until, with};
use serde_json::{Value as Json, json};

/// Short, so that the tests need not wait for long.
const SESSION: Duration = Duration::from_secs(3);

fn worker(log: &Log, more: &[&str]) -> Worker {
    let bootstrap = format!("bootstrap.servers={}", log.bootstrap());
    let session = format!("session.timeout.ms={}", SESSION.as_millis());
    let mut settings = vec![&*bootstrap, &*session, "heartbeat.interval.ms=200", "offset.flush.interval.ms=200"];
    settings.extend(more);
    Worker::start(&settings)
}

/// A source that moves ten records and then waits.
fn ten(topic: &str) -> Json {
    json!({ "connector.class": "VerifiableSource", "topic": topic, "max.messages": "10" })
}

fn id(worker: &Worker) -> String {
    format!("127.0.0.1:{}", worker.rest_port())
}

/// Ten connectors; some of them run on each of both workers.
fn spread(asked: &Rest) {
    (0..10).for_each(|number| asked.create(&format!("c{number}"), ten(&format!("t{number}"))));
}

fn all(rest: &Rest) -> Json {
    rest.get("/connectors?expand=status&expand=info").body
}

/// Whether all ten have moved their records, as that worker says.
fn all_moved(rest: &Rest) -> bool {
    let shown = all(rest);
    (0..10).all(|number| shown[format!("c{number}")]["status"]["tasks"][0]["records"] == 10)
}

/// The worker that runs a connector or its task.
fn runner<'a>(workers: &'a [Worker], shown: &Json) -> Option<&'a Worker> {
    workers.iter().find(|worker| shown["worker_id"] == id(worker))
}

#[test]
fn whichever_worker_is_asked_does_it_and_shows_it_at_once() {
    let log = Log::start();
    let workers = [worker(&log, &[]), worker(&log, &[]), worker(&log, &[])];
    for (number, worker) in workers.iter().enumerate() {
        let (rest, name) = (worker.rest(), format!("a b{number}"));
        let path = format!("/connectors/a%20b{number}");
        let reply = rest.post("/connectors", &json!({ "name": name, "config": ten("t") }));
        assert_eq!((reply.status, reply.location.as_deref()), (201, Some(&*path)), "{}", reply.body);
        // The worker that was asked has read of it.
        assert_eq!(rest.get(&path).status, 200);
        let reply = rest.post("/connectors", &json!({ "name": name, "config": ten("t") }));
        assert_eq!((reply.status, &reply.body["error_code"]), (409, &json!(409)), "{}", reply.body);
        assert_eq!(rest.put(&format!("{path}/config"), &json!({ "topic": "t" })).status, 400);
        let reply = rest.put(&format!("{path}/config"), &with(ten("t"), json!({ "tasks.max": "2" })));
        assert_eq!((reply.status, &reply.body["config"]["tasks.max"]), (200, &json!("2")), "{}", reply.body);
        assert_eq!(rest.patch(&format!("{path}/config"), &json!({ "tasks.max": null })).status, 200);
        assert_eq!(rest.get(&format!("{path}/config")).body["tasks.max"], Json::Null);
        until("its task runs", || rest.get(&format!("{path}/status")).body["tasks"][0]["state"] == "RUNNING");
        for (action, status) in [("pause", 202), ("resume", 202), ("stop", 204)] {
            assert_eq!(rest.put(&format!("{path}/{action}"), &json!({})).status, status, "{action}");
        }
        until("it has stopped", || rest.get(&format!("{path}/status")).body["tasks"] == json!([]));
        let reply = rest.delete(&format!("{path}/offsets"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(rest.get(&format!("{path}/offsets")).body, json!({ "offsets": [] }));
        assert_eq!(rest.delete(&path).status, 204);
        assert_eq!(rest.get(&path).status, 404);
        assert_eq!(rest.delete(&path).status, 404);
    }
    // What is wrong is said in the leader's words and with its status.
    for worker in &workers {
        let rest = worker.rest();
        assert_eq!(rest.send("POST", "/connectors", Some("application/json"), "{'a'}").status, 400);
        assert_eq!(rest.send("POST", "/connectors", Some("text/plain"), "{}").status, 415);
        assert_eq!(rest.send("POST", "/connectors", Some("application/json"), &" ".repeat((1 << 20) + 1)).status, 413);
        assert_eq!(rest.post("/connectors/none/restart", &json!({})).status, 404);
        assert_eq!(rest.post("/connectors/none/tasks/0/restart", &json!({})).status, 404);
        assert_eq!(rest.post("/connectors/none/tasks/x/restart", &json!({})).status, 404);
        assert_eq!(rest.put("/connectors/none/pause", &json!({})).status, 404);
    }
}

#[test]
fn every_worker_shows_the_moment_of_what_runs_anywhere() {
    let log = Log::start();
    let workers = [worker(&log, &[]), worker(&log, &[])];
    let (one, other) = (workers[0].rest(), workers[1].rest());
    spread(&one);
    // How many records a task has moved is in no topic: whoever runs it says so.
    until("both workers show what all tasks have moved", || all_moved(&one) && all_moved(&other));
    until("both say the same", || all(&one) == all(&other));
    let shown = all(&one);
    for worker in &workers {
        let runs =
            (0..10).filter(|number| shown[format!("c{number}")]["status"]["tasks"][0]["worker_id"] == id(worker));
        assert!(runs.count() > 0, "each runs some: {shown}");
    }
    for number in 0..10 {
        for path in [format!("/connectors/c{number}/status"), format!("/connectors/c{number}/tasks/0/status")] {
            assert_eq!(one.get(&path).body, other.get(&path).body, "{path}");
        }
        assert_eq!(one.get(&format!("/connectors/c{number}/status")).body, shown[format!("c{number}")]["status"]);
    }
}

#[test]
fn restarts_happen_where_it_runs() {
    let log = Log::start();
    let workers = [worker(&log, &[]), worker(&log, &[])];
    let rests = [workers[0].rest(), workers[1].rest()];
    spread(&rests[0]);
    until("all have moved their records", || all_moved(&rests[0]) && all_moved(&rests[1]));
    let shown = all(&rests[0]);
    let mut elsewhere = 0;
    for number in 0..10 {
        let task = &shown[format!("c{number}")]["status"]["tasks"][0];
        let runs = runner(&workers, task).unwrap();
        for rest in &rests {
            assert_eq!(rest.post(&format!("/connectors/c{number}/tasks/0/restart"), &json!({})).status, 204);
            let reply = rest.post(&format!("/connectors/c{number}/restart"), &json!({}));
            assert_eq!(reply.status, 204, "{}", reply.body);
        }
        elsewhere += usize::from(runs.rest_port() != workers[0].rest_port());
        // A task that starts anew has moved nothing: the ten are there already.
        let path = format!("/connectors/c{number}/tasks/0/status");
        until("the task has started anew", || rests[0].get(&path).body["records"] == 0);
        rests[0].wait_for_task(&format!("c{number}"), 0, "RUNNING");
    }
    assert!(elsewhere > 0);
    let reply = rests[1].post("/connectors/c0/restart?includeTasks=true", &json!({}));
    assert_eq!((reply.status, &reply.body["tasks"][0]["state"]), (202, &json!("RESTARTING")), "{}", reply.body);
}

#[test]
fn while_the_leader_is_gone_one_is_told_to_ask_again_and_then_it_works() {
    let log = Log::start();
    let mut workers = vec![worker(&log, &[]), worker(&log, &[])];
    workers[0].rest().create("a", ten("t"));
    // The first of the workers has made the group, so it leads.
    let survivor = workers.remove(1);
    until("both know it", || survivor.rest().get("/connectors/a").status == 200);
    workers[0].kill();
    let since = Instant::now();
    let mut told = 0;
    loop {
        let reply =
            survivor.rest().put("/connectors/a/config", &with(ten("t"), json!({ "errors.log.enable": "true" })));
        if reply.status == 200 {
            break;
        }
        assert!(matches!(reply.status, 409 | 503), "{} {}", reply.status, reply.body);
        assert!(
            reply.retry_after.is_some() && reply.body["message"].as_str().unwrap().contains("sk again"),
            "{reply:?}"
        );
        assert!(since.elapsed() < Duration::from_secs(60), "{reply:?}");
        told += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(told > 0, "it was the leader that was killed");
    survivor.rest().wait_for_task("a", 0, "RUNNING");
}

#[test]
fn the_listener_for_peers_takes_nothing_that_is_not_signed() {
    let log = Log::start();
    let port = free_port();
    let listener = format!("peer.listener=http://127.0.0.1:{port}");
    let one = worker(&log, &[&listener]);
    one.rest().create("a", ten("t"));
    let stranger = Rest::at(port);
    let refused = json!({ "error_code": 401, "message": "HTTP 401 Unauthorized" });
    for path in ["/", "/health", "/connectors", "/connectors/a", "/internal/live", "/nothing"] {
        let reply = stranger.get(path);
        assert_eq!((reply.status, &reply.body), (401, &refused), "{path}");
    }
    assert_eq!(stranger.put("/connectors/a/config", &ten("t")).status, 401);
    assert_eq!(stranger.delete("/connectors/a").status, 401);
    // What is internal is nowhere else.
    assert_eq!(one.rest().get("/internal/live").status, 404);
    assert_eq!(one.rest().put("/internal/connectors/a/tasks", &json!({})).status, 404);
    assert_eq!(one.rest().get("/connectors/a").status, 200);
}

#[test]
fn calls_go_on_while_session_keys_are_replaced() {
    let log = Log::start();
    let workers = [worker(&log, &["inter.worker.key.ttl.ms=1000"]), worker(&log, &["inter.worker.key.ttl.ms=1000"])];
    let keys = || {
        let records = log.topics().read("naru-configs");
        records.iter().filter(|record| record.key.as_deref() == Some("session-key")).count()
    };
    workers[0].rest().create("a", ten("t"));
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(4) || keys() < 3 {
        assert!(since.elapsed() < Duration::from_secs(60), "{} keys", keys());
        for worker in &workers {
            let reply = worker.rest().patch("/connectors/a/config", &json!({ "errors.log.enable": "true" }));
            assert_eq!(reply.status, 200, "{}", reply.body);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn passwords_are_sealed_only_if_all_workers_can_open_them() {
    let log = Log::start();
    let one = worker(&log, &[]);
    let other = worker(&log, &[]);
    let secret = with(ten("t"), json!({ "my.password": "s3cret" }));
    for worker in [&one, &other] {
        let rest = worker.rest();
        let (mut reply, mut attempt) = (rest.get("/"), 0);
        until("both are in the herd", || {
            attempt += 1;
            let name = format!("a{}-{attempt}", worker.rest_port());
            reply = rest.post("/connectors", &json!({ "name": name, "config": secret }));
            reply.status == 400
        });
        let said = reply.body["message"].as_str().unwrap();
        let named = said.contains(&id(&one)) && said.contains(&id(&other));
        assert!(named && said.contains("`my.password`") && said.contains("`secret.key.file`"), "{said}");
        assert!(!said.contains("s3cret"));
        rest.create(&format!("open{}", worker.rest_port()), ten("t"));
    }
    drop((one, other));

    let log = Log::start();
    let folder = tempfile::tempdir().unwrap();
    let key = format!("secret.key.file={}", folder.path().join("key").display());
    let workers = [worker(&log, &[&key]), worker(&log, &[&key])];
    for (number, worker) in workers.iter().enumerate() {
        worker.rest().create(&format!("b{number}"), secret.clone());
        let stored = worker.rest().get(&format!("/connectors/b{number}/config")).body["my.password"].clone();
        assert!(stored.as_str().is_some_and(|stored| stored.starts_with("${sealed:")), "{stored}");
        worker.rest().wait_for_task(&format!("b{number}"), 0, "RUNNING");
    }
    let settings = [
        format!("bootstrap.servers={}", log.bootstrap()),
        format!("data.dir={}", folder.path().join("third").display()),
        "listeners=http://127.0.0.1:0".to_owned(),
    ];
    let mut command = Command::new(naru_binary());
    command.arg("worker").args(settings.iter().flat_map(|setting| ["--set", setting]));
    let third = command.output().unwrap();
    let said = String::from_utf8(third.stderr).unwrap();
    assert_eq!(third.status.code(), Some(2), "{said}");
    assert!(said.contains("sealed with the key of other workers") && said.contains("`secret.key.file`"), "{said}");
}
