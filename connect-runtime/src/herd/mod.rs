//! The herd: what is wanted, who runs what, and how it goes.
//!
//! | file | what it holds |
//! |---|---|
//! | `config_log.rs` | the config topic, record by record (pure) |
//! | `status_log.rs` | the status topic, record by record (pure) |
//! | `config_store.rs`, `status_store.rs` | reading and writing those topics |
//! | `assignment.rs` | which worker runs what (pure) |
//! | `membership.rs` | the worker's place in the herd |
//! | `supervisor/` | runs what is wanted: connectors, tasks, restarts |
//! | `fencing.rs` | fencing tasks of a connector that are no more |
//! | `live.rs` | what runs here, for everybody to see |
//! | `offsets.rs` | where connectors stand, changed by users while nothing runs |
//! | `api.rs` | what users may ask for: create, change, pause, restart, delete |

mod api;
pub mod assignment;
pub mod config_log;
mod config_store;
pub mod fencing;
mod live;
mod membership;
mod offsets;
pub mod status_log;
mod status_store;
mod supervisor;

pub use api::{Herd, HerdError, InitialState, TaskInfo};
pub use config_store::ConfigStore;
pub use live::{Live, LiveConnector, LiveTask, NextRestart};
pub use membership::{Member, join};
pub use offsets::OffsetChange;
pub use status_store::StatusStore;
pub use supervisor::{Parts, SupervisorHandle, start_supervisor};
