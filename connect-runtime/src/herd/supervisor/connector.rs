//! A connector: splitting its work into tasks, and the tasks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connector_api::config::{Issue, RawConfig};
use connector_api::{Error, Plugin, Result};

use super::actor::To;
use super::prepared::Prepared;
use super::task::{Task, without_limits};
use super::{Event, Parts};
use crate::config::connector::{all_keys, check};
use crate::herd::config_log::{ConnectorEntry, TargetState, fencing_record, task_records};
use crate::herd::status_log::{State, Subject};
use crate::task::restart::Failures;
use crate::task::{Order, TaskEnd, on_own_thread};

/// A connector that this worker runs.
pub(super) struct Running {
    incarnation: String,
    /// The configuration that it was last started with, and its offset in the config topic.
    started_for: Option<i64>,
    target: TargetState,
    state: State,
    run: u64,
    watch: Option<tokio::task::AbortHandle>,
    failures: Failures,
    restart_at: Option<Instant>,
    tasks: BTreeMap<u32, Task>,
}

impl Running {
    pub fn new(incarnation: &str) -> Running {
        Running {
            incarnation: incarnation.to_owned(),
            started_for: None,
            target: TargetState::Started,
            state: State::Unassigned,
            run: 0,
            watch: None,
            failures: Failures::default(),
            restart_at: None,
            tasks: BTreeMap::new(),
        }
    }

    pub fn incarnation(&self) -> &str {
        &self.incarnation
    }

    pub fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// Whether nothing of it runs any more.
    pub fn is_over(&self) -> bool {
        self.tasks.values().all(Task::is_down)
    }

    /// Whether a deadline or a restart is near.
    pub fn is_about_to(&self) -> bool {
        self.restart_at.is_some() || self.tasks.values().any(Task::is_about_to)
    }

    /// Makes the connector and its tasks run as they are wanted.
    pub fn reconcile(&mut self, to: &mut To<'_>, wanted: &ConnectorEntry) {
        let resumed = self.target != TargetState::Started && wanted.target == TargetState::Started;
        self.target = wanted.target;
        match wanted.target {
            TargetState::Started => {
                let changed = self.started_for != Some(wanted.config_offset);
                if changed || resumed {
                    self.start(to);
                }
            }
            TargetState::Paused => self.rest(to, State::Paused),
            TargetState::Stopped => self.rest(to, State::Stopped),
        }
        self.reconcile_tasks(to, wanted);
    }

    fn reconcile_tasks(&mut self, to: &mut To<'_>, wanted: &ConnectorEntry) {
        let order = if wanted.target == TargetState::Started { Order::Run } else { Order::Pause };
        for (number, task) in &mut self.tasks {
            let config = wanted.tasks.get(*number as usize);
            let goes_on = task.is(config, wanted.tasks_for)
                || config.is_some_and(|config| task.adopt(to, &wanted.config, config, wanted.tasks_for));
            if !goes_on {
                task.stop();
            }
        }
        let live = &to.parts.live;
        let name = to.connector.to_owned();
        self.tasks.retain(|number, task| {
            let gone = task.is_stopped();
            if gone {
                live.update(&name, |shown| drop(shown.tasks.remove(number)));
            }
            if gone && *number as usize >= wanted.tasks.len() {
                to.parts.statuses.tell(Subject::Task(name.clone(), *number), None);
            }
            !gone
        });
        for (number, config) in wanted.tasks.iter().enumerate() {
            let number = number as u32;
            match self.tasks.get_mut(&number) {
                Some(task) => task.order(to, order),
                None => {
                    let task = Task::start(to, number, config.clone(), wanted.tasks_for, order);
                    self.tasks.insert(number, task);
                }
            }
        }
    }

    /// Starts the connector: its work is split anew.
    pub fn start(&mut self, to: &mut To<'_>) {
        let Some(wanted) = to.parts.configs.get(to.connector) else { return };
        self.started_for = Some(wanted.config_offset);
        self.restart_at = None;
        self.run = to.next_run();
        self.end_watch();
        let (parts, events, run, connector) = (to.parts.clone(), to.events.clone(), self.run, to.connector.to_owned());
        tokio::spawn(async move {
            let result = split(&parts, &connector, &wanted.config).await;
            let _ = events.send(Event::Split { connector, run, result });
        });
    }

    /// Starts the connector anew because somebody wants it. One that is paused or stopped stays so.
    pub fn restart(&mut self, to: &mut To<'_>) {
        self.failures = Failures::default();
        if self.target == TargetState::Started {
            self.show(to, State::Restarting, None);
            self.start(to);
        }
    }

