//! What the reader has read ahead and the task has not taken yet.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::connection::Fault;
use crate::lsn::Lsn;

/// How much may be read ahead of the task, in bytes. A single larger message is let in.
pub const READ_AHEAD: usize = 4 << 20;

/// Shared by the reader, which owns the socket, and the task, which turns messages into records. Both run on one
/// thread. Chunks hold whole messages, many of them under load, so nothing is handed over message by message.
#[derive(Debug, Default)]
pub struct Inbox {
    chunks: RefCell<VecDeque<Bytes>>,
    bytes: Cell<usize>,
    fault: RefCell<Option<Fault>>,
    arrived: Notify,
    acknowledged: Cell<Lsn>,
    closing: Cell<bool>,
    /// Wakes the reader: there is room, or something to tell the server.
    pub(super) changed: Notify,
}

impl Inbox {
    /// The oldest chunk.
    pub fn take(&self) -> Option<Bytes> {
        let chunk = self.chunks.borrow_mut().pop_front()?;
        let full = !self.has_room();
        self.bytes.set(self.bytes.get() - chunk.len());
        if full && self.has_room() {
            self.changed.notify_one();
        }
        Some(chunk)
    }

    /// Waits until there is a chunk or the stream has broken.
    pub async fn wait(&self) {
        while self.chunks.borrow().is_empty() && self.fault.borrow().is_none() {
            self.arrived.notified().await;
        }
    }

    /// Whether there is a chunk.
    pub fn has_chunk(&self) -> bool {
        !self.chunks.borrow().is_empty()
    }

    /// Why the stream broke; told once, and only after the last chunk has been taken.
    pub fn take_fault(&self) -> Option<Fault> {
        if self.chunks.borrow().is_empty() { self.fault.borrow_mut().take() } else { None }
    }

    /// Tells the server that it may forget everything before `lsn`. Positions never go back.
    pub fn acknowledge(&self, lsn: Lsn) {
        if lsn > self.acknowledged.get() {
            self.acknowledged.set(lsn);
            self.changed.notify_one();
        }
    }

    /// What the server may forget.
    pub fn acknowledged(&self) -> Lsn {
        self.acknowledged.get()
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes.get() < READ_AHEAD
    }

    pub(super) fn put(&self, chunk: Bytes) {
        self.bytes.set(self.bytes.get() + chunk.len());
        self.chunks.borrow_mut().push_back(chunk);
        self.arrived.notify_one();
    }

    pub(super) fn fail(&self, fault: Fault) {
        *self.fault.borrow_mut() = Some(fault);
        self.arrived.notify_one();
    }

    pub(super) fn close(&self) {
        self.closing.set(true);
        self.changed.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ahead_is_bounded_and_comes_out_in_order() {
        let inbox = Inbox::default();
        inbox.put(Bytes::from(vec![1; READ_AHEAD - 1]));
        assert!(inbox.has_room());
        inbox.put(Bytes::from_static(&[2, 2]));
        assert!(!inbox.has_room());
        inbox.fail(Fault::closed());
        assert_eq!(inbox.take().map(|chunk| chunk[0]), Some(1));
        assert!(inbox.has_room() && inbox.take_fault().is_none());
        assert_eq!(inbox.take().map(|chunk| chunk[0]), Some(2));
        assert!(inbox.take_fault().is_some() && inbox.take_fault().is_none());
    }

    #[test]
    fn an_acknowledgement_never_goes_back() {
        let inbox = Inbox::default();
        inbox.acknowledge(Lsn(5));
        inbox.acknowledge(Lsn(3));
        assert_eq!(inbox.acknowledged(), Lsn(5));
    }
}
