//! The threads of tasks.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use broker_client::TransactionalId;
use connector_api::config::{Config, RawConfig};
use connector_api::plugin::{AnySinkConnector, AnySourceConnector};
use connector_api::{Error, Plugin, Result};
use tokio::runtime::Handle;

use super::actor::To;
use super::prepared::Prepared;
use super::{Event, Parts};
use crate::config::client::{consumer_settings, producer_config, transaction_timeout};
use crate::config::connector::{all_keys, boundary};
use crate::config::parts::converter_of;
use crate::config::{ConverterConfig, ErrorPolicy, OFFSETS_TOPIC_KEY};
use crate::herd::assignment::Item;
use crate::herd::fencing;
use crate::offsets::{ConnectorOffsets, OwnTopic};
use crate::plugins::part::TaskPlace;
use crate::sink::{self, Classes, Decoder, GroupSettings, RejectSettings, SinkSetup};
use crate::source::transaction::Limits;
use crate::source::{self, Encoder, ExactlyOnce, LastProducer, SourceSetup, TopicCreation};
use crate::task::{
    Calls, Order, OrderSender, Orders, Pulse, TaskId, TaskView, on_passing_thread, orders, start_thread,
};
use crate::transform::{Opener, RetryPolicy, SourceParts};

/// What a task's thread takes with it.
struct Launch {
    parts: Arc<Parts>,
    id: TaskId,
    /// The connector's configuration and the task's, as they are stored.
    connector: RawConfig,
    task: RawConfig,
    /// How many tasks the connector has.
    tasks: usize,
    /// The life of the connector.
    incarnation: String,
    /// What the task wrote with last in this process.
    last: LastProducer,
    orders: Orders,
    view: TaskView,
    control: Handle,
    started: Box<dyn FnOnce() + Send>,
}

/// What a task is to do.
struct Settings {
    plugin: Plugin,
    /// The connector's configuration, with secrets.
    connector: RawConfig,
    /// The task's.
    config: Config,
}

impl Settings {
    /// From the connector's configuration and the task's, as they are stored.
    fn of(parts: &Parts, name: &str, (connector, task): (&RawConfig, &RawConfig)) -> Result<Settings> {
        let Prepared { plugin, resolved, .. } = parts.prepare(name, connector)?;
        let connector = resolved.config;
        // What a task leaves out, it has from its connector.
        let mut whole = connector.clone();
        whole.extend(parts.secrets.resolve(name, task).map_err(Error::fail)?.config);
        let config = all_keys(&plugin, &connector, &parts.plugins).read(&whole).config;
        Ok(Settings { plugin, connector, config })
    }
}

/// Starts the thread of a task. Its end comes as an event.
pub(super) fn launch(
    to: &To<'_>,
    number: u32,
    task: &RawConfig,
    order: Order,
    view: TaskView,
    (run, last): (u64, LastProducer),
) -> io::Result<(OrderSender, Pulse)> {
    let (sender, orders) = orders(order, to.parts.session.clone());
    let entry = to.parts.configs.get(to.connector);
    let wanted = entry.map(|entry| (entry.config, entry.tasks.len(), entry.incarnation));
    let (connector, tasks, incarnation) = wanted.unwrap_or_default();
    let (events, name) = (to.events.clone(), to.connector.to_owned());
    let started = {
        let (events, connector) = (events.clone(), name.clone());
        move || drop(events.send(Event::Started { connector, task: number, run }))
    };
    let launch = Launch {
        parts: to.parts.clone(),
        id: view.id().clone(),
        connector,
        task: task.clone(),
        tasks,
        incarnation,
        last,
        orders,
        view,
        control: Handle::current(),
        started: Box::new(started),
    };
    let thread = start_thread(&launch.thread_name(), to.parts.config.task_nice, move || launch.run())?;
    let pulse = thread.pulse.clone();
    tokio::spawn(async move {
        let end = thread.end().await;
        let _ = events.send(Event::Ended { connector: name, task: number, run, end });
    });
    Ok((sender, pulse))
}

impl Launch {
    fn thread_name(&self) -> String {
        format!("task-{}", self.id)
    }

    /// On the task's own thread: secrets, settings, converters, and then the loop.
    async fn run(self) -> Result<()> {
        let (parts, name, raw) = (&self.parts, &self.id.connector, (&self.connector, &self.task));
        let settings = on_passing_thread(&self.thread_name(), || Settings::of(parts, name, raw))??;
        match settings.plugin.clone() {
            Plugin::Source(source) => self.run_source(source, settings).await,
            Plugin::Sink(sink) => self.run_sink(sink, settings).await,
        }
    }

    /// Opens what stands between the connector and the log.
    fn opener<'a>(&'a self, connector: &'a RawConfig, config: &Config) -> Opener<'a> {
        let (view, limit) = (self.view.clone(), self.parts.config.stuck_after);
        Opener {
            plugins: &self.parts.plugins,
            worker: &self.parts.config,
            connector,
            place: TaskPlace {
                connector: self.id.connector.clone(),
                task: self.id.task,
                host: Arc::new(self.view.clone()),
            },
            calls: Calls { limit, view },
            retry: RetryPolicy::of(config),
        }
    }

