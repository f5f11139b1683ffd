//! One task, one thread: what spins, blocks or panics there hurts nobody else.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connector_api::{Error, Result, panic_message};
use tokio::sync::oneshot;

use crate::memory::{allow_shares, be_known_again, share_pages};

/// How often a thread shows that it is alive.
const PULSE: Duration = Duration::from_secs(1);

/// Over how many beats its use of the processor is averaged.
const AVERAGED: f64 = 30.0;

/// How many events of its sockets a task takes in at a time; it has few sockets, and room for a thousand would be 12 KB of each.
const IO_EVENTS: usize = 64;

/// How a task ended.
#[derive(Debug)]
pub enum TaskEnd {
    /// As told.
    Stopped,
    /// By an error.
    Failed(Error),
    /// By a panic in the connector, with its message.
    Panicked(String),
}

/// A thread that runs one future.
pub struct TaskThread {
    /// Its signs of life.
    pub pulse: Pulse,
    end: oneshot::Receiver<TaskEnd>,
}

/// A thread's signs of life. Cheap to clone.
#[derive(Clone)]
pub struct Pulse {
    signs: Arc<Signs>,
    started: Instant,
}

#[derive(Default)]
struct Signs {
    last_ms: AtomicU64,
    /// Thousandths of a core.
    millicores: AtomicU64,
}

impl Pulse {
    /// How long the thread has not shown a sign of life.
    pub fn silent_for(&self) -> Duration {
        let last = Duration::from_millis(self.signs.last_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    /// How long ago the thread started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// How much of a core the thread uses, averaged over about half a minute.
    pub fn cores(&self) -> f64 {
        self.signs.millicores.load(Ordering::Relaxed) as f64 / 1000.0
    }

    async fn beat(self) {
        let (mut cores, mut at, mut used) = (0.0, Instant::now(), cpu_time());
        loop {
            self.signs.last_ms.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
            allow_shares();
            tokio::time::sleep(PULSE).await;
            let (now, used_now) = (Instant::now(), cpu_time());
            let share = used_now.saturating_sub(used).as_secs_f64() / now.duration_since(at).as_secs_f64().max(1e-3);
            cores += (share - cores) / AVERAGED.min(1.0 + self.started.elapsed().as_secs_f64());
            (at, used) = (now, used_now);
            self.signs.millicores.store((cores * 1000.0) as u64, Ordering::Relaxed);
        }
    }
}

/// What this thread has used of the processor.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

impl TaskThread {
    /// Returns how it ended, once it has.
    pub async fn end(self) -> TaskEnd {
        self.end.await.unwrap_or_else(|_| TaskEnd::Panicked("its thread is gone".to_owned()))
    }
}

/// Runs what `body` makes on a thread of its own, inside a current-thread tokio runtime with a local set. It leaves the processor to
/// others: by so much it is nicer than the thread that starts it, up to 19.
pub fn start_thread<F>(name: &str, nice: i32, body: impl FnOnce() -> F + Send + 'static) -> io::Result<TaskThread>
where
    F: Future<Output = Result<()>>,
{
    let (sender, end) = oneshot::channel();
    let pulse = Pulse { signs: Arc::default(), started: Instant::now() };
    let beat = pulse.clone();
    std::thread::Builder::new().name(thread_name(name)).spawn(move || {
        give_way(nice);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            block_on(share_pages, async {
                let sign = tokio::task::spawn_local(beat.beat());
                // A task is a large future: what polls it would hold it once more for each layer, on the stack.
                let result = Box::pin(body()).await;
                sign.abort();
                result
            })
        }));
        be_known_again();
        let end = match ran {
            Ok(Ok(Ok(()))) => TaskEnd::Stopped,
            Ok(Ok(Err(error))) => TaskEnd::Failed(error),
            Ok(Err(error)) => TaskEnd::Failed(Error::fail("cannot start a runtime for the task").caused_by(error)),
            Err(panic) => TaskEnd::Panicked(panic_message(&*panic)),
        };
        let _ = sender.send(end);
    })?;
    Ok(TaskThread { pulse, end })
}

/// Where many tasks are busy, the log, heartbeats and replies come first; and so does a server on the same machine for which all of
/// them wait: where it competes with tasks that read ahead, they wait for it afterwards, on cores that have nothing to do.
fn give_way(nice: i32) {
    // Linux counts it for each thread. Nobody needs a right to be nicer; where it is refused after all, tasks run as everybody does.
    let _ = rustix::process::nice(nice);
}

/// Makes one call of a connector outside any task, on a thread of its own, and waits for it at most so long. A call that
/// awaits too long is dropped, also if nobody waits for it any more; the thread of one that blocks is left behind.
pub async fn on_own_thread<T, F>(what: &str, limit: Duration, body: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    let (mut sender, receiver) = oneshot::channel();
    let what = what.to_owned();
    let spawned = std::thread::Builder::new().name(thread_name(&what)).spawn(move || {
        let call = async {
            tokio::select! {
                value = async { body().await } => Some(value),
                () = sender.closed() => None,
            }
        };
        let ran = catch_unwind(AssertUnwindSafe(|| block_on(|| {}, call)));
        let _ = sender.send(ran.map_err(|panic| panic_message(&*panic)));
    });
    spawned.map_err(no_thread)?;
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(Ok(Ok(Some(value))))) => Ok(value),
        Ok(Ok(Ok(Ok(None)))) => Err(Error::fail(format!("nobody waits for {what} any more"))),
        Ok(Ok(Ok(Err(why)))) => Err(Error::fail("cannot start a runtime").caused_by(why)),
        Ok(Ok(Err(panic))) => Err(Error::fail(format!("the connector panicked in {what}: {panic}"))),
        Ok(Err(_)) => Err(Error::fail(format!("the thread of {what} is gone"))),
        Err(_) => Err(Error::fail(format!("the connector's {what} has not returned within {limit:?}"))
            .remedy("If it needs so long, raise the worker's `connector.call.timeout.ms`.")),
    }
}

