//! The steps of a task, as its configuration names them.

use connector_api::config::RawConfig;
use connector_api::data::Format;
use connector_api::{Converter, Error, Formats, Predicate, Reads, Result, Use};

use super::chain::{Chain, Stage};
use super::patience::RetryPolicy;
use super::shape::Shaper;
use super::step::{Action, Step};
use crate::config::parts::{PartConfig, StepConfig, converter_of, steps};
use crate::config::{ConverterConfig, WorkerConfig};
use crate::plugins::Plugins;
use crate::plugins::part::{Opened, Part, TaskPlace};
use crate::task::Calls;

/// Opens what a task's configuration names.
pub struct Opener<'a> {
    /// Where plugins are found.
    pub plugins: &'a Plugins,
    /// The worker's converters.
    pub worker: &'a WorkerConfig,
    /// The connector's configuration, with secrets.
    pub connector: &'a RawConfig,
    /// Whose they are.
    pub place: TaskPlace,
    /// How they are called.
    pub calls: Calls,
    /// How often.
    pub retry: RetryPolicy,
}

/// The worker's own converters of a task; others are steps of its chain.
pub struct OwnConverters {
    /// Of keys.
    pub key: Option<Box<dyn Converter>>,
    /// Of values.
    pub value: Option<Box<dyn Converter>>,
    /// Of headers.
    pub header: Option<Box<dyn Converter>>,
}

enum OwnOrNot {
    Own(Box<dyn Converter>),
    Other(Opened<dyn Converter>),
}

/// What a sink task reads with.
pub struct SinkParts {
    /// Its converters.
    pub converters: OwnConverters,
    /// The forms into which they read.
    pub formats: Formats,
    /// What follows.
    pub chain: Chain,
    /// What makes keys and values what the sink wants, where transforms may have changed them.
    pub shapers: Option<(Shaper, Shaper)>,
}

/// What a source task writes with.
pub struct SourceParts {
    /// What comes before the converters.
    pub chain: Chain,
    /// What the chain looks into.
    pub reads: Reads,
    /// Its converters.
    pub converters: OwnConverters,
}

