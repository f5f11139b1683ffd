//! Connectors that were built apart from the worker: dynamic libraries, processes of their own, a plugin in C, a crate that an author
//! has just begun.

mod authors;
mod loading;
mod misbehaving;
mod parts;
mod processes;
mod python;

use std::path::PathBuf;

use naru_tests::{Worker, built_plugin, install, plugin_folder, repository};
use serde_json::Value as Json;

/// The doubles of the conformance suite as a library.
fn doubles() -> PathBuf {
    built_plugin(&repository().join("tests/plugins/doubles"), &[])
}

/// A worker with the doubles in its `plugin.path`.
pub(crate) fn worker_with_doubles(settings: &[&str]) -> Worker {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugin_folder(folder.path());
    install(&doubles(), &plugins.join("libdoubles.so"));
    let path = format!("plugin.path={}", plugins.display());
    let mut all = vec![path.as_str()];
    all.extend(settings);
    Worker::start_in(folder, &all)
}

/// The numbers that a topic holds, in order.
fn numbers(worker: &Worker, topic: &str) -> Vec<i64> {
    let number = |value: &String| serde_json::from_str::<Json>(value).unwrap()["n"].as_i64().unwrap();
    worker.topics().values(topic).iter().map(number).collect()
}

/// The offset that a sink has committed of its first partition.
fn committed(worker: &Worker, name: &str) -> i64 {
    let offsets = worker.rest().get(&format!("/connectors/{name}/offsets")).body;
    offsets["offsets"][0]["offset"]["kafka_offset"].as_i64().unwrap_or(0)
}
