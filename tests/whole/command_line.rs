//! What `naru` says to mistakes: one clear line, exit code 2.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use naru_tests::{Log, Process, Topics, Worker, free_port, naru_binary, until};
use serde_json::json;

fn naru(arguments: &[&str]) -> Output {
    Command::new(naru_binary()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Starts a worker that must not start: the line that it says.
fn refused(settings: &[String]) -> String {
    let mut arguments = vec!["--log-level", "error", "worker"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
    let output = naru(&arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    said
}

fn settings(folder: &std::path::Path, more: &[&str]) -> Vec<String> {
    let mut all = vec![
        format!("data.dir={}", folder.join("data").display()),
        format!("listeners=http://127.0.0.1:{}", free_port()),
        format!("broker.listeners=PLAINTEXT://127.0.0.1:{}", free_port()),
    ];
    all.extend(more.iter().map(|setting| (*setting).to_owned()));
    all
}

#[test]
fn unknown_keys_and_bad_values_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(&settings(folder.path(), &["heartbeat.intervall.ms=1"]));
    assert!(
        said.contains("`heartbeat.intervall.ms` is not a known key; the nearest known key is `heartbeat.interval.ms`")
    );
    let said = refused(&settings(folder.path(), &["offset.flush.interval.ms=soon"]));
    assert!(said.contains("`soon` of `offset.flush.interval.ms` is wrong: it must be a whole number"), "{said}");
    let said = refused(&settings(folder.path(), &["task.nice=25"]));
    assert!(said.contains("`25` of `task.nice` is wrong: it must be from 0 to 19"), "{said}");
    let said = refused(&settings(folder.path(), &["broker.num.partition=1"]));
    assert!(said.contains("num.partition") && said.contains("did you mean num.partitions?"), "{said}");
    let said = refused(&settings(folder.path(), &["listeners=http://0.0.0.0:8083"]));
    assert!(said.contains("no authentication"), "{said}");
}

#[test]
fn a_worker_file_with_a_wrong_line_is_named_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.properties");
    std::fs::write(&file, "group.id=a\n=b\n").unwrap();
    let output = naru(&["worker", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("Line 2 of") && said.contains("worker.properties is wrong"), "{said}");
    let output = naru(&["worker", "/nowhere/worker.properties"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("Cannot read the worker file /nowhere"));
}

#[test]
fn a_port_in_use_is_named_with_the_key_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = refused(&settings(folder.path(), &[&format!("listeners=http://127.0.0.1:{port}")]));
    assert!(said.contains(&format!("{port}: the port is in use")) && said.contains("listeners=http://"), "{said}");
    let said = refused(&settings(folder.path(), &[&format!("broker.listeners=PLAINTEXT://127.0.0.1:{port}")]));
    assert!(said.contains(&port.to_string()) && said.contains("in use"), "{said}");
}

#[test]
fn a_folder_in_use_and_one_that_cannot_be_written_are_named() {
    let worker = Worker::start(&[]);
    let data = worker.file("data");
    let said = refused(&settings(worker.folder(), &[]));
    assert!(said.contains(&data.display().to_string()), "{said}");
    assert!(said.contains("another") || said.contains("in use") || said.contains("locked"), "{said}");

    // Root may write everywhere, so the folder is one below a file.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let said = refused(&settings(folder.path(), &[]));
    assert!(said.contains("data folder") && said.contains("`data.dir`"), "{said}");
}

#[test]
fn a_kafka_connect_worker_file_starts_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (rest, log) = (free_port(), free_port());
    let file = folder.path().join("connect-distributed.properties");
    let text = format!(
        "# a worker of Kafka Connect\nbootstrap.servers=localhost:{log}\ngroup.id=connect-cluster\n\
         key.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         key.converter.schemas.enable=true\nvalue.converter.schemas.enable=true\n\
         offset.storage.topic=connect-offsets\noffset.storage.replication.factor=3\n\
         config.storage.topic=connect-configs\nconfig.storage.replication.factor=3\n\
         status.storage.topic=connect-status\nstatus.storage.replication.factor=3\n\
         offset.flush.interval.ms=10000\nlisteners=HTTP://:{rest}\nplugin.path=/usr/share/java\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(naru_binary());
    command.arg("worker").arg(&file).args(["--set", &format!("data.dir={}", folder.path().join("d").display())]);
    command.args(["--set", &format!("broker.listeners=PLAINTEXT://127.0.0.1:{log}")]);
    let _worker = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let rest = naru_tests::Rest::at(rest);
    until("the worker is healthy", || rest.try_get("/health").is_some_and(|reply| reply.status == 200));
    rest.create(
        "v",
        serde_json::json!({
            "connector.class": "VerifiableSource", "topic": "t", "max.messages": "1"
        }),
    );
    let topics = Topics::at(log);
    until("the record is there", || !topics.read("t").is_empty());
    let value: serde_json::Value = serde_json::from_str(&topics.values("t")[0]).unwrap();
    assert_eq!(value["payload"]["seqno"], 0, "schemas are on, as the file says: {value}");
}

#[test]
fn what_the_worker_keeps_is_for_its_owner_alone() {
    let worker = Worker::start(&[]);
    let mode = |name: &str| std::fs::metadata(worker.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("data"), 0o700);
    assert_eq!(mode("data/secret.key"), 0o600);
}

#[test]
fn the_log_alone_serves_kafka_s_protocol() {
    let mut log = Log::start();
    assert!(log.topics().read("nothing").is_empty());
    log.process().signal(libc::SIGTERM);
    assert!(log.process().wait(Duration::from_secs(10)).success());
}

#[test]
fn a_worker_of_another_cluster_runs_no_log_of_its_own_and_outlives_that_cluster_s_restart() {
    let mut log = Log::start();
    let mut worker = Worker::start(&[&format!("bootstrap.servers={}", log.bootstrap())]);
    assert!(std::net::TcpStream::connect(("127.0.0.1", worker.log_port())).is_err(), "no second log");
    let (input, output) = (worker.file("in.txt"), worker.file("out.txt"));
    std::fs::write(&input, "").unwrap();
    let source = json!({ "connector.class": "FileStreamSource", "file": input, "topic": "lines" });
    let sink = json!({ "connector.class": "FileStreamSink", "file": output, "topics": "lines" });
    worker.rest().create("lines", source);
    worker.rest().create("to-file", sink);
    let lines = |range: std::ops::Range<usize>| range.map(|n| format!("line {n}\n")).collect::<String>();
    let add = |range| {
        let mut file = std::fs::File::options().append(true).open(&input).unwrap();
        file.write_all(lines(range).as_bytes()).unwrap();
    };
    let arrived = || std::fs::read_to_string(&output).unwrap_or_default();
    add(0..100);
    until("all lines are there", || arrived() == lines(0..100));
    log.process().kill();
    add(100..200);
    std::thread::sleep(Duration::from_secs(2));
    log.start_again();
    until("the lines written meanwhile are there", || arrived().ends_with("line 199\n"));
    let mut seen: Vec<String> = log.topics().values("lines");
    seen.dedup();
    let expected: Vec<String> = (0..200).map(|n| format!("\"line {n}\"")).collect();
    assert_eq!(seen, expected, "each line once and in order");
    // The last commit finds its old connection gone, and is made all the same.
    let before = arrived();
    assert!(worker.terminate().success());
    worker.start_again();
    worker.rest().wait_for_task("to-file", 0, "RUNNING");
    add(200..201);
    until("the line written after the stop is there", || arrived().ends_with("line 200\n"));
    assert_eq!(arrived(), before + "line 200\n", "nothing comes again after a clean stop");
}

#[test]
fn help_names_every_command_and_settings_can_be_listed() {
    let help = String::from_utf8(naru(&["--help"]).stdout).unwrap();
    assert!(help.contains("worker") && help.contains("broker") && help.contains("--log-level"), "{help}");
    let help = String::from_utf8(naru(&["worker", "--help"]).stdout).unwrap();
    assert!(help.contains("127.0.0.1:8083") && help.contains("--set <KEY=VALUE>"), "{help}");
    let listed = String::from_utf8(naru(&["worker", "--list-settings"]).stdout).unwrap();
    assert!(listed.contains("| `offset.flush.interval.ms` | `1000` |"), "{listed}");
    let listed = String::from_utf8(naru(&["broker", "--list-settings"]).stdout).unwrap();
    assert!(listed.contains("`log.segment.bytes`"), "{listed}");
}
