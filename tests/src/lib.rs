//! What whole-process tests need: the binary, its REST, its topics, free ports, patience.

mod broker;
mod in_process;
mod kafka;
mod plugin;
mod process;
mod random;
mod rest;
mod topic;
mod wait;
mod worker;

pub use broker::Log;
pub use connector_api::conformance::free_port;
pub use in_process::WorkerWithDoubles;
pub use kafka::{KafkaCluster, KafkaConnect, KafkaListener, KafkaOptions};
pub use plugin::{built_plugin, c_plugin, cargo_in, install, plugin_folder, plugin_target, run};
pub use process::{Process, naru_binary, repository, threads};
pub use random::Random;
pub use rest::{Reply, Rest, with};
pub use topic::{Seen, TakenOver, Topics};
pub use wait::{PATIENCE, until, until_it_is, until_some};
pub use worker::Worker;
