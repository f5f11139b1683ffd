//! A worker in the test's own process, for connectors that only tests have.

use std::path::Path;
use std::thread::JoinHandle;

use connect_runtime::config::WorkerConfig;
use connect_runtime::plugins::Plugins;
use connect_runtime::worker::{Ended, run};
use connector_api::conformance::double_parts::{DoublePredicate, DoubleTransform, MarkConverter};
use connector_api::conformance::doubles::{DoubleSink, DoubleSource};
use connector_api::{Export, Plugin};
use tokio::sync::oneshot;

use crate::{Rest, Topics, free_port, until};

/// A worker that also knows the doubles of the conformance suite.
pub struct WorkerWithDoubles {
    thread: Option<JoinHandle<Result<(), Ended>>>,
    stop: Option<oneshot::Sender<()>>,
    folder: tempfile::TempDir,
    rest_port: u16,
    log_port: u16,
}

impl WorkerWithDoubles {
    /// Starts a worker with these settings (`key=value`) and waits until it is healthy.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(settings: &[&str]) -> WorkerWithDoubles {
        let folder = tempfile::tempdir().expect("a folder");
        let (rest_port, log_port) = (free_port(), free_port());
        let mut raw = std::collections::BTreeMap::from([
            ("listeners".to_owned(), format!("http://127.0.0.1:{rest_port}")),
            ("broker.listeners".to_owned(), format!("PLAINTEXT://127.0.0.1:{log_port}")),
            ("data.dir".to_owned(), folder.path().join("data").to_string_lossy().into_owned()),
            ("offset.flush.interval.ms".to_owned(), "100".to_owned()),
            ("task.restart.backoff.ms".to_owned(), "100".to_owned()),
        ]);
        raw.extend(settings.iter().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())));
        let (config, _) = WorkerConfig::from_raw(raw).expect("settings are right");
        let plugins = Plugins::builtin()
            .with(Plugin::source(DoubleSource))
            .with(Plugin::sink(DoubleSink))
            .with(Export::transform(DoubleTransform))
            .with(Export::predicate(DoublePredicate))
            .with(Export::converter(MarkConverter));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || run(config, plugins, async { drop(stopped.await) }));
        let worker = WorkerWithDoubles { thread: Some(thread), stop: Some(stop), folder, rest_port, log_port };
        until("the worker is healthy", || worker.rest().try_get("/health").is_some_and(|reply| reply.status == 200));
        worker
    }

    /// Its REST.
    pub fn rest(&self) -> Rest {
        Rest::at(self.rest_port)
    }

    /// Its topics.
    pub fn topics(&self) -> Topics {
        Topics::at(self.log_port)
    }

    /// The port of its log.
    pub fn log_port(&self) -> u16 {
        self.log_port
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it.
    ///
    /// # Panics
    /// It ended badly.
    pub fn stop(mut self) {
        self.end().expect("a clean end");
    }

    fn end(&mut self) -> Result<(), Ended> {
        drop(self.stop.take());
        match self.thread.take() {
            Some(thread) => thread.join().expect("the worker does not panic"),
            None => Ok(()),
        }
    }
}

impl Drop for WorkerWithDoubles {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
