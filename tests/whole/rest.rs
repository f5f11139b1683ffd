//! REST, as clients of Kafka Connect use it.

use naru_tests::{Worker, repository, until, until_it_is};
use serde_json::{Value as Json, json};

fn verifiable(topic: &str) -> Json {
    json!({ "connector.class": "VerifiableSource", "topic": topic, "max.messages": "10" })
}

#[test]
fn the_contract_lists_exactly_what_is_served() {
    let contract = std::fs::read_to_string(repository().join("rest-api.md")).unwrap();
    let listed: Vec<(String, String)> = contract
        .lines()
        .filter_map(|line| {
            let cell = line.strip_prefix("| `")?.split('`').next()?;
            let (method, path) = cell.split_once(' ')?;
            path.starts_with('/').then(|| (method.to_owned(), path.to_owned()))
        })
        .collect();
    let served: Vec<(String, String)> =
        connect_runtime::rest::ROUTES.iter().map(|(method, path)| ((*method).into(), (*path).into())).collect();
    assert_eq!(listed, served);
    for (method, path) in connect_runtime::rest::INTERNAL_ROUTES {
        assert!(contract.lines().any(|line| line.starts_with(&format!("{method} {path} "))), "{method} {path}");
    }
}

#[test]
fn every_route_answers() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    for (method, path) in connect_runtime::rest::ROUTES {
        let path = path.replace("{connector}", "x").replace("{task}", "0").replace("{plugin}", "x");
        let reply = match *method {
            "GET" => rest.get(&path),
            "DELETE" => rest.delete(&path),
            method => rest.send(method, &path, Some("application/json"), "{}"),
        };
        assert_ne!(reply.status, 405, "{method} {path}");
        assert_ne!(reply.body["message"], "HTTP 404 Not Found", "{method} {path}");
    }
}

#[test]
fn a_connector_lives_from_creation_to_deletion_as_in_kafka_connect() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    let root = rest.get("/").body;
    assert!(
        root["version"].is_string() && root["commit"].is_string() && root["kafka_cluster_id"].is_string(),
        "{root}"
    );
    assert_eq!(rest.get("/connectors").body, json!([]));

    let reply = rest.post("/connectors", &json!({ "name": " a b ", "config": verifiable("t") }));
    assert_eq!((reply.status, reply.location.as_deref()), (201, Some("/connectors/a%20b")), "{}", reply.body);
    assert_eq!((&reply.body["name"], &reply.body["type"]), (&json!("a b"), &json!("source")));
    assert_eq!(reply.body["config"]["name"], "a b");
    let reply = rest.post("/connectors", &json!({ "name": "a b", "config": verifiable("t") }));
    assert_eq!(
        (reply.status, reply.body),
        (409, json!({ "error_code": 409, "message": "Connector a b already exists" }))
    );

    rest.wait_for_task("a b".replace(' ', "%20").as_str(), 0, "RUNNING");
    let status = rest.get("/connectors/a%20b/status").body;
    assert_eq!((&status["name"], &status["type"]), (&json!("a b"), &json!("source")));
    assert_eq!(status["connector"]["state"], "RUNNING");
    assert!(status["connector"]["worker_id"].as_str().unwrap().starts_with("127.0.0.1:"));
    let expanded = rest.get("/connectors?expand=status&expand=info").body;
    assert_eq!(expanded["a b"]["info"]["tasks"], json!([{ "connector": "a b", "task": 0 }]));
    assert_eq!(expanded["a b"]["status"]["tasks"][0]["id"], 0);
    let tasks = rest.get("/connectors/a%20b/tasks").body;
    assert_eq!(tasks[0]["id"], json!({ "connector": "a b", "task": 0 }));
    assert_eq!(tasks[0]["config"]["topic"], "t");
    assert_eq!(tasks[0]["config"]["task.class"], "org.apache.kafka.connect.tools.VerifiableSourceTask");

    let mut config = rest.get("/connectors/a%20b/config").body;
    config["max.messages"] = json!(20);
    let reply = rest.put("/connectors/a%20b/config", &config);
    assert_eq!((reply.status, &reply.body["config"]["max.messages"]), (200, &json!("20")), "numbers count as text");
    until("the new configuration runs", || worker.topics().read("t").len() == 20);
    let reply = rest.patch("/connectors/a%20b/config", &json!({ "max.messages": "30", "record.bytes": null }));
    assert_eq!((reply.status, &reply.body["config"]["max.messages"]), (200, &json!("30")));
    until("the patched configuration runs", || worker.topics().read("t").len() == 30);
    let reply = rest.put("/connectors/other/config", &verifiable("u"));
    assert_eq!((reply.status, reply.location.as_deref()), (201, Some("/connectors/other")));

    assert_eq!(rest.delete("/connectors/a%20b").status, 204);
    assert_eq!(rest.get("/connectors/a%20b").status, 404);
    assert_eq!(rest.get("/connectors").body, json!(["other"]));
    until("its status is gone", || rest.get("/connectors/a%20b/status").status == 404);
}

