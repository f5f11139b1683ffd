//! What an author does on the first day: a new crate, its tests, its library, a try.

use std::io::Write;
use std::process::{Command, Stdio};

use naru_tests::{cargo_in, naru_binary, plugin_target, repository, run};

#[test]
fn the_examples_build_and_pass_their_tests_as_outsiders_build_them() {
    for example in ["http-source", "postgres-sink"] {
        let folder = repository().join("examples/plugins").join(example);
        let tested = run(cargo_in(&folder, &plugin_target().join("examples")).args(["test", "--quiet"]));
        assert!(tested.contains("test result: ok"), "{example}: {tested}");
    }
}

fn naru() -> Command {
    Command::new(naru_binary())
}

#[test]
fn a_new_connector_or_transform_builds_passes_its_tests_and_runs_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let target = plugin_target().join("new");
    for (kind, name) in [("--source", "my-source"), ("--sink", "my-sink")] {
        run(naru().args(["new", "connector", name, kind]).current_dir(folder.path()));
        let own = folder.path().join(name);
        let tested = run(cargo_in(&own, &target).args(["test", "--quiet"]));
        assert!(tested.contains("1 passed"), "{tested}");
        run(cargo_in(&own, &target).args(["build", "--quiet"]));
    }
    run(naru().args(["new", "transform", "my-mask"]).current_dir(folder.path()));
    let own = folder.path().join("my-mask");
    let tested = run(cargo_in(&own, &target).args(["test", "--quiet"]));
    assert!(tested.contains("2 passed"), "{tested}");
    run(cargo_in(&own, &target).args(["build", "--quiet"]));
    let library = |name: &str| target.join("debug").join(name);
    let shown = run(naru()
        .arg("try")
        .arg(library("libmy_source.so"))
        .args(["my-source/config.json", "--records", "3"])
        .current_dir(folder.path()));
    assert!(shown.contains("things-0 @0  null  {\"n\":0}") && shown.ends_with("3 records\n"), "{shown}");
    let shown = run(naru()
        .arg("try")
        .arg(library("libmy_mask.so"))
        .args(["my-mask/config.json", "--records", "3"])
        .current_dir(folder.path()));
    assert!(shown.contains(r#"{"name":"***","task":0,"seqno":0}"#), "{shown}");

    let out = folder.path().join("out.txt");
    let config = serde_json::json!({ "connector.class": "my-sink", "topics": "things", "file": out }).to_string();
    std::fs::write(folder.path().join("sink.json"), config).unwrap();
    let mut trial = naru()
        .arg("try")
        .arg(library("libmy_sink.so"))
        .arg(folder.path().join("sink.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    trial.stdin.take().unwrap().write_all(b"{\"n\":1}\n{\"n\":2}\n").unwrap();
    let output = trial.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && shown.contains("2 records are in the sink"), "{shown}");
    assert_eq!(std::fs::read_to_string(out).unwrap(), "{\"n\":1}\n{\"n\":2}\n");
}

#[test]
fn what_is_wrong_with_a_new_connector_or_a_try_is_said_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |command: &mut Command, said: &str| {
        let output = command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && err.contains(said), "{said}: {err}");
    };
    fails(naru().args(["new", "connector", "My_Thing", "--sink"]), "The name `My_Thing` may hold small letters");
    fails(naru().args(["new", "connector", "thing"]), "--source");
    std::fs::create_dir(folder.path().join("thing")).unwrap();
    std::fs::write(folder.path().join("thing/file"), "").unwrap();
    fails(naru().args(["new", "connector", "thing", "--sink"]), "thing is there already and is not empty");
    std::fs::write(folder.path().join("config.json"), "{\"a\": {}}").unwrap();
    fails(naru().args(["try", "thing/file", "config.json"]), "The value of `a` in config.json is not a text");
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    fails(naru().args(["try", "thing/file", "config.json"]), "thing/file: it is no library");
}
