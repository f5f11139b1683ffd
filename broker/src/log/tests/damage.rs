//! Torn ends are cut, damage in acknowledged data is named, caches are made anew.

use super::super::partition::State;
use super::super::segment::SegmentPaths;
use super::*;

/// A log of small segments, stopped; everything in it was acknowledged.
fn sample() -> (MemoryDisk, Vec<(i64, String)>) {
    let rig = Rig::new();
    for i in 0..40 {
        rig.append_safe(&batch(&[&format!("{i}-a"), &format!("{i}-{}", "b".repeat(250))]));
    }
    let values = rig.values(0, 1000);
    (rig.stop(), values)
}

fn last_log(disk: &MemoryDisk) -> PathBuf {
    disk.paths().into_iter().rfind(|path| path.extension().is_some_and(|end| end == "log")).unwrap()
}

fn recover_at(disk: &MemoryDisk, recovery_point: i64) -> Result<State, RecoveryError> {
    recover(disk, &dir(), Situation { recovery_point, clean: false, now_ms: 0 })
}

fn reopen(disk: MemoryDisk) -> Rig {
    Rig::open(disk, false).unwrap()
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_batch() {
    let (disk, values) = sample();
    let path = last_log(&disk);
    let content = super::super::disk::read_file(&disk, &path).unwrap();
    let sizes: Vec<usize> = batches(content.clone().into()).map(|batch| batch.unwrap().bytes.len()).collect();
    assert!(sizes.len() > 2);
    let last_two: usize = sizes.iter().rev().take(2).sum();
    let end = values.len() as i64;
    for cut in 1..=last_two {
        let expected = if cut <= sizes[sizes.len() - 1] { end - 2 } else { end - 4 };
        let torn = disk.after_kill();
        torn.tamper(&path, |bytes| bytes.truncate(content.len() - cut));
        assert_eq!(recover_at(&torn, end - 4).unwrap().end_offset, expected, "cut {cut}");
        // Recovery has cut the rest away: the log is sound now, and goes on.
        assert_eq!(recover_at(&torn, expected).unwrap().end_offset, expected);
        let acknowledged = disk.after_kill();
        acknowledged.tamper(&path, |bytes| bytes.truncate(content.len() - cut));
        let refused = recover_at(&acknowledged, end).unwrap_err();
        assert!(matches!(refused, RecoveryError::Damaged { .. } | RecoveryError::Missing { .. }), "{refused}");
    }
}

#[test]
fn garbage_after_the_end_is_cut() {
    let (disk, values) = sample();
    for garbage in [&[0u8; 500][..], &[0xff; 500], b"some text that is no batch at all, but is longer than a header is"]
    {
        let torn = disk.after_kill();
        torn.tamper(&last_log(&disk), |bytes| bytes.extend_from_slice(garbage));
        assert_eq!(reopen(torn).values(0, 1000), values);
    }
}

#[test]
fn a_flipped_byte_in_acknowledged_data_is_named_or_changes_nothing() {
    let (disk, values) = sample();
    let path = last_log(&disk);
    let content = super::super::disk::read_file(&disk, &path).unwrap();
    let mut named = 0;
    for at in 0..content.len() {
        let damaged = disk.after_kill();
        damaged.tamper(&path, |bytes| bytes[at] ^= 0x10);
        match Rig::open(damaged.clone(), false) {
            Ok(rig) => assert_eq!(rig.values(0, 1000), values, "byte {at}"),
            Err(error) => {
                named += 1;
                assert!(error.to_string().contains("t-0/"), "{error}");
                // Nothing was thrown away.
                assert_eq!(super::super::disk::read_file(&damaged, &path).unwrap().len(), content.len());
            }
        }
    }
    assert!(named > content.len() * 9 / 10, "{named} of {}", content.len());
}

#[test]
fn a_flipped_byte_in_a_closed_segment_is_never_served() {
    let (disk, values) = sample();
    let path = SegmentPaths::new(&dir(), 0).log();
    let content = super::super::disk::read_file(&disk, &path).unwrap();
    let closed = batches(content.clone().into()).map(|batch| batch.unwrap().header.last_offset()).last().unwrap();
    let mut named = 0;
    for at in (0..content.len()).step_by(3) {
        let damaged = disk.after_kill();
        damaged.tamper(&path, |bytes| bytes[at] ^= 0x10);
        let Ok(rig) = Rig::open(damaged, false) else { continue };
        let mut next = 0;
        let error = loop {
            match rig.log.read(next, Limits { max_bytes: 1, at_least_one: true }) {
                Ok(bytes) if bytes.is_empty() => break None,
                Ok(bytes) => {
                    for (offset, value) in read_values(bytes) {
                        assert_eq!((offset, &value), (next, &values[next as usize].1), "byte {at}");
                        next += 1;
                    }
                }
                Err(error) => break Some(error),
            }
        };
        named += usize::from(error.is_some());
        assert!(error.is_none() || next <= closed, "byte {at}: {error:?} at {next}");
        assert!(error.is_some() || next == values.len() as i64, "byte {at}: ends at {next}");
        // What comes behind the damage can be read.
        assert_eq!(rig.values(closed + 1, 1000), values[closed as usize + 1..]);
    }
    assert!(named > content.len() / 4, "{named} of {}", content.len() / 3);
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, values) = sample();
    let logs: Vec<PathBuf> =
        disk.paths().into_iter().filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    assert!(logs.len() > 3);
    for lost in &logs[1..] {
        let damaged = disk.after_kill();
        damaged.remove_file(lost).unwrap();
        let refused = Rig::open(damaged, false).err();
        let closed = lost != &last_log(&disk);
        // A closed segment that lies before what a start reads is missed by its readers instead.
        assert!(refused.is_some() || closed, "{}", lost.display());
    }
    let gone = disk.after_kill();
    gone.remove_dir(&dir()).unwrap();
    let refused = Rig::open(gone, false).err().unwrap().to_string();
    assert!(refused.contains(&format!("below offset {} was acknowledged", values.len())), "{refused}");
}

