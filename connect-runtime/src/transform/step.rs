//! One step on the way of a batch.

use connector_api::data::{Format, Payload};
use connector_api::{Converter, Error, Fate, Predicate, Result, Topic, Transform, TransformRecord, Use};

use super::chain::Stage;
use crate::plugins::part::Opened;
use crate::plugins::remote::Failed;

/// A step.
pub struct Step {
    /// As errors name it.
    pub what: String,
    /// As dead letters name it.
    pub stage: Stage,
    /// Its class, for them too.
    pub class: String,
    /// What it does.
    pub action: Action,
}

/// What a step does.
pub enum Action {
    /// Changes or drops records: those alone that the predicate is for, or is not for.
    Transform(Opened<dyn Transform>, Option<(Opened<dyn Predicate>, bool)>),
    /// Writes payloads as bytes.
    Encode(Use, Opened<dyn Converter>),
    /// Reads bytes.
    Decode(Use, Format, Opened<dyn Converter>),
}

/// What became of records, by their places in the batch.
#[derive(Default)]
pub struct Done {
    pub dropped: Vec<usize>,
    pub failed: Failed,
}

impl Step {
    /// Does it to the records at these places, which are ascending. What failed stays as it was.
    pub async fn act(&mut self, records: &mut [TransformRecord], at: &[usize]) -> Result<Done> {
        match &mut self.action {
            Action::Transform(transform, condition) => {
                let mut done = Done::default();
                let chosen = match condition {
                    Some((predicate, negate)) => test(predicate, *negate, records, at, &mut done).await?,
                    None => at.to_vec(),
                };
                apply(transform, records, &chosen, &mut done).await?;
                Ok(done)
            }
            Action::Encode(of, converter) => {
                let (payloads, whose) = payloads(*of, records, at);
                let converted = match converter {
                    Opened::Here(converter) => {
                        convert(&payloads, |topic, payload| encode(&mut **converter, topic, payload))
                    }
                    Opened::There(part) => part.encode(&payloads).await?,
                };
                Ok(put(*of, records, converted, &whose))
            }
            Action::Decode(of, format, converter) => {
                let (payloads, whose) = payloads(*of, records, at);
                let converted = match converter {
                    Opened::Here(converter) => convert(&payloads, |topic, payload| match payload.as_bytes() {
                        Some(bytes) => converter.decode(topic, bytes, *format),
                        None => Ok(Payload::Null),
                    }),
                    Opened::There(part) => part.decode(&payloads, *format).await?,
                };
                Ok(put(*of, records, converted, &whose))
            }
        }
    }
}

fn convert(
    payloads: &[(&Topic, &Payload)],
    mut one: impl FnMut(&str, &Payload) -> Result<Payload>,
) -> (Vec<Payload>, Failed) {
    let mut failed = Vec::new();
    let made = payloads.iter().enumerate().map(|(number, (topic, payload))| {
        one(topic, payload).unwrap_or_else(|why| {
            failed.push((number, why));
            Payload::Null
        })
    });
    (made.collect(), failed)
}

fn encode(converter: &mut dyn Converter, topic: &str, payload: &Payload) -> Result<Payload> {
    let mut out = Vec::new();
    let some = converter.encode(topic, payload, &mut out)?;
    Ok(if some { Payload::Bytes(out.into()) } else { Payload::Null })
}

/// The places of those that the transform is for.
async fn test(
    predicate: &mut Opened<dyn Predicate>,
    negate: bool,
    records: &mut [TransformRecord],
    at: &[usize],
    done: &mut Done,
) -> Result<Vec<usize>> {
    let (flags, failed): (Vec<bool>, Failed) = match predicate {
        Opened::Here(predicate) => {
            let mut failed = Vec::new();
            let tested = at.iter().enumerate().map(|(number, place)| {
                let tested = predicate.test(&records[*place]);
                tested.unwrap_or_else(|why| {
                    failed.push((number, why));
                    false
                })
            });
            (tested.collect(), failed)
        }
        Opened::There(part) => {
            let taken = take(records, at);
            let tested = part.test(&taken).await;
            give_back(records, at, taken);
            tested?
        }
    };
    let mut is_for: Vec<bool> = flags.into_iter().map(|flag| flag != negate).collect();
    failed.iter().for_each(|(number, _)| is_for[*number] = false);
    done.failed.extend(failed.into_iter().map(|(number, why)| (at[number], why)));
    Ok(at.iter().zip(is_for).filter(|(_, is_for)| *is_for).map(|(place, _)| *place).collect())
}

