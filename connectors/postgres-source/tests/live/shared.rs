//! One server for most tests, each with a database and a slot of its own.

use std::sync::LazyLock;

use connector_api::config::RawConfig;
use postgres_source::test_server::TestServer;

pub static SERVER: LazyLock<TestServer> = LazyLock::new(|| TestServer::start(&[]));

/// A database of that name with these tables, and a configuration for it.
pub fn database(name: &str, statements: &str) -> RawConfig {
    SERVER.create_database(name, statements);
    config_of(&SERVER, name)
}

pub fn config_of(server: &TestServer, name: &str) -> RawConfig {
    let mut config = server.config(name);
    config.insert("topic.prefix".into(), "p".into());
    config.insert("slot.name".into(), format!("slot_{name}"));
    config
}

pub fn with(config: &RawConfig, pairs: &[(&str, &str)]) -> RawConfig {
    let mut config = config.clone();
    config.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    config
}
