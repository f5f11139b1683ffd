//! `tracing` and panics into the worker's log.
//!
//! A library has its own copy of `tracing` and of the standard library, so what is set here concerns its code alone.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::host::HostLink;
use crate::boundary::news::News;

thread_local! {
    /// The task whose call is being polled on this thread.
    static CURRENT: RefCell<Option<Arc<HostLink>>> = const { RefCell::new(None) };
}

static LIBRARY: OnceLock<Arc<HostLink>> = OnceLock::new();

/// Sends logs to `host` from now on.
pub fn start(host: Arc<HostLink>, log_level: u32) {
    if LIBRARY.set(host).is_err() {
        return;
    }
    let level = match log_level {
        0 | 1 => Level::ERROR,
        2 => Level::WARN,
        3 => Level::INFO,
        4 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let _ = tracing::subscriber::set_global_default(ToWorker(level));
    std::panic::set_hook(Box::new(on_panic));
}

/// Logs go to that task's worker for the time of `body`.
pub fn within<T>(host: &Arc<HostLink>, body: impl FnOnce() -> T) -> T {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            CURRENT.with_borrow_mut(|current| *current = None);
        }
    }
    CURRENT.with_borrow_mut(|current| *current = Some(host.clone()));
    let _back = Back;
    body()
}

fn log(level: u8, target: &str, message: String) {
    let host = CURRENT.with_borrow(Clone::clone).or_else(|| LIBRARY.get().cloned());
    if let Some(host) = host {
        host.tell(&News::Log { level, target: target.to_owned(), message });
    }
}

/// A panic is shown where the worker's log goes. What becomes of it is another matter: in a call, the task fails.
fn on_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let text = panic.payload_as_str().unwrap_or("no message");
    // Threads of the worker, on which calls are made, have no name here.
    let who = thread.name().map_or("a call".to_owned(), |name| format!("the thread {name}"));
    log(1, "panic", format!("{who} panicked{place}: {text}"));
}

struct ToWorker(Level);

impl Subscriber for ToWorker {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.0.into())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 1,
            Level::WARN => 2,
            Level::INFO => 3,
            Level::DEBUG => 4,
            Level::TRACE => 5,
        };
        log(level, event.metadata().target(), text.message + &text.fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