async fn apply(
    transform: &mut Opened<dyn Transform>,
    records: &mut [TransformRecord],
    at: &[usize],
    done: &mut Done,
) -> Result<()> {
    match transform {
        Opened::Here(transform) => {
            for place in at {
                match transform.apply(&mut records[*place]) {
                    Ok(Fate::Keep) => {}
                    Ok(Fate::Drop) => done.dropped.push(*place),
                    Err(why) => done.failed.push((*place, why)),
                }
            }
        }
        Opened::There(part) => {
            let mut taken = take(records, at);
            let applied = part.apply(&mut taken).await;
            give_back(records, at, taken);
            let (dropped, failed) = applied?;
            done.dropped.extend(dropped.into_iter().map(|number| at[number]));
            done.failed.extend(failed.into_iter().map(|(number, why)| (at[number], why)));
        }
    }
    Ok(())
}

/// A plugin is given records one behind the other.
fn take(records: &mut [TransformRecord], at: &[usize]) -> Vec<TransformRecord> {
    let blank = |topic: &Topic| TransformRecord {
        topic: topic.clone(),
        partition: None,
        offset: None,
        key: Payload::Null,
        value: Payload::Null,
        headers: Vec::new(),
        timestamp: None,
    };
    let taken = at.iter().map(|place| {
        let blank = blank(&records[*place].topic);
        std::mem::replace(&mut records[*place], blank)
    });
    taken.collect()
}

fn give_back(records: &mut [TransformRecord], at: &[usize], taken: Vec<TransformRecord>) {
    for (place, record) in at.iter().zip(taken) {
        records[*place] = record;
    }
}

/// Of each payload the place of its record, and its number there.
type Whose = Vec<(usize, usize)>;

/// The payloads that a converter is for, but for those that are null, and whose they are.
fn payloads<'r>(of: Use, records: &'r [TransformRecord], at: &[usize]) -> (Vec<(&'r Topic, &'r Payload)>, Whose) {
    let mut payloads = Vec::with_capacity(at.len());
    let mut whose = Vec::with_capacity(at.len());
    for place in at {
        let record = &records[*place];
        let mut add = |number, payload: &'r Payload| {
            if !payload.is_null() {
                payloads.push((&record.topic, payload));
                whose.push((*place, number));
            }
        };
        match of {
            Use::Key => add(0, &record.key),
            Use::Value => add(0, &record.value),
            Use::Header => record.headers.iter().enumerate().for_each(|(number, header)| add(number, &header.value)),
        }
    }
    (payloads, whose)
}

/// Puts converted payloads where those came from. What could not be read of a header stays as it is: headers often come from
/// foreign tools, and are no reason to hold a record back.
fn put(
    of: Use,
    records: &mut [TransformRecord],
    (made, failed): (Vec<Payload>, Failed),
    whose: &[(usize, usize)],
) -> Done {
    let mut failed = failed.into_iter().peekable();
    let mut done = Done::default();
    for (index, (payload, (place, number))) in made.into_iter().zip(whose).enumerate() {
        if let Some((_, why)) = failed.next_if(|(at, _)| *at == index) {
            done.fail(of, *place, why);
            continue;
        }
        let record = &mut records[*place];
        match of {
            Use::Key => record.key = payload,
            Use::Value => record.value = payload,
            Use::Header => {
                if let Some(header) = record.headers.get_mut(*number) {
                    header.value = payload;
                }
            }
        }
    }
    done
}

impl Done {
    fn fail(&mut self, of: Use, place: usize, why: Error) {
        let again = self.failed.last().is_some_and(|(last, _)| *last == place);
        if of != Use::Header && !again {
            self.failed.push((place, why));
        }
    }
}
