//! What is loaded, what is refused and why, versions side by side, and libraries that come while the worker runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use naru_tests::{Worker, built_plugin, c_plugin, install, plugin_folder, repository, run, until};
use serde_json::{Value as Json, json};

use super::{committed, doubles, numbers};

/// The plugins that a worker lists of that class: version and location.
fn listed(worker: &Worker, class: &str) -> Vec<(String, String)> {
    let all = worker.rest().get("/connector-plugins").body;
    let text = |one: &Json, field: &str| one[field].as_str().unwrap().to_owned();
    let of_class = all.as_array().unwrap().iter().filter(|one| one["class"] == class);
    of_class.map(|one| (text(one, "version"), text(one, "location"))).collect()
}

fn refused(worker: &Worker) -> Vec<(String, String)> {
    let all = worker.rest().get("/admin/plugins/refused").body;
    let text = |one: &Json, field: &str| one[field].as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|one| (text(one, "location"), text(one, "reason"))).collect()
}

/// Puts one file of each kind that cannot be loaded into the folder: its name, and what is said of it.
fn unfit(plugins: &Path) -> Vec<(&'static str, &'static str)> {
    let whole = fs::read(doubles()).unwrap();
    let write = |name: &str, content: &[u8]| {
        fs::write(plugins.join(name), content).unwrap();
        fs::set_permissions(plugins.join(name), Permissions::from_mode(0o644)).unwrap();
    };
    write("text.so", &b"This is no library, whatever its name says. ".repeat(10));
    write("cut.so", &whole[..whole.len() * 2 / 3]);
    let mut foreign = whole;
    foreign[18] = 243;
    write("foreign.so", &foreign);
    let code = plugins.join("nothing.c");
    fs::write(&code, "int nothing(void) { return 0; }\n").unwrap();
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(plugins.join("nothing.so")).arg(&code));
    fs::write(&code, "__attribute__((constructor)) static void die(void) { __builtin_trap(); }\n").unwrap();
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(plugins.join("dies.so")).arg(&code));
    c_plugin(&[(".abi_major = NARU_ABI_MAJOR", ".abi_major = 0")], &plugins.join("old.so"));
    c_plugin(&[(".abi_major = NARU_ABI_MAJOR", ".abi_major = 2")], &plugins.join("new.so"));
    c_plugin(&[(".magic = NARU_MAGIC", ".magic = 7")], &plugins.join("other.so"));
    c_plugin(&[("NARU_CATCHES_PANICS", "0x10001")], &plugins.join("needy.so"));
    c_plugin(&[("\\\"kind\\\": \\\"sink\\\"", "\\\"kind\\\": \\\"sieve\\\"")], &plugins.join("sieve.so"));
    let aborts = built_plugin(&repository().join("tests/plugins/doubles"), &[("CARGO_PROFILE_RELEASE_PANIC", "abort")]);
    install(&aborts, &plugins.join("aborts.so"));
    install(&doubles(), &plugins.join("open.so"));
    fs::set_permissions(plugins.join("open.so"), Permissions::from_mode(0o666)).unwrap();
    symlink(doubles(), plugins.join("link.so")).unwrap();
    write("broken.plugin.json", b"{\"command\": []}");
    vec![
        ("text.so", "it is no library"),
        ("cut.so", "it is truncated"),
        ("foreign.so", "it was built for another platform: riscv, and this is"),
        ("nothing.so", "it has no symbol `naru_plugin`"),
        ("dies.so", "its process was ended by signal 4"),
        ("old.so", "it is too old: its boundary is 0.1, and this worker's 1.1"),
        ("new.so", "it is too new: its boundary is 2.1, and this worker's 1.1"),
        ("other.so", "its descriptor is none of Naru's"),
        ("needy.so", "it is too new: it needs what this worker does not have (capabilities 0x10000)"),
        ("sieve.so", "it is of an unknown kind, `sieve`"),
        ("aborts.so", "it was built with `panic = \"abort\"`"),
        ("open.so", "it can be written by others (mode 666)"),
        ("link.so", "outside of `plugin.path`"),
        ("broken.plugin.json", "its command is empty"),
    ]
}

