//! What can be seen of a task while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use connector_api::{Host, Memory, Progress};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::budget::MemoryBudget;
use super::rate::RateLimits;

/// The most texts and pieces of work that a status shows of one task.
const MOST_SHOWN: usize = 100;

/// A task of a connector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The connector.
    pub connector: Arc<str>,
    /// The task's number, from 0.
    pub task: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// What a task shows: progress, activity, warnings, counts. Written by the task, read by everybody. Cheap to clone.
#[derive(Clone)]
pub struct TaskView(Arc<Shared>);

struct Shared {
    id: TaskId,
    records: AtomicU64,
    passed_over: AtomicU64,
    limits: RateLimits,
    kept: MemoryBudget,
    broken: OnceLock<String>,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    activity: String,
    retrying: BTreeMap<Trouble, String>,
    warnings: Vec<String>,
    progress: BTreeMap<String, Progress>,
    metrics: BTreeMap<String, f64>,
}

/// What is being tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A call of the connector.
    Connector,
    /// A transform, or a converter that is a plugin.
    Transform,
    /// Reading from or writing to the log.
    Log,
    /// Storing positions or committing offsets.
    Commit,
    /// Writing dead letters.
    DeadLetters,
}

/// What a task showed at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewSnapshot {
    /// What it is doing, in a few words.
    pub activity: String,
    /// What is being tried again, and why.
    pub retrying: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Long pieces of work.
    pub progress: Vec<Progress>,
    /// Numbers of the connector's own.
    pub metrics: BTreeMap<String, f64>,
    /// Records moved since the task started.
    pub records: u64,
    /// Records that the task went on without since it started.
    pub passed_over: u64,
}

impl TaskView {
    /// Of a task that shows nothing yet. What it keeps from call to call comes out of `kept`.
    pub fn new(id: TaskId, kept: MemoryBudget) -> TaskView {
        TaskView(Arc::new(Shared {
            id,
            records: AtomicU64::new(0),
            passed_over: AtomicU64::new(0),
            limits: RateLimits::default(),
            kept,
            broken: OnceLock::new(),
            shown: Mutex::default(),
        }))
    }

    /// The task.
    pub fn id(&self) -> &TaskId {
        &self.0.id
    }

    /// How fast it may be; changes while it runs.
    pub fn limits(&self) -> &RateLimits {
        &self.0.limits
    }

    /// Counts records that were moved.
    pub fn moved(&self, records: u64) {
        self.0.records.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts a record that the task goes on without, and says so in the log if `log`. The first is shown as a warning.
    pub fn passed_over(&self, log: bool, what: impl fmt::Display) {
        if log {
            tracing::warn!(task = %self.0.id, "{what}");
        }
        if self.0.passed_over.fetch_add(1, Ordering::Relaxed) == 0 {
            self.warn(&format!("records are passed over, since `errors.tolerance` is `all`. The first: {what}"));
        }
    }

    /// Shows what is being tried again.
    pub fn retrying(&self, what: Trouble, why: impl Into<String>) {
        let why = why.into();
        let mut shown = self.0.shown.lock();
        if shown.retrying.get(&what) != Some(&why) {
            tracing::warn!(task = %self.0.id, "tried again: {why}");
            shown.retrying.insert(what, why);
        }
    }

    /// Shows that it works again.
    pub fn works(&self, what: Trouble) {
        self.0.shown.lock().retrying.remove(&what);
    }

    /// Why the task cannot go on, if its connector has said so.
    pub fn broken_because(&self) -> Option<&str> {
        self.0.broken.get().map(String::as_str)
    }

    /// What it shows now.
    pub fn snapshot(&self) -> ViewSnapshot {
        let shown = self.0.shown.lock();
        ViewSnapshot {
            activity: shown.activity.clone(),
            retrying: shown.retrying.values().cloned().collect(),
            warnings: shown.warnings.clone(),
            progress: shown.progress.values().cloned().collect(),
            metrics: shown.metrics.clone(),
            records: self.0.records.load(Ordering::Relaxed),
            passed_over: self.0.passed_over.load(Ordering::Relaxed),
        }
    }
}

impl Host for TaskView {
    fn progress(&self, progress: Progress) {
        let mut shown = self.0.shown.lock();
        if shown.progress.len() < MOST_SHOWN || shown.progress.contains_key(&progress.name) {
            shown.progress.insert(progress.name.clone(), progress);
        }
    }

    fn metric(&self, name: &str, value: f64) {
        let mut shown = self.0.shown.lock();
        if let Some(metric) = shown.metrics.get_mut(name) {
            *metric = value;
        } else if shown.metrics.len() < MOST_SHOWN {
            shown.metrics.insert(name.to_owned(), value);
        }
    }

    fn broken(&self, why: &str) {
        let _ = self.0.broken.set(why.to_owned());
    }

    fn memory(&self) -> Box<dyn Memory> {
        Box::new(self.0.kept.kept())
    }

    fn request(&self) -> Duration {
        self.0.limits.request(Instant::now())
    }

    fn activity(&self, text: &str) {
        let mut shown = self.0.shown.lock();
        if shown.activity != text {
            shown.activity.clear();
            shown.activity.push_str(text);
        }
    }

    fn warn(&self, text: &str) {
        let mut shown = self.0.shown.lock();
        if shown.warnings.len() < MOST_SHOWN && !shown.warnings.iter().any(|known| known == text) {
            tracing::warn!(task = %self.0.id, "{text}");
            shown.warnings.push(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_shows_the_newest_and_each_warning_once() {
        let view = TaskView::new(TaskId { connector: "c".into(), task: 0 }, MemoryBudget::new(1));
        for done in [1, 5] {
            let name = "public.orders".to_owned();
            view.progress(Progress { name, done, total: Some(10), unit: "rows".into(), finished: false });
            view.warn("a table has no key");
        }
        view.activity("snapshot");
        view.moved(5);
        let seen = view.snapshot();
        assert_eq!((seen.progress.len(), seen.progress[0].done, seen.records), (1, 5, 5));
        assert_eq!((seen.warnings.len(), seen.activity.as_str()), (1, "snapshot"));
        (0..1000).for_each(|n| view.metric(&n.to_string(), f64::from(n)));
        view.metric("7", 0.5);
        assert_eq!((view.snapshot().metrics.len(), view.snapshot().metrics["7"]), (MOST_SHOWN, 0.5));
        view.broken("first");
        view.broken("second");
        assert_eq!(view.broken_because(), Some("first"));
        (0..1000).for_each(|n| view.warn(&n.to_string()));
        assert_eq!(view.snapshot().warnings.len(), MOST_SHOWN);
    }
}
