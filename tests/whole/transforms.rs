//! Records on their way through transforms and converters that are plugins: none is lost, none comes twice, and what cannot be taken
//! is said.

use connector_api::conformance::doubles::world;
use naru_tests::{Rest, WorkerWithDoubles, until, with};
use serde_json::{Value as Json, json};

/// A hundred numbers on their way into a topic; with further keys.
fn source(topic: &str, more: Json) -> Json {
    with(json!({ "connector.class": "DoubleSource", "topic": topic, "world": format!("{topic}-source") }), more)
}

fn sink(topic: &str, world: &str, more: Json) -> Json {
    with(json!({ "connector.class": "DoubleSink", "topics": topic, "world": world }), more)
}

fn numbers(worker: &WorkerWithDoubles, topic: &str) -> Vec<i64> {
    let values = worker.topics().read(topic).into_iter().filter_map(|record| record.value);
    values.map(|value| serde_json::from_str::<Json>(&value).unwrap()["n"].as_i64().unwrap()).collect()
}

fn stored(rest: &Rest, name: &str) -> Json {
    rest.get(&format!("/connectors/{name}/offsets")).body["offsets"][0]["offset"].clone()
}

fn committed(rest: &Rest, name: &str) -> Json {
    stored(rest, name)["kafka_offset"].clone()
}

fn taken(name: &str) -> Vec<i64> {
    let number = |value: &String| serde_json::from_str::<Json>(value).unwrap()["n"].as_i64().unwrap();
    world(name).records.iter().map(|(_, _, value)| number(value)).collect()
}

#[test]
fn a_source_s_records_are_changed_in_the_order_of_its_transforms_and_what_is_dropped_counts_as_delivered() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    let chain = json!({
        "transforms": "thin, raise, name", "predicates": "odd",
        "transforms.thin.type": "DoubleTransform", "transforms.thin.drop": "5",
        "transforms.raise.type": "naru.DoubleTransform", "transforms.raise.add": "1000",
        "transforms.raise.predicate": "odd", "transforms.raise.negate": "true",
        "transforms.name.type": "naru.DoubleTransform", "transforms.name.suffix": "-renamed",
        "predicates.odd.type": "naru.DoublePredicate",
    });
    rest.create("through", source("through", chain));
    until("the position is stored", || stored(&rest, "through") == json!({ "next": 100 }));
    let expected = (0..100).filter(|n| n % 5 != 0).map(|n| if n % 2 == 0 { n + 1000 } else { n });
    assert_eq!(numbers(&worker, "through-renamed"), expected.collect::<Vec<i64>>());
    let nothing = json!({ "transforms": "all", "transforms.all.type": "DoubleTransform", "transforms.all.drop": "1" });
    rest.create("nothing", source("nothing", nothing));
    until("the position is stored", || stored(&rest, "nothing") == json!({ "next": 100 }));
    let delivered = || world("nothing-source").calls.into_iter().filter(|call| call.ends_with("Delivered")).count();
    until("each of the ten batches has its outcome", || delivered() == 10);
}

#[test]
fn what_a_transform_cannot_take_is_a_dead_letter_as_it_was_read_and_the_rest_arrives() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    rest.create("letters-source", source("letters", json!({})));
    let chain = json!({
        "transforms": "picky", "transforms.picky.type": "DoubleTransform", "transforms.picky.trouble": "apply:odd:1:0",
        "transforms.picky.drop": "4", "transforms.picky.add": "1",
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters-dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    });
    rest.create("letters-sink", sink("letters", "letters-sink", chain));
    until("everything is committed", || committed(&rest, "letters-sink") == json!(100));
    assert_eq!(taken("letters-sink"), (0..100).filter(|n| n % 4 == 2).map(|n| n + 1).collect::<Vec<i64>>());
    let letters = worker.topics().read("letters-dead");
    let odd = worker.topics().read("letters").into_iter().filter(|record| record.offset % 2 == 1);
    let kept: Vec<_> = letters.iter().map(|letter| (letter.key.clone(), letter.value.clone())).collect();
    assert_eq!(kept, odd.map(|record| (record.key, record.value)).collect::<Vec<_>>());
    let header = |name: &str| {
        let name = format!("__connect.errors.{name}");
        letters[0].headers.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.clone())
    };
    assert_eq!(header("stage").as_deref(), Some("TRANSFORMATION"));
    assert_eq!(header("class.name").as_deref(), Some("naru.DoubleTransform"));
    let why = header("exception.stacktrace").unwrap();
    assert!(why.contains("transform `picky` cannot take a record of letters: 1 is odd"), "{why}");
}

