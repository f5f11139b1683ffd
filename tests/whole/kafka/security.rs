//! Encryption and logins: a worker on listeners of all four protocols, and what it says where it is not let in.

use std::io::Write;
use std::time::{Duration, Instant};

use naru_tests::{Worker, until};
use serde_json::json;

use super::secured::{ALICE, CLUSTER, SESSION_MS, at, file, login, refused, trusting, worker};

/// A line goes from a file into a topic and out into a file.
fn moves_records(worker: &Worker, name: &str) {
    std::fs::write(worker.file("in.txt"), "one\ntwo\n").unwrap();
    let strings = "org.apache.kafka.connect.storage.StringConverter";
    worker.rest().create(
        &format!("{name}-in"),
        json!({
            "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": name, "value.converter": strings,
            "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
        }),
    );
    worker.rest().create(
        &format!("{name}-out"),
        json!({
            "connector.class": "FileStreamSink", "file": worker.file("out.txt"), "topics": name, "value.converter": strings,
        }),
    );
    let out = worker.file("out.txt");
    until("the lines are out", || std::fs::read_to_string(&out).is_ok_and(|text| text == "one\ntwo\n"));
    assert_eq!(CLUSTER.topics().values(name), ["one", "two"]);
}

#[test]
fn records_move_over_every_protocol_and_by_every_login() {
    let authority = std::fs::read_to_string(file("ca.pem")).unwrap();
    let text = |name: &str| std::fs::read_to_string(file(name)).unwrap().replace('\n', " ");
    let own = vec![
        format!("ssl.truststore.certificates={authority}"),
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.certificate.chain={}", text("client.crt")),
        format!("ssl.keystore.key={}", text("client.key")),
    ];
    let scram = |mechanism: &str, user: &str| {
        let password = format!("{user}-secret");
        vec![trusting(), format!("sasl.mechanism={mechanism}"), login("Scram", user, &password)]
    };
    let plain = vec![trusting(), "sasl.mechanism=PLAIN".to_owned(), login("Plain", "alice", ALICE)];
    for (name, settings) in [
        ("plaintext", vec![format!("bootstrap.servers={}", CLUSTER.bootstrap())]),
        ("ssl", at("SSL", "SSL", &[trusting(), "ssl.truststore.type=PEM".to_owned()])),
        ("mutual", at("MUTUAL", "SSL", &[trusting(), format!("ssl.keystore.location={}", file("client.pem"))])),
        ("texts", at("MUTUAL", "SSL", &own)),
        ("plain", at("SASL_SSL", "SASL_SSL", &plain)),
        ("scram256", at("SASL_SSL", "SASL_SSL", &scram("SCRAM-SHA-256", "bob"))),
        ("scram512", at("SASL_PLAINTEXT", "SASL_PLAINTEXT", &scram("SCRAM-SHA-512", "carol")[1..])),
    ] {
        let mut worker = worker(name, &settings);
        moves_records(&worker, name);
        worker.terminate();
        let log = worker.log();
        for secret in ["bob-secret", "carol-secret", "al;ice", "PRIVATE KEY"] {
            assert!(!log.contains(secret), "{name} shows a secret:\n{log}");
        }
    }
}

#[test]
fn a_login_that_ends_is_renewed_on_the_same_connection() {
    let settings = at(
        "SASL_PLAINTEXT",
        "SASL_PLAINTEXT",
        &["sasl.mechanism=SCRAM-SHA-512".to_owned(), login("Scram", "carol", "carol-secret")],
    );
    let worker = worker("renewed", &settings);
    moves_records(&worker, "renewed");
    let mut source = std::fs::OpenOptions::new().append(true).open(worker.file("in.txt")).unwrap();
    let until_then = Instant::now() + Duration::from_millis(4 * SESSION_MS);
    let (mut text, mut lines) = ("one\ntwo\n".to_owned(), 2);
    while Instant::now() < until_then {
        let line = format!("{lines}\n");
        source.write_all(line.as_bytes()).unwrap();
        text.push_str(&line);
        lines += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    let out = worker.file("out.txt");
    until("all lines are out", || std::fs::read_to_string(&out).is_ok_and(|found| found == text));
    assert_eq!(CLUSTER.topics().read("renewed").len(), lines);
    let log = worker.log();
    // A group that is new to the cluster has no coordinator at first.
    let mut bad = log.lines().filter(|line| !line.contains("joining the herd is tried again"));
    assert!(!bad.any(|line| line.contains("WARN") || line.contains("ERROR")), "connections were lost:\n{log}");
}

#[test]
fn certificates_that_are_replaced_count_for_new_connections() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted.pem");
    std::fs::copy(file("ca.pem"), &trusted).unwrap();
    let name = "replaced";
    let worker = worker(name, &at("SSL", "SSL", &[format!("ssl.truststore.location={}", trusted.display())]));
    std::fs::write(worker.file("in.txt"), "one\n").unwrap();
    let source = json!({
        "connector.class": "FileStreamSource", "file": worker.file("in.txt"), "topic": name,
        "topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
    });
    let stopped = json!({ "name": name, "config": source, "initial_state": "STOPPED" });
    assert_eq!(worker.rest().post("/connectors", &stopped).status, 201);
    std::fs::copy(file("other.pem"), &trusted).unwrap();
    // The worker's own connections are there by now; the task's are new.
    assert_eq!(worker.rest().send("PUT", &format!("/connectors/{name}/resume"), None, "").status, 202);
    let said = worker.rest().wait_for_task(name, 0, "FAILED");
    assert!(said.contains("`ssl.truststore.location`"), "{said}");
    std::fs::copy(file("ca.pem"), &trusted).unwrap();
    until("the line is there", || CLUSTER.topics().read(name).len() == 1);
}

