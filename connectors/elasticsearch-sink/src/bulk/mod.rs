//! The bulk request and its reply. Pure.

mod body;
mod reply;

pub use body::{size_of, write};
pub use reply::{Item, read};
