//! Which topics there are: one file, replaced as a whole, so that a change is there or not.
//!
//! Partition folders are made by the first append, not here: a topic with any number of partitions costs one sync.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use broker_wire::Uuid;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::config::TopicConfig;
use super::name::is_internal;
use crate::log::disk::{is_passing, read_file, replace_file};
use crate::log::folder::LogFolder;
use crate::log::partition::{LogConfig, PartitionLog, State};

/// Name of the file in the log folder.
pub const FILE_NAME: &str = "topics";
/// Version of its format.
const FORMAT: u32 = 1;

/// A topic.
#[derive(Debug)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id, which no other topic ever has.
    pub id: Uuid,
    /// What was configured.
    pub config: TopicConfig,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionState>,
}

impl Topic {
    /// True for a topic of the broker's own.
    pub fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }

    /// A partition by its number.
    pub fn partition(&self, index: i32) -> Option<&PartitionState> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

/// A partition, if its log could be recovered.
#[derive(Debug, Clone)]
pub enum PartitionState {
    /// It can be written and read.
    Online(Arc<PartitionLog>),
    /// It is refused, for this reason.
    Offline(Arc<str>),
}

impl PartitionState {
    /// The log, if there is one.
    pub fn online(&self) -> Option<&Arc<PartitionLog>> {
        match self {
            Self::Online(log) => Some(log),
            Self::Offline(_) => None,
        }
    }
}

/// A topic as the file keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its id, in Kafka's text form.
    pub id: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// What was configured.
    pub config: TopicConfig,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// CRC-32C of the topics as compact JSON.
    checksum: u32,
    topics: Vec<Entry>,
}

impl File {
    fn new(topics: Vec<Entry>) -> serde_json::Result<Self> {
        let checksum = crc32c::crc32c(&serde_json::to_vec(&topics)?);
        Ok(Self { version: FORMAT, checksum, topics })
    }
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The disk's error.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The file is from a newer release.
    #[error("the file is of format {0}, this release knows up to {FORMAT}: use a newer release")]
    Newer(u32),
    /// The file is damaged.
    #[error("the file is damaged: {0}. Restore it from a copy")]
    Damaged(String),
}

/// The topics.
#[derive(Debug)]
pub struct Registry {
    folder: Arc<LogFolder>,
    defaults: LogConfig,
    by_name: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    by_id: RwLock<HashMap<Uuid, Arc<Topic>>>,
    /// One change at a time.
    change: Mutex<()>,
}

