//! Moving the embedded log to a cluster: topics, records, committed offsets, and with them where connectors stand.
//!
//! ```text
//! look     open the log -> end what was left open -> read it once: how much, checksums, where each offset will stand (survey)
//!          -> what is at the target, what stands in the way (plan)                          nothing is written so far
//! begin    move.json -> topics (settings that would change them wait) -> their ids into move.json
//! copy     records of users' topics -> read back -> positions, states -> read back -> offsets of groups -> configurations -> read back
//! end      the settings that waited -> move.json: done
//! ```
//!
//! A partition at the target holds the records of the source in their order and nothing else, so its end says how far it is: whatever
//! moment a run is killed at, the next one asks for the ends, compares the last records before them, and goes on.
//!
//! | file | what it holds |
//! |---|---|
//! | `offset_map.rs`, `survey.rs`, `config_offsets.rs` | what is in a partition and where it will stand; offsets inside records (pure) |
//! | `settings.rs`, `plan.rs`, `progress.rs` | settings and when they are set; what stands in the way; where a copy goes on (pure) |
//! | `move_file.rs` | `move.json`: how far it is, and that workers do not start here any more |
//! | `source.rs`, `target.rs`, `groups.rs` | the log here, the cluster there, committed offsets |
//! | `reading.rs`, `surveying.rs`, `copying.rs`, `checking.rs` | records: read, summed up, copied, read back |
//! | `pace.rs`, `failure.rs` | how it goes; why it has ended |
//! | `run.rs`, `looking.rs`, `beginning.rs`, `stages.rs`, `report.rs` | all of it, in order |

mod beginning;
mod checking;
mod config_offsets;
mod copying;
mod failure;
mod groups;
mod looking;
mod move_file;
mod offset_map;
mod pace;
mod plan;
mod progress;
mod reading;
mod report;
mod run;
mod settings;
mod source;
mod stages;
mod survey;
mod surveying;
mod target;

pub use failure::{Failure, Result};
pub use move_file::{FILE_NAME, MoveFile, check_not_moved};
pub use pace::{Pace, Standing};
pub use report::{Report, Row};
pub use run::{Job, Outcome, run};
pub use source::open;