#[test]
fn indexes_that_are_missing_or_wrong_are_made_anew() {
    let (disk, values) = sample();
    let clean = reopen(disk).stop_clean();
    let indexes: Vec<PathBuf> = clean
        .paths()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "index" || end == "timeindex"))
        .collect();
    assert!(indexes.len() > 4);
    type Harm = fn(&mut Vec<u8>);
    let harms: [Harm; 4] = [
        Vec::clear,
        |bytes| bytes.truncate(bytes.len() / 2 + 1),
        |bytes| bytes.iter_mut().for_each(|byte| *byte = 0xee),
        |bytes| bytes.extend_from_slice(&[0; 24]),
    ];
    for harm in harms {
        for was_clean in [true, false] {
            let harmed = clean.after_kill();
            indexes.iter().for_each(|path| harmed.tamper(path, harm));
            let rig = Rig::open(harmed, was_clean).unwrap();
            assert_eq!(rig.values(0, 1000), values);
            for (offset, value) in &values {
                assert_eq!(rig.values(*offset, 1)[0], (*offset, value.clone()));
            }
        }
    }
    let harmed = clean.after_kill();
    indexes.iter().for_each(|path| harmed.remove_file(path).unwrap());
    assert_eq!(reopen(harmed).values(0, 1000), values);
}

#[test]
fn foreign_files_are_left_alone() {
    let (disk, values) = sample();
    for name in [".DS_Store", "x.tmp", "notes.log", "00000000000000000abc.log", "123.index"] {
        disk.create(&dir().join(name)).unwrap();
    }
    disk.create_dir(&dir().join("folder")).unwrap();
    let rig = reopen(disk);
    assert_eq!(rig.values(0, 1000), values);
    assert!(rig.disk.open(&dir().join("notes.log")).is_ok());
}

#[test]
fn a_damaged_snapshot_of_producers_costs_time_and_nothing_else() {
    let rig = Rig::new();
    for sequence in 0..60 {
        rig.append_safe(&stamped(sequence, &"p".repeat(200)));
    }
    let disk = rig.stop_clean();
    let snapshots: Vec<PathBuf> =
        disk.paths().into_iter().filter(|path| path.extension().is_some_and(|end| end == "snapshot")).collect();
    assert!(snapshots.len() > 1);
    for count in 1..=snapshots.len() {
        let harmed = disk.after_kill();
        snapshots.iter().rev().take(count).for_each(|path| harmed.tamper(path, |bytes| bytes[7] ^= 1));
        let rig = Rig::open(harmed, true).unwrap();
        assert_eq!(rig.append_safe(&stamped(59, &"p".repeat(200))), 59);
        assert!(rig.append(&stamped(61, "gap")).is_err());
    }
}

#[test]
fn a_start_after_a_clean_stop_finds_everything_as_it_was() {
    let (disk, values) = sample();
    let mut rig = reopen(disk);
    for round in 0..3 {
        let disk = rig.stop_clean();
        rig = Rig::open(disk.after_power_cut(), true).unwrap();
        assert_eq!(rig.values(0, 1000).len(), values.len() + round);
        rig.append_safe(&batch(&["more"]));
    }
}

#[test]
fn the_first_segment_is_named_after_its_first_offset() {
    let paths = SegmentPaths::new(&dir(), 42);
    assert_eq!(paths.log(), dir().join("00000000000000000042.log"));
    assert_eq!(paths.index(), dir().join("00000000000000000042.index"));
    assert_eq!(paths.time_index(), dir().join("00000000000000000042.timeindex"));
}
