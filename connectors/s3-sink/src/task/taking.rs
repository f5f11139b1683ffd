//! Records on their way into files.

use connector_api::data::Payload;
use connector_api::{Error, Result, SinkRecord};

use crate::config::Settings;
use crate::file::{Output, Side, headers_as};
use crate::layout::Place;
use crate::partition::{Entry, Making, Partition};

/// A partition while it takes records.
pub(super) struct Taking<'a> {
    pub partition: &'a mut Partition,
    pub settings: &'a mut Settings,
    pub making: &'a Making,
    pub place: &'a mut Place,
    pub repeating: bool,
    pub now: i64,
}

impl Taking<'_> {
    pub fn take(&mut self, record: &SinkRecord) -> Result<()> {
        match self.partition.next() {
            Some(next) if record.offset < next => {
                return match self.repeating {
                    true => Ok(()),
                    false => {
                        Err(Error::fail(format!("{} went back from offset {next} to {}", record.origin, record.offset)))
                    }
                };
            }
            _ => self.partition.passed(record.offset),
        }
        let settings = &mut *self.settings;
        if record.value.is_nothing() {
            return match settings.ignore_nulls {
                true => Ok(()),
                false => Err(Error::reject("the record has no value")
                    .remedy("Set `behavior.on.null.values` to `ignore` to leave such records out.")),
            };
        }
        let path = self.place.of(record, self.now, &mut settings.partitioner, &settings.names)?;
        let timed = settings.rules.interval.is_some();
        let time = timed.then(|| crate::layout::time_of(record, &settings.time, self.now).ok()).flatten();
        let mut all = Vec::new();
        let outputs = match &*settings.outputs {
            [values] if values.side == Side::Values => std::slice::from_ref(&record.value),
            outputs => {
                all.extend(outputs.iter().map(|output| payload(record, output)).collect::<Result<Vec<_>>>()?);
                &all
            }
        };
        self.partition.take(Entry { offset: record.offset, path, time, now: self.now, record: outputs }, self.making)
    }
}

/// What an output takes of a record. One without a key or headers has no line in their objects, which would then no
/// longer be beside the values, so it is rejected where they are stored.
fn payload(record: &SinkRecord, output: &Output) -> Result<Payload> {
    match output.side {
        Side::Values => Ok(record.value.clone()),
        Side::Keys if record.key.is_nothing() => Err(Error::reject("the record has no key")
            .remedy("With `store.kafka.keys` each record must have one. Set it to `false` otherwise.")),
        Side::Keys => Ok(record.key.clone()),
        Side::Headers => headers_as(&output.shape, &record.headers),
    }
}
