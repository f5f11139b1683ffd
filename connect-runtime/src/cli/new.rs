//! `naru new connector` and `naru new transform`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{NewArgs, NewKind};
use super::{SET_UP, end_with};

/// The source of `connector-api`: paths and contents.
const CONNECTOR_API: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/connector_api.rs"));

const COMMON: [(&str, &str); 3] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml.txt")),
    (".gitignore", include_str!("../../template/gitignore.txt")),
    ("README.md", include_str!("../../template/README.md.txt")),
];
const SOURCE: [(&str, &str); 3] = [
    ("src/lib.rs", include_str!("../../template/source/lib.rs.txt")),
    ("tests/conformance.rs", include_str!("../../template/source/conformance.rs.txt")),
    ("config.json", include_str!("../../template/source/config.json.txt")),
];
const SINK: [(&str, &str); 3] = [
    ("src/lib.rs", include_str!("../../template/sink/lib.rs.txt")),
    ("tests/conformance.rs", include_str!("../../template/sink/conformance.rs.txt")),
    ("config.json", include_str!("../../template/sink/config.json.txt")),
];
const TRANSFORM: [(&str, &str); 3] = [
    ("src/lib.rs", include_str!("../../template/transform/lib.rs.txt")),
    ("tests/conformance.rs", include_str!("../../template/transform/conformance.rs.txt")),
    ("config.json", include_str!("../../template/transform/config.json.txt")),
];

/// What is begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    Source,
    Sink,
    Transform,
}

impl Begun {
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Begun::Source => &SOURCE,
            Begun::Sink => &SINK,
            Begun::Transform => &TRANSFORM,
        }
    }

    /// With its article left away.
    fn word(self) -> &'static str {
        match self {
            Begun::Source => "source",
            Begun::Sink => "sink",
            Begun::Transform => "transform",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Begun::Source => "source connector",
            Begun::Sink => "sink connector",
            Begun::Transform => "transform",
        }
    }
}

const SINK_INPUT: &str = "A sink reads its records from the standard input, one line each:\n\n```sh\necho '{\"n\":1}' | naru try \
                          target/release/lib{{crate}}.so config.json\n```\n";

pub fn run(args: &NewArgs) -> ExitCode {
    let (name, path, begun) = match &args.what {
        NewKind::Connector(new) => (&new.name, &new.path, if new.sink { Begun::Sink } else { Begun::Source }),
        NewKind::Transform(new) => (&new.name, &new.path, Begun::Transform),
    };
    let name = name.trim();
    if let Err(why) = check(name) {
        return end_with(SET_UP, [format!("The name `{name}` {why}.")]);
    }
    let folder = path.clone().unwrap_or_else(|| PathBuf::from(name));
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return end_with(SET_UP, [format!("{} is there already and is not empty.", folder.display())]);
    }
    let named = |text: &str| fill_in(text, name, begun);
    let crate_files = COMMON.iter().chain(begun.files()).map(|(path, text)| (PathBuf::from(path), named(text)));
    let api_files =
        CONNECTOR_API.iter().map(|(path, text)| (Path::new("connector-api").join(path), (*text).to_owned()));
    for (path, text) in crate_files.chain(api_files) {
        let path = folder.join(path);
        if let Err(why) = write(&path, &text) {
            return end_with(SET_UP, [format!("Cannot write {}: {why}.", path.display())]);
        }
    }
    let shown = folder.display();
    println!("{shown} is a {} that runs as it stands:\n", begun.word());
    println!("  cd {shown}\n  cargo test\n  cargo build --release");
    let input = if begun == Begun::Sink { "echo '{\"n\":1}' | " } else { "" };
    println!("  {input}naru try target/release/lib{}.so config.json\n", crate_name(name));
    println!("All of it is in src/lib.rs; connector-api/README.md is the guide.");
    ExitCode::SUCCESS
}

/// Whether a crate can have the name. The error completes the sentence "the name ...".
fn check(name: &str) -> Result<(), &'static str> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    match name {
        "" => Err("is empty"),
        _ if name.len() > 60 => Err("is longer than 60 letters"),
        _ if !name.chars().all(fits) => Err("may hold small letters, digits and `-` only"),
        _ if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) => Err("must begin with a letter"),
        _ if name.ends_with('-') || name.contains("--") => Err("has a `-` too many"),
        "connector-api" | "test" | "core" | "std" | "tokio" | "tracing" => Err("belongs to another crate"),
        _ => Ok(()),
    }
}

fn crate_name(name: &str) -> String {
    name.replace('-', "_")
}

/// `my-thing` as `MyThing`.
fn type_name(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('-').map(word).collect()
}

fn fill_in(text: &str, name: &str, begun: Begun) -> String {
    text.replace("{{try_more}}\n", if begun == Begun::Sink { SINK_INPUT } else { "" })
        .replace("{{Name}}", &type_name(name))
        .replace("{{name}}", name)
        .replace("{{crate}}", &crate_name(name))
        .replace("{{kind}}", begun.noun())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates_and_nothing_of_a_template_is_left_open() {
        for good in ["a", "my-thing", "s3-2"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "My", "2a", "a_b", "a-", "a--b", "tokio", "../a", &"a".repeat(61)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(type_name("my-thing-2"), "MyThing2");
        for begun in [Begun::Source, Begun::Sink, Begun::Transform] {
            for (path, text) in COMMON.iter().chain(begun.files()) {
                assert!(!fill_in(text, "my-thing", begun).contains("{{"), "{path}");
            }
        }
    }
}
