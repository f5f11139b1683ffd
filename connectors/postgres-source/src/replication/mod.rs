//! The replication stream: commands, the reader that owns the socket, and what the messages mean.

pub mod commands;
pub mod cursor;
pub mod inbox;
pub mod pgoutput;
pub mod reader;
pub mod xlog;

/// The server sent something that the protocol does not allow, for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server's stream is malformed: {}", self.0)
    }
}

impl std::error::Error for Malformed {}
