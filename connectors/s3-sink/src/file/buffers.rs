//! The buffers that files are gathered in, used again. An allocator gives large ones back to the system late and asks for
//! new ones meanwhile, so that a worker would hold twice what its files keep.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Smaller buffers are left to the allocator.
const SMALLEST: usize = 64 * 1024;

/// The buffers of a task's files. Copies share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    free: Vec<Vec<u8>>,
    free_bytes: usize,
    /// The most bytes that nobody uses.
    most: usize,
}

/// A buffer, which goes back to where it came from when it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    pub bytes: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    /// Keeps no more than that many bytes of buffers that nobody uses.
    pub fn new(most: usize) -> Buffers {
        Buffers(Arc::new(Mutex::new(State { most, ..State::default() })))
    }

    /// An empty buffer with room for that many bytes, and not for many more.
    pub(super) fn take(&self, room: usize) -> Buffer {
        let mut state = self.state();
        let fits = |free: &Vec<u8>| (room..=room.saturating_mul(2)).contains(&free.capacity());
        let found = state.free.iter().rposition(fits).map(|index| state.free.swap_remove(index));
        state.free_bytes -= found.as_ref().map_or(0, Vec::capacity);
        drop(state);
        Buffer { bytes: found.unwrap_or_else(|| Vec::with_capacity(room)), home: self.clone() }
    }

    /// Memory of the buffers that nobody uses.
    pub fn free_bytes(&self) -> usize {
        self.state().free_bytes
    }

    /// Gives up those that nobody uses, until no more than that many bytes are left.
    pub fn shrink_to(&self, most: usize) {
        let mut state = self.state();
        while state.free_bytes > most
            && let Some(buffer) = state.free.pop()
        {
            state.free_bytes -= buffer.capacity();
        }
    }

    /// Gives up all that nobody uses.
    pub fn clear(&self) {
        self.shrink_to(0);
        self.state().free = Vec::new();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let size = bytes.capacity();
        let mut state = self.home.state();
        if size >= SMALLEST && state.free_bytes + size <= state.most {
            bytes.clear();
            state.free.push(bytes);
            state.free_bytes += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_are_bounded() {
        const MIB: usize = 1 << 20;
        let buffers = Buffers::new(16 * MIB);
        drop(buffers.take(10));
        assert_eq!(buffers.free_bytes(), 0, "a small one is not worth it");
        let large: Vec<Buffer> = (0..5).map(|_| buffers.take(5 * MIB)).collect();
        drop(large);
        assert_eq!(buffers.free_bytes(), 15 * MIB);
        let (small, again) = (buffers.take(MIB), buffers.take(4 * MIB));
        assert_eq!((small.bytes.capacity(), again.bytes.capacity()), (MIB, 5 * MIB), "none is taken for much less");
        assert_eq!((again.bytes.len(), buffers.free_bytes()), (0, 10 * MIB));
        buffers.shrink_to(6 * MIB);
        assert_eq!(buffers.free_bytes(), 5 * MIB);
        buffers.clear();
        drop(again);
        assert_eq!(buffers.free_bytes(), 5 * MIB);
    }
}
