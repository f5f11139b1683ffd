//! A connector: splitting its work into tasks, and the tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connector_api::config::{Issue, RawConfig};
use connector_api::{Error, Plugin, Result};

use super::actor::To;
use super::prepared::Prepared;
use super::task::Task;
use super::{Event, Parts};
use crate::config::connector::{all_keys, check};
use crate::herd::Standing;
use crate::herd::assignment::{Item, Measured};
use crate::herd::config_log::{ConnectorEntry, TargetState};
use crate::herd::new_tasks::hand_in;
use crate::herd::status_log::{State, Subject};
use crate::task::restart::Failures;
use crate::task::{Order, TaskEnd, on_own_thread};

/// What of a connector is this worker's.
pub(super) struct Mine {
    connector: bool,
    tasks: BTreeSet<u32>,
}

impl Mine {
    pub fn of(standing: &Standing, name: &str, wanted: &ConnectorEntry) -> Mine {
        let is_mine = |task: &u32| standing.is_mine(&Item::Task(name.to_owned(), *task));
        Mine {
            connector: standing.is_mine(&Item::Connector(name.to_owned())),
            tasks: (0..wanted.tasks.len() as u32).filter(is_mine).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        !self.connector && self.tasks.is_empty()
    }
}

/// A connector that this worker runs, or of which it runs tasks.
pub(super) struct Running {
    incarnation: String,
    /// The connector itself runs here.
    here: bool,
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
            here: false,
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

    /// Whether this worker has nothing to do with it any more.
    pub fn is_nothing(&self) -> bool {
        !self.here && self.tasks.is_empty()
    }

    /// What of it runs here, also what is still stopping, and what it weighs.
    pub fn items(&self, name: &str) -> Measured {
        let connector = self.here.then(|| Item::Connector(name.to_owned()));
        let connector = connector.map(|item| (item.clone(), Some(item.base_weight())));
        let task = |(number, task): (&u32, &Task)| {
            let item = Item::Task(name.to_owned(), *number);
            let weight = task.cores().map(|cores| item.weight_with(cores));
            (item, weight)
        };
        connector.into_iter().chain(self.tasks.iter().map(task)).collect()
    }

    /// Whether a deadline or a restart is near.
    pub fn is_about_to(&self) -> bool {
        self.restart_at.is_some() || self.tasks.values().any(Task::is_about_to)
    }

    /// Makes the connector and its tasks run as they are wanted, as far as they are this worker's.
    pub fn reconcile(&mut self, to: &mut To<'_>, wanted: &ConnectorEntry, mine: &Mine) {
        let resumed = self.target != TargetState::Started && wanted.target == TargetState::Started;
        self.target = wanted.target;
        if mine.connector {
            self.reconcile_connector(to, wanted, resumed);
        } else {
            self.hand_over(to);
        }
        self.reconcile_tasks(to, wanted, mine);
    }

    fn reconcile_connector(&mut self, to: &mut To<'_>, wanted: &ConnectorEntry, resumed: bool) {
        self.here = true;
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
    }

    /// Another worker runs the connector itself from now on.
    fn hand_over(&mut self, to: &mut To<'_>) {
        if !std::mem::take(&mut self.here) {
            return;
        }
        self.end_watch();
        (self.restart_at, self.started_for) = (None, None);
        self.run = to.next_run();
        self.state = State::Unassigned;
        to.parts.live.update(to.connector, |shown| shown.here = false);
        to.tell(Subject::Connector(to.connector.to_owned()), State::Unassigned, None, None);
    }

    fn reconcile_tasks(&mut self, to: &mut To<'_>, wanted: &ConnectorEntry, mine: &Mine) {
        let order = if wanted.target == TargetState::Started { Order::Run } else { Order::Pause };
        for (number, task) in &mut self.tasks {
            let config = wanted.tasks.get(*number as usize).filter(|_| mine.tasks.contains(number));
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
            let subject = || Subject::Task(name.clone(), *number);
            if gone && *number as usize >= wanted.tasks.len() {
                to.parts.statuses.tell(subject(), None);
            } else if gone && !mine.tasks.contains(number) {
                to.tell(subject(), State::Unassigned, None, None);
            }
            !gone
        });
        if !mine.tasks.is_empty() && live.get(&name).is_none_or(|shown| shown.version.is_none()) {
            let version = to.parts.plugins.of(&wanted.config).ok().map(|plugin| plugin.definition().version.to_owned());
            live.update(&name, |shown| shown.version = version);
        }
        for (number, config) in (0u32..).zip(&wanted.tasks).filter(|(number, _)| mine.tasks.contains(number)) {
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
        if self.here && self.target == TargetState::Started {
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
            let result = hand_in(&parts, &connector, &incarnation, tasks).await;
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
            shown.here = true;
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

    /// Others run it by now.
    pub fn give_up(mut self) {
        self.end_watch();
        self.tasks.into_values().for_each(Task::give_up);
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