/// Does something that leaves little behind on a thread that ends with it, while this one waits. Of a thread that stays, the
/// allocator keeps what was once in use: for a thousand idle tasks that is more than they hold. The error is that there is no thread
/// to be had.
pub fn on_passing_thread<T: Send>(name: &str, act: impl FnOnce() -> T + Send) -> Result<T> {
    let builder = std::thread::Builder::new().name(thread_name(name));
    std::thread::scope(|scope| {
        let ended = builder.spawn_scoped(scope, act).map_err(no_thread)?.join();
        Ok(ended.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn no_thread(why: io::Error) -> Error {
    Error::fail("cannot start a thread").caused_by(why)
}

/// Calls `before_wait` each time before the thread waits.
fn block_on<T>(before_wait: fn(), future: impl Future<Output = T>) -> io::Result<T> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_io_events_per_tick(IO_EVENTS).on_thread_park(before_wait).build()?;
    let value = tokio::task::LocalSet::new().block_on(&runtime, future);
    // What connectors left on the blocking pool must not hold the thread's end up.
    runtime.shutdown_background();
    Ok(value)
}

/// Linux shows 15 bytes of it.
fn thread_name(name: &str) -> String {
    name.chars().filter(|letter| *letter != '\0').take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_a_panic_and_a_panic_in_drop_are_told() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let ok = start_thread("ok", 0, || async { Ok(()) }).unwrap();
        assert!(matches!(ok.end().await, TaskEnd::Stopped));
        let failed = start_thread("failed", 0, || async { Err(Error::fail("no")) }).unwrap();
        assert!(matches!(failed.end().await, TaskEnd::Failed(_)));
        let dropped = start_thread("dropped", 0, || async {
            let _bomb = Bomb;
            Ok(())
        })
        .unwrap();
        assert!(matches!(dropped.end().await, TaskEnd::Panicked(text) if text == "in drop"));
    }

    #[tokio::test]
    async fn what_a_thread_uses_of_the_processor_is_measured() {
        let spin = |wait: bool| {
            start_thread("spins", 0, move || async move {
                let since = Instant::now();
                while since.elapsed() < Duration::from_millis(2_400) {
                    match wait {
                        true => tokio::time::sleep(Duration::from_millis(50)).await,
                        false => tokio::task::yield_now().await,
                    }
                }
                Ok(())
            })
            .unwrap()
        };
        let (busy, idle) = (spin(false), spin(true));
        let (busy_pulse, idle_pulse) = (busy.pulse.clone(), idle.pulse.clone());
        busy.end().await;
        idle.end().await;
        // Other tests want the processor too.
        assert!(
            busy_pulse.cores() > 0.05 && idle_pulse.cores() < 0.05,
            "{} {}",
            busy_pulse.cores(),
            idle_pulse.cores()
        );
    }

    #[tokio::test]
    async fn a_task_leaves_the_processor_to_others_and_its_starter_stays_as_it_was() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        for (nice, expected) in [(0, before), (7, before + 7), (30, 19)] {
            let (sender, seen) = oneshot::channel();
            let thread = start_thread("nice", nice, move || async move {
                let _ = sender.send(own());
                Ok(())
            });
            thread.unwrap().end().await;
            assert_eq!((seen.await, own()), (Ok(expected.min(19)), before));
        }
    }

    #[test]
    fn a_passing_thread_has_the_name_gives_the_value_and_passes_a_panic_on() {
        let name = || std::thread::current().name().map(str::to_owned);
        assert_eq!(on_passing_thread("task-a-0", name).unwrap().as_deref(), Some("task-a-0"));
        let panicked = catch_unwind(|| on_passing_thread("task-a-0", || panic!("in settings")));
        assert_eq!(panic_message(&*panicked.unwrap_err()), "in settings");
    }

    #[tokio::test]
    async fn a_blocked_thread_is_silent_and_hurts_nobody_else() {
        let blocked = start_thread("blocked", 0, || async {
            std::thread::sleep(Duration::from_secs(3));
            Ok(())
        })
        .unwrap();
        let idle = start_thread("idle", 0, || async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(())
        })
        .unwrap();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert!(blocked.pulse.silent_for() > Duration::from_secs(2), "{:?}", blocked.pulse.silent_for());
        assert!(idle.pulse.silent_for() < Duration::from_millis(1500), "{:?}", idle.pulse.silent_for());
        let call = on_own_thread("split", Duration::from_millis(50), || async {
            std::thread::sleep(Duration::from_millis(500));
        });
        assert!(call.await.unwrap_err().to_string().contains("the connector's split has not returned within 50ms"));
    }
}
