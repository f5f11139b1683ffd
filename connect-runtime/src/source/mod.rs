//! From a source into the log.
//!
//! | file | what it holds |
//! |---|---|
//! | `run.rs` | THE source loop |
//! | `delivery.rs` | what is under way to the log: batches, acknowledgements, positions, outcomes |
//! | `in_flight.rs` | which batches are done (pure) |
//! | `exactly_once.rs` | the same in transactions |
//! | `transaction.rs` | when one begins and ends, and what it settles (pure) |
//! | `transform.rs` | the loop's step of sending records through transforms |
//! | `encode.rs` | records into bytes: converters |
//! | `topics.rs` | topics that are not there yet |

mod delivery;
mod encode;
mod exactly_once;
pub mod in_flight;
mod run;
mod topics;
pub mod transaction;
mod transform;

pub use encode::Encoder;
pub use exactly_once::{Confirm, ExactlyOnce, LastProducer};
pub use run::{SourceSetup, run};
pub use topics::TopicCreation;
