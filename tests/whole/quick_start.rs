//! The quick start and the examples, as a user runs them.

use std::process::{Command, Stdio};

use naru_tests::{naru_binary, repository};

#[test]
fn the_quick_start_moves_every_row_and_leaves_nothing_running() {
    let build = naru_binary().parent().unwrap().parent().unwrap().to_owned();
    let mut command = Command::new(repository().join("quickstart"));
    command.arg("--once").env("CARGO_TARGET_DIR", build).stdin(Stdio::null());
    // As `./test` has built it.
    command.env("NARU_BUILD", "--workspace --bins --examples");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("none missing, none twice"), "{said}");
    for hint in ["curl -s", "kcat -b localhost:", "psql -h 127.0.0.1"] {
        assert!(said.contains(hint), "{hint} is missing in: {said}");
    }
    assert!(!repository().join(".naru/quickstart").exists(), "it leaves nothing behind");
}