#[test]
fn without_tolerance_the_task_ends_there_and_passes_nothing() {
    let worker = WorkerWithDoubles::start(&["task.restart.enable=false"]);
    let rest = worker.rest();
    rest.create("strict-source", source("strict", json!({})));
    until("the numbers are there", || worker.topics().end("strict") == 100);
    let picky = json!({
        "transforms": "picky", "transforms.picky.type": "DoubleTransform", "transforms.picky.trouble": "apply:reject:51:1",
        "consumer.override.max.poll.records": "10",
    });
    rest.create("strict-sink", sink("strict", "strict-sink", picky.clone()));
    let why = rest.wait_for_task("strict-sink", 0, "FAILED");
    assert!(why.contains("cannot transform strict-0 offset 50") && why.contains("transform `picky`"), "{why}");
    until("it has ended", || world("strict-sink").calls.iter().any(|call| call == "stop "));
    assert_eq!(taken("strict-sink"), (0..50).collect::<Vec<i64>>());
    assert_eq!(committed(&rest, "strict-sink"), json!(50));
    rest.create("strict-other", source("strict-other", picky));
    let why = rest.wait_for_task("strict-other", 0, "FAILED");
    assert!(why.contains("transform `picky` cannot take a record of strict-other"), "{why}");
    until("it has ended", || world("strict-other-source").calls.iter().any(|call| call == "stop "));
    let outcomes: Vec<String> = world("strict-other-source").calls;
    let failed = outcomes.iter().filter(|call| call.starts_with("settled 50 Failed")).count();
    assert_eq!(failed, 1, "the batch that ended the task has its outcome, once: {outcomes:?}");
    assert_eq!(numbers(&worker, "strict-other"), (0..50).collect::<Vec<i64>>());
}

#[test]
fn what_may_be_taken_later_is_tried_again_for_as_long_as_is_said() {
    let worker = WorkerWithDoubles::start(&["task.restart.enable=false"]);
    let rest = worker.rest();
    let chain = |times: u32, timeout: &str| {
        let trouble = format!("apply:retry:31:{times}");
        json!({
            "transforms": "later", "transforms.later.type": "DoubleTransform", "transforms.later.trouble": trouble,
            "errors.retry.timeout": timeout, "errors.retry.delay.max.ms": "10",
        })
    };
    rest.create("again-source", source("again", chain(20, "60000")));
    rest.create("again-sink", sink("again", "again-sink", chain(20, "-1")));
    until("everything is committed", || committed(&rest, "again-sink") == json!(100));
    assert_eq!(numbers(&worker, "again"), (0..100).collect::<Vec<i64>>());
    assert_eq!(taken("again-sink"), (0..100).collect::<Vec<i64>>());
    for (name, config) in [
        ("once-source", source("once", chain(1, "0"))),
        ("once-sink", sink("again", "once-sink", chain(1, "0"))),
        ("short-source", source("short", chain(0, "100"))),
        ("short-sink", sink("again", "short-sink", chain(0, "100"))),
    ] {
        rest.create(name, config);
        let why = rest.wait_for_task(name, 0, "FAILED");
        assert!(why.contains("trouble in apply"), "{name}: {why}");
    }
    for (name, config) in [
        ("for-ever-source", source("endless", chain(0, "-1"))),
        ("for-ever-sink", sink("again", "ever-sink", chain(0, "-1"))),
    ] {
        rest.create(name, config);
        until("the status says so", || {
            let status = rest.get(&format!("/connectors/{name}/tasks/0/status")).body;
            status["state"] == json!("RUNNING") && status.to_string().contains("transform `later`: trouble in apply")
        });
        let asked = std::time::Instant::now();
        assert_eq!(rest.delete(&format!("/connectors/{name}")).status, 204);
        until("it is gone", || rest.get(&format!("/connectors/{name}/status")).status == 404);
        assert!(asked.elapsed() < std::time::Duration::from_secs(4), "{name}: {:?}", asked.elapsed());
    }
    assert!(world("ever-sink").records.is_empty(), "what waits holds up what came with it");
}

