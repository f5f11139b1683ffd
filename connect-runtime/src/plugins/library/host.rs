//! The worker, as a library is shown it.

#![allow(unsafe_code, reason = "the plugin boundary: functions that a library calls")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use connector_api::boundary::abi::{Host as Shown, Slice};
use connector_api::boundary::news::News;
use connector_api::{Host, Memory};
use parking_lot::Mutex;

/// Longer news are passed over, in bytes.
const LONGEST_NEWS: usize = 64 << 10;
/// How many shares of memory an instance may hold.
const MOST_SHARES: usize = 1000;

/// What hears the news of an instance.
pub struct Listener {
    /// Whose news they are, for the log.
    pub name: String,
    host: Arc<dyn Host>,
    shares: Mutex<HashMap<u32, Box<dyn Memory>>>,
}

/// Hears the news of an instance as they are; the answer is that of the news.
pub trait Hears: Send + Sync {
    /// Hears news: their number and message.
    fn hear_message(&self, number: u32, message: Bytes) -> u64;
}

impl Hears for Listener {
    fn hear_message(&self, number: u32, message: Bytes) -> u64 {
        if message.len() > LONGEST_NEWS {
            return self.hear(News::Warning(format!(
                "its news {number} were passed over: they are longer than {LONGEST_NEWS} bytes"
            )));
        }
        News::read(number, message).map_or(0, |news| self.hear(news))
    }
}

/// Who hears, for a library, which lets it go itself.
pub fn shown(hears: Arc<dyn Hears>) -> Shown {
    Shown { context: Box::into_raw(Box::new(hears)).cast(), tell, release }
}

impl Listener {
    /// Passes news on to that host.
    pub fn new(name: impl Into<String>, host: Arc<dyn Host>) -> Listener {
        Listener { name: name.into(), host, shares: Mutex::default() }
    }

    /// Hears news; the answer is that of the news.
    pub fn hear(&self, news: News) -> u64 {
        match news {
            News::Log { level, target, message } => log(&self.name, level, &target, &message),
            News::Activity(text) => self.host.activity(&text),
            News::Warning(text) => self.host.warn(&text),
            News::Progress(progress) => self.host.progress(progress),
            News::Metric { name, value } => self.host.metric(&name, value),
            News::Broken(why) => self.host.broken(&why),
            News::Request => return u64::try_from(self.host.request().as_micros()).unwrap_or(u64::MAX),
            News::Memory { share, bytes } => return u64::from(self.resize(share, bytes)),
        }
        0
    }

    fn resize(&self, share: u32, bytes: u64) -> bool {
        let mut shares = self.shares.lock();
        if bytes == 0 {
            shares.remove(&share);
            return true;
        }
        if shares.len() >= MOST_SHARES && !shares.contains_key(&share) {
            return false;
        }
        let memory = shares.entry(share).or_insert_with(|| self.host.memory());
        memory.resize(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

/// Under a target of its own, so that `plugin=debug` among the log rules shows what plugins say.
fn log(name: &str, level: u8, target: &str, message: &str) {
    match level {
        0 | 1 => tracing::error!(target: "plugin", plugin = name, from = target, "{message}"),
        2 => tracing::warn!(target: "plugin", plugin = name, from = target, "{message}"),
        3 => tracing::info!(target: "plugin", plugin = name, from = target, "{message}"),
        4 => tracing::debug!(target: "plugin", plugin = name, from = target, "{message}"),
        _ => tracing::trace!(target: "plugin", plugin = name, from = target, "{message}"),
    }
}

/// The numbers that libraries are told for the levels of logs.
pub fn log_level() -> u32 {
    use tracing::level_filters::LevelFilter;
    match LevelFilter::current() {
        LevelFilter::OFF | LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        _ => 5,
    }
}

unsafe extern "C" fn tell(context: *mut c_void, number: u32, message: Slice) -> u64 {
    let heard = catch_unwind(AssertUnwindSafe(|| {
        // The context is what `shown` has made, which lives until `release`.
        let hears = unsafe { &*context.cast_const().cast::<Arc<dyn Hears>>() };
        let message = unsafe { message.as_bytes() };
        hears.hear_message(number, Bytes::copy_from_slice(&message[..message.len().min(LONGEST_NEWS + 1)]))
    }));
    heard.unwrap_or(0)
}

unsafe extern "C" fn release(context: *mut c_void) {
    drop(unsafe { Box::from_raw(context.cast::<Arc<dyn Hears>>()) });
}
