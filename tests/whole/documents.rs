//! What the documents say is so.

use std::fs;
use std::path::Path;
use std::process::Command;

use connect_runtime::plugins::Plugins;
use connector_api::conformance::check_readme;
use naru_tests::repository;

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The files that belong to the project.
fn files() -> Vec<String> {
    let listed = Command::new("git").arg("-C").arg(repository()).args(["ls-files"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().map(str::to_owned).filter(|path| repository().join(path).exists()).collect()
}

#[test]
fn every_promise_names_a_test_that_is_there() {
    let promises = read("PROMISES.md");
    let mut named = 0;
    for line in promises.lines().filter(|line| line.starts_with("| ") && line.contains("`")) {
        let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let words: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(words.len() >= 2 && words.len().is_multiple_of(2), "{line}");
        for pair in words.chunks(2) {
            assert!(read(pair[0]).contains(&format!("fn {}(", pair[1])), "{} has no {}", pair[0], pair[1]);
            named += 1;
        }
    }
    assert!(named > 25, "{named}");
}

#[test]
fn every_connector_s_readme_has_its_keys_as_they_are() {
    for plugin in Plugins::builtin().all().iter().filter_map(|known| known.connector()) {
        let definition = plugin.definition();
        let alias = definition.aliases.first().unwrap_or_else(|| panic!("{} has no short name", definition.class));
        check_readme(&repository().join("connectors").join(alias), &definition.config);
        assert!(read("README.md").contains(definition.class), "{} is missing in README.md", definition.class);
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in files().iter().filter(|path| path.ends_with(".md")) {
        let text = read(path);
        let folder = Path::new(path).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            assert!(!target.contains("://"), "{path} links to another site: {link}");
            assert!(target.is_empty() || repository().join(folder).join(target).exists(), "{path} links to {link}");
        }
    }
}

#[test]
fn names_say_what_things_are_for() {
    const VAGUE: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "manager", "misc", "stuff"];
    for path in files() {
        let stem = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(!VAGUE.contains(&stem.as_str()), "{path}");
    }
}

#[test]
fn no_file_names_a_package_registry() {
    // Put together here, so that this file does not name them either.
    let hosts = [["crates", "io"], ["pypi", "org"], ["npmjs", "org"], ["maven", "org"], ["deb.debian", "org"]];
    for path in files().iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Ok(text) = fs::read_to_string(repository().join(path)) else { continue };
        for host in hosts.map(|parts| parts.join(".")) {
            assert!(!text.contains(&host), "{path} names {host}");
        }
    }
}
