//! A plugin in the table, and how it runs.

use std::sync::Arc;

use connector_api::config::RawConfig;
use connector_api::{Definition, Export, Plugin};

use super::library::LibraryFile;
use super::part::Part;
use super::process::{Limits, ProcessConnector, Program, describe};
use super::remote::{self, Endpoint};

/// The key that says where a connector runs.
pub const ISOLATION: &str = "connector.isolation";
/// The key that bounds the memory of each of its processes.
pub const ISOLATION_MEMORY: &str = "connector.isolation.memory.bytes";
/// Its default, in bytes.
pub const ISOLATION_MEMORY_DEFAULT: u64 = 1 << 30;

/// What it is, where it runs if nothing else is said.
#[derive(Clone)]
pub enum Kind {
    /// A connector.
    Connector(Plugin),
    /// A transform, predicate or converter.
    Part(Part),
}

/// A plugin in the table.
#[derive(Clone)]
pub struct Known {
    /// What it is.
    pub kind: Kind,
    /// Its names, version and keys.
    pub definition: Definition,
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
    pub fn builtin(export: Export) -> Known {
        let kind = match Part::here(export) {
            Ok(part) => Kind::Part(part),
            Err(plugin) => Kind::Connector(plugin),
        };
        Known::new(kind, None)
    }

    /// A converter of this worker.
    pub fn inline(export: Export) -> Known {
        let mut known = Known::builtin(export);
        if let Kind::Part(part) = &mut known.kind {
            part.inline = true;
        }
        known
    }

    fn new(kind: Kind, origin: Option<Origin>) -> Known {
        let definition = match &kind {
            Kind::Connector(plugin) => plugin.definition(),
            Kind::Part(part) => part.definition.clone(),
        };
        Known { kind, definition, origin }
    }

    /// The connector, if it is one.
    pub fn connector(&self) -> Option<&Plugin> {
        match &self.kind {
            Kind::Connector(plugin) => Some(plugin),
            Kind::Part(_) => None,
        }
    }

    /// The transform, predicate or converter, if it is one.
    pub fn part(&self) -> Option<&Part> {
        match &self.kind {
            Kind::Part(part) => Some(part),
            Kind::Connector(_) => None,
        }
    }

    /// The plugins of a file. Asks it in a process of its own, whatever runs it later: a file that crashes when it is loaded takes
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
            let kind = remote::plugin(&described.kind, definition, described.watches, endpoint).map_err(wrong)?;
            Ok(Known::new(kind, Some(origin)))
        });
        known.collect()
    }

    /// Whether it takes another one's place: a program's description that has changed. What a library has said stays, since its code
    /// stays loaded.
    pub fn replaces(&self, other: &Known) -> bool {
        let same_program = |(one, other): (&Origin, &Origin)| {
            matches!(one.program, Program::Command(..)) && one.location == other.location
        };
        self.definition.class == other.definition.class
            && self.origin.as_ref().zip(other.origin.as_ref()).is_some_and(same_program)
    }

    /// Where it comes from, for people.
    pub fn location(&self) -> &str {
        self.origin.as_ref().map_or("built in", |origin| &origin.location)
    }

    /// What it is, to run as a connector's configuration wants it.
    pub fn as_configured(&self, config: &RawConfig) -> Result<Kind, String> {
        let isolation = config.get(ISOLATION).map_or("", |word| word.trim()).to_ascii_lowercase();
        let memory = config.get(ISOLATION_MEMORY).and_then(|text| text.trim().parse().ok());
        let memory = memory.unwrap_or(ISOLATION_MEMORY_DEFAULT);
        match (&self.origin, isolation.as_str()) {
            (None, "process") if self.connector().is_some() => Err(format!(
                "`{ISOLATION}` can only be `none` for {}: it is built in, and only plugins of `plugin.path` have processes of their \
                 own.",
                self.definition.class
            )),
            (Some(Origin { program: Program::Command(..), .. }), "none") => {
                Err(format!("`{ISOLATION}` can only be `process` for {}: it is a program.", self.definition.class))
            }
            (Some(origin @ Origin { program: Program::Command(..), .. }), _) | (Some(origin), "process") => {
                Ok(self.kind.elsewhere(Arc::new(origin.in_process(memory))))
            }
            _ => Ok(self.kind.clone()),
        }
    }
}

impl Kind {
    /// For people.
    pub fn what(&self) -> &'static str {
        match self {
            Kind::Connector(_) => "connector",
            Kind::Part(part) => part.kind.word(),
        }
    }

    /// As REST names it.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Connector(plugin) => plugin.kind(),
            Kind::Part(part) => part.kind.name(),
        }
    }

    fn elsewhere(&self, endpoint: Arc<dyn Endpoint>) -> Kind {
        match self {
            Kind::Connector(plugin) => Kind::Connector(remote::elsewhere(plugin, endpoint)),
            Kind::Part(part) => Kind::Part(part.elsewhere(endpoint)),
        }
    }
}

impl Origin {
    fn in_process(&self, memory: u64) -> ProcessConnector {
        ProcessConnector { program: self.program.clone(), number: self.number, limits: Limits { memory } }
    }
}
