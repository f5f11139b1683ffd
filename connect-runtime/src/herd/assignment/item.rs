//! What is assigned to workers: connectors and tasks.

use std::collections::BTreeMap;
use std::fmt;

/// A piece of work that runs on one worker at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A connector: splitting its work, watching its system.
    Connector(String),
    /// One of its tasks.
    Task(String, u32),
}

impl Item {
    /// The connector that it is or belongs to.
    pub fn connector(&self) -> &str {
        match self {
            Item::Connector(name) | Item::Task(name, _) => name,
        }
    }

    /// What it weighs while nothing is known of it, and at least.
    pub fn base_weight(&self) -> f64 {
        match self {
            Item::Connector(_) => CONNECTOR_WEIGHT,
            Item::Task(..) => 1.0,
        }
    }

    /// What it weighs if it uses so much of a core.
    pub fn weight_with(&self, cores: f64) -> f64 {
        self.base_weight().max(CORE_WEIGHT * cores)
    }
}

/// A connector is asked now and then; its tasks do the work.
const CONNECTOR_WEIGHT: f64 = 0.1;

/// What a task weighs that uses a whole core. One that uses less than a fiftieth weighs as much as one that does nothing, so that of
/// tasks that do little the number counts, and not what they happened to use.
pub const CORE_WEIGHT: f64 = 50.0;

impl fmt::Display for Item {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Connector(name) => write!(out, "connector {name}"),
            Item::Task(name, task) => write!(out, "task {name}-{task}"),
        }
    }
}

/// Items and what they weigh.
pub type Items = BTreeMap<Item, f64>;

/// Items and what they were measured to weigh; `None` where that cannot be told yet.
pub type Measured = BTreeMap<Item, Option<f64>>;
