//! The worker, as the library's code sees it.

#![allow(unsafe_code, reason = "the boundary itself: calls of C functions")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::boundary::abi::{self, Slice};
use crate::boundary::news::News;
use crate::host::{Host, Memory, Progress};

/// Tells news to the worker.
pub struct HostLink {
    host: abi::Host,
    shares: AtomicU32,
}

// The contract says that a host may be told from any thread.
unsafe impl Send for HostLink {}
unsafe impl Sync for HostLink {}

impl HostLink {
    /// Of a host that was handed over.
    pub fn new(host: abi::Host) -> Arc<HostLink> {
        Arc::new(HostLink { host, shares: AtomicU32::new(0) })
    }

    /// Tells it, and returns the answer.
    pub fn tell(&self, news: &News) -> u64 {
        let message = news.message();
        unsafe { (self.host.tell)(self.host.context, news.number(), Slice::of(&message)) }
    }
}

impl Drop for HostLink {
    fn drop(&mut self) {
        unsafe { (self.host.release)(self.host.context) };
    }
}

/// A task's worker.
pub struct TaskHost(pub Arc<HostLink>);

impl Host for TaskHost {
    fn progress(&self, progress: Progress) {
        self.0.tell(&News::Progress(progress));
    }

    fn activity(&self, text: &str) {
        self.0.tell(&News::Activity(text.to_owned()));
    }

    fn warn(&self, text: &str) {
        self.0.tell(&News::Warning(text.to_owned()));
    }

    fn metric(&self, name: &str, value: f64) {
        self.0.tell(&News::Metric { name: name.to_owned(), value });
    }

    fn broken(&self, why: &str) {
        self.0.tell(&News::Broken(why.to_owned()));
    }

    fn memory(&self) -> Box<dyn Memory> {
        let share = self.0.shares.fetch_add(1, Ordering::Relaxed);
        Box::new(Share { host: self.0.clone(), share })
    }

    fn request(&self) -> Duration {
        Duration::from_micros(self.0.tell(&News::Request))
    }
}

struct Share {
    host: Arc<HostLink>,
    share: u32,
}

impl Memory for Share {
    fn resize(&mut self, bytes: usize) -> bool {
        self.host.tell(&News::Memory { share: self.share, bytes: bytes as u64 }) != 0
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.resize(0);
    }
}