#[test]
fn files_that_cannot_be_loaded_are_refused_by_name_with_the_reason_and_the_worker_starts() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugin_folder(folder.path());
    install(&doubles(), &plugins.join("good.so"));
    let expected = unfit(&plugins);
    let nowhere = folder.path().join("nowhere");
    let path = format!("plugin.path={},{}", plugins.display(), nowhere.display());
    let worker = Worker::start_in(folder, &[&path]);
    let refused = refused(&worker);
    for (name, reason) in &expected {
        let file = plugins.join(name).display().to_string();
        let said = refused.iter().find(|(location, _)| *location == file);
        assert!(said.is_some_and(|(_, said)| said.contains(reason)), "{name}: {said:?}");
        assert!(worker.log().contains(&file), "{name} is not in the log");
    }
    assert!(refused.iter().any(|(location, _)| *location == nowhere.display().to_string()), "{refused:?}");
    assert_eq!(refused.len(), expected.len() + 1, "{refused:?}");
    let location = plugins.join("good.so").display().to_string();
    assert_eq!(listed(&worker, "naru.DoubleSourceConnector"), [("1".to_owned(), location)]);
}

fn counter(version: &str, topic: &str) -> Json {
    json!({
        "connector.class": "example.CounterSource", "topic": topic, "count": "50",
        "connector.plugin.version": version,
    })
}

#[test]
fn versions_stand_side_by_side_and_new_ones_are_taken_up_while_others_run() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugin_folder(folder.path());
    let version = |version: &str, file: &str| {
        let define = format!("#define COUNTER_VERSION \"{version}\"");
        c_plugin(&[("#define COUNTER_VERSION \"1.0.0\"", &define)], &plugins.join(file));
    };
    version("1.0.0", "one.so");
    let path = format!("plugin.path={}", plugins.display());
    let worker = Worker::start_in(folder, &[&path]);
    worker.rest().create("one", counter("1.0.0", "counted"));
    until("it has counted", || numbers(&worker, "counted").len() == 50);
    // A library on top of one that runs, and one beside it.
    version("1.2.0", "one.so");
    version("1.10.0", "ten.so");
    let scanned = worker.rest().post("/admin/plugins/rescan", &json!({})).body;
    assert_eq!(scanned["loaded"].as_array().unwrap().len(), 4, "two connectors each: {scanned}");
    let versions: Vec<String> = listed(&worker, "example.CounterSource").into_iter().map(|(one, _)| one).collect();
    assert_eq!(versions.len(), 3, "{versions:?}");
    let status = |name: &str| worker.rest().get(&format!("/connectors/{name}/status")).body;
    assert_eq!(status("one")["tasks"][0]["state"], "RUNNING");
    assert_eq!(status("one")["tasks"][0]["version"], "1.0.0");
    for (wanted, found) in [("latest", "1.10.0"), ("[1.0,1.10)", "1.2.0"), ("1.2.0", "1.2.0"), ("(,1.1]", "1.0.0")] {
        worker.rest().create(wanted, counter(wanted, "others"));
        let encoded = wanted.replace('[', "%5B").replace('(', "%28").replace(')', "%29").replace(']', "%5D");
        until("it runs", || status(&encoded)["connector"]["state"] == "RUNNING");
        assert_eq!(status(&encoded)["connector"]["version"], found, "{wanted}");
    }
    let none = worker.rest().post("/connectors", &json!({ "name": "none", "config": counter("3", "others") }));
    assert_eq!(none.status, 400);
    assert!(
        none.body["message"].as_str().unwrap().contains("No version of example.CounterSource is `3`"),
        "{}",
        none.body
    );
    // The same version with another content is no other version.
    c_plugin(&[("#define COUNTER_VERSION \"1.0.0\"", "#define COUNTER_VERSION \"1.2.0\" ")], &plugins.join("twin.so"));
    let scanned = worker.rest().post("/admin/plugins/rescan", &json!({})).body;
    assert!(scanned["loaded"].as_array().unwrap().is_empty(), "{scanned}");
}