    async fn run_source(
        self,
        source: Arc<dyn AnySourceConnector>,
        Settings { connector, config, .. }: Settings,
    ) -> Result<()> {
        let (worker, connector) = (&self.parts.config, &connector);
        let SourceParts { chain, reads, converters } = self.opener(connector, &config).source().await?;
        let producer = producer_config(&worker.raw, connector);
        let client = self.parts.link.client(&format!("connector-producer-{}", self.id));
        let own = OwnTopic::named(connector.get(OFFSETS_TOPIC_KEY), &worker.offset_topic);
        let positions = ConnectorOffsets::open(&self.id.connector, &self.parts.offsets, own, client.clone()).await;
        let positions = positions.map_err(Error::fail)?;
        let exactly_once = match worker.exactly_once {
            true => Some(self.exactly_once(&config, connector).await?),
            false => None,
        };
        source::run(SourceSetup {
            connector: source,
            errors: ErrorPolicy::of_source(&config),
            config,
            client,
            producer,
            chain,
            reads,
            encoder: Encoder::new(converters),
            creation: TopicCreation::new(worker.create_topics, connector),
            positions,
            exactly_once,
            commit: (worker.commit_interval, worker.commit_timeout),
            orders: self.orders,
            view: self.view,
            call_limit: worker.stuck_after,
            graceful_stop: worker.graceful_stop,
            budget: self.parts.budget.clone(),
            started: self.started,
        })
        .await
    }

    /// Fences the tasks of earlier splits, and says how this one is exactly once.
    async fn exactly_once(&self, config: &Config, connector: &RawConfig) -> Result<ExactlyOnce> {
        let (parts, name) = (self.parts.clone(), self.id.connector.clone());
        let fenced = self.control.spawn(async move { fencing::before_start(&parts, &name).await }).await;
        fenced.map_err(|_| Error::fail("the worker is stopping"))??;
        let (parts, id, incarnation) = (self.parts.clone(), self.id.clone(), self.incarnation.clone());
        let confirm = move || -> Pin<Box<dyn Future<Output = Result<()>>>> {
            Box::pin(async move {
                let unread = |why| Error::fail("cannot read what is wanted of the task").caused_by(why);
                parts.configs.catch_up().await.map_err(unread)?;
                fencing::still_wanted(parts.configs.get(&id.connector).as_ref(), &incarnation, id.task)?;
                // It may have become another worker's while this one asked.
                let item = Item::Task(id.connector.to_string(), id.task);
                match parts.place.now().is_some_and(|standing| standing.is_mine(&item)) {
                    true => Ok(()),
                    false => Err(Error::fail("another worker runs this task by now")),
                }
            })
        };
        let worker = &self.parts.config;
        let timeout = transaction_timeout(&worker.raw, connector);
        Ok(ExactlyOnce {
            id: TransactionalId {
                id: fencing::transactional_id(&worker.group_id, &self.id.connector, self.id.task),
                timeout,
            },
            limits: Limits::new(boundary(config, worker.commit_interval), timeout),
            last: self.last.clone(),
            confirm: Box::new(confirm),
        })
    }

    async fn run_sink(
        self,
        sink: Arc<dyn AnySinkConnector>,
        Settings { plugin, connector, config }: Settings,
    ) -> Result<()> {
        let (worker, connector) = (&self.parts.config, &connector);
        let parts = self.opener(connector, &config).sink(sink.formats(&config).await?).await?;
        let class = |which: &str, own: &ConverterConfig| converter_of(connector, which, own).class;
        let rejects = RejectSettings {
            policy: ErrorPolicy::of_sink(&config),
            producer: producer_config(&worker.raw, connector),
            classes: Classes {
                key: class("key", &worker.key_converter),
                value: class("value", &worker.value_converter),
                header: class("header", &worker.header_converter),
                task: plugin.definition().task_class(),
            },
        };
        let consumer = consumer_settings(&worker.raw, connector);
        let client_name = format!("connector-consumer-{}", self.id);
        let group = GroupSettings {
            group: consumer.group_of(&self.id.connector),
            instance: sink::instance_of(&worker.group_id, &self.id),
            session_timeout: consumer.session_timeout,
            heartbeat_interval: consumer.heartbeat_interval,
            rebalance_timeout: consumer.rebalance_timeout,
            control: self.control,
            client: self.parts.link.client(&client_name),
        };
        self.parts.link.await_members(&group.group, self.tasks);
        sink::run(SinkSetup {
            decoder: Decoder::new(parts.converters, parts.formats, parts.shapers),
            chain: parts.chain,
            rejects,
            connector: sink,
            config,
            client: self.parts.link.client(&client_name),
            consumer,
            group,
            commit_interval: worker.commit_interval,
            orders: self.orders,
            view: self.view,
            call_limit: worker.stuck_after,
            graceful_stop: worker.graceful_stop,
            budget: self.parts.budget.clone(),
            started: self.started,
        })
        .await
    }
}
