//! Large buffers that are used again. Asking the system for a megabyte for each answer costs more, in page faults, than
//! reading the records into it.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Smaller buffers are left to the allocator.
const SMALLEST: usize = 64 * 1024;
/// Larger buffers are given back to the system. There is room for an answer with 4 MiB of records and what stands around them.
const LARGEST: usize = 4 * 1024 * 1024 + 256 * 1024;
/// Sizes are rounded up to multiples of this, so that buffers for about as much are of one size and serve each other's turn.
const GRAIN: usize = 256 * 1024;
/// How many bytes of buffers are kept while nobody uses them.
const KEPT: usize = 12 * 1024 * 1024;

/// The buffers that nobody uses.
#[derive(Debug, Default)]
pub struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// An empty buffer with room for `capacity` bytes. One that is much larger is left for who needs it: parts of answers and
    /// whole answers are of different sizes, and one that would have to grow is as good as none.
    pub fn take(&self, capacity: usize) -> Vec<u8> {
        if capacity < SMALLEST {
            return Vec::with_capacity(capacity);
        }
        let capacity = capacity.div_ceil(GRAIN).saturating_mul(GRAIN);
        let sizes = capacity..=capacity.saturating_mul(2);
        let mut free = self.free.lock();
        let fitting = free.iter().enumerate().filter(|(_, free)| sizes.contains(&free.capacity()));
        let smallest = fitting.min_by_key(|(_, free)| free.capacity()).map(|(index, _)| index);
        let found = smallest.map(|index| free.swap_remove(index));
        drop(free);
        found.unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    /// The content of a buffer, which comes back here when the last slice of it is dropped.
    pub fn lend(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        if (SMALLEST..=LARGEST).contains(&buffer.capacity()) {
            Bytes::from_owner(Lent { buffer, home: self.clone() })
        } else {
            Bytes::from(buffer)
        }
    }
}

struct Lent {
    buffer: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.home.free.lock();
        let kept: usize = free.iter().map(Vec::capacity).sum();
        if kept + self.buffer.capacity() <= KEPT {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_comes_back_when_its_last_slice_is_dropped() {
        let buffers = Arc::new(Buffers::default());
        let mut buffer = buffers.take(SMALLEST);
        buffer.extend_from_slice(b"abc");
        let lent = buffers.lend(buffer);
        let slice = lent.slice(1..);
        drop(lent);
        assert!(buffers.free.lock().is_empty());
        assert_eq!(slice, "bc");
        drop(slice);
        assert_eq!(buffers.free.lock().len(), 1);
        assert!(buffers.take(SMALLEST).is_empty());
        assert!(buffers.free.lock().is_empty());
    }

    #[test]
    fn buffers_for_about_as_much_serve_each_other_s_turn() {
        let buffers = Arc::new(Buffers::default());
        for capacity in [1_100_000, 2_000_000] {
            drop(buffers.lend(buffers.take(capacity)));
        }
        let sizes = [2_080_000, 1_200_000, 1_000_000].map(|capacity| buffers.take(capacity).capacity());
        assert_eq!(
            sizes,
            [8 * GRAIN, 5 * GRAIN, 4 * GRAIN],
            "the smallest that fits, and a new one where none is left"
        );
        assert!(buffers.free.lock().is_empty());
    }

    #[test]
    fn small_and_huge_buffers_and_too_many_are_not_kept() {
        let buffers = Arc::new(Buffers::default());
        for capacity in [10, LARGEST + 1] {
            drop(buffers.lend(buffers.take(capacity)));
        }
        assert!(buffers.free.lock().is_empty());
        let many: Vec<Bytes> = (0..8).map(|_| buffers.lend(buffers.take(KEPT / 4))).collect();
        drop(many);
        assert_eq!(buffers.free.lock().len(), 4);
        drop(buffers.lend(buffers.take(SMALLEST)));
        assert_eq!(
            buffers.free.lock().len(),
            4,
            "none of them is taken for so little, and there is no room for another"
        );
    }
}
