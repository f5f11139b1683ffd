//! The loop: changes, requests, ends of threads, the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::connector::{Mine, Running};
use super::{Event, Parts};
use crate::herd::assignment::Measured;
use crate::herd::config_log::RestartRequest;
use crate::herd::status_log::{State, Status, Subject};

/// How often to look at the clock while something is about to happen.
const SOON: Duration = Duration::from_millis(50);

/// How often to look at the clock otherwise, while tasks run.
const LATER: Duration = Duration::from_secs(1);

/// What tells a status to everybody: the topic, and this worker's own view.
pub(super) struct Supervisor {
    pub parts: Arc<Parts>,
    pub events: mpsc::UnboundedSender<Event>,
    running: BTreeMap<String, Running>,
    runs: u64,
    /// The generation in which everything was last looked at, and the connectors that have changed since the standing last did.
    looked_at: Option<i32>,
    changed: BTreeSet<String>,
    /// Who waits until nothing runs here that is not this worker's.
    releasing: Option<oneshot::Sender<()>>,
    stopping: Option<(oneshot::Sender<()>, Instant)>,
}

impl Supervisor {
    pub fn new(parts: Arc<Parts>, events: mpsc::UnboundedSender<Event>) -> Supervisor {
        Supervisor {
            parts,
            events,
            running: BTreeMap::new(),
            runs: 0,
            looked_at: None,
            changed: BTreeSet::new(),
            releasing: None,
            stopping: None,
        }
    }

