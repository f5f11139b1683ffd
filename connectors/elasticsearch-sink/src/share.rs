//! The task's share of the worker's memory for documents.

use connector_api::{Memory, TaskContext};

/// How much of the worker's memory the task holds for documents that the server does not have yet.
pub struct Share {
    memory: Box<dyn Memory>,
    own: usize,
    is_over: bool,
}

impl Share {
    /// Nothing yet. So many bytes are the task's own, whatever others keep: enough to get on with.
    pub fn new(context: &TaskContext, own: usize) -> Share {
        Share { memory: context.host.memory(), own, is_over: false }
    }

    /// The task holds that much now.
    pub fn account(&mut self, bytes: usize) {
        self.is_over = !self.memory.resize(bytes.saturating_sub(self.own));
    }

    /// Whether more may be taken.
    pub fn has_room(&self) -> bool {
        !self.is_over
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connector_api::{Host, Progress};

    use super::*;

    /// A worker with a hundred bytes.
    struct Small;

    struct Hundred;

    impl Memory for Hundred {
        fn resize(&mut self, bytes: usize) -> bool {
            bytes <= 100
        }
    }

    impl Host for Small {
        fn progress(&self, _: Progress) {}
        fn warn(&self, _: &str) {}
        fn activity(&self, _: &str) {}
        fn memory(&self) -> Box<dyn Memory> {
            Box::new(Hundred)
        }
    }

    #[test]
    fn there_is_room_within_what_is_its_own_and_what_the_worker_has_left() {
        let context = TaskContext { host: Arc::new(Small), ..TaskContext::alone("test") };
        let mut share = Share::new(&context, 50);
        let room = [50, 150, 151, 40].map(|bytes| {
            share.account(bytes);
            share.has_room()
        });
        assert_eq!(room, [true, true, false, true]);
    }
}
