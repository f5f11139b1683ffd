//! Buffers that are used again: a batch is written into memory that an earlier one was in.

use std::sync::{Mutex, PoisonError};

/// How many buffers are kept while nobody uses them.
const KEPT: usize = 4;
/// Larger ones are given back to the system.
const LARGEST: usize = 4 << 20;
/// Smaller ones are left to the allocator.
const SMALLEST: usize = 4 << 10;

static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer, with room if one is spare.
pub fn take() -> Vec<u8> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

/// Keeps a buffer that is not used any more.
pub fn give(mut buffer: Vec<u8>) {
    if !(SMALLEST..=LARGEST).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.len() < KEPT {
        spare.push(buffer);
    }
}
