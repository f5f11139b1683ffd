//! Connectors in processes of their own: a crash, an abort, a leak hurts only the task.
//!
//! Each task has a process, and so has each call of a connector as a whole. The process has a Unix socket as its standard input, over
//! which the messages of the plugin boundary pass in frames; `connector-api/protocol.md` describes them.
//!
//! | file | what it does |
//! |---|---|
//! | `frame.rs` | frames as bytes (pure) |
//! | `command.rs` | how a process is started, and its limits |
//! | `spawner.rs` | the thread that starts them, with which they end |
//! | `endpoint.rs` | connectors of this kind, and what they say of themselves |
//! | `channel.rs` | the worker's end: calls, replies, news, the process's end |
//! | `child.rs` | the other end, for libraries: `naru plugin-process` |
//! | `manifest.rs` | programs in the folders of `plugin.path` |

mod channel;
pub mod child;
mod command;
mod endpoint;
mod frame;
mod manifest;
mod spawner;

pub use command::{Limits, Program};
pub use endpoint::{ProcessConnector, describe};
pub use manifest::program_of;
