//! Which worker runs what.
//!
//! Workers find each other through the log's group coordinator, with a protocol type of their own, so that a Kafka
//! Connect worker of the same group name is refused rather than mixed in. The member that the log makes leader decides
//! for all. Everything here is pure: no clock, no log.
//!
//! | file | what it holds |
//! |---|---|
//! | `item.rs` | connectors and tasks, and what they weigh |
//! | `worker_info.rs` | what a worker says of itself when it joins |
//! | `plan.rs` | what the leader decides |
//! | `share_out.rs` | how it decides: keep, wait, give out, even out |
//! | `ownership.rs` | who runs what until it decides again |
//! | `seat.rs` | a worker's part in all this |
//! | `packed.rs` | what they tell each other as bytes |
//! | `simulation.rs` | thousands of joins, crashes and delays |

mod item;
mod ownership;
mod packed;
mod plan;
mod seat;
mod share_out;
#[cfg(test)]
mod simulation;
mod worker_info;

pub use item::{CORE_WEIGHT, Item, Items, Measured};
pub use ownership::Ownership;
pub use plan::{Member, Plan, Waiting, weighed};
pub use seat::{Birth, Seat};
pub use share_out::{Situation, share_out};
pub use worker_info::WorkerInfo;

/// The kind of group that workers form.
pub const PROTOCOL_TYPE: &str = "naru";

/// The protocol that they speak: this layout of what they say and of plans.
pub const PROTOCOL: &str = "naru-v2";
