//! Where connectors stand, changed over REST while they are stopped.

use naru_tests::{Reply, Rest, Worker, until};
use serde_json::{Value as Json, json};

fn change(rest: &Rest, name: &str, offsets: Json) -> Reply {
    rest.patch(&format!("/connectors/{name}/offsets"), &json!({ "offsets": offsets }))
}

fn order(rest: &Rest, name: &str, order: &str) {
    let status = rest.send("PUT", &format!("/connectors/{name}/{order}"), None, "").status;
    assert!(matches!(status, 202 | 204), "{order}: {status}");
}

fn offsets(rest: &Rest, name: &str) -> Json {
    rest.get(&format!("/connectors/{name}/offsets")).body["offsets"].clone()
}

#[test]
fn a_stopped_source_goes_on_from_where_its_offsets_are_put() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    let file = worker.file("in.txt");
    std::fs::write(&file, "one\ntwo\nthree\n").unwrap();
    let text = "StringConverter";
    let config = json!({ "connector.class": "FileStreamSource", "file": file, "topic": "t", "value.converter": text });
    rest.create("in", config);
    let position = |position: Json| json!([{ "partition": { "filename": file }, "offset": position }]);
    until("the position is stored", || offsets(&rest, "in")[0]["offset"]["position"] == json!(14));
    let refused = rest.delete("/connectors/in/offsets");
    assert_eq!(refused.status, 400);
    assert!(refused.body["message"].as_str().unwrap().contains("must be in the STOPPED state"), "{}", refused.body);

    order(&rest, "in", "stop");
    let changed = change(&rest, "in", position(json!({ "position": 4 })));
    assert_eq!(changed.body, json!({ "message": "The offsets for this connector have been altered successfully" }));
    order(&rest, "in", "resume");
    until("it goes on behind the first line", || worker.topics().end("t") == 5);

    order(&rest, "in", "stop");
    let reset = rest.delete("/connectors/in/offsets");
    assert_eq!(reset.body, json!({ "message": "The offsets for this connector have been reset successfully" }));
    assert_eq!(offsets(&rest, "in"), json!([]));
    order(&rest, "in", "resume");
    until("it starts again", || worker.topics().end("t") == 8);
    assert_eq!(worker.topics().values("t"), ["one", "two", "three", "two", "three", "one", "two", "three"]);
}

#[test]
fn a_stopped_sink_goes_on_from_where_its_offsets_are_put() {
    let worker = Worker::start(&[]);
    let rest = worker.rest();
    std::fs::write(worker.file("in.txt"), "one\ntwo\nthree\n").unwrap();
    let text = "StringConverter";
    rest.create(
        "in",
        json!({
            "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": "t", "value.converter": text,
        }),
    );
    rest.create(
        "out",
        json!({
            "connector.class": "FileStreamSink", "file": worker.file("out.txt"), "topics": "t", "value.converter": text,
        }),
    );
    let at = |offset: Json| json!([{ "partition": { "kafka_topic": "t", "kafka_partition": 0 }, "offset": offset }]);
    until("all is committed", || offsets(&rest, "out") == at(json!({ "kafka_offset": 3 })));
    order(&rest, "out", "stop");
    assert_eq!(change(&rest, "out", at(json!({ "kafka_offset": "1" }))).status, 200);
    assert_eq!(offsets(&rest, "out"), at(json!({ "kafka_offset": 1 })));
    order(&rest, "out", "resume");
    let written = || std::fs::read_to_string(worker.file("out.txt")).unwrap_or_default();
    until("two come again", || written() == "one\ntwo\nthree\ntwo\nthree\n");

    order(&rest, "out", "stop");
    assert_eq!(change(&rest, "out", at(Json::Null)).status, 200);
    assert_eq!(offsets(&rest, "out"), json!([]));
    assert_eq!(rest.delete("/connectors/out/offsets").status, 200);
    order(&rest, "out", "resume");
    until("all come again", || written().lines().count() == 8);

    order(&rest, "out", "stop");
    let missing =
        json!([{ "partition": { "kafka_topic": "none", "kafka_partition": 0 }, "offset": { "kafka_offset": 1 } }]);
    let refused = change(&rest, "out", missing);
    assert_eq!((refused.status, refused.body["message"].as_str()), (400, Some("The log has no partition none-0")));
    assert_eq!(change(&rest, "nobody", at(Json::Null)).status, 404);
}

#[test]
fn a_source_may_have_a_topic_of_its_own_for_its_offsets_and_the_worker_s_holds_a_copy() {
    for exactly_once in ["disabled", "enabled"] {
        let mut worker = Worker::start(&[&format!("exactly.once.source.support={exactly_once}")]);
        let rest = worker.rest();
        let file = worker.file("in.txt");
        std::fs::write(&file, "one\ntwo\n").unwrap();
        let config = json!({
            "connector.class": "FileStreamSource", "file": file, "topic": "t", "value.converter": "StringConverter",
        });
        rest.create("in", config.clone());
        until("the worker's topic has the position", || offsets(&rest, "in")[0]["offset"]["position"] == 8);
        // The connector gets a topic of its own: it goes on from the worker's.
        let own = naru_tests::with(config.clone(), json!({ "offsets.storage.topic": "mine" }));
        rest.put("/connectors/in/config", &own);
        let stored = |topic: &str| {
            let records = worker.topics().committed(topic);
            records.into_iter().rfind(|record| record.key.as_deref().is_some_and(|key| key.starts_with("[\"in\"")))
        };
        until("the task runs with it", || worker.topics().end("mine") == 0 && rest.task_state("in", 0).is_some());
        let mut lines = std::fs::File::options().append(true).open(&file).unwrap();
        std::io::Write::write_all(&mut lines, b"three\n").unwrap();
        let value = |topic: &str| stored(topic).and_then(|record| record.value).unwrap_or_default();
        for topic in ["mine", "naru-offsets"] {
            until("both topics have the position", || value(topic).contains("\"position\":14"));
        }
        assert_eq!(stored("mine").unwrap().key, stored("naru-offsets").unwrap().key);
        order(&rest, "in", "stop");
        let position = json!([{ "partition": { "filename": file }, "offset": { "position": 4 } }]);
        assert_eq!(change(&rest, "in", position).status, 200);
        assert_eq!(offsets(&rest, "in")[0]["offset"]["position"], 4);
        order(&rest, "in", "resume");
        let expected = ["one", "two", "three", "two", "three"];
        let read = || -> Vec<String> {
            worker.topics().committed("t").into_iter().filter_map(|record| record.value).collect()
        };
        until("it goes on from there", || read() == expected);
        order(&rest, "in", "stop");
        assert_eq!(rest.delete("/connectors/in/offsets").status, 200);
        assert_eq!(offsets(&rest, "in"), json!([]));
        assert_eq!((stored("mine").unwrap().value, stored("naru-offsets").unwrap().value), (None, None));
        assert!(worker.terminate().success());
    }
}
