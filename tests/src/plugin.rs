//! Plugins, built as outsiders build them.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use crate::{naru_binary, repository};

static BUILT: LazyLock<Mutex<HashMap<(PathBuf, String), PathBuf>>> = LazyLock::new(Mutex::default);

/// Builds the crate of a plugin in its own target folder, with its own lock file, and returns its library. `variables` are set for
/// cargo, such as `CARGO_PROFILE_RELEASE_PANIC=abort`. Built once for all tests of a process.
///
/// # Panics
/// It does not build.
pub fn built_plugin(folder: &Path, variables: &[(&str, &str)]) -> PathBuf {
    let mut built = BUILT.lock().expect("another test has failed while it built a plugin");
    let flavour: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    let known = built.entry((folder.to_owned(), flavour.clone())).or_insert_with(|| {
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().replace('-', "_");
        // Cargo keeps builds of other flags and compilers apart, but not their results.
        let flavour: String = flavour.chars().filter(|letter| letter.is_alphanumeric()).collect();
        let target = plugin_target().join(if flavour.is_empty() { "plain" } else { &flavour });
        let mut cargo = cargo_in(folder, &target);
        cargo.args(["build", "--release", "--quiet"]).envs(variables.iter().copied());
        run(&mut cargo);
        target.join(format!("release/lib{name}.so"))
    });
    known.clone()
}

/// Cargo in a folder that is not of this workspace.
pub fn cargo_in(folder: &Path, target: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    // What is set for the tests' own build must not reach another one.
    for name in [
        "RUSTUP_TOOLCHAIN",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_RELEASE_PANIC",
    ] {
        cargo.env_remove(name);
    }
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", target);
    cargo
}

/// Where plugins are built: beside the binary.
pub fn plugin_target() -> PathBuf {
    naru_binary().parent().expect("a binary has a folder").join("plugins")
}

/// Builds the plugin in C, with these changes of its text, into a file.
///
/// # Panics
/// It does not build.
pub fn c_plugin(changes: &[(&str, &str)], to: &Path) {
    let source = repository().join("tests/plugins/counter/counter.c");
    let mut text = fs::read_to_string(&source).expect("the plugin in C is there");
    for (old, new) in changes {
        assert!(text.contains(old), "the plugin in C has no `{old}`");
        text = text.replace(old, new);
    }
    let changed = to.with_extension("c");
    fs::write(&changed, text).expect("a folder can be written");
    let include = repository().join("connector-api/include");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I"]).arg(include);
    run(cc.arg("-o").arg(to).arg(&changed));
    fs::set_permissions(to, Permissions::from_mode(0o755)).expect("a file of the test's own");
}

/// Copies a library into a folder, as an administrator does: nobody else may write it.
///
/// # Panics
/// It cannot be copied.
pub fn install(library: &Path, to: &Path) {
    fs::copy(library, to).unwrap_or_else(|why| panic!("cannot copy {}: {why}", library.display()));
    fs::set_permissions(to, Permissions::from_mode(0o755)).expect("a file of the test's own");
}

/// A folder for plugins that only its owner may write.
///
/// # Panics
/// It cannot be made.
pub fn plugin_folder(in_folder: &Path) -> PathBuf {
    let folder = in_folder.join("plugins");
    fs::create_dir_all(&folder).expect("a folder of the test's own");
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("a folder of the test's own");
    folder
}

/// Runs a command.
///
/// # Panics
/// It fails; what it printed is in the message.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|why| panic!("cannot run {command:?}: {why}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{out}{err}");
    out.into_owned()
}