#[test]
fn who_is_not_let_in_says_which_key_to_look_at_and_ends() {
    let scram = "sasl.mechanism=SCRAM-SHA-256".to_owned();
    let bob = login("Scram", "bob", "bob-secret");
    let carol = login("Scram", "carol", "carol-secret");
    let other = format!("ssl.truststore.location={}", file("other.pem"));
    let by_number = CLUSTER.bootstrap_of("SSL").replace("localhost", "127.0.0.1");
    for (what, settings, expected) in [
        (
            "a wrong password, SCRAM",
            at("SASL_SSL", "SASL_SSL", &[trusting(), scram.clone(), login("Scram", "bob", "wrong")]),
            vec!["the user `bob` or the password", "`sasl.jaas.config`"],
        ),
        (
            "a wrong password, PLAIN",
            at(
                "SASL_SSL",
                "SASL_SSL",
                &[trusting(), "sasl.mechanism=PLAIN".to_owned(), login("Plain", "alice", "wrong")],
            ),
            vec!["the user `alice` or the password", "`sasl.jaas.config`"],
        ),
        (
            "a mechanism that is not offered",
            at("SASL_PLAINTEXT", "SASL_PLAINTEXT", &[scram.clone(), bob.clone()]),
            vec!["offers SCRAM-SHA-512", "`sasl.mechanism`"],
        ),
        (
            "an authority that is not trusted",
            at("SSL", "SSL", &[other]),
            vec!["not trusted", "`ssl.truststore.location`"],
        ),
        ("no authority named", at("SSL", "SSL", &[]), vec!["not trusted", "`ssl.truststore.location`"]),
        (
            "another host name",
            vec![format!("bootstrap.servers={by_number}"), "security.protocol=SSL".to_owned(), trusting()],
            vec!["not for the name `127.0.0.1`", "`ssl.endpoint.identification.algorithm`"],
        ),
        (
            "no certificate where one is asked for",
            at("MUTUAL", "SSL", &[trusting()]),
            vec!["certificate", "`ssl.keystore.location`"],
        ),
        (
            "an encrypted key",
            at("MUTUAL", "SSL", &[trusting(), format!("ssl.keystore.location={}", file("encrypted.pem"))]),
            vec!["openssl pkey -in", "`ssl.keystore.location`"],
        ),
        ("plain to TLS", at("SSL", "PLAINTEXT", &[]), vec!["answers in TLS", "`security.protocol`"]),
        (
            "a plain login to TLS",
            at("SASL_SSL", "SASL_PLAINTEXT", &[scram.clone(), bob.clone()]),
            vec!["answers in TLS", "`security.protocol`"],
        ),
        (
            "TLS to plain",
            at("SASL_PLAINTEXT", "SSL", &[trusting()]),
            vec!["listener without TLS", "`security.protocol`"],
        ),
        (
            "no login where one is asked for",
            at("SASL_PLAINTEXT", "PLAINTEXT", &[]),
            vec!["listener with a login", "`security.protocol`"],
        ),
        (
            "a login where none is taken",
            at("SSL", "SASL_SSL", &[trusting(), scram.clone(), carol]),
            vec!["takes no SASL", "`security.protocol`"],
        ),
    ] {
        let said = refused(&settings);
        for part in expected {
            assert!(said.contains(part), "{what} lacks {part}: {said}");
        }
        assert!(!said.contains("secret") && !said.contains("wrong"), "{what}: {said}");
    }
}

#[test]
fn a_name_that_does_not_fit_passes_where_names_are_not_checked_with_a_warning() {
    let by_number = CLUSTER.bootstrap_of("SSL").replace("localhost", "127.0.0.1");
    let settings = [
        format!("bootstrap.servers={by_number}"),
        "security.protocol=SSL".to_owned(),
        trusting(),
        "ssl.endpoint.identification.algorithm=".to_owned(),
    ];
    let worker = worker("anyname", &settings);
    moves_records(&worker, "anyname");
    assert!(worker.log().contains("UNSAFE: `ssl.endpoint.identification.algorithm` is empty"), "{}", worker.log());
}