    fn rest(&mut self, to: &mut To<'_>, state: State) {
        self.end_watch();
        self.restart_at = None;
        self.started_for = None;
        // What a split that is under way may still say does not count any more.
        self.run = to.next_run();
        if self.state != state {
            self.show(to, state, None);
        }
    }

    pub fn on_split(&mut self, to: &mut To<'_>, run: u64, result: Result<Vec<RawConfig>>) {
        if run != self.run {
            return;
        }
        match result {
            Ok(tasks) => {
                self.failures = Failures::default();
                self.show(to, State::Running, None);
                self.commit(to, tasks);
                self.watch(to);
            }
            Err(error) => self.fail(to, &error),
        }
    }

    /// Writes the tasks to the config topic, if they are not there already; from there they are run.
    fn commit(&self, to: &To<'_>, tasks: Vec<RawConfig>) {
        let (parts, events, run, connector) = (to.parts.clone(), to.events.clone(), self.run, to.connector.to_owned());
        let incarnation = self.incarnation.clone();
        tokio::spawn(async move {
            let result = commit(&parts, &connector, &incarnation, tasks).await;
            let _ = events.send(Event::Committed { connector, run, result });
        });
    }

    pub fn on_committed(&mut self, to: &mut To<'_>, run: u64, result: std::result::Result<(), String>) {
        if run == self.run
            && let Err(why) = result
        {
            self.fail(to, &Error::fail(why));
        }
    }

    fn watch(&mut self, to: &To<'_>) {
        let Some(wanted) = to.parts.configs.get(to.connector) else { return };
        let (parts, events, run, connector) = (to.parts.clone(), to.events.clone(), self.run, to.connector.to_owned());
        let Ok(Plugin::Source(source)) = parts.plugins.of(&wanted.config) else { return };
        if !source.watches() {
            return;
        }
        let watching = tokio::spawn(async move {
            let result = match parts.prepare(&connector, &wanted.config) {
                Ok(Prepared { config, .. }) => {
                    let forever = Duration::from_secs(u64::MAX / 4);
                    let watched = on_own_thread("watch", forever, move || async move { source.watch(&config).await });
                    watched.await.and_then(|watched| watched)
                }
                Err(error) => Err(error),
            };
            let _ = events.send(Event::Watched { connector, run, result });
        });
        self.watch = Some(watching.abort_handle());
    }

    fn end_watch(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }

    pub fn on_watched(&mut self, to: &mut To<'_>, run: u64, result: Result<()>) {
        if run != self.run {
            return;
        }
        match result {
            Ok(()) => self.start(to),
            Err(error) => self.fail(to, &error),
        }
    }

    fn fail(&mut self, to: &mut To<'_>, error: &Error) {
        tracing::error!(connector = to.connector, %error, "connector failed");
        let delay = self.failures.note(&to.parts.config.restart, Duration::ZERO, error.may_heal());
        self.restart_at = delay.map(|delay| Instant::now() + delay);
        self.show(to, State::Failed, Some(error.to_string()));
    }

    /// Shows and tells the connector's state, with what is to be said of its configuration.
    fn show(&mut self, to: &To<'_>, state: State, trace: Option<String>) {
        self.state = state;
        let wanted = to.parts.configs.get(to.connector);
        let found = wanted.as_ref().and_then(|wanted| to.parts.plugins.of(&wanted.config).ok());
        let version = found.as_ref().map(|plugin| plugin.definition().version.to_owned());
        let warnings = match (&wanted, found) {
            (Some(wanted), Some(plugin)) => warnings(to.parts, to.connector, &plugin, &wanted.config),
            _ => Vec::new(),
        };
        to.parts.live.update(to.connector, |shown| {
            shown.state = state;
            shown.trace.clone_from(&trace);
            shown.version.clone_from(&version);
            shown.warnings = warnings;
        });
        to.tell(Subject::Connector(to.connector.to_owned()), state, trace, version);
    }

    pub fn on_clock(&mut self, to: &mut To<'_>) {
        if self.restart_at.is_some_and(|at| at <= Instant::now()) && self.target == TargetState::Started {
            self.start(to);
        }
        self.tasks.values_mut().for_each(|task| task.on_clock(to));
    }

