//! Opening the log: from a folder to a running broker.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Instant;

use broker_wire::Uuid;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::runtime::Handle;

use crate::broker::{Broker, Shared};
use crate::clock::{Clock, Timed};
use crate::config::BrokerConfig;
use crate::groups::coordinator::Coordinator;
use crate::log::disk::os::OsDisk;
use crate::log::disk::{Disk, read_file, replace_file};
use crate::log::folder::LogFolder;
use crate::log::lock::{self, FolderLock, LockError};
use crate::log::partition::{DELETED_SUFFIX, PartitionLog, STRAY_SUFFIX};
use crate::log::recovery::{Situation, recover};
use crate::log::recovery_points;
use crate::producer_ids::{self, ProducerIds};
use crate::topics::registry::{self, Entry, RegistryError};
use crate::topics::{PartitionState, Registry, Topic};
use crate::transactions::coordinator::TransactionCoordinator;
use crate::transactions::loading::Surroundings;

/// Present in the log folder while nobody has it open after a clean stop.
pub const CLEAN_FILE: &str = "clean-shutdown";
/// Names the cluster and the format of the folder, in Kafka's form.
const META_FILE: &str = "meta.properties";
/// Version of the folder's format.
const FORMAT: u32 = 1;

/// Why the log cannot be opened, in one line that says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no tokio runtime to run timers on.
    #[error("the log must be opened inside a tokio runtime")]
    NoRuntime,
    /// The folder cannot be made or written.
    #[error("log folder {dir}: {error}. Make it writable for this user, or set log.dirs to another folder")]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// Another process has the folder open.
    #[error("log folder {dir}: {held}. Stop that process, or set log.dirs to another folder")]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Who has it.
        held: LockError,
    },
    /// A file of the folder cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The groups cannot be loaded.
    #[error("groups and committed offsets cannot be loaded from {0}. Restore that partition's folder from a copy")]
    Groups(String),
    /// The transactions cannot be loaded.
    #[error("transactions cannot be loaded from {0}. Restore that partition's folder from a copy")]
    Transactions(String),
}

pub fn open(config: BrokerConfig) -> Result<Broker, OpenError> {
    let started = Instant::now();
    let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
    let dir = config.log_dir.clone();
    let failed = |error| OpenError::Folder { dir: dir.clone(), error };
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed)?;
    let lock = lock::lock(&dir).map_err(|held| match held {
        LockError::Disk(error) => OpenError::Folder { dir: dir.clone(), error },
        held => OpenError::Locked { dir: dir.clone(), held },
    })?;
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::new(&dir).map_err(failed)?);
    let cluster_id = read_meta(&*disk, &dir, config.node_id)?;
    let clock = Clock::start();
    let clean = take_clean_mark(&*disk, &dir).map_err(failed)?;
    let folder = LogFolder::open(&dir, disk, config.durability).map_err(failed)?;
    let held = Held { config, runtime, clock, cluster_id, lock, clean };
    let opened = recover_all(&folder, held);
    if opened.is_err() {
        folder.stop();
    }
    tracing::info!(dir = %dir.display(), clean, took_ms = started.elapsed().as_millis() as u64, "log opened");
    opened
}

/// What is there before the topics are.
struct Held {
    config: BrokerConfig,
    runtime: Handle,
    clock: Clock,
    cluster_id: String,
    lock: FolderLock,
    clean: bool,
}

fn recover_all(folder: &Arc<LogFolder>, held: Held) -> Result<Broker, OpenError> {
    let Held { config, runtime, clock, cluster_id, lock, clean } = held;
    let dir = folder.path();
    let failed = |error| OpenError::Folder { dir: dir.to_owned(), error };
    let entries = Registry::load(folder).map_err(|error| registry_error(dir, error))?;
    tidy(folder, &entries).map_err(failed)?;
    let situation = Situation { recovery_point: 0, clean, now_ms: clock.wall_ms() };
    let topics = recover_topics(folder, &config, entries, situation);
    if !clean && !topics.is_empty() {
        make_durable(folder, &topics).map_err(failed)?;
    }
    let registry = Arc::new(Registry::new(folder.clone(), config.log, topics));
    let coordinator = Coordinator::load(config.groups, clock, registry.clone()).map_err(OpenError::Groups)?;
    let coordinator = Arc::new(coordinator);
    let producer_ids = ProducerIds::load(folder.clone())
        .map_err(|error| OpenError::File { file: dir.join(producer_ids::FILE_NAME), reason: error.to_string() })?;
    let producer_ids = Arc::new(producer_ids);
    let with = Surroundings {
        clock,
        registry: registry.clone(),
        groups: coordinator.clone(),
        producer_ids: producer_ids.clone(),
        runtime: runtime.clone(),
    };
    let transactions = TransactionCoordinator::load(config.transactions, with).map_err(OpenError::Transactions)?;
    let timers = vec![
        runtime.spawn(run_timer(Arc::downgrade(&coordinator), clock)),
        runtime.spawn(run_timer(Arc::downgrade(&transactions), clock)),
    ];
    let shared = Shared {
        config,
        clock,
        cluster_id,
        folder: folder.clone(),
        registry,
        coordinator,
        transactions,
        producer_ids,
        runtime,
        connections: Default::default(),
        timers: Mutex::new(timers),
        lock: Mutex::new(Some(lock)),
    };
    Ok(Broker { shared: Arc::new(shared) })
}