    pub async fn run(
        mut self,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut restarts: mpsc::UnboundedReceiver<RestartRequest>,
    ) {
        let (mut changes, mut places) = (self.parts.configs.changes(), self.parts.place.changes());
        self.on_place();
        loop {
            let pause = self.pause();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.on_event(event),
                    None => return,
                },
                changed = changes.changed() => match changed {
                    Ok(()) => {
                        changes.mark_unchanged();
                        self.on_changes();
                    }
                    Err(_) => return,
                },
                Ok(()) = places.changed() => {
                    places.mark_unchanged();
                    self.on_place();
                }
                Some(request) = restarts.recv() => self.on_restart_request(&request),
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => self.on_clock(),
            }
            self.tell_if_released();
            if self.finished() {
                return;
            }
        }
    }

    /// How long until the clock matters; `None` while nothing runs.
    fn pause(&self) -> Option<Duration> {
        let soon = self.stopping.is_some() || self.running.values().any(Running::is_about_to);
        (!self.running.is_empty() || soon).then_some(if soon { SOON } else { LATER })
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Split { connector, run, result } => {
                self.with(&connector, |running, to| running.on_split(to, run, result))
            }
            Event::Watched { connector, run, result } => {
                self.with(&connector, |running, to| running.on_watched(to, run, result));
            }
            Event::Committed { connector, run, result } => {
                self.with(&connector, |running, to| running.on_committed(to, run, result));
            }
            Event::Started { connector, task, run } => {
                self.with(&connector, |running, to| running.on_task_started(to, task, run));
            }
            Event::Ended { connector, task, run, end } => {
                self.with(&connector, |running, to| running.on_task_ended(to, task, run, end));
                self.reconcile(&connector);
            }
            Event::RestartConnector { connector, done } => {
                self.with(&connector, |running, to| running.restart(to));
                let _ = done.send(());
            }
            Event::RestartTask { connector, task, done } => {
                let mut found = false;
                self.with(&connector, |running, to| found = running.restart_task(to, task));
                let _ = done.send(found);
            }
            Event::Running { told } => drop(told.send(self.items())),
            Event::Release { done } => {
                self.releasing = Some(done);
                self.reconcile_all();
            }
            Event::GiveUpAll { done } => {
                for (name, running) in std::mem::take(&mut self.running) {
                    running.give_up();
                    self.parts.live.remove(&name);
                }
                let _ = done.send(());
            }
            Event::Shutdown { done } => {
                let deadline = Instant::now() + self.parts.config.graceful_stop + Duration::from_secs(2);
                self.stopping = Some((done, deadline));
                let names: Vec<String> = self.running.keys().cloned().collect();
                for name in names {
                    self.with(&name, Running::stop_all);
                }
            }
        }
    }

    fn on_restart_request(&mut self, request: &RestartRequest) {
        self.with(&request.connector, |running, to| {
            if !request.only_failed || running.has_failed() {
                running.restart(to);
            }
            if request.include_tasks {
                running.restart_tasks(to, request.only_failed);
            }
        });
    }

    fn on_clock(&mut self) {
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            let waits = self.running.get(&name).is_some_and(Running::is_about_to);
            self.with(&name, Running::on_clock);
            // What was given up may have been in the way of something that is wanted.
            if waits {
                self.reconcile(&name);
            }
        }
    }

    /// Lets a connector act, with the means to.
    fn with(&mut self, name: &str, act: impl FnOnce(&mut Running, &mut To<'_>)) {
        if let Some(running) = self.running.get_mut(name) {
            let mut to = To { parts: &self.parts, events: &self.events, runs: &mut self.runs, connector: name };
            act(running, &mut to);
        }
    }

    fn reconcile_all(&mut self) {
        let mut names: BTreeSet<String> = self.running.keys().cloned().collect();
        names.extend(self.parts.configs.names());
        names.iter().for_each(|name| self.reconcile(name));
    }

    /// The config topic has. Whose the new things are follows, by a change of the standing.
    fn on_changes(&mut self) {
        let changed = self.parts.configs.take_changed();
        changed.iter().for_each(|name| self.reconcile(name));
        self.changed.extend(changed);
    }

    /// The herd has changed, or it is known whose the new things are.
    fn on_place(&mut self) {
        let standing = self.parts.place.now();
        let generation = standing.as_ref().map(|standing| standing.generation);
        let mut changed = std::mem::take(&mut self.changed);
        changed.extend(self.parts.configs.take_changed());
        if generation.is_some() && generation == self.looked_at {
            changed.iter().for_each(|name| self.reconcile(name));
            return;
        }
        self.looked_at = generation;
        if standing.is_some_and(|standing| standing.is_leader()) {
            self.tidy_statuses();
        }
        self.reconcile_all();
    }

    /// What runs here, also what is still stopping.
    fn items(&self) -> Measured {
        self.running.iter().flat_map(|(name, running)| running.items(name)).collect()
    }

    fn tell_if_released(&mut self) {
        let Some(standing) = self.releasing.as_ref().and_then(|_| self.parts.place.now()) else { return };
        if self.items().keys().all(|item| standing.is_mine(item))
            && let Some(done) = self.releasing.take()
        {
            let _ = done.send(());
        }
    }

    /// Makes one connector run as it is wanted, as far as it is this worker's. Without a place in the herd nothing is.
    fn reconcile(&mut self, name: &str) {
        let Some(standing) = self.parts.place.now().filter(|_| self.stopping.is_none()) else { return };
        let wanted = self.parts.configs.get(name);
        let other_life = match (&wanted, self.running.get(name)) {
            (Some(wanted), Some(running)) => wanted.incarnation != running.incarnation(),
            (None, running) => running.is_some(),
            (Some(_), None) => false,
        };
        if other_life {
            self.with(name, Running::stop_all);
            if self.running.get(name).is_some_and(Running::is_over) {
                self.running.remove(name);
                self.forget(name);
            } else {
                return;
            }
        }
        let Some(wanted) = wanted else { return };
        let mine = Mine::of(&standing, name, &wanted);
        if mine.is_empty() && !self.running.contains_key(name) {
            return;
        }
        self.running.entry(name.to_owned()).or_insert_with(|| Running::new(&wanted.incarnation));
        self.with(name, |running, to| running.reconcile(to, &wanted, &mine));
        if self.running.get(name).is_some_and(Running::is_nothing) {
            self.running.remove(name);
            self.parts.live.remove(name);
        }
    }

    /// Removes what this worker has said of a connector that is no more.
    fn forget(&self, name: &str) {
        self.parts.live.remove(name);
        for (subject, status) in self.parts.statuses.of_connector(name) {
            if status.worker_id == self.parts.worker_id {
                self.parts.statuses.tell(subject, None);
            }
        }
    }

    /// What workers have said that are gone: of what was deleted meanwhile nothing is to be said any more, and what waits for
    /// its worker is UNASSIGNED.
    fn tidy_statuses(&self) {
        let Some(standing) = self.parts.place.now() else { return };
        let present: BTreeSet<&str> = standing.members.iter().map(|peer| peer.worker_id.as_str()).collect();
        for (subject, status) in self.parts.statuses.all() {
            let item = subject.item();
            let is_mine = status.worker_id == self.parts.worker_id;
            // Whoever is there says itself when it has stopped.
            if present.contains(status.worker_id.as_str()) && !is_mine {
                continue;
            }
            if !self.parts.configs.has(&item) {
                self.parts.statuses.tell(subject, None);
            } else if !is_mine && standing.ownership.owner(&item).is_none() && status.state != State::Failed {
                let (worker_id, generation) = (self.parts.worker_id.clone(), standing.generation);
                let waits = Status { state: State::Unassigned, trace: None, worker_id, generation, ..status };
                self.parts.statuses.tell(subject, Some(waits));
            }
        }
    }

    /// While stopping: whether everything has ended or the time is over.
    fn finished(&mut self) -> bool {
        let Some((_, deadline)) = &self.stopping else { return false };
        let over = self.running.values().all(Running::is_over);
        if !over && Instant::now() < *deadline {
            return false;
        }
        let names: Vec<String> = self.running.keys().cloned().collect();
        for name in names {
            self.with(&name, Running::leave);
        }
        if let Some((done, _)) = self.stopping.take() {
            let _ = done.send(());
        }
        true
    }
}

/// What a connector needs to act.
pub(super) struct To<'a> {
    pub parts: &'a Arc<Parts>,
    pub events: &'a mpsc::UnboundedSender<Event>,
    runs: &'a mut u64,
    pub connector: &'a str,
}

impl To<'_> {
    /// A number that no other start has.
    pub fn next_run(&mut self) -> u64 {
        *self.runs += 1;
        *self.runs
    }

    /// Tells everybody how the connector or one of its tasks is doing.
    pub fn tell(&self, subject: Subject, state: State, trace: Option<String>, version: Option<String>) {
        let worker_id = self.parts.worker_id.clone();
        let generation = self.parts.place.now().map_or(0, |standing| standing.generation);
        self.parts.statuses.tell(subject, Some(Status { state, trace, worker_id, generation, version }));
    }
}
