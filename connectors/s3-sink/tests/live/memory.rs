//! Memory: what tasks keep, alone and together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use connector_api::data::Payload;
use connector_api::{Host, Memory, Progress, SinkRecord};

use crate::world::*;

const MIB: usize = 1024 * 1024;

/// A worker that has so much memory for all tasks.
struct Worker {
    left: Arc<AtomicUsize>,
    said: Mutex<String>,
}

struct Share(Arc<AtomicUsize>, usize);

impl Memory for Share {
    fn resize(&mut self, bytes: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed) + self.1;
        if bytes > left {
            return false;
        }
        self.0.store(left - bytes, Ordering::Relaxed);
        self.1 = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.resize(0);
    }
}

impl Host for Worker {
    fn progress(&self, _: Progress) {}
    fn warn(&self, _: &str) {}
    fn activity(&self, text: &str) {
        *self.said.lock().unwrap() = text.to_owned();
    }
    fn memory(&self) -> Box<dyn Memory> {
        Box::new(Share(self.left.clone(), 0))
    }
}

impl Worker {
    /// What the status says is kept.
    fn kept(&self) -> usize {
        let said = self.said.lock().unwrap();
        let before = said.split(" bytes kept").next().unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap_or(0)
    }
}

/// One of a thousand folders.
fn spread(partition: i32, offset: i64) -> SinkRecord {
    let json = format!("{{\"p\":{partition},\"o\":{offset},\"kind\":{},\"fill\":\"{:0>2000}\"}}", offset % 1000, 0);
    SinkRecord { value: Payload::Json(json.into()), ..record(partition, offset, 0) }
}

/// Two tasks with a thousand open files each, in a worker with 24 MiB for both: each may have 5 MiB beyond it, and what
/// one `put` brings.
#[test]
fn a_thousand_open_files_stay_within_the_workers_memory() {
    const BATCH: i64 = 1000;
    let left = Arc::new(AtomicUsize::new(24 * MIB));
    let host = Arc::new(Worker { left: left.clone(), said: Mutex::default() });
    let mut world = World::new(&[("partitioner.class", "FieldPartitioner"), ("partition.field.name", "kind")]);
    world.host = host.clone();
    run(async {
        let names = names(2);
        let (mut one, mut other) = (world.task_of(&names[..1]).await, world.task_of(&names[1..]).await);
        let mut most = 0;
        for from in (0..25_000).step_by(BATCH as usize) {
            put(&mut one, &(from..from + BATCH).map(|offset| spread(0, offset)).collect::<Vec<_>>()).await;
            put(&mut other, &(from..from + BATCH).map(|offset| spread(1, offset)).collect::<Vec<_>>()).await;
            let mut kept = 0;
            for task in [&mut one, &mut other] {
                flush(task).await;
                kept += host.kept();
            }
            most = most.max(kept);
        }
        assert!(most > 12 * MIB, "files are not kept: {most}");
        assert!(most < (24 + 2 * 5 + 2 * 3) * MIB, "{most} bytes are kept");
        drop((one, other));
        assert_eq!(left.load(Ordering::Relaxed), 24 * MIB, "a share was not given back");
    });
    let stored = world.stored();
    assert!(stored.len() > 20_000 && stored.values().all(|count| *count == 1), "{}", stored.len());
}