#[test]
fn names_that_need_encoding_can_be_read_and_deleted() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    for (name, encoded) in
        [("a/b", "a%2Fb"), ("100%", "100%25"), ("back\\slash", "back%5Cslash"), ("zwölf", "zw%C3%B6lf")]
    {
        let reply = rest.post("/connectors", &json!({ "name": name, "config": verifiable("names") }));
        assert_eq!(reply.location.as_deref(), Some(format!("/connectors/{encoded}").as_str()));
        rest.wait_for_task(encoded, 0, "RUNNING");
        assert_eq!(rest.get(&format!("/connectors/{encoded}")).body["name"], name);
        assert_eq!(rest.delete(&format!("/connectors/{encoded}")).status, 204);
    }
}

#[test]
fn states_follow_pause_stop_and_resume_and_survive_a_restart() {
    let mut worker = Worker::start(&[]);
    let state = |worker: &Worker, name: &str| {
        let status = worker.rest().get(&format!("/connectors/{name}/status")).body;
        let tasks = status["tasks"].as_array().unwrap().iter().map(|task| task["state"].as_str().unwrap().to_owned());
        (status["connector"]["state"].as_str().unwrap().to_owned(), tasks.collect::<Vec<_>>())
    };
    let is = |worker: &Worker, name: &str, connector: &str, tasks: &[&str]| {
        let wanted = (connector.to_owned(), tasks.iter().map(|task| (*task).to_owned()).collect());
        until_it_is(name, &wanted, || state(worker, name));
    };
    worker.rest().create("p", verifiable("p"));
    worker.rest().create("s", verifiable("s"));
    let body = json!({ "name": "i", "config": verifiable("i"), "initial_state": "Paused" });
    assert_eq!(worker.rest().post("/connectors", &body).status, 201);
    let body = json!({ "name": "x", "config": verifiable("x"), "initial_state": "STOPPED" });
    assert_eq!(worker.rest().post("/connectors", &body).status, 201);
    is(&worker, "p", "RUNNING", &["RUNNING"]);
    assert_eq!(worker.rest().send("PUT", "/connectors/p/pause", None, "").status, 202);
    is(&worker, "s", "RUNNING", &["RUNNING"]);
    assert_eq!(worker.rest().send("PUT", "/connectors/s/stop", None, "").status, 204);
    for _ in 0..2 {
        is(&worker, "p", "PAUSED", &["PAUSED"]);
        is(&worker, "s", "STOPPED", &[]);
        is(&worker, "i", "PAUSED", &[]);
        is(&worker, "x", "STOPPED", &[]);
        assert!(worker.terminate().success());
        worker.start_again();
    }
    for name in ["p", "s", "i", "x"] {
        assert_eq!(worker.rest().send("PUT", &format!("/connectors/{name}/resume"), None, "").status, 202);
        is(&worker, name, "RUNNING", &["RUNNING"]);
    }
}

