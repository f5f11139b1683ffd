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
