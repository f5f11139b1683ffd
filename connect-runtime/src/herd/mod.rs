//! The herd: what is wanted, who runs what, and how it goes.
//!
//! | file | what it holds |
//! |---|---|
//! | `config_log.rs` | the config topic, record by record (pure) |
//! | `status_log.rs` | the status topic, record by record (pure) |
//! | `config_store.rs`, `status_store.rs` | reading and writing those topics |
//! | `assignment/` | which worker runs what (pure) |
//! | `membership.rs`, `standing.rs` | the worker's place in the herd, and who else is in it |
//! | `supervisor/` | runs what is wanted: connectors, tasks, restarts |
//! | `fencing.rs` | fencing tasks of a connector that are no more |
//! | `leader.rs` | what only the leader does, for whoever needs it done |
//! | `live.rs` | what runs here, for everybody to see |
//! | `new_tasks.rs` | task configurations on their way to the config topic |
//! | `session_key.rs` | the key with which workers sign their calls |
//! | `offsets.rs` | where connectors stand, changed by users while nothing runs |
//! | `api.rs` | what users may ask for: create, change, pause, restart, delete |

mod api;
pub mod assignment;
pub mod config_log;
mod config_store;
pub mod fencing;
mod leader;
mod live;
mod membership;
mod new_tasks;
mod offsets;
mod session_key;
mod standing;
pub mod status_log;
mod status_store;
mod supervisor;

pub use api::{Herd, HerdError, InitialState, TaskInfo};
pub use config_store::ConfigStore;
pub use leader::NotDone;
pub use live::{Live, LiveConnector, LiveTask, NextRestart};
pub use membership::{Joined, Joining, Member, join};
pub use new_tasks::{NewTasks, store};
pub use offsets::OffsetChange;
pub use session_key::{ensure_session_key, keep_session_key};
pub use standing::{Peer, Place, Standing};
pub use status_store::StatusStore;
pub use supervisor::{Parts, SupervisorHandle, start_supervisor};
