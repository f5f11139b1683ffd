//! Connectors in dynamic libraries.
//!
//! | file | what it does |
//! |---|---|
//! | `elf.rs` | looks at a file before it is loaded (pure) |
//! | `load.rs` | loads it and reads its descriptor: THE place that calls `dlopen` |
//! | `instance.rs` | calls of a connector or a task in it |
//! | `host.rs` | the worker, as the library is shown it |

mod elf;
mod host;
mod instance;
mod load;

pub use elf::check as check_file;
pub use host::{Hears, Listener};
pub use load::{Library, LibraryFile};
