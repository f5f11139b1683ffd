//! Transforms, predicates and converters in the table, and how they run.

use std::sync::Arc;

use connector_api::boundary::message::Request;
use connector_api::config::{Config, Issue, RawConfig};
use connector_api::{Converter, Definition, Export, Host, Plugin, Predicate, Reads, Result, Transform, Use};

use super::remote::{Endpoint, RemotePart, ask, validate};

/// The key by which a converter hears what it is for.
const CONVERTER_TYPE: &str = "converter.type";

/// What stands between connectors and the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A transform.
    Transform,
    /// A predicate.
    Predicate,
    /// A converter.
    Converter,
}

impl PartKind {
    /// As REST and descriptions name it.
    pub fn name(self) -> &'static str {
        match self {
            PartKind::Transform => "transformation",
            PartKind::Predicate => "predicate",
            PartKind::Converter => "converter",
        }
    }

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            PartKind::Transform => "transform",
            other => other.name(),
        }
    }

    /// Of that name.
    pub fn of(name: &str) -> Option<PartKind> {
        [PartKind::Transform, PartKind::Predicate, PartKind::Converter].into_iter().find(|kind| kind.name() == name)
    }
}

/// A transform, predicate or converter.
#[derive(Clone)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its names, version and keys.
    pub definition: Definition,
    /// A converter of this worker that never asks to be called again, and is called record by record.
    pub inline: bool,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Here(Export),
    There(Arc<dyn Endpoint>),
}

/// One for a task.
pub enum Opened<T: ?Sized> {
    /// Code of the worker.
    Here(Box<T>),
    /// Code of a plugin.
    There(RemotePart),
}

impl Part {
    /// One that is built in. A connector is given back.
    pub fn here(export: Export) -> std::result::Result<Part, Plugin> {
        let kind = match &export {
            Export::Connector(plugin) => return Err(plugin.clone()),
            Export::Transform(_) => PartKind::Transform,
            Export::Predicate(_) => PartKind::Predicate,
            Export::Converter(_) => PartKind::Converter,
        };
        Ok(Part { kind, definition: export.definition(), inline: false, place: Place::Here(export) })
    }

    /// One that lives there.
    pub fn there(kind: PartKind, definition: Definition, endpoint: Arc<dyn Endpoint>) -> Part {
        Part { kind, definition, inline: false, place: Place::There(endpoint) }
    }

    /// The same, living there.
    pub fn elsewhere(&self, endpoint: Arc<dyn Endpoint>) -> Part {
        Part::there(self.kind, self.definition.clone(), endpoint)
    }

    /// What is wrong with its configuration, beyond what its keys say. Keys are its own.
    pub async fn validate(&self, config: &Config) -> Vec<Issue> {
        match &self.place {
            Place::Here(Export::Transform(plugin)) => plugin.validate(config),
            Place::Here(Export::Predicate(plugin)) => plugin.validate(config),
            Place::Here(Export::Converter(plugin)) => plugin.validate(config),
            Place::Here(Export::Connector(_)) => Vec::new(),
            Place::There(endpoint) => validate(&**endpoint, self.definition.class, config).await,
        }
    }

    /// What a transform or predicate looks into.
    pub async fn reads(&self, config: &Config) -> Result<Reads> {
        match &self.place {
            Place::Here(Export::Transform(plugin)) => Ok(plugin.reads(config)),
            Place::Here(Export::Predicate(plugin)) => Ok(plugin.reads(config)),
            Place::Here(_) => Ok(Reads::NONE),
            Place::There(endpoint) => {
                ask(&**endpoint, self.definition.class, Request::Reads(config.raw().clone())).await
            }
        }
    }

    /// A transform for a task.
    pub async fn transform(&self, config: &Config, task: &TaskPlace) -> Result<Opened<dyn Transform>> {
        match &self.place {
            Place::Here(Export::Transform(plugin)) => plugin.transform(config).map(Opened::Here),
            _ => self.open(config.raw().clone(), task).await.map(Opened::There),
        }
    }

    /// A predicate for a task.
    pub async fn predicate(&self, config: &Config, task: &TaskPlace) -> Result<Opened<dyn Predicate>> {
        match &self.place {
            Place::Here(Export::Predicate(plugin)) => plugin.predicate(config).map(Opened::Here),
            _ => self.open(config.raw().clone(), task).await.map(Opened::There),
        }
    }

    /// A converter for a task.
    pub async fn converter(&self, config: &Config, of: Use, task: &TaskPlace) -> Result<Opened<dyn Converter>> {
        match &self.place {
            Place::Here(Export::Converter(plugin)) => plugin.converter(config, of).map(Opened::Here),
            _ => {
                let mut raw = config.raw().clone();
                raw.insert(CONVERTER_TYPE.to_owned(), of.name().to_owned());
                self.open(raw, task).await.map(Opened::There)
            }
        }
    }

    async fn open(&self, raw: RawConfig, task: &TaskPlace) -> Result<RemotePart> {
        match &self.place {
            Place::There(endpoint) => RemotePart::start(&**endpoint, self.definition.class, raw, task).await,
            Place::Here(export) => Err(connector_api::Error::fatal(format!(
                "{} is a {}, not a {}",
                self.definition.class,
                export.kind(),
                self.kind.word()
            ))),
        }
    }
}

/// Whose it is.
#[derive(Clone)]
pub struct TaskPlace {
    /// The connector.
    pub connector: Arc<str>,
    /// The task's number.
    pub task: u32,
    /// Where logs, metrics and warnings go.
    pub host: Arc<dyn Host>,
}
