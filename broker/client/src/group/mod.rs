//! A place in a group: of consumers that share partitions, or of workers that share tasks.

mod join;
mod member;
mod session;

pub use join::{Assignor, GroupMember};
pub use member::{MemberConfig, MemberEvent, Membership};
pub use session::Session;
