//! What the classes have in common: names, keys, errors that name class and topic.

use std::marker::PhantomData;

use connector_api::config::{Config, ConfigDef, Issue};
use connector_api::data::Payload;
use connector_api::{
    Definition, Export, Fate, Predicate, PredicatePlugin, Reads, Result, Transform, TransformPlugin, TransformRecord,
};

use crate::part::Part;
use crate::refusal::Refusal;

/// The names of the classes of a change: for keys, for values.
pub(crate) type Names = [&'static str; 2];

/// The names of the two classes of that name.
macro_rules! names {
    ($name:literal) => {
        [
            concat!("org.apache.kafka.connect.transforms.", $name, "$Key"),
            concat!("org.apache.kafka.connect.transforms.", $name, "$Value"),
        ]
    };
}
pub(crate) use names;

/// A change to a record's key or to its value: two classes, `NAME$Key` and `NAME$Value`.
pub(crate) trait Change: Sized + 'static {
    /// The classes.
    const NAMES: Names;
    /// What they do, in a sentence.
    const DOC: &'static str;

    /// Their keys.
    fn keys() -> ConfigDef;

    /// What is wrong beyond single keys.
    fn validate(_config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// One for a task.
    fn new(config: &Config) -> Result<Self>;

    /// Changes the key or value, which has been taken out of the record for it.
    fn change(&mut self, part: Part, record: &mut TransformRecord) -> Result<Part, Refusal>;
}

/// A change to records as wholes: one class.
pub(crate) trait Step: Sized + 'static {
    /// The class.
    const CLASS: &'static str;
    /// What it does, in a sentence.
    const DOC: &'static str;
    /// What it looks into.
    const READS: Reads = Reads::NONE;

    /// Its keys.
    fn keys() -> ConfigDef;

    /// What is wrong beyond single keys.
    fn validate(_config: &Config) -> Vec<Issue> {
        Vec::new()
    }

    /// One for a task.
    fn new(config: &Config) -> Result<Self>;

    /// Changes a record.
    fn take(&mut self, record: &mut TransformRecord) -> Result<Fate, Refusal>;
}

/// A question about records. None of them looks into payloads.
pub(crate) trait Question: Sized + 'static {
    /// The class.
    const CLASS: &'static str;
    /// What it says, in a sentence.
    const DOC: &'static str;

    /// Its keys.
    fn keys() -> ConfigDef;

    /// One for a task.
    fn new(config: &Config) -> Result<Self>;

    /// The answer.
    fn ask(&mut self, record: &TransformRecord) -> Result<bool, Refusal>;
}

/// Both classes of a change.
pub(crate) fn both<C: Change>() -> [Export; 2] {
    [Side::Key, Side::Value].map(|side| Export::transform(SidedClass::<C>(side, PhantomData)))
}

/// The class of a step.
pub(crate) fn step<S: Step>() -> Export {
    Export::transform(StepClass::<S>(PhantomData))
}

/// The class of a question.
pub(crate) fn question<Q: Question>() -> Export {
    Export::predicate(QuestionClass::<Q>(PhantomData))
}

/// Which part of a record a class is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Key,
    Value,
}

impl Side {
    fn of(self, record: &mut TransformRecord) -> &mut Payload {
        match self {
            Side::Key => &mut record.key,
            Side::Value => &mut record.value,
        }
    }

    fn class<C: Change>(self) -> &'static str {
        let [key, value] = C::NAMES;
        if self == Side::Key { key } else { value }
    }
}

struct SidedClass<C>(Side, PhantomData<fn() -> C>);
struct Sided<C>(Side, C);
struct StepClass<S>(PhantomData<fn() -> S>);
struct Stepping<S>(S);
struct QuestionClass<Q>(PhantomData<fn() -> Q>);
struct Asking<Q>(Q);

fn define(class: &'static str, doc: &'static str, config: ConfigDef) -> Definition {
    let simple = class.rsplit('.').next().unwrap_or(class);
    let group = simple.split('$').next().unwrap_or(simple);
    Definition { class, aliases: &[], version: env!("CARGO_PKG_VERSION"), doc, config: config.grouped(group) }
}

impl<C: Change> TransformPlugin for SidedClass<C> {
    fn definition(&self) -> Definition {
        define(self.0.class::<C>(), C::DOC, C::keys())
    }

    fn validate(&self, config: &Config) -> Vec<Issue> {
        C::validate(config)
    }

    fn reads(&self, _config: &Config) -> Reads {
        if self.0 == Side::Key { Reads::KEY } else { Reads::VALUE }
    }

    fn transform(&self, config: &Config) -> Result<Box<dyn Transform>> {
        Ok(Box::new(Sided(self.0, C::new(config)?)))
    }
}

impl<C: Change> Transform for Sided<C> {
    fn apply(&mut self, record: &mut TransformRecord) -> Result<Fate> {
        let Sided(side, change) = self;
        let payload = std::mem::replace(side.of(record), Payload::Null);
        let changed = Part::of(payload).and_then(|part| change.change(part, record));
        *side.of(record) = changed.map_err(|why| refused(why, side.class::<C>(), record))?.into_payload();
        Ok(Fate::Keep)
    }
}

impl<S: Step> TransformPlugin for StepClass<S> {
    fn definition(&self) -> Definition {
        define(S::CLASS, S::DOC, S::keys())
    }

    fn validate(&self, config: &Config) -> Vec<Issue> {
        S::validate(config)
    }

    fn reads(&self, _config: &Config) -> Reads {
        S::READS
    }

    fn transform(&self, config: &Config) -> Result<Box<dyn Transform>> {
        Ok(Box::new(Stepping(S::new(config)?)))
    }
}

impl<S: Step> Transform for Stepping<S> {
    fn apply(&mut self, record: &mut TransformRecord) -> Result<Fate> {
        self.0.take(record).map_err(|why| refused(why, S::CLASS, record))
    }
}

impl<Q: Question> PredicatePlugin for QuestionClass<Q> {
    fn definition(&self) -> Definition {
        define(Q::CLASS, Q::DOC, Q::keys())
    }

    fn predicate(&self, config: &Config) -> Result<Box<dyn Predicate>> {
        Ok(Box::new(Asking(Q::new(config)?)))
    }
}

impl<Q: Question> Predicate for Asking<Q> {
    fn test(&mut self, record: &TransformRecord) -> Result<bool> {
        self.0.ask(record).map_err(|why| refused(why, Q::CLASS, record))
    }
}

fn refused(why: Refusal, class: &'static str, record: &TransformRecord) -> connector_api::Error {
    why.into_error(class.rsplit('.').next().unwrap_or(class), &record.topic)
}
