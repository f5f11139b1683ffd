//! Time, CPU seconds and memory, as the kernel counts them.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::table::Side;

/// What a piece of work took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Wall time.
    pub time: Duration,
    /// CPU seconds.
    pub cpu: f64,
    /// The most memory, in megabytes.
    pub peak: f64,
}

impl Spent {
    /// A side of a row, where the work was on so many records.
    pub fn side(&self, figure: String, records: u64) -> Side {
        Side { figure, cpu: Some(self.cpu * 1e6 / records as f64), memory: Some(self.peak) }
    }

    /// Records per second.
    pub fn rate(&self, records: u64) -> f64 {
        records as f64 / self.time.as_secs_f64()
    }

    /// Megabytes per second.
    pub fn mb_per_s(&self, bytes: u64) -> f64 {
        bytes as f64 / 1e6 / self.time.as_secs_f64()
    }

    /// This and what another process used meanwhile.
    pub fn and(&self, other: &Spent) -> Spent {
        Spent { time: self.time.max(other.time), cpu: self.cpu + other.cpu, peak: self.peak + other.peak }
    }
}

/// CPU seconds of a process and all its threads so far.
pub fn cpu(pid: u32) -> f64 {
    ticks(pid, 11) + ticks(pid, 12)
}

fn ticks(pid: u32, index: usize) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces; fields are counted behind it.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().nth(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0) / 100.0
}

/// The most memory of a process since [`forget_peak`], in megabytes. `None` once it has ended.
fn peak(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

fn forget_peak(pid: u32) {
    // 5: see proc(5), clear_refs. Where it is refused the figure is an upper bound.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// What a process uses while something happens.
pub fn used_by<T>(pid: u32, work: impl FnOnce() -> T) -> (Spent, T) {
    forget_peak(pid);
    let (since, before) = (Instant::now(), cpu(pid));
    let value = work();
    let spent = Spent { time: since.elapsed(), cpu: cpu(pid) - before, peak: peak(pid).unwrap_or(0.0) };
    (spent, value)
}

/// What this process uses for something.
pub fn spent<T>(work: impl FnOnce() -> T) -> (Spent, T) {
    used_by(std::process::id(), work)
}

/// Runs a command to its end, and says what it used.
pub fn run(command: &mut Command) -> Spent {
    let own = std::process::id();
    let ended_children = || ticks(own, 13) + ticks(own, 14);
    let (since, before, mut most) = (Instant::now(), ended_children(), 0.0f64);
    let mut child = command.spawn().unwrap_or_else(|why| panic!("cannot start {command:?}: {why}"));
    let status = loop {
        most = most.max(peak(child.id()).unwrap_or(0.0));
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    assert!(status.success(), "{command:?} failed: {status}");
    Spent { time: since.elapsed(), cpu: ended_children() - before, peak: most }
}
