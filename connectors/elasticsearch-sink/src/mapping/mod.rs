//! Mappings from schemas. Pure.

mod merge;
mod properties;

pub use merge::{Difference, difference};
pub use properties::properties;