impl Opener<'_> {
    /// Those of a source: transforms, then converters.
    pub async fn source(self) -> Result<SourceParts> {
        let (mut steps, reads) = self.transforms().await?;
        let mut own = OwnConverters { key: None, value: None, header: None };
        for of in [Use::Key, Use::Value, Use::Header] {
            match self.converter(of).await? {
                (_, OwnOrNot::Own(converter)) => *own.slot(of) = Some(converter),
                (config, OwnOrNot::Other(other)) => steps.push(converting(of, &config, Action::Encode(of, other))),
            }
        }
        Ok(SourceParts { chain: Chain::new(steps, self.retry, self.calls), reads, converters: own })
    }

    /// Those of a sink: converters, then transforms, then what the sink wants.
    pub async fn sink(self, wanted: Formats) -> Result<SinkParts> {
        let (transforms, reads) = self.transforms().await?;
        let has_transforms = !transforms.is_empty();
        let read = |wanted, reads| if reads { Format::Structured } else { wanted };
        let formats = Formats { key: read(wanted.key, reads.key), value: read(wanted.value, reads.value) };
        let mut own = OwnConverters { key: None, value: None, header: None };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for of in [Use::Key, Use::Value, Use::Header] {
            let (format, wanted) = match of {
                Use::Key => (formats.key, wanted.key),
                Use::Value => (formats.value, wanted.value),
                Use::Header => (Format::Structured, Format::Structured),
            };
            let (config, opened) = self.converter(of).await?;
            match opened {
                OwnOrNot::Own(converter) => *own.slot(of) = Some(converter),
                // What nobody looks into is bytes already.
                OwnOrNot::Other(_) if format == Format::Bytes => {}
                OwnOrNot::Other(other) => {
                    before.push(converting(of, &config, Action::Decode(of, format, other)));
                    if wanted == Format::Bytes
                        && let (config, OwnOrNot::Other(other)) = self.converter(of).await?
                    {
                        after.push(converting(of, &config, Action::Encode(of, other)));
                    }
                }
            }
        }
        let options = |which| converter_of(self.connector, which, self.workers(which)).options;
        let shapers = match has_transforms {
            true => Some((Shaper::new(wanted.key, &options("key"))?, Shaper::new(wanted.value, &options("value"))?)),
            false => None,
        };
        let steps = before.into_iter().chain(transforms).chain(after).collect();
        Ok(SinkParts { converters: own, formats, chain: Chain::new(steps, self.retry, self.calls), shapers })
    }

    fn workers(&self, which: &str) -> &ConverterConfig {
        match which {
            "key" => &self.worker.key_converter,
            "value" => &self.worker.value_converter,
            _ => &self.worker.header_converter,
        }
    }

    async fn converter(&self, of: Use) -> Result<(PartConfig, OwnOrNot)> {
        let config = converter_of(self.connector, of.name(), self.workers(of.name()));
        let (part, settings) = self.found(&config)?;
        let opened = part.converter(&settings, of, &self.place).await.map_err(|why| cannot_start(&config, why))?;
        let opened = match opened {
            Opened::Here(converter) if part.inline => OwnOrNot::Own(converter),
            other => OwnOrNot::Other(other),
        };
        Ok((config, opened))
    }

    async fn transforms(&self) -> Result<(Vec<Step>, Reads)> {
        let (mut opened, mut reads) = (Vec::new(), Reads::NONE);
        for step in steps(self.connector) {
            let (step, also) = self.step(step).await?;
            opened.push(step);
            reads = reads.and(also);
        }
        Ok((opened, reads))
    }

    async fn step(&self, config: StepConfig) -> Result<(Step, Reads)> {
        let StepConfig { name, transform, predicate } = config;
        let (part, settings) = self.found(&transform)?;
        let mut reads = part.reads(&settings).await.map_err(|why| cannot_start(&transform, why))?;
        let opened = part.transform(&settings, &self.place).await.map_err(|why| cannot_start(&transform, why))?;
        let condition = match predicate {
            None => None,
            Some((predicate, negate)) => {
                let (part, settings) = self.found(&predicate)?;
                reads = reads.and(part.reads(&settings).await.map_err(|why| cannot_start(&predicate, why))?);
                let opened: Opened<dyn Predicate> =
                    part.predicate(&settings, &self.place).await.map_err(|why| cannot_start(&predicate, why))?;
                Some((opened, negate))
            }
        };
        let action = Action::Transform(opened, condition);
        let what = format!("transform `{name}`");
        Ok((Step { what, stage: Stage::Transformation, class: part.definition.class.to_owned(), action }, reads))
    }

    fn found(&self, config: &PartConfig) -> Result<(Part, connector_api::config::Config)> {
        let part = config.find(self.plugins, self.connector);
        let part = part.map_err(|issue| Error::bad_config(issue.key, issue.message))?;
        let settings = config.settings(&part)?;
        Ok((part, settings))
    }
}

impl OwnConverters {
    fn slot(&mut self, of: Use) -> &mut Option<Box<dyn Converter>> {
        match of {
            Use::Key => &mut self.key,
            Use::Value => &mut self.value,
            Use::Header => &mut self.header,
        }
    }
}

fn converting(of: Use, config: &PartConfig, action: Action) -> Step {
    let stage = match of {
        Use::Key => Stage::KeyConverter,
        Use::Value => Stage::ValueConverter,
        Use::Header => Stage::HeaderConverter,
    };
    Step { what: format!("{} converter", of.name()), stage, class: config.class.clone(), action }
}

fn cannot_start(config: &PartConfig, why: Error) -> Error {
    let message = format!("the {} {} of `{}` cannot start", config.kind.word(), config.class, config.class_key);
    Error::new(why.decision().clone(), message).caused_by(why)
}
