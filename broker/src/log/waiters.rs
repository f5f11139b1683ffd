//! Who waits for a partition to grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The readers that wait at one partition.
#[derive(Debug, Default)]
pub struct Waiters {
    waiting: Mutex<Vec<(u64, Arc<Notify>)>>,
}

impl Waiters {
    /// Wakes everybody; each stays registered until its [`Wait`] is dropped.
    pub fn wake(&self) {
        self.waiting.lock().iter().for_each(|(_, notify)| notify.notify_one());
    }
}

/// One reader that waits at several partitions until one of them grows. Dropping it ends the registrations.
#[derive(Debug)]
pub struct Wait<P: AsRef<Waiters>> {
    id: u64,
    notify: Arc<Notify>,
    at: Vec<P>,
}

impl<P: AsRef<Waiters>> Wait<P> {
    /// Registers at `partitions`. What happens from now on is not missed.
    pub fn at(partitions: Vec<P>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let notify = Arc::new(Notify::new());
        for partition in &partitions {
            partition.as_ref().waiting.lock().push((id, notify.clone()));
        }
        Self { id, notify, at: partitions }
    }

    /// Returns once a partition has grown since the last call, or since the registration.
    pub async fn grown(&self) {
        self.notify.notified().await;
    }
}

impl<P: AsRef<Waiters>> Drop for Wait<P> {
    fn drop(&mut self) {
        for partition in &self.at {
            let mut waiting = partition.as_ref().waiting.lock();
            if let Some(at) = waiting.iter().position(|(id, _)| *id == self.id) {
                waiting.swap_remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_between_registration_and_wait_is_not_missed() {
        let waiters = Arc::new(Shared(Waiters::default()));
        let wait = Wait::at(vec![waiters.clone()]);
        waiters.0.wake();
        wait.grown().await;
        drop(wait);
        assert!(waiters.0.waiting.lock().is_empty());
    }

    struct Shared(Waiters);

    impl AsRef<Waiters> for Arc<Shared> {
        fn as_ref(&self) -> &Waiters {
            &self.0
        }
    }
}