#[test]
fn a_converter_of_a_plugin_writes_and_reads_keys_values_and_what_transforms_make_of_them() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    let converters = json!({ "key.converter": "MarkConverter", "value.converter": "naru.MarkConverter" });
    rest.create("marks-source", source("marks", converters.clone()));
    until("the numbers are there", || worker.topics().end("marks") == 100);
    let first = worker.topics().read("marks").remove(0);
    assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some("key!0"), Some("value!{\"n\":0}")));
    rest.create("marks-sink", sink("marks", "marks-sink", converters.clone()));
    let chain =
        json!({ "transforms": "raise", "transforms.raise.type": "DoubleTransform", "transforms.raise.add": "7" });
    rest.create("marks-raised", sink("marks", "marks-raised", with(converters.clone(), chain)));
    let dead = json!({
        "value.converter.trouble": "decode:odd:1:0", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "marks-dead", "errors.deadletterqueue.context.headers.enable": "true",
    });
    rest.create("marks-picky", sink("marks", "marks-picky", with(converters, dead)));
    for name in ["marks-sink", "marks-raised", "marks-picky"] {
        until("everything is committed", || committed(&rest, name) == json!(100));
    }
    assert_eq!(taken("marks-sink"), (0..100).collect::<Vec<i64>>());
    assert_eq!(taken("marks-raised"), (7..107).collect::<Vec<i64>>());
    assert_eq!(taken("marks-picky"), (0..100).step_by(2).collect::<Vec<i64>>());
    let letters = worker.topics().read("marks-dead");
    assert_eq!((letters.len(), letters[0].value.as_deref()), (50, Some("value!{\"n\":1}")));
    assert!(letters[0].headers.contains(&("__connect.errors.stage".to_owned(), Some("VALUE_CONVERTER".to_owned()))));
    let retried = json!({ "value.converter": "MarkConverter", "value.converter.trouble": "encode:retry:5:9",
        "errors.retry.timeout": "60000", "errors.retry.delay.max.ms": "10" });
    rest.create("marks-again", source("marks-again", retried));
    until("the numbers are there", || worker.topics().end("marks-again") == 100);
    let values = worker.topics().read("marks-again").into_iter().map(|record| record.value.unwrap());
    assert_eq!(values.collect::<Vec<_>>(), (0..100).map(|n| format!("value!{{\"n\":{n}}}")).collect::<Vec<_>>());
}

#[test]
fn a_header_that_its_converter_cannot_write_is_not_left_out_in_silence() {
    let worker = WorkerWithDoubles::start(&["task.restart.enable=false"]);
    let rest = worker.rest();
    let chain = json!({
        "transforms": "note", "transforms.note.type": "InsertHeader", "transforms.note.header": "h",
        "transforms.note.value.literal": "x", "header.converter": "naru.MarkConverter",
        "header.converter.trouble": "encode:reject:31:1",
    });
    rest.create("headers", source("headers", with(chain.clone(), json!({ "errors.tolerance": "all" }))));
    until("the position is stored", || stored(&rest, "headers") == json!({ "next": 100 }));
    assert_eq!(numbers(&worker, "headers"), (0..100).filter(|n| *n != 30).collect::<Vec<i64>>());
    let written = ("h".to_owned(), Some("header!x".to_owned()));
    assert!(worker.topics().read("headers").iter().all(|record| record.headers == [written.clone()]));
    rest.create("headers-strict", source("headers-strict", chain));
    let why = rest.wait_for_task("headers-strict", 0, "FAILED");
    assert!(why.contains("header converter cannot take a record of headers-strict"), "{why}");
    // What comes from foreign tools and cannot be read is given as it is.
    let reads = json!({ "header.converter": "naru.MarkConverter", "header.converter.trouble": "decode:reject:1:0" });
    rest.create("headers-sink", sink("headers", "headers-sink", reads));
    until("everything is committed", || committed(&rest, "headers-sink") == json!(99));
}

