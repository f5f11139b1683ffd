//! Calls of transforms, predicates and converters.

use std::cell::RefCell;
use std::rc::Rc;

use super::dispatch::{misplaced, own_issues, reply, settings};
use crate::boundary::batch::{BatchReader, BatchWriter};
use crate::boundary::frame::Writer;
use crate::boundary::message::{self, Request};
use crate::boundary::spare;
use crate::config::{Config, RawConfig};
use crate::converter::{Converter, Use};
use crate::data::Payload;
use crate::error::{Error, Failed, Result};
use crate::plugin::Export;
use crate::record::Topic;
use crate::transform::{Predicate, Transform, TransformRecord};

/// The key that says what a converter is for.
const CONVERTER_TYPE: &str = "converter.type";

/// One for a task, once it has started.
enum Part {
    Transform(Box<dyn Transform>),
    Predicate(Box<dyn Predicate>),
    Converter(Box<dyn Converter>),
}

/// What a task has of it, and what reads and writes its batches.
pub struct PartState {
    export: Export,
    part: Option<Part>,
    reader: BatchReader,
    writer: BatchWriter,
}

impl PartState {
    pub fn new(export: &Export) -> PartState {
        let (reader, writer) = (BatchReader::default(), BatchWriter::default());
        PartState { export: export.clone(), part: None, reader, writer }
    }
}

/// A call of it as a whole.
pub async fn part(export: Export, request: Request) -> Result<Writer> {
    let definition = export.definition().config;
    let validate = |config: &Config| match &export {
        Export::Transform(plugin) => plugin.validate(config),
        Export::Predicate(plugin) => plugin.validate(config),
        Export::Converter(plugin) => plugin.validate(config),
        Export::Connector(_) => Vec::new(),
    };
    match (request, &export) {
        (Request::Validate(raw), _) => {
            let (config, issues) = own_issues(&definition, &raw);
            reply(&if issues.is_empty() { validate(&config) } else { issues })
        }
        (Request::Reads(raw), Export::Transform(plugin)) => reply(&plugin.reads(&settings(&definition, &raw)?)),
        (Request::Reads(raw), Export::Predicate(plugin)) => reply(&plugin.reads(&settings(&definition, &raw)?)),
        (other, _) => Err(misplaced(&other)),
    }
}

/// A call of a task's.
pub async fn part_task(state: Rc<RefCell<PartState>>, request: Request) -> Result<Writer> {
    let state = &mut *state.borrow_mut();
    match (request, &mut state.part) {
        (Request::Start(start), part) => {
            *part = Some(made(&state.export, &start.config)?);
            reply(&())
        }
        (Request::Stop, part) => {
            *part = None;
            reply(&())
        }
        (Request::Apply(batch), Some(Part::Transform(transform))) => {
            let records = state.reader.transform(&batch)?;
            Ok(applied(&mut **transform, records, &mut state.writer))
        }
        (Request::Test(batch), Some(Part::Predicate(predicate))) => {
            let records = state.reader.transform(&batch)?;
            Ok(tested(&mut **predicate, &records))
        }
        (Request::Encode(batch), Some(Part::Converter(converter))) => {
            let records = state.reader.transform(&batch)?;
            Ok(converted(&records, &mut state.writer, |payloads| converter.encode_all(payloads)))
        }
        (Request::Decode(format, batch), Some(Part::Converter(converter))) => {
            let records = state.reader.transform(&batch)?;
            Ok(converted(&records, &mut state.writer, |payloads| converter.decode_all(payloads, format)))
        }
        (other, Some(_)) => Err(misplaced(&other)),
        (_, None) => Err(Error::fatal("the plugin has not started")),
    }
}

fn made(export: &Export, raw: &RawConfig) -> Result<Part> {
    let config = settings(&export.definition().config, raw)?;
    match export {
        Export::Transform(plugin) => plugin.transform(&config).map(Part::Transform),
        Export::Predicate(plugin) => plugin.predicate(&config).map(Part::Predicate),
        Export::Converter(plugin) => {
            let of = raw.get(CONVERTER_TYPE).and_then(|name| Use::of(name)).unwrap_or(Use::Value);
            plugin.converter(&config, of).map(Part::Converter)
        }
        Export::Connector(_) => Err(Error::fatal("the plugin is a connector")),
    }
}

fn applied(transform: &mut dyn Transform, mut records: Vec<TransformRecord>, writer: &mut BatchWriter) -> Writer {
    let (dropped, failed) = transform.apply_all(records.iter_mut());
    let mut gone: Vec<usize> = dropped.iter().copied().chain(failed.iter().map(|(index, _)| *index)).collect();
    gone.sort_unstable();
    keep_others(&mut records, &gone);
    let mut to = Writer::on(spare::take());
    to.list(dropped.iter(), |to, index| {
        to.count(*index);
    });
    message::failed(&mut to, &failed);
    writer.transform(&mut to, &records);
    to
}

fn tested(predicate: &mut dyn Predicate, records: &[TransformRecord]) -> Writer {
    let (flags, failed) = predicate.test_all(records.iter());
    let mut to = Writer::on(spare::take());
    message::failed(&mut to, &failed);
    to.list(flags.into_iter(), |to, flag| {
        to.u8(u8::from(flag));
    });
    to
}

fn converted(
    records: &[TransformRecord],
    writer: &mut BatchWriter,
    convert: impl FnOnce(&[(&Topic, &Payload)]) -> (Vec<Payload>, Failed),
) -> Writer {
    let payloads: Vec<(&Topic, &Payload)> = records.iter().map(|record| (&record.topic, &record.value)).collect();
    let (made, failed) = convert(&payloads);
    let mut others: Vec<(&Topic, &Payload)> = records.iter().map(|record| &record.topic).zip(&made).collect();
    let gone: Vec<usize> = failed.iter().map(|(index, _)| *index).collect();
    keep_others(&mut others, &gone);
    let mut to = Writer::on(spare::take());
    message::failed(&mut to, &failed);
    writer.payloads(&mut to, &others);
    to
}

/// Leaves those out that stand at these indexes, which are ascending.
fn keep_others<T>(items: &mut Vec<T>, gone: &[usize]) {
    let mut index = 0;
    items.retain(|_| {
        index += 1;
        gone.binary_search(&(index - 1)).is_err()
    });
}
