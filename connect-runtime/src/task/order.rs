//! What a task is told to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker_client::Session;
use connector_api::{Error, Result};
use tokio::sync::watch;

/// What a task is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Move records.
    Run,
    /// Stay connected, but move nothing.
    Pause,
    /// Finish what is under way and end.
    Stop,
}

/// The task's end of its orders.
///
/// A task that is given up because it did not stop in time has its lease taken away: whatever its connector may still
/// return is ignored from then on. The same holds once the worker's session with the log is over: after a time in which the
/// whole process was frozen, another worker runs the task.
#[derive(Clone)]
pub struct Orders {
    order: watch::Receiver<Order>,
    lease: Arc<AtomicBool>,
    session: Session,
}

/// The worker's end.
pub struct OrderSender {
    order: watch::Sender<Order>,
    lease: Arc<AtomicBool>,
}

/// Both ends, with a first order, of a task that is the worker's as long as that session is not over.
pub fn orders(first: Order, session: Session) -> (OrderSender, Orders) {
    let (sender, receiver) = watch::channel(first);
    let lease = Arc::new(AtomicBool::new(true));
    (OrderSender { order: sender, lease: lease.clone() }, Orders { order: receiver, lease, session })
}

impl OrderSender {
    /// Gives an order. A stop is final.
    pub fn give(&self, order: Order) {
        self.order.send_if_modified(|current| {
            let changes = *current != order && *current != Order::Stop;
            if changes {
                *current = order;
            }
            changes
        });
    }

    /// Gives the task up: nothing that it does counts any more.
    pub fn give_up(&self) {
        self.lease.store(false, Ordering::Release);
        self.give(Order::Stop);
    }
}

impl Orders {
    /// What to do now. A worker that is gone wants an end.
    pub fn now(&self) -> Order {
        if self.order.has_changed().is_err() { Order::Stop } else { *self.order.borrow() }
    }

    /// Returns once the order is another one than `known`.
    pub async fn changed_from(&mut self, known: Order) {
        while self.now() == known {
            if self.order.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns once the order is to stop.
    pub async fn stop(&mut self) {
        let _ = self.order.wait_for(|order| *order == Order::Stop).await;
    }

    /// An error if the task has been given up meanwhile. To be asked after every call of a connector.
    pub fn still_ours(&self) -> Result<()> {
        if !self.lease.load(Ordering::Acquire) {
            return Err(Error::fail("the worker has given this task up"));
        }
        if self.session.is_over() {
            return Err(Error::fail("the worker was not heard of for too long, and others may run this task by now"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_final_and_a_given_up_task_is_nobody_s() {
        let session = Session::open();
        let (sender, mut orders) = orders(Order::Run, session.clone());
        sender.give(Order::Pause);
        orders.changed_from(Order::Run).await;
        assert_eq!(orders.now(), Order::Pause);
        sender.give(Order::Stop);
        sender.give(Order::Run);
        orders.stop().await;
        assert!(orders.still_ours().is_ok());
        session.extend(Some(tokio::time::Instant::now()));
        assert!(orders.still_ours().is_err());
        session.extend(None);
        assert!(orders.still_ours().is_ok());
        sender.give_up();
        assert!(orders.still_ours().is_err());
        drop(sender);
        assert_eq!(orders.now(), Order::Stop);
    }
}