#[test]
fn restarts_answer_as_kafka_connect_answers() {
    let worker = Worker::start(&["task.restart.enable=false"]);
    let rest = worker.rest();
    let restart = |path: &str| rest.send("POST", path, None, "");
    rest.create("good", verifiable("good"));
    rest.create("bad", json!({ "connector.class": "FileStreamSink", "file": "/dev/full", "topics": "good" }));
    rest.wait_for_task("good", 0, "RUNNING");
    let why = rest.wait_for_task("bad", 0, "FAILED");
    assert!(why.contains("cannot write `/dev/full`"), "{why}");
    let plan = restart("/connectors/bad/restart?onlyFailed=true&includeTasks=true");
    assert_eq!((plan.status, &plan.body["tasks"][0]["state"]), (202, &json!("RESTARTING")));
    assert_eq!(plan.body["connector"]["state"], "RUNNING");
    rest.wait_for_task("bad", 0, "FAILED");
    assert_eq!(restart("/connectors/good/restart").status, 204);
    let plan = restart("/connectors/good/restart?includeTasks=true");
    assert_eq!((plan.status, &plan.body["tasks"][0]["state"]), (202, &json!("RESTARTING")));
    rest.wait_for_task("good", 0, "RUNNING");
    let plan = restart("/connectors/good/restart?onlyFailed=true&includeTasks=true");
    assert_eq!((plan.status, &plan.body["tasks"][0]["state"]), (202, &json!("RUNNING")));
    assert_eq!(restart("/connectors/good/tasks/0/restart").status, 204);
    rest.wait_for_task("good", 0, "RUNNING");
    for (path, text) in [
        ("/connectors/none/restart", "Unknown connector: none"),
        ("/connectors/none/tasks/0/restart", "Unknown connector: none"),
        ("/connectors/good/tasks/9/restart", "Unknown task: good-9"),
        ("/connectors/good/tasks/x/restart", "HTTP 404 Not Found"),
    ] {
        let reply = restart(path);
        assert_eq!((reply.status, &reply.body["message"]), (404, &json!(text)), "{path}");
    }
    assert_eq!(restart("/connectors/good/restart?includeTasks=maybe").status, 400);
}

#[test]
fn unknown_things_are_404_with_kafka_connect_s_words() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    let not_found = "Connector x not found";
    for path in ["/connectors/x", "/connectors/x/config", "/connectors/x/tasks", "/connectors/x/offsets"] {
        assert_eq!((rest.get(path).status, &rest.get(path).body["message"]), (404, &json!(not_found)), "{path}");
    }
    assert_eq!(rest.delete("/connectors/x").body["message"], not_found);
    assert_eq!(rest.patch("/connectors/x/config", &json!({})).body["message"], not_found);
    for action in ["pause", "resume", "stop"] {
        let reply = rest.send("PUT", &format!("/connectors/x/{action}"), None, "");
        assert_eq!((reply.status, &reply.body["message"]), (404, &json!("Unknown connector x")));
    }
    assert_eq!(rest.get("/connectors/x/status").body["message"], "No status found for connector x");
    assert_eq!(rest.get("/connectors/x/tasks/0/status").body["message"], "No status found for task x-0");
    assert_eq!(rest.get("/nothing").body, json!({ "error_code": 404, "message": "HTTP 404 Not Found" }));
    assert_eq!(rest.delete("/connectors").body["error_code"], 405);
    assert_eq!(rest.get("/connector-plugins/Nothing/config").status, 404);
}

