//! The quick start and the examples, as a user runs them.

use std::process::{Command, Stdio};

use naru_tests::{naru_binary, repository};

/// Runs it to its end; what it says.
fn quick_start(words: &[&str]) -> String {
    let build = naru_binary().parent().unwrap().parent().unwrap().to_owned();
    let mut command = Command::new(repository().join("quickstart"));
    command.args(words).arg("--once").env("CARGO_TARGET_DIR", build).stdin(Stdio::null());
    // As `./test` has built it.
    command.env("NARU_BUILD", "--workspace --bins --examples");
    // Cargo tells tests about itself; told so, build scripts would all run again, and with them everything.
    for (name, _) in std::env::vars().filter(|(name, _)| is_told_by_cargo(name)) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("none missing, none twice"), "{said}");
    assert!(!repository().join(".naru/quickstart").exists(), "it leaves nothing behind");
    said
}

fn is_told_by_cargo(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"]
        .iter()
        .any(|one| name.starts_with(one))
}

/// One after the other: they share a folder.
#[test]
fn the_quick_start_moves_every_row_and_leaves_nothing_running() {
    let said = quick_start(&[]);
    for hint in ["curl -s", "kcat -b localhost:", "psql -h 127.0.0.1"] {
        assert!(said.contains(hint), "{hint} is missing in: {said}");
    }
    let said = quick_start(&["--to", "s3"]);
    assert!(said.contains("topics/shop.public.products/partition=0/shop.public.products+0+0000000000.json"), "{said}");
    let said = quick_start(&["--to", "elasticsearch"]);
    assert!(said.contains("shop.public.orders") && said.contains("docs.count"), "{said}");
}

#[test]
fn the_quick_start_says_what_it_takes() {
    let output = Command::new(repository().join("quickstart")).args(["--to", "the moon"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("./quickstart --to s3"));
}
