//! A task: its phases, its restarts.

use std::time::{Duration, Instant};

use connector_api::Error;
use connector_api::config::RawConfig;

use super::actor::To;
use super::launch::launch;
use crate::config::RATE_KEYS;
use crate::herd::NextRestart;
use crate::herd::live::LiveTask;
use crate::herd::status_log::{State, Subject};
use crate::internal::now_ms;
use crate::source::LastProducer;
use crate::task::restart::Failures;
use crate::task::{Order, OrderSender, Pulse, TaskEnd, TaskId, TaskView};

/// Threads of one task that were given up and may still hold something. With so many the task is not started again by
/// itself.
const MOST_GIVEN_UP: u32 = 3;

/// What a task uses of the processor while it starts says nothing of what it will use: until it has run for that long, it weighs
/// what it weighed before, or as much as one that does nothing.
const MEASURED_AFTER: Duration = Duration::from_secs(10);

/// A sign of life may be that late on a busy machine. Calls that merely await too long are ended by their own limit
/// before it is over.
const PULSE_SLACK: Duration = Duration::from_secs(3);

/// A task that this worker runs.
///
/// ```text
/// start -> Up -> Down (failed, maybe to restart) -> Up ...
///           \-> Stopping -> Down (stopped), or Up again for a restart
/// ```
pub(super) struct Task {
    number: u32,
    config: RawConfig,
    /// The connector's configuration with which its thread was started.
    connector: RawConfig,
    /// The offset of the connector's configuration that it was made for.
    made_for: i64,
    order: Order,
    phase: Phase,
    state: State,
    view: TaskView,
    failures: Failures,
    given_up: u32,
    /// What it wrote with last, if it writes in transactions.
    last: LastProducer,
}

enum Phase {
    /// Its thread runs.
    Up(Thread),
    /// It has been told to stop. If `restart`, it starts again then.
    Stopping { thread: Thread, since: Instant, restart: bool },
    /// It has no thread. `restart_at` if it starts again by itself.
    Down { restart_at: Option<Instant>, stopped: bool },
}

struct Thread {
    run: u64,
    orders: OrderSender,
    pulse: Pulse,
}

/// A configuration without its rate limits.
pub(in crate::herd) fn without_limits(config: &RawConfig) -> RawConfig {
    let mut config = config.clone();
    RATE_KEYS.iter().for_each(|key| drop(config.remove(*key)));
    config
}

impl Task {
    /// Starts a task.
    pub fn start(to: &mut To<'_>, number: u32, config: RawConfig, made_for: i64, order: Order) -> Task {
        let id = TaskId { connector: to.connector.into(), task: number };
        let mut task = Task {
            number,
            config,
            connector: RawConfig::new(),
            made_for,
            order,
            phase: Phase::Down { restart_at: None, stopped: false },
            state: State::Unassigned,
            view: TaskView::new(id, to.parts.kept.clone()),
            failures: Failures::default(),
            given_up: 0,
            last: LastProducer::default(),
        };
        task.up(to);
        task
    }

    /// Whether it is what is wanted.
    pub fn is(&self, config: Option<&RawConfig>, made_for: i64) -> bool {
        config == Some(&self.config) && made_for == self.made_for
    }

    /// Goes on under another configuration if nothing but rate limits has changed. False if it has to start anew.
    pub fn adopt(&mut self, to: &To<'_>, connector: &RawConfig, config: &RawConfig, made_for: i64) -> bool {
        let same = |one, other| to.parts.secrets.same(to.connector, &without_limits(one), &without_limits(other));
        if !matches!(self.phase, Phase::Up(_)) || !same(connector, &self.connector) || !same(config, &self.config) {
            return false;
        }
        self.view.limits().set(connector);
        (self.connector, self.config, self.made_for) = (connector.clone(), config.clone(), made_for);
        true
    }

    pub fn is_down(&self) -> bool {
        matches!(self.phase, Phase::Down { .. })
    }

