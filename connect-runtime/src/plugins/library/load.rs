//! Loads a library and reads its descriptor: THE place that calls `dlopen`.

#![allow(unsafe_code, reason = "the plugin boundary: a library's code and structs")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use connector_api::boundary::abi::{self, Descriptor, Slice};
use connector_api::boundary::definition::Described;
use connector_api::{Error, Host, Result, Silence};

use super::host::{Hears, Listener, log_level, shown};
use super::instance::Instance;
use crate::plugins::remote::{Channel, Endpoint, Scope};

/// Connectors that one library may have.
const MOST_DEFINITIONS: u32 = 1000;
/// Bytes of the text that describes one of them.
const LONGEST_DEFINITION: usize = 1 << 20;

/// A library that has been loaded, for ever.
#[derive(Clone, Copy)]
pub struct Library {
    descriptor: &'static Descriptor,
}

impl Library {
    /// Loads the file. Its code runs from now on. The error completes the sentence "it is not loaded: ...".
    /// `listen` makes what hears its logs, by its name.
    pub fn load(file: &Path, listen: impl FnOnce(String) -> Arc<dyn Hears>) -> Result<Library, String> {
        // A library may run code when it is loaded, as its owner's files may: it is loaded from trusted folders only.
        let library = unsafe { libloading::Library::new(file) };
        let library = library.map_err(|why| format!("the system does not load it: {why}"))?;
        let symbol = abi::SYMBOL;
        let entry = unsafe { library.get::<extern "C" fn() -> *const Descriptor>(symbol.as_bytes()) };
        let entry = match entry {
            Ok(entry) => *entry,
            Err(_) => {
                return Err(format!(
                    "it has no symbol `{symbol}`, so it is no plugin of Naru: is `connector_api::export!` in it?"
                ));
            }
        };
        let descriptor = entry();
        // What runs in it may outlive every use of it, so it is never unloaded.
        std::mem::forget(library);
        let descriptor = unsafe { look(descriptor) }?;
        let name = text(descriptor.package);
        unsafe { (descriptor.initialize)(shown(listen(name)), log_level()) };
        Ok(Library { descriptor })
    }

    /// What it says of its connectors, in the order of their numbers.
    pub fn definitions(&self) -> Result<Vec<Described>, String> {
        let count = self.descriptor.definition_count;
        if count == 0 || count > MOST_DEFINITIONS || self.descriptor.definitions.is_null() {
            return Err(format!("it describes {count} connectors, which must be from 1 to {MOST_DEFINITIONS}"));
        }
        let read = |slice: &Slice| {
            if slice.length > LONGEST_DEFINITION {
                return Err(format!("a description in it is longer than {LONGEST_DEFINITION} bytes"));
            }
            serde_json::from_slice(unsafe { slice.as_bytes() })
                .map_err(|why| format!("a description in it is wrong: {why}"))
        };
        unsafe { std::slice::from_raw_parts(self.descriptor.definitions, count as usize) }.iter().map(read).collect()
    }

    /// Opens one of its connectors, by its number.
    pub fn open(&self, number: u32, scope: Scope, hears: Arc<dyn Hears>) -> Result<Instance> {
        let raw_scope = match scope {
            Scope::Connector => abi::CONNECTOR,
            Scope::Task => abi::TASK,
        };
        let raw = unsafe { (self.descriptor.open)(number, raw_scope, shown(hears)) };
        if raw.is_null() {
            return Err(Error::fail("the plugin did not make a new instance"));
        }
        Ok(unsafe { Instance::new(self.descriptor, raw, scope == Scope::Task) })
    }
}

/// Whether the descriptor is one that this worker can work with.
///
/// # Safety
///
/// It is null, or begins as a descriptor of any version does.
unsafe fn look(descriptor: *const Descriptor) -> Result<&'static Descriptor, String> {
    if descriptor.is_null() {
        return Err("it cannot describe itself: its code panicked".to_owned());
    }
    // The first fields are the same in every version; the rest is there only if the size says so.
    let (magic, major, minor, size, capabilities) = unsafe {
        let from = &raw const *descriptor;
        (
            (&raw const (*from).magic).read(),
            (&raw const (*from).abi_major).read(),
            (&raw const (*from).abi_minor).read(),
            (&raw const (*from).size).read(),
            (&raw const (*from).capabilities).read(),
        )
    };
    if magic != abi::MAGIC {
        return Err("its descriptor is none of Naru's".to_owned());
    }
    match major.cmp(&abi::MAJOR) {
        std::cmp::Ordering::Less => {
            return Err(format!(
                "it is too old: its boundary is {major}.{minor}, and this worker's {}.{}. Build it with a newer \
                 `connector-api`",
                abi::MAJOR,
                abi::MINOR
            ));
        }
        std::cmp::Ordering::Greater => {
            return Err(format!(
                "it is too new: its boundary is {major}.{minor}, and this worker's {}.{}. It needs a newer worker",
                abi::MAJOR,
                abi::MINOR
            ));
        }
        std::cmp::Ordering::Equal => {}
    }
    if (size as usize) < size_of::<Descriptor>() {
        return Err(format!("its descriptor has {size} bytes, and should have {}", size_of::<Descriptor>()));
    }
    if capabilities & abi::CATCHES_PANICS == 0 {
        return Err(
            "it was built with `panic = \"abort\"`, so a panic in it would end the worker. Build it with `unwind`"
                .to_owned(),
        );
    }
    if capabilities & abi::NEEDS != 0 {
        return Err(format!(
            "it is too new: it needs what this worker does not have (capabilities {:#x}). It needs a newer worker",
            capabilities & abi::NEEDS
        ));
    }
    if let Some(name) = unsafe { Descriptor::missing_function(descriptor) } {
        return Err(format!("its descriptor has no function `{name}`"));
    }
    Ok(unsafe { &*descriptor })
}

fn text(slice: Slice) -> String {
    String::from_utf8_lossy(unsafe { slice.as_bytes() }).into_owned()
}

/// A connector in a library, which is loaded when it is used for the first time: its code runs in the worker only then.
pub struct LibraryConnector {
    file: Arc<LibraryFile>,
    number: u32,
}

/// A library's file, loaded or not yet.
pub struct LibraryFile {
    path: PathBuf,
    library: OnceLock<Result<Library, String>>,
}

impl LibraryFile {
    /// Not loaded yet.
    pub fn new(path: PathBuf) -> Arc<LibraryFile> {
        Arc::new(LibraryFile { path, library: OnceLock::new() })
    }

    /// One of its connectors.
    pub fn connector(self: &Arc<Self>, number: u32) -> LibraryConnector {
        LibraryConnector { file: self.clone(), number }
    }

    fn library(&self) -> Result<&Library> {
        let load = || Library::load(&self.path, |name| Arc::new(Listener::new(name, Arc::new(Silence))));
        let loaded = self.library.get_or_init(load).as_ref();
        loaded.map_err(|why| Error::fatal(format!("the plugin {} cannot be loaded: {why}", self.path.display())))
    }
}

impl Endpoint for LibraryConnector {
    fn open(&self, scope: Scope, name: &str, host: Arc<dyn Host>) -> Result<Box<dyn Channel>> {
        let listener = Arc::new(Listener::new(name, host));
        Ok(Box::new(self.file.library()?.open(self.number, scope, listener)?))
    }
}
