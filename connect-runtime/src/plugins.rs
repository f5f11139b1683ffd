//! The connectors that a worker can run.

use connector_api::Plugin;
use connector_api::config::RawConfig;

/// The table of connectors.
#[derive(Clone)]
pub struct Plugins(Vec<Plugin>);

impl Plugins {
    /// The connectors that are built in.
    pub fn builtin() -> Plugins {
        Plugins(vec![
            postgres_source::plugin(),
            Plugin::source(file_source::FileSource),
            Plugin::sink(file_sink::FileSink),
            Plugin::sink(s3_sink::S3Sink),
            Plugin::source(verifiable_source::VerifiableSource),
            Plugin::sink(verifiable_sink::VerifiableSink),
            elasticsearch_sink::plugin(),
        ])
    }

    /// The same with one more: for tests.
    pub fn with(mut self, plugin: Plugin) -> Plugins {
        self.0.push(plugin);
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Plugin> {
        self.0.iter()
    }

    /// The connector of a configuration; the error lists those that there are.
    pub fn of(&self, config: &RawConfig) -> Result<&Plugin, String> {
        self.find(config.get("connector.class").map_or("", String::as_str))
    }

    /// The connector that answers to a class name, full or short; the error lists those that there are.
    pub fn find(&self, class: &str) -> Result<&Plugin, String> {
        let class = class.trim();
        let mut found = self.0.iter().filter(|plugin| plugin.definition().answers_to(class));
        match (found.next(), found.next()) {
            (Some(plugin), None) => Ok(plugin),
            (Some(one), Some(other)) => {
                let (one, other) = (one.definition().class, other.definition().class);
                Err(format!(
                    "The class name `{class}` means several connectors, such as {one} and {other}. Use the full name."
                ))
            }
            (None, _) => Err(format!(
                "Failed to find any class that implements Connector and which name matches {class}, available connectors \
                 are: {}.",
                self.0.iter().map(|plugin| plugin.definition().class).collect::<Vec<_>>().join(", ")
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_answer_to_their_long_and_short_names() {
        let plugins = Plugins::builtin();
        for name in [
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "FileStreamSinkConnector",
            "FileStreamSink",
            "file-sink",
        ] {
            assert_eq!(plugins.find(name).unwrap().kind(), "sink", "{name}");
        }
        let error = plugins.find("Sftp").err().unwrap();
        assert!(error.contains("FileStreamSourceConnector"), "{error}");
    }
}
