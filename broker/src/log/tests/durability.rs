//! What is acknowledged stays, what is not acknowledged is not shown.

use proptest::prelude::*;

use super::super::append::AppendError;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Appends, some waited for, then the power goes: what was acknowledged is there with its offsets, and what follows it
    /// is a beginning of what was sent. Then the log goes on, and the power goes again.
    #[test]
    fn a_power_cut_takes_nothing_that_was_acknowledged(
        rounds in proptest::collection::vec(proptest::collection::vec((1usize..900, any::<bool>()), 1..25), 1..4),
    ) {
        let mut rig = Rig::new();
        let mut sent: Vec<(i64, String)> = Vec::new();
        for (round, appends) in rounds.into_iter().enumerate() {
            let mut safe = sent.len();
            for (i, (len, waits)) in appends.into_iter().enumerate() {
                let text = format!("{round}-{i}-{}", "x".repeat(len));
                let (offset, ticket) = rig.append(&batch(&[&text])).unwrap();
                sent.push((offset, text));
                if waits {
                    wait(&ticket).unwrap();
                    safe = sent.len();
                    prop_assert!(rig.log.high_watermark() > offset);
                }
            }
            let seen = rig.log.high_watermark();
            let disk = rig.disk.after_power_cut();
            rig = Rig::open(disk, false).unwrap();
            let kept = rig.values(0, 700);
            prop_assert!(kept.len() >= safe && kept.len() as i64 >= seen);
            prop_assert_eq!(&kept[..], &sent[..kept.len()]);
            sent.truncate(kept.len());
        }
    }
}

#[test]
fn a_kill_takes_nothing_that_was_written() {
    let rig = Rig::new();
    for i in 0..50 {
        rig.append(&batch(&[&format!("{i}"), &"y".repeat(300)])).unwrap();
    }
    let rig = Rig::open(rig.disk.after_kill(), false).unwrap();
    assert_eq!(rig.values(0, 1000).len(), 100);
    assert_eq!(rig.append_safe(&batch(&["next"])), 100);
}

#[test]
fn readers_see_nothing_before_it_is_safe() {
    let rig = Rig::new();
    rig.append_safe(&batch(&["a"]));
    rig.disk.faults(|faults| faults.syncs_fail = true);
    let (offset, ticket) = rig.append(&batch(&["b"])).unwrap();
    assert_eq!(offset, 1);
    assert!(wait(&ticket).is_err());
    assert_eq!(rig.values(0, 1000), [(0, "a".to_owned())]);
    assert_eq!(rig.log.high_watermark(), 1);
}

#[test]
fn after_a_failed_sync_nothing_is_written_until_a_restart() {
    let rig = Rig::new();
    rig.append_safe(&batch(&["a"]));
    rig.disk.faults(|faults| faults.syncs_fail = true);
    let (_, ticket) = rig.append(&batch(&["lost"])).unwrap();
    assert!(wait(&ticket).is_err());
    rig.disk.faults(|faults| faults.syncs_fail = false);
    assert!(matches!(rig.append(&batch(&["c"])), Err(AppendError::Failed(_))));
    assert!(rig.folder.failure().unwrap().contains("sync"));
    let rig = Rig::open(rig.disk.after_power_cut(), false).unwrap();
    assert_eq!(rig.values(0, 1000), [(0, "a".to_owned())]);
    assert_eq!(rig.append_safe(&batch(&["b"])), 1);
}

#[test]
fn a_full_disk_refuses_appends_and_nothing_else() {
    let rig = Rig::new();
    rig.append_safe(&batch(&["a"]));
    for room in (1000..9000).step_by(37) {
        rig.disk.faults(|faults| faults.room = Some(room));
        let mut refused = false;
        for _ in 0..40 {
            match rig.append(&batch(&[&"z".repeat(150)])) {
                Ok((_, ticket)) => wait(&ticket).unwrap(),
                Err(AppendError::Full { .. }) => refused = true,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused);
        let end = rig.log.high_watermark();
        assert_eq!(rig.values(0, 1000).len() as i64, end);
        assert_eq!(rig.folder.failure(), None);
        // Nothing of a refused batch stays in the files.
        let logs = rig.disk.paths().into_iter().filter(|path| path.extension().is_some_and(|end| end == "log"));
        let bytes: u64 = logs.map(|path| rig.disk.open(&path).unwrap().len().unwrap()).sum();
        assert_eq!(bytes, rig.log.size());
    }
    rig.disk.faults(|faults| faults.room = None);
    let end = rig.log.high_watermark();
    assert_eq!(rig.append_safe(&batch(&["after"])), end);
    let before = rig.values(0, 1000);
    for disk in [rig.disk.after_kill(), rig.disk.after_power_cut()] {
        assert_eq!(Rig::open(disk, false).unwrap().values(0, 1000), before);
    }
}

#[test]
fn short_writes_are_completed() {
    let rig = Rig::new();
    rig.disk.faults(|faults| faults.write_at_most = Some(7));
    rig.append_safe(&batch(&["in", "small", "pieces"]));
    assert_eq!(rig.values(0, 1000).len(), 3);
}

#[test]
fn appends_that_wait_together_share_a_sync() {
    let rig = Rig::new();
    rig.append_safe(&batch(&["first"]));
    let before = rig.disk.faults(|faults| faults.syncs);
    let tickets: Vec<Ticket> = (0..500).map(|_| rig.append(&batch(&["x"])).unwrap().1).collect();
    tickets.iter().for_each(|ticket| wait(ticket).unwrap());
    let syncs = rig.disk.faults(|faults| faults.syncs) - before;
    assert!(syncs < 500, "{syncs} syncs for 500 appends");
}

#[test]
fn a_batch_sent_again_is_recognised_across_restarts() {
    let mut rig = Rig::new();
    for sequence in 0..60 {
        // Small segments: the state goes through snapshots as well.
        rig.append_safe(&stamped(sequence, &"p".repeat(200)));
    }
    for clean in [true, false] {
        let disk = if clean { rig.stop_clean() } else { rig.disk.after_kill() };
        rig = Rig::open(disk, clean).unwrap();
        for sequence in 55..60 {
            assert_eq!(rig.append_safe(&stamped(sequence, &"p".repeat(200))), i64::from(sequence), "clean: {clean}");
        }
        assert!(matches!(rig.append(&stamped(61, "gap")), Err(AppendError::Sequence(_))));
        assert_eq!(rig.log.high_watermark(), 60);
    }
    assert_eq!(rig.append_safe(&stamped(60, "next")), 60);
}

#[test]
fn a_batch_over_the_limit_is_refused() {
    let rig = Rig::new();
    let large = "l".repeat(CONFIG.max_message_bytes);
    assert!(matches!(rig.append(&batch(&[&large])), Err(AppendError::TooLarge { .. })));
}

#[test]
fn a_deleted_partition_takes_no_appends_and_its_folder_is_renamed() {
    let rig = Rig::new();
    rig.append_safe(&batch(&["a"]));
    let folder = rig.log.delete().unwrap().unwrap();
    assert!(folder.to_str().unwrap().ends_with("-delete"));
    assert!(matches!(rig.append(&batch(&["b"])), Err(AppendError::Deleted)));
    assert!(rig.log.is_deleted());
}
