//! Filling records with what stands in a batch, payloads as shares of it.

use std::sync::Arc;

use bytes::Bytes;

use super::RECORD_HEADER;
use super::read::{Head, Stored, Tables};
use crate::boundary::frame::{Malformed, Read, Reader};
use crate::boundary::value;
use crate::data::{Payload, Schema};
use crate::record::{Header, Headers};

pub(super) const SHORT: &str = "it ends too early";

/// How many records are filled together. With eight, what is known of them does not fit into the processor's registers.
const TOGETHER: usize = 4;

/// Where a payload stands in its batch, and its form.
#[derive(Default)]
struct Place {
    form: u8,
    start: usize,
    end: usize,
}

/// Payloads of records that are filled together: all their keys, or all their values.
#[derive(Default)]
struct Payloads {
    places: [Place; TOGETHER],
    /// A bit for each kind that is among them.
    kinds: u8,
}

/// Null, as the slot is already.
const NOTHING: u8 = 1;
/// Bytes alone, some at least.
const PLAIN: u8 = 2;
/// Whatever else.
const OTHER: u8 = 4;

impl Place {
    /// What kind of payload is put into that slot. Without a branch, since these are asked for each.
    #[inline(always)]
    fn kind(&self, slot: &Payload) -> u8 {
        let plain = (self.form.wrapping_sub(1) < 2) & (self.start != self.end);
        let nothing = (self.form == 0) & (self.start == self.end) & slot.is_null();
        (u8::from(plain) * PLAIN) | (u8::from(nothing) * NOTHING) | (u8::from(!plain & !nothing) * OTHER)
    }

    /// A share of the batch for it.
    #[inline(always)]
    fn share(&self, batch: &Bytes) -> Bytes {
        batch.slice(self.start..self.end)
    }
}

/// Fills all records with what stands there.
#[inline(never)]
pub(super) fn fill_all<R: Stored>(records: &mut [R], batch: &Bytes, start: usize, tables: &Tables) -> Read<()> {
    let mut at = start;
    let (mut keys, mut values) = (Payloads::default(), Payloads::default());
    let (groups, rest) = records.as_chunks_mut::<TOGETHER>();
    for group in groups {
        (keys.kinds, values.kinds) = (0, 0);
        for (record, (key, value)) in group.iter_mut().zip(keys.places.iter_mut().zip(&mut values.places)) {
            at = fill_head(record, batch, at, (key, value), tables)?;
            let (key_slot, value_slot, _) = record.payloads();
            keys.kinds |= key.kind(key_slot);
            values.kinds |= value.kind(value_slot);
        }
        put_together(group, |record| record.payloads().0, &keys, batch, tables)?;
        put_together(group, |record| record.payloads().1, &values, batch, tables)?;
    }
    for record in rest {
        let (mut key, mut value) = (Place::default(), Place::default());
        at = fill_head(record, batch, at, (&mut key, &mut value), tables)?;
        let (key_slot, value_slot, _) = record.payloads();
        put(key_slot, &key, batch, tables)?;
        put(value_slot, &value, batch, tables)?;
    }
    Ok(())
}

/// Fills all of a record but its key and value. Notes where these stand, within the batch, and says where the record ends. Places are
/// written part by part where they are read from: to move one waits for its parts.
#[inline(always)]
fn fill_head<R: Stored>(
    record: &mut R,
    batch: &Bytes,
    at: usize,
    (key, value): (&mut Place, &mut Place),
    tables: &Tables,
) -> Read<usize> {
    let rest = batch.get(at..).and_then(|rest| rest.split_first_chunk());
    let (head, rest) = rest.ok_or(Malformed(SHORT))?;
    let head = Head(head);
    record.take(&head, tables)?;
    let lengths = (head.u32_at::<24>(), head.u32_at::<28>());
    if u64::from(lengths.0) + u64::from(lengths.1) > rest.len() as u64 {
        return Err(Malformed(SHORT));
    }
    key.start = at + RECORD_HEADER;
    key.end = key.start + lengths.0 as usize;
    value.start = key.end;
    value.end = value.start + lengths.1 as usize;
    (key.form, value.form) = (head.0[32], head.0[33]);
    let (count, (_, _, headers)) = (head.u32_at::<36>(), record.payloads());
    match count {
        0 if headers.is_empty() => Ok(value.end),
        _ => headers_at(headers, batch, value.end, count, tables),
    }
}

