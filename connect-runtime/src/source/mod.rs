//! From a source into the log.
//!
//! | file | what it holds |
//! |---|---|
//! | `run.rs` | THE source loop |
//! | `delivery.rs` | what is under way to the log: batches, acknowledgements, positions, outcomes |
//! | `in_flight.rs` | which batches are done (pure) |
//! | `transform.rs` | the loop's step of sending records through transforms |
//! | `encode.rs` | records into bytes: converters |
//! | `topics.rs` | topics that are not there yet |

mod delivery;
mod encode;
pub mod in_flight;
mod run;
mod topics;
mod transform;

pub use encode::Encoder;
pub use run::{SourceSetup, run};
pub use topics::TopicCreation;
