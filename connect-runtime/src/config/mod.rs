//! Configuration of workers and connectors.
//!
//! | file | what it holds |
//! |---|---|
//! | `properties.rs` | Java properties files (pure) |
//! | `raw.rs` | what stands in a configuration as it was written (pure) |
//! | `worker_keys.rs` | the keys of a worker |
//! | `client_keys.rs` | the keys of producers and consumers |
//! | `peers.rs` | keys and settings of the calls between workers |
//! | `address.rs` | addresses in settings (pure) |
//! | `security_keys.rs`, `security.rs`, `jaas.rs` | how clients encrypt and log in: `security.protocol`, `ssl.*`, `sasl.*` |
//! | `worker.rs` | the settings of a worker, read from a file and `--set` |
//! | `connector_keys.rs` | the keys that every connector has beside its own |
//! | `errors.rs` | what becomes of records that cannot be taken |
//! | `parts.rs` | the transforms, predicates and converters that a connector's configuration names |
//! | `part_keys.rs` | their keys |
//! | `connector.rs` | a connector's configuration, checked as a whole |

mod address;
pub mod client;
mod client_keys;
pub mod connector;
mod connector_keys;
mod errors;
mod jaas;
mod part_keys;
pub mod parts;
mod peers;
pub mod properties;
pub(crate) mod raw;
pub mod security;
mod security_keys;
mod worker;
mod worker_keys;

pub use connector_keys::{EXACTLY_ONCE_KEY, OFFSETS_TOPIC_KEY, RATE_KEYS};
pub use errors::{DeadLetterTopic, ErrorPolicy};
pub use peers::PeerConfig;
pub use worker::{ConverterConfig, InternalTopicConfig, WorkerConfig, load};
pub use worker_keys::worker_keys;
