//! Workers of a herd call each other: the calls, their signatures, the listener that takes them.
//!
//! | file | what it holds |
//! |---|---|
//! | `signature.rs` | what is signed and how it is checked (pure) |
//! | `session_key.rs` | the key that all workers read from the config topic (pure) |
//! | `nonces.rs` | calls that were taken already (pure) |
//! | `guard.rs` | takes a signed call, or refuses it |
//! | `caller.rs` | calls another worker |
//! | `address.rs` | where to listen for peers, and what they are told |
//! | `listener.rs` | connections of peers, bounded in number, size and time |
//!
//! What is answered stands in `rest/`.

mod address;
mod caller;
mod guard;
mod listener;
mod nonces;
mod session_key;
mod signature;
#[cfg(test)]
mod tests;

pub use address::{advertised_host, host_and_port, percent_encoded};
pub use caller::{Caller, Failure, Outgoing, Reply};
pub use guard::{Guard, Passed};
pub use listener::PeerListener;
pub use session_key::{RECORD_KEY, SessionKey, SessionKeys};
pub use signature::{Algorithm, Refusal};

use std::sync::Arc;

/// Tells the session keys as they are now.
pub type Keys = Arc<dyn Fn() -> SessionKeys + Send + Sync>;

/// How often a call may be passed on before somebody answers: Kafka Connect's limit.
pub const MOST_HOPS: u8 = 2;
