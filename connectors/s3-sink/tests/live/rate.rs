//! The user's limit on requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connector_api::{Host, Progress};
use s3_sink::test_server::Trouble;

use crate::world::*;

/// Counts requests, and lets each wait.
struct Counting(AtomicU64, Duration);

impl Host for Counting {
    fn progress(&self, _: Progress) {}
    fn activity(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn request(&self) -> Duration {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1
    }
}

#[test]
fn every_request_is_counted_and_waits() {
    let host = Arc::new(Counting(AtomicU64::new(0), Duration::from_millis(30)));
    let mut world = World::new(&[("flush.size", "10"), ("s3.part.size", "5242880"), ("max.requests.in.flight", "1")]);
    world.host = host.clone();
    let Some(server) = world.server.own() else { return };
    let begun = Instant::now();
    run(async {
        let mut task = world.task(1).await;
        // Repeated by the client itself, which counts too.
        server.make(Trouble::SlowDown, Some("put"), 2);
        put(&mut task, &(0..50).map(|offset| record(0, offset, 0)).collect::<Vec<_>>()).await;
        for offset in 50..80 {
            put(&mut task, &[record(0, offset, 800_000)]).await;
        }
        flush_to(&mut task, 1, 80).await;
    });
    let sent: u64 = server.take_counts().values().sum();
    assert_eq!(host.0.load(Ordering::Relaxed), sent);
    // Two of them were repeats, which wait as the client sees fit.
    assert!(sent > 15 && begun.elapsed() >= Duration::from_millis(30) * (sent - 2) as u32, "{sent}");
}