/// Has a coordinator do what time asks for.
async fn run_timer(coordinator: Weak<impl Timed>, clock: Clock) {
    loop {
        let Some(coordinator) = coordinator.upgrade() else { return };
        match coordinator.tick() {
            Some(deadline) => {
                let due = tokio::time::sleep_until(clock.at(deadline).into());
                tokio::select! { () = due => {}, () = coordinator.earlier() => {} }
            }
            None => coordinator.earlier().await,
        }
    }
}

/// The cluster id; a new folder gets one.
fn read_meta(disk: &dyn Disk, dir: &Path, node_id: i32) -> Result<String, OpenError> {
    let file = dir.join(META_FILE);
    let text = match read_file(disk, &file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = Uuid(uuid::Uuid::new_v4().as_u128()).to_string();
            let text = format!("version=1\ncluster.id={id}\nnode.id={node_id}\nlog.format={FORMAT}\n");
            replace_file(disk, &file, text.as_bytes())
                .map_err(|error| OpenError::Folder { dir: dir.to_owned(), error })?;
            text
        }
        Err(error) => return Err(OpenError::File { file, reason: error.to_string() }),
    };
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::trim);
    let format: u32 = value("log.format").and_then(|format| format.parse().ok()).unwrap_or(FORMAT);
    if format > FORMAT {
        let reason = format!("the folder has format {format}, this release knows up to {FORMAT}: use a newer release");
        return Err(OpenError::File { file, reason });
    }
    value("cluster.id").filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(|| OpenError::File {
        file: file.clone(),
        reason: "cluster.id is missing: restore the file from a copy".to_owned(),
    })
}

/// True after a clean stop. The mark is gone before anything else is written.
fn take_clean_mark(disk: &dyn Disk, dir: &Path) -> io::Result<bool> {
    match disk.remove_file(&dir.join(CLEAN_FILE)) {
        Ok(()) => disk.sync_dir(dir).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn registry_error(dir: &Path, error: RegistryError) -> OpenError {
    OpenError::File { file: dir.join(registry::FILE_NAME), reason: error.to_string() }
}

/// Removes what deleted topics left, and names what nobody knows.
fn tidy(folder: &LogFolder, entries: &[Entry]) -> io::Result<()> {
    let own = [
        lock::FILE_NAME,
        CLEAN_FILE,
        META_FILE,
        registry::FILE_NAME,
        recovery_points::FILE_NAME,
        producer_ids::FILE_NAME,
    ];
    let partitions = entries.iter().flat_map(|topic| (0..topic.partitions).map(|i| format!("{}-{i}", topic.name)));
    let known: HashSet<String> = partitions.chain(own.map(str::to_owned)).collect();
    for entry in folder.disk().list(folder.path())? {
        let path = folder.path().join(&entry.name);
        if entry.is_dir && entry.name.ends_with(DELETED_SUFFIX) {
            folder.disk().remove_dir(&path)?;
        } else if !known.contains(&entry.name) && !entry.name.ends_with(STRAY_SUFFIX) {
            tracing::warn!(path = %path.display(), "foreign file or folder ignored");
        }
    }
    Ok(())
}

/// Recovers all partitions, several at a time.
pub(crate) fn recover_topics(
    folder: &Arc<LogFolder>,
    config: &BrokerConfig,
    entries: Vec<Entry>,
    situation: Situation,
) -> Vec<Topic> {
    let mut topics: Vec<Topic> = entries.iter().filter_map(topic_of).collect();
    let mut jobs: Vec<(&str, Uuid, &crate::topics::TopicConfig, i32, &mut PartitionState)> = Vec::new();
    for topic in &mut topics {
        let (name, id, topic_config) = (&topic.name, topic.id, &topic.config);
        let partitions = topic.partitions.iter_mut().enumerate();
        jobs.extend(partitions.map(|(index, state)| (&**name, id, topic_config, index as i32, state)));
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = jobs.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for jobs in jobs.chunks_mut(share) {
            scope.spawn(move || {
                for (name, id, topic_config, index, state) in jobs {
                    let partition = format!("{name}-{index}");
                    let log_config = topic_config.log(&config.log);
                    **state = recover_partition(folder, partition, (*id, *index), log_config, situation);
                }
            });
        }
    });
    topics
}

fn topic_of(entry: &Entry) -> Option<Topic> {
    let id =
        entry.id.parse().inspect_err(|error| tracing::error!(topic = entry.name, %error, "topic left out")).ok()?;
    let unknown = PartitionState::Offline("not recovered".into());
    Some(Topic {
        name: entry.name.as_str().into(),
        id,
        config: entry.config.clone(),
        partitions: vec![unknown; entry.partitions as usize],
    })
}

fn recover_partition(
    folder: &Arc<LogFolder>,
    name: String,
    key: recovery_points::Key,
    config: crate::log::partition::LogConfig,
    situation: Situation,
) -> PartitionState {
    let situation = Situation { recovery_point: folder.points().get(key), ..situation };
    match recover(folder.disk(), &folder.path().join(&name), situation) {
        Ok(state) => PartitionState::Online(PartitionLog::new(name, key, config, folder.clone(), state)),
        Err(error) => {
            tracing::error!(partition = name, "PARTITION REFUSED: {error}");
            PartitionState::Offline(error.to_string().into())
        }
    }
}

/// What a killed process left in the page cache is synced before anybody sees it.
pub(crate) fn make_durable(folder: &LogFolder, topics: &[Topic]) -> io::Result<()> {
    folder.disk().sync_all()?;
    for log in topics.iter().flat_map(|topic| &topic.partitions).filter_map(PartitionState::online) {
        if log.end_offset() > 0 {
            folder.points().set(log.key(), log.end_offset());
        }
    }
    Ok(())
}
