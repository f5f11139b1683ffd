//! A disk that runs full under a running worker.

use std::process::Command;

use naru_tests::{Worker, until};
use serde_json::json;

/// A small disk, on which the worker keeps its data. Needs the right to mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(SmallDisk(folder))
    }

    fn enlarge(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=200m"]).arg(self.0.path()).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_holds_a_source_up_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: mounting is not allowed here");
        return;
    };
    let mut worker = Worker::start(&[&format!("broker.log.dirs={}", disk.0.path().join("log").display())]);
    let config = json!({
        "connector.class": "VerifiableSource", "topic": "flood", "record.bytes": "1000", "max.messages": "30000",
    });
    worker.rest().create("flood", config);
    let status = |worker: &Worker| worker.rest().get("/connectors/flood/tasks/0/status").body;
    until("the status says what is the matter", || {
        let status = status(&worker);
        status["retrying"].to_string().contains("KAFKA_STORAGE_ERROR") && status["state"] == "RUNNING"
    });
    let held_up = worker.topics().read("flood").len();
    assert!((1000..30_000).contains(&held_up), "{held_up} records can be read while the disk is full");
    disk.enlarge();
    until("everything is there", || worker.topics().read("flood").len() >= 30_000);
    let number = |value: String| serde_json::from_str::<serde_json::Value>(&value).unwrap()["seqno"].as_u64().unwrap();
    let seen: Vec<u64> = worker.topics().values("flood").into_iter().map(number).collect();
    assert_eq!(seen, (0..30_000).collect::<Vec<u64>>(), "none missing, none twice, in order");
    until("nothing is tried again", || status(&worker)["retrying"].is_null());
    assert!(worker.terminate().success());
}
