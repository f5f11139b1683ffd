//! What stands between a connector and the log beside its converters: transforms, and converters that are plugins.
//!
//! | file | what it holds |
//! |---|---|
//! | `chain.rs` | THE way of a batch through all steps: predicate, transform, what is dropped, what fails, what comes again |
//! | `step.rs` | one step, in the worker or in a plugin |
//! | `open.rs` | the steps of a task, as its configuration names them |
//! | `shape.rs` | the forms of payloads: what transforms look into, what a sink wants |
//! | `patience.rs` | `errors.retry.*` (pure) |

mod chain;
mod open;
mod patience;
mod shape;
mod step;

pub use chain::{Chain, Failure, Stage, Way, Work};
pub use open::{Opener, OwnConverters, SinkParts, SourceParts};
pub use patience::{Patience, RetryPolicy};
pub use shape::{Shaper, structured};
