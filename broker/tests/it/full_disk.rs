//! A disk that runs full, a real one where this process may mount one; the log's own tests do the same on a disk in
//! memory.

use std::path::Path;
use std::process::Command;

use broker_wire::ErrorCode;

use crate::running::{ask, batch, create, fetch, open, produce, send, values};

/// A small file system in memory, unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl SmallDisk<'_> {
    fn mount(at: &Path) -> Option<SmallDisk<'_>> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(SmallDisk(at))
    }

    fn enlarge(&self) {
        let status = Command::new("mount").args(["-o", "remount,size=12m"]).arg(self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path()) else {
        println!("no mount for this user: the disk in memory stands for it");
        return;
    };
    let broker = open(dir.path());
    let session = broker.session("here");
    create(&session, "t").await;
    let text = "x".repeat(10_000);
    let mut stored = 0;
    let refused = loop {
        let answer = send(&session, "t", batch(&[&text])).await;
        if !answer.error_code.is_none() {
            break answer;
        }
        stored += 1;
        assert!(stored < 1000, "the disk does not run full");
    };
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(refused.error_message.unwrap().contains("no room on the disk for t-0"));
    assert!(refused.error_code.is_retriable());
    let counted = async || {
        let (mut next, mut count) = (0, 0);
        loop {
            let read = values(&ask(&session, &fetch("t", next, 0), 11).await);
            let Some((last, _)) = read.last() else { return count };
            assert!(read.iter().all(|(_, value)| *value == text));
            count += read.len();
            next = last + 1;
        }
    };
    assert_eq!(counted().await, stored);
    // Other writes are refused too, not lost silently; and nothing is broken by trying.
    let missing = create(&session, "another").await;
    assert!(!missing.topics[0].error_code.is_none());
    for _ in 0..20 {
        let answer = ask(&session, &produce("t", -1, batch(&[&text])), 9).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    }
    disk.enlarge();
    for _ in 0..20 {
        assert_eq!(send(&session, "t", batch(&[&text])).await.base_offset, stored as i64);
        stored += 1;
    }
    create(&session, "another").await;
    assert_eq!(send(&session, "another", batch(&["a"])).await.base_offset, 0);
    assert_eq!(counted().await, stored);
    broker.shutdown().await;

    let broker = open(dir.path());
    let session = broker.session("here");
    let all = ask(&session, &fetch("t", stored as i64 - 1, 0), 11).await;
    assert_eq!(values(&all).len(), 1);
    assert_eq!(all.responses[0].partitions[0].high_watermark, stored as i64);
    broker.shutdown().await;
}
