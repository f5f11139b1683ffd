//! One step on the way of a batch.

use connector_api::data::{Format, Payload};
use connector_api::{Converter, Failed, Predicate, Result, Topic, Transform, TransformRecord, Use};

use super::chain::Stage;
use crate::plugins::part::Opened;

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

impl Action {
    /// Does it to the records at these places, which are ascending. What failed stays as it was.
    pub async fn act(&mut self, records: &mut [TransformRecord], at: &[usize]) -> Result<Done> {
        match self {
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
                    Opened::Here(converter) => converter.encode_all(&payloads),
                    Opened::There(part) => part.encode(&payloads).await?,
                };
                Ok(Done { dropped: Vec::new(), failed: put(*of, records, converted, &whose) })
            }
            Action::Decode(of, format, converter) => {
                let (payloads, whose) = payloads(*of, records, at);
                let (mut made, mut failed) = match converter {
                    Opened::Here(converter) => converter.decode_all(&payloads, *format),
                    Opened::There(part) => part.decode(&payloads, *format).await?,
                };
                if *of == Use::Header {
                    // Headers often come from foreign tools, and are no reason to hold a record back: what cannot be read stays
                    // as it is.
                    for (index, _) in std::mem::take(&mut failed) {
                        made[index] = payloads[index].1.clone();
                    }
                }
                Ok(Done { dropped: Vec::new(), failed: put(*of, records, (made, failed), &whose) })
            }
        }
    }
}

/// The places of those that the transform is for.
async fn test(
    predicate: &mut Opened<dyn Predicate>,
    negate: bool,
    records: &mut [TransformRecord],
    at: &[usize],
    done: &mut Done,
) -> Result<Vec<usize>> {
    let (flags, failed) = match predicate {
        Opened::Here(predicate) => predicate.test_all(at.iter().map(|place| &records[*place])),
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
    let (dropped, failed) = match transform {
        Opened::Here(transform) => transform.apply_all(chosen(records, at)),
        Opened::There(part) => {
            let mut taken = take(records, at);
            let applied = part.apply(&mut taken).await;
            give_back(records, at, taken);
            applied?
        }
    };
    done.dropped.extend(dropped.into_iter().map(|number| at[number]));
    done.failed.extend(failed.into_iter().map(|(number, why)| (at[number], why)));
    Ok(())
}

/// The records at these places, which are ascending.
fn chosen<'r>(records: &'r mut [TransformRecord], at: &[usize]) -> impl Iterator<Item = &'r mut TransformRecord> {
    let mut at = at.iter().peekable();
    let all = records.iter_mut().enumerate();
    all.filter(move |(place, _)| at.next_if(|next| **next == *place).is_some()).map(|(_, record)| record)
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

/// Puts converted payloads where those came from, but for records of which one has failed: those stay as they were, and are named.
fn put(
    of: Use,
    records: &mut [TransformRecord],
    (made, failed): (Vec<Payload>, Failed),
    whose: &[(usize, usize)],
) -> Failed {
    let mut refused: Failed = Vec::new();
    for (index, why) in failed {
        let (place, _) = whose[index];
        if refused.last().is_none_or(|(last, _)| *last != place) {
            refused.push((place, why));
        }
    }
    for (payload, (place, number)) in made.into_iter().zip(whose) {
        if refused.binary_search_by_key(place, |(refused, _)| *refused).is_ok() {
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
    refused
}