#[test]
fn what_is_wrong_with_transforms_is_said_at_its_key_before_anything_runs() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    let said = |more: Json| {
        let reply = rest.post("/connectors", &json!({ "name": "wrong", "config": source("wrong", more) }));
        assert_eq!(reply.status, 400, "{}", reply.body);
        reply.body["message"].as_str().unwrap().to_owned()
    };
    let of = |key: &str, value: &str| {
        let mut chain = json!({ "transforms": "x", "transforms.x.type": "DoubleTransform" });
        chain[key] = json!(value);
        said(chain)
    };
    for (key, value, expected) in [
        ("transforms.x.type", "Nothing", "no transform has the class `Nothing`, which `transforms.x.type` names"),
        ("transforms", "x, x", "`transforms` has the name `x` twice"),
        ("transforms", "x, y", "`transforms.y.type` is required"),
        ("transforms.x.add", "many", "`transforms.x.add`"),
        ("transforms.x.add", "13", "The value of `transforms.x.add` brings bad luck."),
        (
            "transforms.x.predicate",
            "p",
            "`transforms.x.predicate` names the predicate `p`, which is not in `predicates`",
        ),
        ("transforms.x.negate", "true", "`transforms.x.negate` needs `transforms.x.predicate`"),
        ("transforms.x.plugin.version", "9", "No version of naru.DoubleTransform is `9`"),
        ("predicates", "p", "`predicates.p.type` is required"),
        ("value.converter", "naru.DoubleTransform", "no converter has the class `naru.DoubleTransform`"),
        ("errors.retry.timeout", "-2", "`errors.retry.timeout`"),
    ] {
        let said = of(key, value);
        assert!(said.contains(expected), "{key}={value}: {said}");
    }
    let misspelled = json!({ "transforms": "x", "transforms.x.type": "DoubleTransform", "transforms.x.ad": "1",
        "transforms.x.secret": "hunter2", "name": "soft" });
    rest.create("soft", source("soft", misspelled.clone()));
    let shown = rest.get("/connectors/soft").body.to_string();
    assert!(!shown.contains("hunter2") && shown.contains("${sealed:"), "{shown}");
    let path = "/connector-plugins/DoubleSource/config/validate";
    let checked = rest.put(path, &source("soft", misspelled)).body;
    assert_eq!(checked["error_count"], 0, "{checked}");
    assert!(!checked.to_string().contains("hunter2"));
    assert!(checked["groups"].as_array().unwrap().contains(&json!("Transforms: x")), "{}", checked["groups"]);
    assert!(checked.to_string().contains("the nearest known key is `transforms.x.add`"), "{checked}");
    let listed = rest.get("/connector-plugins?connectorsOnly=false").body;
    for (class, kind) in [
        ("naru.DoubleTransform", "transformation"),
        ("naru.DoublePredicate", "predicate"),
        ("naru.MarkConverter", "converter"),
    ] {
        let info = listed.as_array().unwrap().iter().find(|info| info["class"] == class).unwrap();
        assert_eq!((&info["type"], &info["version"]), (&json!(kind), &json!("1")));
        assert!(!rest.get("/connector-plugins").body.to_string().contains(class));
    }
    let keys = rest.get("/connector-plugins/naru.DoubleTransform/config").body;
    assert!(keys.as_array().unwrap().iter().any(|key| key["name"] == "suffix"), "{keys}");
}

#[test]
fn the_transforms_of_kafka_connect_are_built_in_and_pass_on_what_they_do_not_look_into() {
    let worker = WorkerWithDoubles::start(&[]);
    let rest = worker.rest();
    let chain = json!({
        "transforms": "note, route, key, field", "predicates": "mine",
        "transforms.note.type": "InsertHeader", "transforms.note.header": "version", "transforms.note.value.literal": "3",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "built-(.*)", "transforms.route.replacement": "$1-routed",
        "transforms.route.predicate": "mine",
        "predicates.mine.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        "predicates.mine.pattern": "built-.*",
        "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey", "transforms.key.fields": "n",
        "transforms.field.type": "InsertField$Value", "transforms.field.static.field": "from", "transforms.field.static.value": "here",
    });
    rest.create("built-source", source("built-in", chain));
    until("the numbers are there", || worker.topics().end("in-routed") == 100);
    let first = worker.topics().read("in-routed").remove(0);
    assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some(r#"{"n":0}"#), Some(r#"{"n":0,"from":"here"}"#)));
    assert_eq!(first.headers, [("version".to_owned(), Some("3".to_owned()))]);
    // JSON as no writer of ours would write it.
    let log = format!("127.0.0.1:{}", worker.log_port());
    let mut kcat = std::process::Command::new("kcat");
    kcat.args(["-P", "-b", &log, "-t", "spaces"]).stdin(std::process::Stdio::piped());
    let mut kcat = kcat.spawn().unwrap();
    std::io::Write::write_all(&mut kcat.stdin.take().unwrap(), b"{ \"n\" : 1.50 }\n").unwrap();
    assert!(kcat.wait().unwrap().success());
    let chain = json!({ "transforms": "route", "transforms.route.type": "RegexRouter", "transforms.route.regex": "(.*)",
        "transforms.route.replacement": "x-$1" });
    rest.create("spaces-sink", sink("spaces", "spaces-sink", chain));
    until("it has arrived", || committed(&rest, "spaces-sink") == json!(1));
    assert_eq!(world("spaces-sink").records[0].2, "{ \"n\" : 1.50 }");
}
