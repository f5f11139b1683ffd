//! A connector in the table, and how it runs.

use std::sync::Arc;

use connector_api::Plugin;
use connector_api::config::RawConfig;

use super::library::LibraryFile;
use super::process::{Limits, ProcessConnector, Program, describe};
use super::remote::{self, Endpoint};

/// The key that says where a connector runs.
pub const ISOLATION: &str = "connector.isolation";
/// The key that bounds the memory of each of its processes.
pub const ISOLATION_MEMORY: &str = "connector.isolation.memory.bytes";
/// Its default, in bytes.
pub const ISOLATION_MEMORY_DEFAULT: u64 = 1 << 30;

/// A connector in the table.
#[derive(Clone)]
pub struct Known {
    /// The connector, where it runs if nothing else is said.
    pub plugin: Plugin,
    /// Its class.
    pub class: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Where it comes from; `None` if it is built in.
    origin: Option<Origin>,
}

#[derive(Clone)]
struct Origin {
    location: Arc<str>,
    program: Program,
    number: u32,
}

impl Known {
    /// One that is built in.
    pub fn builtin(plugin: Plugin) -> Known {
        Known::new(plugin, None)
    }

    fn new(plugin: Plugin, origin: Option<Origin>) -> Known {
        let definition = plugin.definition();
        Known { plugin, class: definition.class, version: definition.version, origin }
    }

    /// The connectors of a file. Asks it in a process of its own, whatever runs it later: a file that crashes when it is loaded takes
    /// nothing with it.
    pub async fn of_program(program: &Program, location: &str) -> Result<Vec<Known>, String> {
        let location: Arc<str> = location.into();
        let library = match program {
            Program::Library(file) => Some(LibraryFile::new(file.clone())),
            Program::Command(..) => None,
        };
        let described = describe(program, &location).await?;
        let known = described.iter().enumerate().map(|(number, described)| {
            let number = number as u32;
            let origin = Origin { location: location.clone(), program: program.clone(), number };
            let endpoint: Arc<dyn Endpoint> = match &library {
                Some(library) => Arc::new(library.connector(number)),
                None => Arc::new(origin.in_process(ISOLATION_MEMORY_DEFAULT)),
            };
            let wrong = |why| format!("a description in it is wrong: {why}");
            let definition = described.definition().map_err(wrong)?;
            let plugin = remote::plugin(&described.kind, definition, described.watches, endpoint).map_err(wrong)?;
            Ok(Known::new(plugin, Some(origin)))
        });
        known.collect()
    }

    /// Whether it takes another one's place: a program's description that has changed. What a library has said stays, since its code
    /// stays loaded.
    pub fn replaces(&self, other: &Known) -> bool {
        let same_program = |(one, other): (&Origin, &Origin)| {
            matches!(one.program, Program::Command(..)) && one.location == other.location
        };
        self.class == other.class && self.origin.as_ref().zip(other.origin.as_ref()).is_some_and(same_program)
    }

    /// Where it comes from, for people.
    pub fn location(&self) -> &str {
        self.origin.as_ref().map_or("built in", |origin| &origin.location)
    }

    /// The connector as a configuration wants it to run.
    pub fn as_configured(&self, config: &RawConfig) -> Result<Plugin, String> {
        let isolation = config.get(ISOLATION).map_or("", |word| word.trim()).to_ascii_lowercase();
        let memory = config.get(ISOLATION_MEMORY).and_then(|text| text.trim().parse().ok());
        let memory = memory.unwrap_or(ISOLATION_MEMORY_DEFAULT);
        match (&self.origin, isolation.as_str()) {
            (None, "process") => Err(format!(
                "`{ISOLATION}` can only be `none` for {}: it is built in, and only plugins of `plugin.path` have processes of their \
                 own.",
                self.class
            )),
            (Some(Origin { program: Program::Command(..), .. }), "none") => {
                Err(format!("`{ISOLATION}` can only be `process` for {}: it is a program.", self.class))
            }
            (Some(origin @ Origin { program: Program::Command(..), .. }), _) | (Some(origin), "process") => {
                Ok(remote::elsewhere(&self.plugin, Arc::new(origin.in_process(memory))))
            }
            _ => Ok(self.plugin.clone()),
        }
    }
}

impl Origin {
    fn in_process(&self, memory: u64) -> ProcessConnector {
        ProcessConnector { program: self.program.clone(), number: self.number, limits: Limits { memory } }
    }
}
