//! What every connector says about itself.

use crate::config::ConfigDef;

/// The names, version and configuration of a connector, transform, predicate or converter.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The class name that users write in `connector.class`, `transforms.NAME.type` or `key.converter`. The part after the last dot,
    /// and that part without the ending `Connector`, `Transformation`, `Predicate` or `Converter`, are accepted too.
    pub class: &'static str,
    /// Further names that users may write.
    pub aliases: &'static [&'static str],
    /// Its own version.
    pub version: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// Its keys.
    pub config: ConfigDef,
}

/// What users may leave out at the end of a class name.
const ENDINGS: [&str; 4] = ["Connector", "Transformation", "Predicate", "Converter"];

impl Definition {
    /// Whether `name` is one of its names.
    pub fn answers_to(&self, name: &str) -> bool {
        let simple = self.simple_name();
        let short = ENDINGS.iter().find_map(|ending| simple.strip_suffix(ending)).filter(|short| !short.is_empty());
        name == self.class || name == simple || Some(name) == short || self.aliases.contains(&name)
    }

    /// The class that Kafka Connect would run as the connector's tasks: by custom `a.FooTask` for `a.FooConnector`. The
    /// worker writes it into task configurations as `task.class`, for a Kafka Connect that takes over; a connector whose
    /// original has another name there puts that into the configurations that it makes.
    pub fn task_class(&self) -> String {
        format!("{}Task", self.class.strip_suffix("Connector").unwrap_or(self.class))
    }

    /// The class name without its package.
    pub fn simple_name(&self) -> &'static str {
        self.class.rsplit('.').next().unwrap_or(self.class)
    }
}

/// Whether a source can have each record in the log exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnce {
    /// Its positions name each record, and the same position always leads to the same records.
    Supported,
    /// Not with this configuration.
    Unsupported,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_class() {
        let named = |class| Definition { class, aliases: &["f"], version: "1", doc: "", config: ConfigDef::new() };
        let file = named("org.apache.kafka.connect.file.FileStreamSourceConnector");
        assert!(
            ["FileStreamSource", "FileStreamSourceConnector", file.class, "f"].iter().all(|name| file.answers_to(name))
        );
        assert_eq!(file.task_class(), "org.apache.kafka.connect.file.FileStreamSourceTask");
        assert_eq!(named("naru.Own").task_class(), "naru.OwnTask");
    }
}