#[test]
fn a_plugin_in_c_moves_records_and_goes_on_where_it_was_after_a_kill() {
    for isolation in ["none", "process"] {
        let folder = tempfile::tempdir().unwrap();
        let plugins = plugin_folder(folder.path());
        c_plugin(&[], &plugins.join("counter.so"));
        let path = format!("plugin.path={}", plugins.display());
        let mut worker = Worker::start_in(folder, &[&path, "offset.flush.interval.ms=200"]);
        let file = worker.file("lines.txt");
        worker.rest().create(
            "source",
            json!({
                "connector.class": "example.CounterSource", "topic": "counted", "count": "2000", "every": "1",
                "connector.isolation": isolation,
            }),
        );
        worker.rest().create("sink", json!({
            "connector.class": "example.CounterSink", "topics": "counted", "file": file, "connector.isolation": isolation,
        }));
        let lines = || fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
        until("some are through", || lines().len() > 300);
        worker.kill();
        worker.start_again();
        until("all are through", || lines().iter().any(|line| line.contains("{\"n\":1999}")));
        let seen = numbers(&worker, "counted");
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct, (0..2000).collect::<Vec<i64>>(), "{isolation}: none is missing");
        assert!(
            seen.len() < 2000 + 700,
            "{isolation}: {} records, so more came again than a commit window",
            seen.len()
        );
        let bad = worker.rest().post("/connectors", &json!({
            "name": "bad",
            "config": { "connector.class": "example.CounterSource", "topic": "t", "count": "many", "connector.isolation": isolation },
        }));
        assert_eq!(bad.status, 400, "{}", bad.body);
        assert!(bad.body["message"].as_str().unwrap().contains("`count`"), "{}", bad.body);
    }
}

/// The toolchains of this machine whose compiler is another version than the one that builds the worker.
fn other_toolchains() -> Vec<String> {
    let version = |toolchain: &str| {
        let asked = Command::new("rustc").arg(format!("+{toolchain}")).arg("--version").output();
        asked.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    };
    let own = Command::new("rustc").arg("--version").output().ok().map(|output| output.stdout);
    let listed = Command::new("rustup").args(["toolchain", "list"]).output().map(|output| output.stdout);
    let listed = String::from_utf8_lossy(&listed.unwrap_or_default()).into_owned();
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| version(name).is_some_and(|other| Some(&other) != own.as_ref())).map(str::to_owned).collect()
}

#[test]
fn a_library_of_another_compiler_moves_records() {
    let others = other_toolchains();
    if others.is_empty() {
        eprintln!("this machine has one Rust compiler only, so no library of another one was tried");
    }
    for toolchain in others {
        let doubles = built_plugin(&repository().join("tests/plugins/doubles"), &[("RUSTUP_TOOLCHAIN", &toolchain)]);
        let folder = tempfile::tempdir().unwrap();
        let plugins = plugin_folder(folder.path());
        install(&doubles, &plugins.join("other.so"));
        let path = format!("plugin.path={}", plugins.display());
        let worker = Worker::start_in(folder, &[&path]);
        worker.rest().create("source", json!({ "connector.class": "DoubleSource", "topic": "t" }));
        worker
            .rest()
            .create("sink", json!({ "connector.class": "DoubleSink", "topics": "t", "trouble": "put:keep:1:0" }));
        until("all has passed", || committed(&worker, "sink") == 100);
        assert_eq!(numbers(&worker, "t"), (0..100).collect::<Vec<i64>>(), "{toolchain}");
        worker
            .rest()
            .create("panics", json!({ "connector.class": "DoubleSource", "topic": "t", "trouble": "poll:panic:1:1" }));
        let why = worker.rest().wait_for_task("panics", 0, "FAILED");
        assert!(why.contains("the connector panicked: trouble in poll"), "{toolchain}: {why}");
    }
}
