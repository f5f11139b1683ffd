//! Small payloads in memory of their own, which their records keep from batch to batch.
//!
//! A payload that is a share of its batch counts the users of that memory up, and down when it is let go. A processor that counts does
//! nothing else meanwhile: together that was more than half of what a record cost here. To copy a small payload into memory that its
//! record has already costs less, and counts nobody.
//!
//! Whoever keeps a payload keeps that memory, so that the record needs new. Where most are kept, payloads are shares again.

use bytes::{Bytes, BytesMut};

use super::fill::{SHORT, fill_all, fill_in, headers_at, put_other, put_share};
use super::read::{Head, Stored, Tables};
use crate::boundary::frame::{Malformed, Read};
use crate::data::Payload;

/// Longer payloads are shares: to copy them takes as long as to count.
const LONGEST: usize = 512;
/// How much memory of their own the records of a batch get, in bytes, and keep while they wait for the next one.
const MOST: usize = 256 << 10;
/// Records that are filled before it is looked how much that was.
const AT_ONCE: usize = 64;
/// Memory is taken in multiples of this; about as much is what it takes beside.
const EACH: usize = 64;
/// How many batches in a row may need new memory for most of their records.
const PATIENCE: u32 = 3;
/// How many batches are shared then, before it is tried again.
const SHARED: u32 = 100;

/// Whether payloads get memory of their own, as the batches before have shown.
#[derive(Debug, Default)]
pub(super) struct Experience {
    kept: u32,
    shared: u32,
}

/// Fills the records of a batch.
pub(super) struct Filling<'b> {
    batch: &'b Bytes,
    tables: &'b Tables,
    /// How much may still be copied.
    room: usize,
    /// Payloads that were copied.
    copied: usize,
    /// Those among them that needed new memory.
    anew: usize,
    /// Whether records hold something else than memory of their own.
    others: bool,
}

impl Experience {
    /// How much of the next batch may be copied.
    pub(super) fn room(&mut self) -> usize {
        match self.shared {
            0 => MOST,
            _ => {
                self.shared -= 1;
                0
            }
        }
    }

    /// Learns from how it went with a batch of so many records.
    pub(super) fn learn(&mut self, filling: &Filling<'_>, records: usize) {
        self.kept = if filling.anew > records / 2 { self.kept + 1 } else { 0 };
        if self.kept > PATIENCE {
            (self.kept, self.shared) = (0, SHARED);
        }
    }
}

impl<'b> Filling<'b> {
    /// Of that batch, of which so much may be copied.
    pub(super) fn new(batch: &'b Bytes, tables: &'b Tables, room: usize) -> Filling<'b> {
        Filling { batch, tables, room, copied: 0, anew: 0, others: false }
    }

    /// Whether records hold something else now than memory of their own.
    pub(super) fn left_others(&self) -> bool {
        self.others
    }

    /// Fills all records with what stands there.
    pub(super) fn fill_all<R: Stored>(&mut self, records: &mut [R], start: usize) -> Read<()> {
        let (mut at, mut left) = (start, records);
        while self.room > 0 && !left.is_empty() {
            let (some, others) = left.split_at_mut(left.len().min(AT_ONCE));
            let (copied, end) = (self.copied, self.fill(some, at)?);
            self.room = match self.copied == copied {
                // Where payloads are long, more are shared at once in less time.
                true => 0,
                false => self.room.saturating_sub(end - at + AT_ONCE * EACH),
            };
            (at, left) = (end, others);
        }
        self.others |= !left.is_empty();
        fill_all(left, self.batch, at, self.tables)
    }

    /// Fills some records, and says where the next one begins.
    #[inline(never)]
    fn fill<R: Stored>(&mut self, records: &mut [R], start: usize) -> Read<usize> {
        let batch = self.batch;
        let mut rest = batch.get(start..).ok_or(Malformed(SHORT))?;
        for record in records {
            let (head, after) = rest.split_first_chunk().ok_or(Malformed(SHORT))?;
            let head = Head(head);
            record.take(&head, self.tables)?;
            let (key, after) = after.split_at_checked(head.u32_at::<24>() as usize).ok_or(Malformed(SHORT))?;
            let (value, after) = after.split_at_checked(head.u32_at::<28>() as usize).ok_or(Malformed(SHORT))?;
            rest = after;
            let (key_slot, value_slot, headers) = record.payloads();
            self.put(key_slot, head.0[32], key)?;
            self.put(value_slot, head.0[33], value)?;
            let count = head.u32_at::<36>();
            if count != 0 || !headers.is_empty() {
                self.others = true;
                let end = headers_at(headers, batch, batch.len() - rest.len(), count, self.tables)?;
                rest = batch.get(end..).ok_or(Malformed(SHORT))?;
            }
        }
        Ok(batch.len() - rest.len())
    }

    /// Puts a payload into its slot.
    #[inline(always)]
    fn put(&mut self, slot: &mut Payload, form: u8, bytes: &[u8]) -> Read<()> {
        match form {
            0 if bytes.is_empty() && slot.is_null() => Ok(()),
            1 | 2 if bytes.len().wrapping_sub(1) < LONGEST => {
                self.copied += 1;
                self.copy(slot, form, bytes);
                Ok(())
            }
            _ => self.share(slot, form, bytes),
        }
    }

    /// Puts a copy into a slot, into the memory that is there if nobody else has it and it fits.
    #[inline(always)]
    fn copy(&mut self, slot: &mut Payload, form: u8, from: &[u8]) {
        if let Payload::Bytes(bytes) | Payload::Json(bytes) = slot {
            let there = bytes.as_ptr();
            let mut own = BytesMut::from(std::mem::take(bytes));
            own.clear();
            // What somebody else has was copied elsewhere.
            if own.as_ptr() == there && (from.len()..=2 * LONGEST).contains(&own.capacity()) {
                own.extend_from_slice(from);
                return fill_in(slot, form, own.freeze());
            }
        }
        self.copy_anew(slot, form, from);
    }

    /// Puts a copy into a slot, into new memory. To split nothing off makes it such as can be taken back without being allocated anew.
    #[cold]
    #[inline(never)]
    fn copy_anew(&mut self, slot: &mut Payload, form: u8, from: &[u8]) {
        self.anew += 1;
        *slot = Payload::Null;
        let mut own = BytesMut::with_capacity(from.len().next_multiple_of(EACH));
        drop(own.split());
        own.extend_from_slice(from);
        fill_in(slot, form, own.freeze());
    }

    /// Puts a share into a slot, or what is not bytes alone.
    #[cold]
    #[inline(never)]
    fn share(&mut self, slot: &mut Payload, form: u8, bytes: &[u8]) -> Read<()> {
        self.others = true;
        let share = self.batch.slice_ref(bytes);
        match form {
            1 | 2 if !share.is_empty() => put_share(slot, form, share),
            _ => put_other(slot, form, share, self.tables)?,
        }
        Ok(())
    }
}

/// Lets go of all that records hold but memory of their own.
pub(super) fn let_go<R: Stored>(records: &mut [R]) {
    for record in records {
        let (key, value, headers) = record.payloads();
        let_payload_go(key);
        let_payload_go(value);
        if !headers.is_empty() {
            headers.clear();
        }
    }
}

#[inline(always)]
fn let_payload_go(payload: &mut Payload) {
    match payload {
        Payload::Null => {}
        Payload::Bytes(bytes) | Payload::Json(bytes) if bytes.len() <= LONGEST && bytes.is_unique() => {}
        other => *other = Payload::Null,
    }
}