    pub fn on_task_started(&mut self, to: &mut To<'_>, task: u32, run: u64) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.on_started(to, run);
        }
    }

    pub fn on_task_ended(&mut self, to: &mut To<'_>, task: u32, run: u64, end: TaskEnd) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.on_ended(to, run, end);
        }
    }

    /// False if there is no such task.
    pub fn restart_task(&mut self, to: &mut To<'_>, task: u32) -> bool {
        let found = self.tasks.get_mut(&task);
        found.map(|task| task.restart(to)).is_some()
    }

    pub fn restart_tasks(&mut self, to: &mut To<'_>, only_failed: bool) {
        let chosen = self.tasks.values_mut().filter(|task| !only_failed || task.has_failed());
        chosen.for_each(|task| task.restart(to));
    }

    /// Stops all tasks and the connector, for good.
    pub fn stop_all(&mut self, to: &mut To<'_>) {
        self.end_watch();
        self.restart_at = None;
        self.run = to.next_run();
        self.tasks.values_mut().for_each(Task::stop);
    }

    /// The worker leaves: nobody runs this any more. What has failed stays failed in everybody's eyes.
    pub fn leave(&mut self, to: &mut To<'_>) {
        self.tasks.values_mut().for_each(|task| task.leave(to));
        if matches!(self.state, State::Running | State::Restarting) {
            to.tell(Subject::Connector(to.connector.to_owned()), State::Unassigned, None, None);
        }
    }
}

fn warnings(parts: &Parts, connector: &str, plugin: &Plugin, raw: &RawConfig) -> Vec<String> {
    let Ok(resolved) = parts.secrets.resolve(connector, raw) else { return Vec::new() };
    let issues = check(plugin, &resolved.config, &parts.config, &parts.plugins).issues;
    issues.into_iter().filter(|issue| !issue.is_error()).map(|issue: Issue| issue.message).collect()
}

/// Asks the connector for its task configurations. They come back with references in place of secrets.
async fn split(parts: &Arc<Parts>, connector: &str, raw: &RawConfig) -> Result<Vec<RawConfig>> {
    let Prepared { plugin, resolved, config } = parts.prepare(connector, raw)?;
    let max = config.count("tasks.max").max(1);
    let asked = plugin.clone();
    let tasks =
        on_own_thread("split", parts.config.call_timeout, move || async move { asked.split(&config, max).await });
    let mut tasks = tasks.await??;
    let task_class = plugin.definition().task_class();
    for task in &mut tasks {
        task.entry("task.class".to_owned()).or_insert_with(|| task_class.clone());
    }
    if tasks.len() > max {
        return Err(Error::fatal(format!("the connector wants {} tasks, but `tasks.max` allows {max}", tasks.len()))
            .remedy("Raise `tasks.max`."));
    }
    let keys = all_keys(&plugin, &resolved.config, &parts.plugins);
    let stored = |task: &RawConfig| parts.secrets.seal(connector, &resolved.unresolve(raw, task), &keys);
    Ok(tasks.iter().map(stored).collect())
}

/// Writes task configurations unless they are there already for this very configuration.
async fn commit(
    parts: &Parts,
    connector: &str,
    incarnation: &str,
    tasks: Vec<RawConfig>,
) -> std::result::Result<(), String> {
    let cannot = |why: broker_client::ClientError| format!("cannot store the tasks: {why}");
    let change = parts.configs.change().await.map_err(cannot)?;
    let Some(now) = parts.configs.get(connector) else { return Ok(()) };
    let same = same_tasks(parts, connector, &now.tasks, &tasks);
    let superseded = now.incarnation != incarnation || now.target != TargetState::Started;
    if superseded || (same && now.tasks_for == now.config_offset && !now.incomplete) {
        return Ok(());
    }
    // Sealing gives another text each time: what means the same stays as it is.
    let tasks = if same { now.tasks.clone() } else { tasks };
    let mut records = task_records(connector, &tasks, incarnation, now.config_offset);
    let fencing = parts.configs.fencing(connector);
    if fencing.is_current && same_work(parts, connector, &now.tasks, &tasks) {
        // Nothing has moved from one task to another, so running tasks need not be fenced for those that start again.
        records.extend(fencing.tasks.map(|tasks| fencing_record(connector, tasks)));
    }
    change.write(records).await.map_err(cannot)
}

/// Whether tasks differ in nothing but rate limits, which running tasks take over.
fn same_work(parts: &Parts, connector: &str, one: &[RawConfig], other: &[RawConfig]) -> bool {
    let without = |tasks: &[RawConfig]| tasks.iter().map(without_limits).collect::<Vec<_>>();
    same_tasks(parts, connector, &without(one), &without(other))
}

fn same_tasks(parts: &Parts, connector: &str, one: &[RawConfig], other: &[RawConfig]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| parts.secrets.same(connector, a, b))
}
