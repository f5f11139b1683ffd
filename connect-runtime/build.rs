//! Puts the source of `connector-api` into the binary: `naru new` gives authors a copy of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let api = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../connector-api");
    let api = fs::canonicalize(api).expect("connector-api stands beside this crate");
    let mut files = Vec::new();
    for part in ["Cargo.toml", "README.md", "protocol.md", "src", "include"] {
        gather(&api.join(part), &mut files);
    }
    files.sort();
    let mut table = String::from("[\n");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&api).expect("it is inside").display();
        writeln!(table, "    ({:?}, include_str!({:?})),", name.to_string(), file.display().to_string())
            .expect("a string has room");
    }
    table.push_str("]\n");
    println!("cargo::rerun-if-changed={}", api.join("src").display());
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("connector_api.rs");
    fs::write(out, table).expect("the build folder can be written");
}

/// The files at that path, tests left out: an author does not need them.
fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
    } else if let Ok(entries) = fs::read_dir(path) {
        entries.filter_map(Result::ok).for_each(|entry| gather(&entry.path(), files));
    }
}