    /// Whether it has ended because it was told to.
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Down { stopped: true, .. })
    }

    pub fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    pub fn is_about_to(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. } | Phase::Down { restart_at: Some(_), .. })
    }

    /// Run or pause.
    pub fn order(&mut self, to: &mut To<'_>, order: Order) {
        self.order = order;
        if let Phase::Up(thread) = &self.phase {
            thread.orders.give(order);
            if matches!(self.state, State::Running | State::Paused) {
                self.show(to, self.moving_state(), None);
            }
        }
    }

    /// Stop, for good.
    pub fn stop(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Down { restart_at: None, stopped: true }) {
            Phase::Up(thread) => {
                thread.orders.give(Order::Stop);
                Phase::Stopping { thread, since: Instant::now(), restart: false }
            }
            Phase::Stopping { thread, since, .. } => Phase::Stopping { thread, since, restart: false },
            Phase::Down { .. } => Phase::Down { restart_at: None, stopped: true },
        };
    }

    /// Start anew because somebody wants it.
    pub fn restart(&mut self, to: &mut To<'_>) {
        self.failures = Failures::default();
        self.given_up = 0;
        self.last.forget();
        self.show(to, State::Restarting, None);
        let down = Phase::Down { restart_at: None, stopped: false };
        match std::mem::replace(&mut self.phase, down) {
            Phase::Up(thread) => {
                thread.orders.give(Order::Stop);
                self.phase = Phase::Stopping { thread, since: Instant::now(), restart: true };
            }
            Phase::Stopping { thread, since, .. } => self.phase = Phase::Stopping { thread, since, restart: true },
            Phase::Down { .. } => self.up(to),
        }
    }

    fn up(&mut self, to: &mut To<'_>) {
        let run = to.next_run();
        self.view = TaskView::new(self.view.id().clone(), to.parts.kept.clone());
        self.connector = to.parts.configs.get(to.connector).map(|entry| entry.config).unwrap_or_default();
        self.view.limits().set(&self.connector);
        match launch(to, self.number, &self.config, self.order, self.view.clone(), (run, self.last.clone())) {
            Ok((orders, pulse)) => {
                self.phase = Phase::Up(Thread { run, orders, pulse });
                if self.state != State::Restarting {
                    self.show(to, State::Unassigned, None);
                }
            }
            Err(why) => self.fail(to, Duration::ZERO, &Error::fail("cannot start a thread").caused_by(why)),
        }
    }

    pub fn on_started(&mut self, to: &mut To<'_>, run: u64) {
        if let Phase::Up(thread) = &self.phase
            && thread.run == run
        {
            self.show(to, self.moving_state(), None);
        }
    }

    pub fn on_ended(&mut self, to: &mut To<'_>, run: u64, end: TaskEnd) {
        let down = Phase::Down { restart_at: None, stopped: false };
        match std::mem::replace(&mut self.phase, down) {
            Phase::Up(thread) if thread.run == run => {
                let error = match end {
                    TaskEnd::Failed(error) => error,
                    TaskEnd::Panicked(text) => Error::fail(format!("the connector panicked: {text}"))
                        .remedy("This is a defect of the connector; the task starts again by itself."),
                    TaskEnd::Stopped => Error::fail("the task has ended without being told to"),
                };
                self.fail(to, thread.pulse.age(), &error);
            }
            Phase::Stopping { thread, restart, .. } if thread.run == run => self.stopped(to, restart),
            other => self.phase = other,
        }
    }

    fn stopped(&mut self, to: &mut To<'_>, restart: bool) {
        if restart {
            self.up(to);
        } else {
            self.phase = Phase::Down { restart_at: None, stopped: true };
        }
    }

    fn fail(&mut self, to: &mut To<'_>, ran: Duration, error: &Error) {
        tracing::error!(connector = to.connector, task = self.number, %error, "task failed");
        let may_heal = error.may_heal() && self.given_up < MOST_GIVEN_UP;
        let delay = self.failures.note(&to.parts.config.restart, ran, may_heal);
        self.phase = Phase::Down { restart_at: delay.map(|delay| Instant::now() + delay), stopped: false };
        self.show(to, State::Failed, Some(error.to_string()));
    }

    /// Deadlines: a thread that does not stop or shows no sign of life is given up; a restart is due.
    pub fn on_clock(&mut self, to: &mut To<'_>) {
        let now = Instant::now();
        match &self.phase {
            Phase::Stopping { since, restart, thread }
                if now.duration_since(*since) > to.parts.config.graceful_stop + Duration::from_secs(1) =>
            {
                let restart = *restart;
                thread.orders.give_up();
                self.given_up += 1;
                tracing::warn!(connector = to.connector, task = self.number, "did not stop in time and was given up");
                self.stopped(to, restart);
            }
            Phase::Up(thread) if thread.pulse.silent_for() > to.parts.config.stuck_after + PULSE_SLACK => {
                let (silent, ran) = (thread.pulse.silent_for().as_secs(), thread.pulse.age());
                thread.orders.give_up();
                self.given_up += 1;
                let error = Error::fail(format!("the connector is stuck: it has blocked its thread for {silent} s"))
                    .remedy(
                        "Its thread was given up. If it needs so long, raise the worker's `task.stuck.timeout.ms`.",
                    );
                self.fail(to, ran, &error);
            }
            Phase::Down { restart_at: Some(at), .. } if *at <= now => self.up(to),
            _ => {}
        }
    }

    /// How much of a core its thread uses; `None` while it has not run for long enough to tell.
    pub fn cores(&self) -> Option<f64> {
        match &self.phase {
            Phase::Up(thread) | Phase::Stopping { thread, .. } => {
                (thread.pulse.age() >= MEASURED_AFTER).then(|| thread.pulse.cores())
            }
            Phase::Down { .. } => Some(0.0),
        }
    }

    /// Another worker runs it by now: nothing that its thread may still do counts.
    pub fn give_up(self) {
        if let Phase::Up(thread) | Phase::Stopping { thread, .. } = &self.phase {
            thread.orders.give_up();
        }
    }

    /// The worker leaves.
    pub fn leave(&mut self, to: &mut To<'_>) {
        if let Phase::Up(thread) | Phase::Stopping { thread, .. } = &self.phase {
            thread.orders.give_up();
        }
        if self.state != State::Failed {
            to.tell(self.subject(to), State::Unassigned, None, None);
        }
    }

    fn moving_state(&self) -> State {
        if self.order == Order::Pause { State::Paused } else { State::Running }
    }

    fn subject(&self, to: &To<'_>) -> Subject {
        Subject::Task(to.connector.to_owned(), self.number)
    }

    fn show(&mut self, to: &To<'_>, state: State, trace: Option<String>) {
        let restart = match self.phase {
            Phase::Down { restart_at: Some(at), .. } => {
                let wait = at.saturating_duration_since(Instant::now()).as_millis() as i64;
                Some(NextRestart { attempt: self.failures.attempt(), at_ms: now_ms() + wait })
            }
            _ => None,
        };
        let news = self.state != state || trace.is_some();
        self.state = state;
        to.parts.live.update(to.connector, |shown| {
            let live = LiveTask { state, trace: trace.clone(), view: self.view.clone(), restart };
            shown.tasks.insert(self.number, live);
        });
        if news {
            let version = to.parts.live.get(to.connector).and_then(|shown| shown.version);
            to.tell(self.subject(to), state, trace, version);
        }
    }
}
