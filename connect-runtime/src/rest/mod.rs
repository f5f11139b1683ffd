//! REST: Kafka Connect's paths, bodies and status codes. `rest-api.md` is the contract; a test compares it with the
//! router.
//!
//! | file | what it holds |
//! |---|---|
//! | `router.rs` | every path and what answers it |
//! | `gate.rs` | what every request has to pass: origin, accepted types, time |
//! | `body.rs` | reading request bodies |
//! | `error.rs` | errors as replies |
//! | `root.rs`, `connectors.rs`, `config.rs`, `status.rs`, `actions.rs`, `tasks.rs`, `offsets.rs`, `plugins.rs` | one file per resource |
//! | `forward.rs` | which worker answers what, and passing on to it |
//! | `seen.rs` | what runs where: here, and at the peers |
//! | `internal.rs` | what only workers ask each other |
//! | `server.rs` | listening for users |

mod actions;
mod body;
mod config;
mod connectors;
mod error;
mod forward;
mod gate;
mod internal;
mod offsets;
mod plugins;
mod root;
mod router;
mod seen;
mod server;
mod status;
mod tasks;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::herd::Herd;

pub use router::{INTERNAL_ROUTES, ROUTES, peer_router, router};
pub use server::{Listening, bind};

/// What all handlers share. Cheap to clone.
#[derive(Clone, Default)]
pub struct RestState(Arc<Shared>);

#[derive(Default)]
struct Shared {
    herd: OnceLock<Herd>,
    trouble: Mutex<Option<String>>,
    body_max_bytes: OnceLock<usize>,
}

impl RestState {
    /// Of a worker that is still starting.
    pub fn starting(body_max_bytes: usize) -> RestState {
        let state = RestState::default();
        let _ = state.0.body_max_bytes.set(body_max_bytes);
        state
    }

    /// The worker is ready.
    pub fn ready(&self, herd: Herd) {
        let _ = self.0.herd.set(herd);
    }

    /// What keeps the worker from doing its work at the moment, if anything does.
    pub fn trouble(&self, why: Option<String>) {
        *self.0.trouble.lock() = why;
    }

    fn body_max_bytes(&self) -> usize {
        self.0.body_max_bytes.get().copied().unwrap_or(1 << 20)
    }

    fn herd(&self) -> Result<&Herd, error::RestError> {
        self.0.herd.get().ok_or_else(error::RestError::starting)
    }
}
