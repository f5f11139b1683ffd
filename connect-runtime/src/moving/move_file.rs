//! `move.json`, in the worker's data folder: how far a move is.
//!
//! What has arrived is found in the target itself. The file says what the target cannot: that its topics are this move's own (by their
//! ids), under which producer id records are written, which offsets here stand where there, what has been checked, and whether
//! the move is over. It is written before the first topic is made, after acknowledgements, and at the end; each time as a whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use broker_client::TopicPartition;
use serde::{Deserialize, Serialize};

use super::survey::Survey;

/// Its name.
pub const FILE_NAME: &str = "move.json";

/// The version of its format.
const FORMAT: u32 = 1;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveFile {
    format: u32,
    /// Everything has been copied and checked.
    pub done: bool,
    /// Where to: `bootstrap.servers` as it was given.
    pub to: String,
    /// The target's cluster id, if it has one.
    pub cluster: Option<String>,
    /// Id and epoch of the producer that writes.
    pub producer: (i64, i16),
    /// The topics that were made, or are about to be.
    pub topics: BTreeMap<String, MovedTopic>,
}

/// A topic at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedTopic {
    /// Its id there, once it has been made; `None` if the target has no ids.
    pub id: Option<String>,
    /// Its partitions.
    pub partitions: BTreeMap<i32, MovedPartition>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedPartition {
    /// What it holds here.
    pub survey: Survey,
    /// Records that the target has acknowledged; it may hold more.
    pub written: i64,
    /// What the target holds was read back, and is the same.
    pub checked: bool,
}

impl MoveFile {
    /// Of a move that begins.
    pub fn new(to: String, cluster: Option<String>, producer: (i64, i16)) -> MoveFile {
        MoveFile { format: FORMAT, done: false, to, cluster, producer, topics: BTreeMap::new() }
    }

    /// Of the move out of that data folder, if there is one.
    ///
    /// # Errors
    /// A line that says why the file cannot be read.
    pub fn load(data_dir: &Path) -> Result<Option<MoveFile>, String> {
        let path = path(data_dir);
        let shown = path.display();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(format!("Cannot read {shown}: {why}. Correct its rights.")),
        };
        match serde_json::from_slice::<MoveFile>(&bytes) {
            Ok(file) if file.format == FORMAT => Ok(Some(file)),
            Ok(file) => {
                Err(format!("{shown} has format {}, this version knows {FORMAT}: use the newer naru.", file.format))
            }
            Err(why) => Err(format!(
                "{shown} makes no sense ({why}). It says how far a move to a cluster is: put it back from a copy, or delete it \
                 together with the topics that the move has made."
            )),
        }
    }

    /// Puts it in place of what was there, durably.
    ///
    /// # Errors
    /// A line that says why it cannot be written.
    pub fn save(&self, data_dir: &Path) -> Result<(), String> {
        let path = path(data_dir);
        replace(&path, self).map_err(|why| {
            format!(
                "Cannot write {}: {why}. Make room or correct its rights, then run the same command again.",
                path.display()
            )
        })
    }

    /// Whether the target was found to hold just that of a partition.
    pub fn is_checked(&self, partition: &TopicPartition, survey: &Survey) -> bool {
        let topic = self.topics.get(&*partition.topic);
        let known = topic.and_then(|topic| topic.partitions.get(&partition.partition));
        known.is_some_and(|known| known.checked && known.survey == *survey)
    }

    /// A partition that it knows.
    pub fn partition(&mut self, topic: &str, partition: i32) -> Option<&mut MovedPartition> {
        self.topics.get_mut(topic)?.partitions.get_mut(&partition)
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE_NAME)
}

fn replace(path: &Path, file: &MoveFile) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut new = File::create(&beside)?;
    new.write_all(&serde_json::to_vec(file)?)?;
    new.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Refuses to run connectors on the log in that data folder if it was moved, or is being moved.
///
/// # Errors
/// Lines that say where the log has gone, and what to do.
pub fn check_not_moved(data_dir: &Path, ignore: bool) -> Result<(), String> {
    let Some(file) = MoveFile::load(data_dir)? else { return Ok(()) };
    let (shown, to) = (data_dir.display(), &file.to);
    let what = if file.done {
        format!(
            "The log in {shown} was moved to {to}: its connectors go on there, and here they would do their work twice."
        )
    } else {
        format!("The log in {shown} is being moved to {to}: `naru move --to {to}` goes on with that.")
    };
    if ignore {
        tracing::warn!("{what} The worker starts all the same, because `move.ignore` is set.");
        return Ok(());
    }
    Err(format!(
        "{what} Start with `bootstrap.servers={to}`, or, to go on here and give up what is there, with `move.ignore=true` or \
         without {}.",
        path(data_dir).display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moving::survey::Contents;

    #[test]
    fn a_folder_that_was_moved_is_refused_unless_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check_not_moved(folder.path(), false), Ok(()));
        let mut file = MoveFile::new("kafka:9092".into(), Some("c".into()), (5, 0));
        file.save(folder.path()).unwrap();
        assert!(check_not_moved(folder.path(), false).unwrap_err().contains("is being moved to kafka:9092"));
        file.done = true;
        file.save(folder.path()).unwrap();
        assert!(check_not_moved(folder.path(), false).unwrap_err().contains("was moved to kafka:9092"));
        assert_eq!(check_not_moved(folder.path(), true), Ok(()));
    }

    #[test]
    fn it_is_read_as_it_was_written_and_nonsense_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = MoveFile::new("kafka:9092".into(), None, (5, 0));
        let survey =
            Survey { start: 1, end: 9, contents: Contents { records: 8, bytes: 80, crc: 7 }, map: Default::default() };
        let partition = MovedPartition { survey, written: 3, checked: false };
        file.topics.insert("t".into(), MovedTopic { id: Some("i".into()), partitions: [(0, partition)].into() });
        file.save(folder.path()).unwrap();
        assert_eq!(MoveFile::load(folder.path()), Ok(Some(file)));
        fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert!(MoveFile::load(folder.path()).unwrap_err().contains("makes no sense"));
    }
}