impl Registry {
    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn load(folder: &LogFolder) -> Result<Vec<Entry>, RegistryError> {
        let bytes = match read_file(folder.disk(), &folder.path().join(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read?,
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |error: serde_json::Error| RegistryError::Damaged(error.to_string());
        let Version { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version > FORMAT {
            return Err(RegistryError::Newer(version));
        }
        let File { checksum, topics, .. } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if File::new(topics.clone()).map_err(damaged)?.checksum != checksum {
            return Err(RegistryError::Damaged("its checksum does not fit".to_owned()));
        }
        match topics.iter().find(|topic| topic.id.parse::<Uuid>().is_err()) {
            Some(topic) => Err(RegistryError::Damaged(format!("topic {} has no valid id", topic.name))),
            None => Ok(topics),
        }
    }

    /// The registry of topics whose partitions were recovered.
    pub fn new(folder: Arc<LogFolder>, defaults: LogConfig, topics: Vec<Topic>) -> Self {
        let topics: Vec<Arc<Topic>> = topics.into_iter().map(Arc::new).collect();
        Self {
            folder,
            defaults,
            by_name: RwLock::new(topics.iter().map(|topic| (topic.name.clone(), topic.clone())).collect()),
            by_id: RwLock::new(topics.into_iter().map(|topic| (topic.id, topic)).collect()),
            change: Mutex::default(),
        }
    }

    /// A topic by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.by_name.read().get(name).cloned()
    }

    /// A topic by its id.
    pub fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.by_id.read().get(&id).cloned()
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        let mut all: Vec<_> = self.by_name.read().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Every partition that is online.
    pub fn logs(&self) -> Vec<Arc<PartitionLog>> {
        let all = self.all();
        all.iter().flat_map(|topic| &topic.partitions).filter_map(PartitionState::online).cloned().collect()
    }

    /// Creates a topic; returns once it survives a power cut. `None` if there is one of that name already.
    ///
    /// # Errors
    /// The disk's own; there is no topic then.
    pub fn create(&self, name: &str, partitions: u32, config: TopicConfig) -> io::Result<Option<Arc<Topic>>> {
        let _change = self.change.lock();
        if self.get(name).is_some() {
            return Ok(None);
        }
        let mut topic = Topic { name: name.into(), id: new_id(), config, partitions: Vec::new() };
        self.add_partitions(&mut topic, partitions);
        self.replace(None, Some(Arc::new(topic)))
    }

    /// Lets a topic grow to `partitions`; returns once that survives a power cut. `None` if it is gone.
    ///
    /// # Errors
    /// The disk's own; nothing has changed then.
    pub fn grow(&self, name: &str, partitions: u32) -> io::Result<Option<Arc<Topic>>> {
        let _change = self.change.lock();
        let Some(old) = self.get(name) else { return Ok(None) };
        let mut topic = Topic {
            name: old.name.clone(),
            id: old.id,
            config: old.config.clone(),
            partitions: old.partitions.clone(),
        };
        self.add_partitions(&mut topic, partitions);
        self.replace(Some(&old), Some(Arc::new(topic)))
    }

    /// Deletes a topic; returns once that survives a power cut, with the folders that can be removed.
    ///
    /// # Errors
    /// The disk's own; the topic is there still.
    pub fn delete(&self, name: &str) -> io::Result<Option<Vec<PathBuf>>> {
        let _change = self.change.lock();
        let Some(old) = self.get(name) else { return Ok(None) };
        self.replace(Some(&old), None)?;
        let mut doomed = Vec::new();
        for log in old.partitions.iter().filter_map(PartitionState::online) {
            match log.delete() {
                Ok(folder) => doomed.extend(folder),
                Err(error) => tracing::warn!(partition = log.name(), %error, "folder of a deleted topic left behind"),
            }
        }
        Ok(Some(doomed))
    }

    fn add_partitions(&self, topic: &mut Topic, count: u32) {
        for index in topic.partitions.len() as i32..count as i32 {
            let name = format!("{}-{index}", topic.name);
            let config = topic.config.log(&self.defaults);
            let log = PartitionLog::new(name, (topic.id, index), config, self.folder.clone(), State::default());
            topic.partitions.push(PartitionState::Online(log));
        }
    }

    /// Writes the file with `new` in place of `old`, then shows the change.
    fn replace(&self, old: Option<&Arc<Topic>>, new: Option<Arc<Topic>>) -> io::Result<Option<Arc<Topic>>> {
        self.folder.check_open()?;
        let others = self.all().into_iter().filter(|topic| Some(topic.id) != old.map(|old| old.id));
        let mut entries: Vec<Entry> = others.chain(new.clone()).map(|topic| entry(&topic)).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let text = File::new(entries).and_then(|file| serde_json::to_vec_pretty(&file)).map_err(io::Error::other)?;
        replace_file(self.folder.disk(), &self.folder.path().join(FILE_NAME), &text).inspect_err(|error| {
            if !is_passing(error) {
                self.folder.fail(format!("the list of topics could not be written: {error}"));
            }
        })?;

        let (mut by_name, mut by_id) = (self.by_name.write(), self.by_id.write());
        if let Some(old) = old {
            by_name.remove(&old.name);
            by_id.remove(&old.id);
        }
        if let Some(new) = &new {
            by_name.insert(new.name.clone(), new.clone());
            by_id.insert(new.id, new.clone());
        }
        Ok(new)
    }
}

fn entry(topic: &Topic) -> Entry {
    Entry {
        name: topic.name.to_string(),
        id: topic.id.to_string(),
        partitions: topic.partitions.len() as u32,
        config: topic.config.clone(),
    }
}

/// A new id; Kafka keeps the first two for itself and the ones that start with '-' away from command lines.
fn new_id() -> Uuid {
    loop {
        let id = Uuid(uuid::Uuid::new_v4().as_u128());
        if id.0 > 1 && !id.to_string().starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use broker_wire::records::TimestampType;

    use super::*;
    use crate::log::disk::Disk;
    use crate::log::disk::memory::MemoryDisk;
    use crate::log::folder::Durability;

    const DEFAULTS: LogConfig =
        LogConfig { segment_bytes: 4096, max_message_bytes: 1000, timestamp_type: TimestampType::CreateTime };

    fn open(disk: &MemoryDisk) -> Arc<LogFolder> {
        disk.create_dir(Path::new("/log")).unwrap();
        LogFolder::open(Path::new("/log"), Arc::new(disk.clone()), Durability::Fsync).unwrap()
    }

    fn names(disk: &MemoryDisk) -> Vec<(String, u32)> {
        let folder = open(disk);
        let entries = Registry::load(&folder).unwrap();
        folder.stop();
        entries.into_iter().map(|entry| (entry.name, entry.partitions)).collect()
    }

    #[test]
    fn a_change_of_topics_survives_a_power_cut_once_it_is_answered() {
        let disk = MemoryDisk::default();
        let folder = open(&disk);
        let registry = Registry::new(folder.clone(), DEFAULTS, Vec::new());
        registry.create("a", 3, TopicConfig::default()).unwrap().unwrap();
        registry.create("b", 1, TopicConfig::default()).unwrap().unwrap();
        assert!(registry.create("a", 1, TopicConfig::default()).unwrap().is_none());
        assert_eq!(names(&disk.after_power_cut()), [("a".to_owned(), 3), ("b".to_owned(), 1)]);
        registry.grow("a", 5).unwrap().unwrap();
        registry.delete("b").unwrap().unwrap();
        assert_eq!(names(&disk.after_power_cut()), [("a".to_owned(), 5)]);
        folder.stop();
    }

    #[test]
    fn a_full_disk_leaves_the_topics_as_they_were() {
        let disk = MemoryDisk::default();
        let folder = open(&disk);
        let registry = Registry::new(folder.clone(), DEFAULTS, Vec::new());
        registry.create("a", 1, TopicConfig::default()).unwrap().unwrap();
        disk.faults(|faults| faults.room = Some(300));
        assert!(registry.create("b", 1, TopicConfig::default()).is_err());
        assert!(registry.get("b").is_none() && folder.failure().is_none());
        disk.faults(|faults| faults.room = None);
        assert_eq!(names(&disk), [("a".to_owned(), 1)]);
        registry.create("b", 1, TopicConfig::default()).unwrap().unwrap();
        assert_eq!(names(&disk).len(), 2);
        folder.stop();
    }

    #[test]
    fn a_damaged_or_newer_file_is_named_not_used() {
        let disk = MemoryDisk::default();
        let folder = open(&disk);
        Registry::new(folder.clone(), DEFAULTS, Vec::new()).create("abc", 1, TopicConfig::default()).unwrap();
        let path = folder.path().join(FILE_NAME);
        let whole = read_file(&disk, &path).unwrap();
        for at in 0..whole.len() {
            disk.tamper(&path, |bytes| bytes[at] ^= 2);
            assert!(Registry::load(&folder).is_err(), "byte {at}");
            disk.tamper(&path, |bytes| bytes.clone_from(&whole));
        }
        let newer = String::from_utf8(whole).unwrap().replace("\"version\": 1", "\"version\": 2");
        disk.tamper(&path, |bytes| *bytes = newer.into_bytes());
        assert!(matches!(Registry::load(&folder), Err(RegistryError::Newer(2))));
        folder.stop();
    }
}
