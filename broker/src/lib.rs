#![doc = include_str!("../README.md")]

mod broker;
mod buffers;
mod clock;
pub mod config;
mod groups;
mod handlers;
mod log;
mod open;
mod producer_ids;
mod server;
mod topics;
mod transactions;

pub use broker::Broker;
pub use config::{BrokerConfig, ConfigError, ConfigKey};
pub use log::folder::Durability;
pub use open::OpenError;
pub use server::listener::{BindError, BoundListeners};
pub use server::session::{Reply, Session};