#[test]
fn wrong_bodies_are_400_or_415_and_say_what_is_wrong() {
    let worker = Worker::start(&["rest.body.max.bytes=5000"]);
    let rest = worker.rest();
    let post = |body: &str| rest.send("POST", "/connectors", Some("application/json"), body);
    let class = r#""connector.class":"VerifiableSource","topic":"t""#;
    for body in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        r#"{"name":"a"}"#,
        r#"{"name":"a","config":null}"#,
        r#"{"name":"a","config":[]}"#,
        &format!(r#"{{"name":"a","config":{{{class}}},"more":1}}"#),
        &format!(r#"{{"name":"a","config":{{{class},"nested":{{"a":1}}}}}}"#),
        &format!(r#"{{"name":"a","config":{{{class},"nothing":null}}}}"#),
        &format!(r#"{{"name":"a","config":{{{class},"name":"b"}}}}"#),
        &format!(r#"{{"name":"a","config":{{{class}}},"initial_state":"FLYING"}}"#),
        &format!(r#"{{"name":"","config":{{{class}}}}}"#),
        r#"{"name":"a","config":{}}"#,
        r#"{"name":"a","config":{"connector.class":"Sftp"}}"#,
    ] {
        let reply = post(body);
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
        assert_eq!(reply.body["error_code"], 400);
        assert!(reply.body["message"].as_str().unwrap().len() > 10, "{body}");
    }
    assert_eq!(rest.send("POST", "/connectors", Some("text/plain"), "{}").status, 415);
    assert_eq!(rest.send("POST", "/connectors", None, "{}").status, 415);
    assert_eq!(post(&format!(r#"{{"name":"{}"}}"#, "x".repeat(6000))).status, 413);
    let unknown = post(r#"{"name":"a","config":{"connector.class":"Sftp"}}"#).body["message"].to_string();
    assert!(unknown.contains("Failed to find any class that implements Connector"), "{unknown}");
    assert_eq!(rest.get("/connectors").body, json!([]));
    let reply = rest.put("/connectors/a/config", &json!({ "name": "b", "connector.class": "VerifiableSource" }));
    assert_eq!(reply.status, 400);
}

#[test]
fn validate_answers_200_with_every_key_its_value_and_what_is_wrong() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    let path = "/connector-plugins/VerifiableSource/config/validate";
    let config = json!({ "name": "v", "connector.class": "VerifiableSource", "topik": "t", "throughput": "fast" });
    let reply = rest.put(path, &config);
    assert_eq!(reply.status, 200);
    let body = &reply.body;
    assert_eq!(
        (&body["error_count"], &body["name"]),
        (&json!(2), &json!("org.apache.kafka.connect.tools.VerifiableSourceConnector"))
    );
    assert!(body["groups"].as_array().unwrap().contains(&json!("Common")), "{}", body["groups"]);
    let find = |name: &str| {
        body["configs"].as_array().unwrap().iter().find(|one| one["value"]["name"] == name).cloned().unwrap()
    };
    let topic = find("topic");
    assert_eq!((&topic["definition"]["type"], &topic["definition"]["required"]), (&json!("STRING"), &json!(true)));
    assert_eq!(topic["value"]["errors"], json!(["`topic` is required and not set. Is `topik` meant to be it?"]));
    assert_eq!(find("throughput")["value"]["errors"].as_array().unwrap().len(), 1);
    let unknown = find("topik");
    assert!(unknown["definition"].is_null());
    assert!(unknown["value"]["warnings"][0].as_str().unwrap().contains("nearest known key is `topic`"), "{unknown}");
    assert_eq!(find("tasks.max")["value"]["value"], "1");
    let definition = &find("tasks.max")["definition"];
    for field in [
        "name",
        "type",
        "required",
        "default_value",
        "importance",
        "documentation",
        "group",
        "width",
        "display_name",
        "dependents",
        "order",
    ] {
        assert!(definition.get(field).is_some(), "{field} is missing in {definition}");
    }
    assert_eq!(rest.put(path, &json!({ "topic": "t" })).status, 400);
    assert_eq!(rest.put(path, &json!({ "connector.class": "FileStreamSink" })).status, 400);
    assert_eq!(rest.put("/connector-plugins/Nothing/config/validate", &config).status, 404);
}

#[test]
fn plugins_and_their_keys_are_listed() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    let plugins = rest.get("/connector-plugins").body;
    let classes: Vec<&str> = plugins.as_array().unwrap().iter().map(|one| one["class"].as_str().unwrap()).collect();
    assert!(classes.contains(&"org.apache.kafka.connect.file.FileStreamSinkConnector"), "{classes:?}");
    assert!(!classes.iter().any(|class| class.ends_with("JsonConverter")));
    let all = rest.get("/connector-plugins?connectorsOnly=false").body;
    assert!(all.as_array().unwrap().iter().any(|one| one["type"] == "converter"));
    let keys = rest.get("/connector-plugins/FileStreamSource/config").body;
    let names: Vec<&str> = keys.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["file", "topic"], "the connector's own keys come first");
    assert!(names.contains(&"tasks.max"));
    assert!(rest.get("/connector-plugins/JsonConverter/config").body[0]["name"].is_string());
}

#[test]
fn what_a_configuration_says_in_vain_shows_in_the_status_and_in_the_log() {
    let worker = Worker::start(&[]);
    let mut config = verifiable("vain");
    config["max.mesages"] = json!("5");
    config["errors.log.include.messages"] = json!("true");
    worker.rest().create("vain", config);
    worker.rest().wait_for_task("vain", 0, "RUNNING");
    let status = worker.rest().get("/connectors/vain/status").body;
    let warnings = status["connector"]["warnings"].to_string();
    assert!(warnings.contains("`max.mesages` is not a known key") && warnings.contains("`max.messages`"), "{status}");
    assert!(warnings.contains("`errors.log.include.messages` has no effect here"), "{status}");
    assert!(worker.log().contains("`max.mesages` is not a known key"));
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let worker = Worker::start(&[]);
    let url = format!("http://127.0.0.1:{}/connectors", worker.rest_port());
    let answer =
        ureq::get(&url).header("Origin", "http://evil.example").config().http_status_as_error(false).build().call();
    assert_eq!(answer.unwrap().status(), 403);
}