/// Puts payloads into their slots.
///
/// A share of the batch that is moved as soon as it was made waits for its parts to arrive in memory, which takes longer than to
/// make it. So all are made first, and each has a place of its own; in a loop they would share one.
#[inline(always)]
fn put_together<R: Stored>(
    records: &mut [R; TOGETHER],
    slot: impl Fn(&mut R) -> &mut Payload,
    payloads: &Payloads,
    batch: &Bytes,
    tables: &Tables,
) -> Read<()> {
    match payloads.kinds {
        NOTHING => Ok(()),
        PLAIN => {
            let [first, second, third, fourth] = &payloads.places;
            let (a, b) = (first.share(batch), second.share(batch));
            let (c, d) = (third.share(batch), fourth.share(batch));
            let [one, two, three, four] = records;
            put_share(slot(one), first.form, a);
            put_share(slot(two), second.form, b);
            put_share(slot(three), third.form, c);
            put_share(slot(four), fourth.form, d);
            Ok(())
        }
        _ => put_each(records, slot, payloads, batch, tables),
    }
}

#[inline(never)]
fn put_each<R: Stored>(
    records: &mut [R; TOGETHER],
    slot: impl Fn(&mut R) -> &mut Payload,
    payloads: &Payloads,
    batch: &Bytes,
    tables: &Tables,
) -> Read<()> {
    let mut slots = records.iter_mut().map(slot).zip(&payloads.places);
    slots.try_for_each(|(slot, place)| put(slot, place, batch, tables))
}

/// Puts a payload into its slot.
fn put(slot: &mut Payload, place: &Place, batch: &Bytes, tables: &Tables) -> Read<()> {
    match place.kind(slot) {
        NOTHING => {}
        PLAIN => put_share(slot, place.form, place.share(batch)),
        _ => put_other(slot, place.form, place.share(batch), tables)?,
    }
    Ok(())
}

/// Puts a share into its slot.
#[inline(always)]
pub(super) fn put_share(slot: &mut Payload, form: u8, share: Bytes) {
    if !slot.is_null() {
        *slot = Payload::Null;
    }
    fill_in(slot, form, share);
}

/// Puts bytes into a slot that owns nothing. The slot is first made one of no bytes, which are then filled in where they stand: payloads
/// that are built elsewhere and moved here take twice as long. What is forgotten on the way owns nothing, so that looking whether it
/// has to be dropped would be for nothing.
#[inline(always)]
pub(super) fn fill_in(slot: &mut Payload, form: u8, share: Bytes) {
    let empty = if form == 1 { Payload::Bytes(Bytes::new()) } else { Payload::Json(Bytes::new()) };
    std::mem::forget(std::mem::replace(slot, empty));
    if let Payload::Bytes(bytes) | Payload::Json(bytes) = slot {
        std::mem::forget(std::mem::replace(bytes, share));
    }
}

/// The other ones: an empty payload needs no share, and keeps no batch.
#[inline(never)]
pub(super) fn put_other(slot: &mut Payload, form: u8, bytes: Bytes, tables: &Tables) -> Read<()> {
    let length = bytes.len();
    *slot = payload(&mut Reader::new(bytes), form, length, &tables.schemas)?;
    Ok(())
}

#[inline(never)]
pub(super) fn headers_at(slot: &mut Headers, batch: &Bytes, at: usize, count: u32, tables: &Tables) -> Read<usize> {
    let mut from = Reader::from(batch.clone(), at);
    *slot = headers(&mut from, count as usize, &tables.schemas)?;
    Ok(batch.len() - from.left())
}

fn headers(from: &mut Reader, count: usize, schemas: &[Arc<Schema>]) -> Read<Headers> {
    if count > from.left() / 9 {
        return Err(Malformed("a record has more headers than bytes for them"));
    }
    let mut headers = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let name: Arc<str> = Arc::from(&*from.text()?);
        let form = from.u8()?;
        let length = from.u32()? as usize;
        headers.push(Header { name, value: payload(from, form, length, schemas)? });
    }
    Ok(headers)
}

pub(super) fn payload(from: &mut Reader, form: u8, length: usize, schemas: &[Arc<Schema>]) -> Read<Payload> {
    match form {
        0 if length == 0 => Ok(Payload::Null),
        0 => Err(Malformed("a payload that is null has a length")),
        1 => Ok(Payload::Bytes(from.slice(length)?)),
        2 => Ok(Payload::Json(from.slice(length)?)),
        3 => {
            let mut inside = Reader::new(from.slice(length)?);
            let schema = match inside.u32()? {
                0 => None,
                number => Some(
                    schemas
                        .get(number as usize - 1)
                        .ok_or(Malformed("a value names a schema that is not in the table"))?
                        .clone(),
                ),
            };
            let value = value::read(&mut inside, schema.as_ref(), schemas)?;
            inside.end()?;
            Ok(Payload::Structured { schema, value })
        }
        _ => Err(Malformed("a payload has an unknown form")),
    }
}
