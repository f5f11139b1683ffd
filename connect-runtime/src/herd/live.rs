//! What runs on this worker, for everybody to see.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::status_log::State;
use crate::task::TaskView;

/// What runs here, by connector. Cheap to clone.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<BTreeMap<String, LiveConnector>>>);

/// A connector that this worker runs.
#[derive(Clone)]
pub struct LiveConnector {
    /// Whether the connector itself runs here, and not only tasks of it.
    pub here: bool,
    /// What it is doing.
    pub state: State,
    /// Why it failed.
    pub trace: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// What the user should know about its configuration.
    pub warnings: Vec<String>,
    /// Its tasks, by number.
    pub tasks: BTreeMap<u32, LiveTask>,
}

/// A task that this worker runs.
#[derive(Clone)]
pub struct LiveTask {
    /// What it is doing.
    pub state: State,
    /// Why it failed.
    pub trace: Option<String>,
    /// What it shows.
    pub view: TaskView,
    /// When it starts again by itself.
    pub restart: Option<NextRestart>,
}

/// A restart to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRestart {
    /// Its number since the task was last healthy, from 1.
    pub attempt: u32,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
}

impl Live {
    /// What runs of a connector.
    pub fn get(&self, name: &str) -> Option<LiveConnector> {
        self.0.lock().get(name).cloned()
    }

    /// What runs of all connectors.
    pub fn all(&self) -> BTreeMap<String, LiveConnector> {
        self.0.lock().clone()
    }

    pub(super) fn update(&self, name: &str, change: impl FnOnce(&mut LiveConnector)) {
        let mut all = self.0.lock();
        change(all.entry(name.to_owned()).or_insert_with(|| LiveConnector {
            here: false,
            state: State::Unassigned,
            trace: None,
            version: None,
            warnings: Vec::new(),
            tasks: BTreeMap::new(),
        }));
    }

    pub(super) fn remove(&self, name: &str) {
        self.0.lock().remove(name);
    }
}
