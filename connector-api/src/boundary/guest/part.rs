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
use crate::data::{Format, Payload};
use crate::error::{Error, Result};
use crate::plugin::Export;
use crate::record::Topic;
use crate::transform::{Fate, Predicate, Transform, TransformRecord};

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
            Ok(converted(records, &mut state.writer, |topic, payload| encoded(&mut **converter, topic, payload)))
        }
        (Request::Decode(format, batch), Some(Part::Converter(converter))) => {
            let records = state.reader.transform(&batch)?;
            Ok(converted(records, &mut state.writer, |topic, payload| {
                decoded(&mut **converter, topic, payload, format)
            }))
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

fn applied(transform: &mut dyn Transform, records: Vec<TransformRecord>, writer: &mut BatchWriter) -> Writer {
    let (mut dropped, mut failed, mut kept) = (Vec::new(), Vec::new(), Vec::with_capacity(records.len()));
    for (index, mut record) in records.into_iter().enumerate() {
        match transform.apply(&mut record) {
            Ok(Fate::Keep) => kept.push(record),
            Ok(Fate::Drop) => dropped.push(index),
            Err(why) => failed.push((index, why)),
        }
    }
    let mut to = Writer::on(spare::take());
    to.list(dropped.iter(), |to, index| {
        to.count(*index);
    });
    message::failed(&mut to, &failed);
    writer.transform(&mut to, &kept);
    to
}

fn tested(predicate: &mut dyn Predicate, records: &[TransformRecord]) -> Writer {
    let (mut failed, mut flags) = (Vec::new(), Vec::with_capacity(records.len()));
    for (index, record) in records.iter().enumerate() {
        let tested = predicate.test(record);
        flags.push(u8::from(matches!(tested, Ok(true))));
        failed.extend(tested.err().map(|why| (index, why)));
    }
    let mut to = Writer::on(spare::take());
    message::failed(&mut to, &failed);
    to.bytes(&flags);
    to
}

fn converted(
    records: Vec<TransformRecord>,
    writer: &mut BatchWriter,
    mut convert: impl FnMut(&Topic, Payload) -> Result<Payload>,
) -> Writer {
    let (mut failed, mut made) = (Vec::new(), Vec::with_capacity(records.len()));
    for (index, record) in records.into_iter().enumerate() {
        match convert(&record.topic, record.value) {
            Ok(payload) => made.push((record.topic, payload)),
            Err(why) => failed.push((index, why)),
        }
    }
    let mut to = Writer::on(spare::take());
    message::failed(&mut to, &failed);
    let payloads: Vec<(&Topic, &Payload)> = made.iter().map(|(topic, payload)| (topic, payload)).collect();
    writer.payloads(&mut to, &payloads);
    to
}

fn encoded(converter: &mut dyn Converter, topic: &str, payload: Payload) -> Result<Payload> {
    let mut out = Vec::new();
    let some = converter.encode(topic, &payload, &mut out)?;
    Ok(if some { Payload::Bytes(out.into()) } else { Payload::Null })
}

fn decoded(converter: &mut dyn Converter, topic: &str, payload: Payload, format: Format) -> Result<Payload> {
    match payload {
        Payload::Bytes(bytes) | Payload::Json(bytes) => converter.decode(topic, &bytes, format),
        _ => Ok(Payload::Null),
    }
}
