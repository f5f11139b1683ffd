//! Exactly-once sources on three brokers, of which each is killed in its turn.

use std::time::Duration;

use super::{alone, worker};
use crate::exactly_once::{ENABLED, changes_come_once, kills};

/// Every third kill takes a broker too.
const BROKER_EVERY: u64 = 3;

#[test]
#[ignore = "takes minutes: tests/slow exactly-once"]
fn changes_of_a_table_are_there_once_and_in_order_through_kills_of_the_worker_and_of_brokers() {
    let cluster = alone();
    let worker = worker(&cluster, "once", &[ENABLED]);
    changes_come_once(
        worker,
        |_| cluster.topics(),
        kills(9),
        |worker, number| {
            std::thread::sleep(Duration::from_millis(500));
            let broker = (number % BROKER_EVERY == BROKER_EVERY - 1).then(|| (number / BROKER_EVERY) as usize % 3 + 1);
            if let Some(broker) = broker {
                cluster.kill(broker);
                std::thread::sleep(Duration::from_millis(300));
            }
            worker.kill();
            worker.start_again();
            if let Some(broker) = broker {
                cluster.start_again(broker);
                cluster.wait_until_in_sync();
            }
        },
    );
}
