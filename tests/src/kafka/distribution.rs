//! Apache Kafka's jars, and what it takes to run a class of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repository;

/// As in `tests/kafka-server`.
const FOLDER: &str = "kafka-4.3.1";

/// As there.
const DEBEZIUM: &str = "debezium-postgres-3.7.0";

/// What is quick to start matters more here than what is quick after an hour. The collector of one thread keeps the others free.
const QUICK: [&str; 3] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];

/// Where servers for tests lie.
fn servers() -> PathBuf {
    std::env::var_os("NARU_TEST_SERVERS").map_or_else(|| repository().join("target/test-servers"), PathBuf::from)
}

/// The folder of Debezium's connector for PostgreSQL, for the `plugin.path` of Kafka Connect.
///
/// # Panics
/// It is not there.
pub(crate) fn debezium() -> PathBuf {
    let folder = servers().join(DEBEZIUM);
    assert!(folder.is_dir(), "there is no {DEBEZIUM}: run tests/kafka-server --debezium");
    folder.canonicalize().unwrap_or(folder)
}

/// Java with a class of Kafka's, to which arguments can be added. It logs to its standard output.
///
/// # Panics
/// Kafka is not there.
pub(crate) fn java(class: &str, heap: &str, log_config: &Path) -> Command {
    let libs = servers().join(FOLDER).join("libs");
    assert!(libs.is_dir(), "there is no {FOLDER}: run tests/kafka-server");
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let mut java = Command::new(home.unwrap_or_else(|| PathBuf::from("java")));
    java.args(QUICK).arg(format!("-Xmx{heap}")).arg(format!("-Dlog4j2.configurationFile={}", log_config.display()));
    java.arg("-cp").arg(libs.join("*")).arg(class);
    java
}

/// A configuration for Kafka's logging: what is wrong, and the lines that say that a server runs.
pub(crate) const LOG_CONFIG: &str = "\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
logger.connect.name = org.apache.kafka.connect.runtime
logger.connect.level = info
";
