//! CPU seconds and memory, as the kernel counts them.

use std::time::{Duration, Instant};

/// CPU seconds of a process, of all its threads, and of its children that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Its own.
    pub own: f64,
    /// Those of its ended children.
    pub children: f64,
}

/// CPU seconds of a process so far.
pub fn cpu(pid: u32) -> Cpu {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces; fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0) / 100.0;
    Cpu { own: ticks(11) + ticks(12), children: ticks(13) + ticks(14) }
}

/// CPU seconds of this process so far.
pub fn own_cpu() -> Cpu {
    cpu(std::process::id())
}

/// How long something took, and the CPU seconds that this process and its ended children used meanwhile.
pub struct Spent {
    /// Wall time.
    pub time: Duration,
    /// CPU.
    pub cpu: Cpu,
}

/// Measures.
pub fn spent<T>(work: impl FnOnce() -> T) -> (Spent, T) {
    let (since, before) = (Instant::now(), own_cpu());
    let value = work();
    let (time, after) = (since.elapsed(), own_cpu());
    let cpu = Cpu { own: after.own - before.own, children: after.children - before.children };
    (Spent { time, cpu }, value)
}

/// Megabytes per second.
pub fn mb_per_s(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}
