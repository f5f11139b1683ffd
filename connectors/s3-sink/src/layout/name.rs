//! Object names.

use connector_api::TopicPartition;

/// How objects are named: `<folder>/<topic>/<encoded partition>/<topic>+<partition>+<start offset>.<extension>`.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// `topics.dir`, with the delimiter after it; empty where there is none.
    pub root: String,
    /// `directory.delim`
    pub directory_delimiter: String,
    /// `file.delim`
    pub file_delimiter: String,
    /// `filename.offset.zero.pad.width`
    pub pad: usize,
}

impl Names {
    /// Where the folders of a topic lie. `topic` is the topic as transforms left it.
    pub fn write_path(&self, topic: &str, path: &mut String) {
        path.extend([self.root.as_str(), topic, &self.directory_delimiter]);
    }

    /// The name of the object that starts at that offset and ends in `ending`. The topic in it is the one that the offset counts in, so that
    /// two topics that a transform sends to one folder never share a name.
    pub fn key(&self, path: &str, origin: &TopicPartition, start: i64, ending: &str) -> String {
        let name = self.stem(origin);
        format!("{path}{}{name}{start:0width$}{ending}", self.directory_delimiter, width = self.pad)
    }

    /// What the file name of every object of a topic partition begins with.
    pub fn stem(&self, origin: &TopicPartition) -> String {
        format!("{}{delimiter}{}{delimiter}", origin.topic, origin.partition, delimiter = self.file_delimiter)
    }
}
