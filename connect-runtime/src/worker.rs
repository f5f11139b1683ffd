//! A worker from start to stop.

use std::fs;
use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Broker, BrokerConfig};
use broker_client::{Backoff, Client, ClientError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use crate::config::WorkerConfig;
use crate::herd::config_log::RestartRequest;
use crate::herd::{
    ConfigStore, Herd, Joining, Live, Member, Parts, Peer, Place, StatusStore, SupervisorHandle, join,
    keep_session_key, start_supervisor,
};
use crate::internal::{FencedWriter, Writer, ensure};
use crate::log::LogLink;
use crate::memory::give_back;
use crate::moving::check_not_moved;
use crate::offsets::OffsetStore;
use crate::peers::{Caller, Guard, Keys, PeerListener, advertised_host, host_and_port};
use crate::plugins::{Folders, Plugins, rescan};
use crate::rest::{Listening, RestState, bind, peer_router, router};
use crate::secrets::{Providers, Seal, Secrets};
use crate::task::MemoryBudget;

/// How long the last words at stop may take: leaving the herd, telling states, closing connections.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Runs a worker until `stop` ends. The error is a line that says what to do; the flag says whether the worker had
/// been running by then.
pub fn run(config: WorkerConfig, plugins: Plugins, stop: impl Future<Output = ()>) -> Result<(), Ended> {
    run_with(config, plugins, |_| stop)
}

/// The same until what `body` makes of the herd ends.
pub fn run_with<F>(config: WorkerConfig, plugins: Plugins, body: impl FnOnce(Herd) -> F) -> Result<(), Ended>
where
    F: Future<Output = ()>,
{
    let secrets = open_secrets(&config)?;
    if config.bootstrap.is_none() {
        check_not_moved(&config.data_dir, config.ignore_move).map_err(Ended::before)?;
    }
    let log = config.bootstrap.is_none().then(|| EmbeddedLog::open(&config)).transpose()?;
    // REST, membership and everything that decides run here, where no connector can get in the way.
    let control = Builder::new_current_thread().enable_all().build();
    let control = control.map_err(|why| Ended::before(format!("Cannot start: {why}.")))?;
    let ended = control.block_on(async {
        tokio::spawn(give_back());
        let worker = Worker::start(config, plugins, secrets, log.as_ref()).await?;
        let herd = Herd::new(worker.parts.clone(), worker.supervisor.clone());
        let ended = worker.wait(body(herd), log.as_ref()).await;
        worker.stop().await;
        ended
    });
    if let Some(log) = log {
        log.close();
    }
    ended
}

/// Why a worker has ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// A line that says what to do.
    pub why: String,
    /// Whether it had been running: then it is a failure, before that a mistake of set-up.
    pub was_running: bool,
}

impl Ended {
    fn before(why: impl Into<String>) -> Ended {
        Ended { why: why.into(), was_running: false }
    }

    fn running(why: impl Into<String>) -> Ended {
        Ended { why: why.into(), was_running: true }
    }
}

/// The providers that the configuration names, and the key of sealed passwords; it is made if it is not there.
pub(crate) fn open_secrets(config: &WorkerConfig) -> Result<Secrets, Ended> {
    let names = config.raw.get("config.providers").map_or("", String::as_str);
    let names: Vec<String> =
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let (providers, warnings) = Providers::read(&names, &config.raw)
        .map_err(|issues| Ended::before(issues.first().map(ToString::to_string).unwrap_or_default()))?;
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    make_folder(&config.data_dir)?;
    let file = &config.secret_key_file;
    let seal = Seal::open_or_create(file).map_err(|why| {
        let shown = file.display();
        Ended::before(format!("Cannot read or make {shown}: {why}. Correct its rights, or `secret.key.file`."))
    })?;
    Ok(Secrets::new(seal, providers))
}

/// For its owner alone: it holds data and the key of sealed passwords.
fn make_folder(folder: &Path) -> Result<(), Ended> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|why| {
        let shown = folder.display();
        Ended::before(format!(
            "Cannot make the data folder {shown}: {why}. Correct its rights, or choose another with `data.dir`."
        ))
    })
}

/// The settings of the embedded log. The error is a line for each that is wrong.
pub(crate) fn log_settings(config: &WorkerConfig) -> Result<BrokerConfig, String> {
    let line = |error: &_| format!("Setting of the log behind `broker.`: {error}.");
    let read = BrokerConfig::from_properties(&config.broker);
    read.map_err(|errors| errors.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// The log in this process, on threads of its own.
struct EmbeddedLog {
    runtime: Runtime,
    broker: Broker,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

impl EmbeddedLog {
    fn open(config: &WorkerConfig) -> Result<EmbeddedLog, Ended> {
        let settings = log_settings(config).map_err(Ended::before)?;
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("log").enable_all().build();
        let runtime = runtime.map_err(|why| Ended::before(format!("Cannot start: {why}.")))?;
        let guard = runtime.enter();
        let broker = Broker::open(settings).map_err(|why| Ended::before(why.to_string()))?;
        let listeners = runtime.block_on(broker.bind()).map_err(|why| Ended::before(why.to_string()))?;
        let (stop, mut stopped) = watch::channel(false);
        let serving = runtime.spawn({
            let broker = broker.clone();
            async move { broker.serve(listeners, async move { drop(stopped.wait_for(|stop| *stop).await) }).await }
        });
        drop(guard);
        Ok(EmbeddedLog { runtime, broker, stop, serving })
    }

    /// Ends connections, syncs, and marks the folder as cleanly stopped.
    fn close(self) {
        let _ = self.stop.send(true);
        self.runtime.block_on(async {
            let _ = tokio::time::timeout(LAST_WORDS, self.serving).await;
            self.broker.shutdown().await;
        });
        self.runtime.shutdown_background();
    }
}

/// The worker's own topics, read whole and followed.
struct OwnTopics {
    configs: ConfigStore,
    offsets: OffsetStore,
    statuses: StatusStore,
    restarts: mpsc::UnboundedReceiver<RestartRequest>,
}

impl OwnTopics {
    /// Makes those that are not there, and reads them to their ends.
    async fn open(config: &WorkerConfig, link: &LogLink) -> Result<OwnTopics, Ended> {
        let all = [&config.config_topic, &config.offset_topic, &config.status_topic];
        ensure(&link.client("worker"), all).await.map_err(Ended::before)?;
        let [configs, offsets, statuses] = all.map(|topic| topic.name.as_str());
        let unread = |topic: &str, why: &ClientError| Ended::before(format!("Cannot read the topic {topic}: {why}."));
        // The id that Kafka Connect's leaders claim, so that none of them can be left behind either.
        let leader = FencedWriter::new(link.client("worker-leader"), format!("connect-cluster-{}", config.group_id));
        let (sender, restarts) = mpsc::unbounded_channel();
        let opened = ConfigStore::open(link.client("worker-configs"), configs, leader, sender).await;
        let configs = opened.map_err(|why| unread(configs, &why))?;
        let writer = Writer::start(link.client("worker-writer"));
        let opened = OffsetStore::open(link.client("worker-offsets"), offsets, writer.clone()).await;
        let offsets = opened.map_err(|why| unread(offsets, &why))?;
        let opened = StatusStore::open(link.client("worker-statuses"), statuses, writer).await;
        let statuses = opened.map_err(|why| unread(statuses, &why))?;
        Ok(OwnTopics { configs, offsets, statuses, restarts })
    }
}

/// A worker that runs.
struct Worker {
    parts: Arc<Parts>,
    supervisor: SupervisorHandle,
    member: Member,
    rest: RestState,
    stop_rest: watch::Sender<bool>,
    stop_peers: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    serving_peers: tokio::task::JoinHandle<()>,
}

impl Worker {
    /// REST first, so that everybody can see the worker start; then the log, what is wanted, the herd, the work.
    async fn start(
        config: WorkerConfig,
        plugins: Plugins,
        secrets: Secrets,
        log: Option<&EmbeddedLog>,
    ) -> Result<Worker, Ended> {
        let since = Instant::now();
        let listening = bind(&config.listeners).await.map_err(Ended::before)?;
        let rest_address = advertised(&config, &listening);
        let rest = RestState::starting(config.rest_body_max_bytes);
        let (stop_rest, stopped) = watch::channel(false);
        let stop_peers = watch::Sender::new(false);
        let serving = tokio::spawn(listening.serve(router(rest.clone()), stopped));

        plugins.look_in(Folders::new(config.plugin_path.clone(), config.data_dir.join("plugins"))).await;
        if let Err(why) = rescan(&plugins).await {
            tracing::error!("{why}");
        }
        let link = LogLink::new(&config, &secrets, log.map(|log| &log.broker)).map_err(Ended::before)?;
        reach(&link.client("worker"), &config).await?;
        let peers = Peers::bind(&config).await.map_err(Ended::before)?;
        let worker_id = peers.worker_id(&config, &rest_address);
        let OwnTopics { configs, offsets, statuses, restarts } = OwnTopics::open(&config, &link).await?;
        let keys = session_keys(&configs);
        let (place_sender, place) = watch::channel(None);
        let joining = Joining {
            me: Peer {
                worker_id: worker_id.clone(),
                peer_url: format!("http://{}", peers.address),
                seal_id: secrets.seal_id().to_owned(),
            },
            configs: configs.clone(),
            statuses: statuses.clone(),
            place: place_sender,
            max_delay: config.max_rebalance_delay,
        };
        let joined = join(&config, link.client("worker-member"), joining).await.map_err(Ended::before)?;
        let (budget, kept) = (MemoryBudget::new(config.memory_bytes), MemoryBudget::new(config.memory_bytes));
        let live = Live::default();
        let (place, session) = (Place::new(place), joined.session().clone());
        let config_signature = config.peers.signature;
        let parts = Parts {
            config,
            worker_id,
            plugins,
            secrets,
            place,
            caller: Caller::new(keys.clone(), config_signature),
            session,
            link,
            configs,
            statuses,
            offsets,
            live,
            budget,
            kept,
        };
        let parts = Arc::new(parts);
        let supervisor = start_supervisor(parts.clone(), restarts);
        let member = joined.keep(&parts.config.group_id, supervisor.clone());
        rest.ready(Herd::new(parts.clone(), supervisor.clone()));
        let serving_peers = tokio::spawn(peers.serve(keys, &parts.config, rest.clone(), stop_peers.subscribe()));
        tokio::spawn(keep_session_key(parts.clone()));
        let millis = since.elapsed().as_millis() as u64;
        tracing::info!(rest = format!("http://{rest_address}"), millis, "worker is ready");
        Ok(Worker { parts, supervisor, member, rest, stop_rest, stop_peers, serving, serving_peers })
    }

    /// Waits for the end: wanted, or forced by a log that cannot be written any more or by another worker.
    async fn wait(&self, stop: impl Future<Output = ()>, log: Option<&EmbeddedLog>) -> Result<(), Ended> {
        let (mut refused, mut trouble) = (self.member.refused(), self.member.trouble());
        let log_failed = async {
            match log {
                Some(log) => log.broker.failed().await,
                None => std::future::pending().await,
            }
        };
        let mut stop = std::pin::pin!(stop);
        let mut log_failed = std::pin::pin!(log_failed);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = &mut log_failed => {
                    return Err(Ended::running("The log cannot be written any more. Look after the disk, then start again."));
                }
                why = refused.wait_for(Option::is_some) => {
                    let why = why.ok().and_then(|why| why.clone()).unwrap_or_default();
                    return Err(Ended::running(why));
                }
                changed = trouble.changed() => {
                    if changed.is_ok() {
                        self.rest.trouble(trouble.borrow_and_update().clone());
                    }
                }
            }
        }
    }

    /// Tasks first, so that nothing is repeated later; then the last words.
    async fn stop(self) {
        tracing::info!("worker is stopping");
        let _ = self.stop_rest.send(true);
        self.supervisor.shutdown().await;
        let last_words = async {
            self.parts.statuses.flush().await;
            self.member.leave().await;
            // Until now others could ask what still runs here.
            let _ = self.stop_peers.send(true);
            let _ = (self.serving.await, self.serving_peers.await);
        };
        let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
        tracing::info!("worker has stopped");
    }
}

/// Waits for the log; a cluster may be starting at the same time.
async fn reach(client: &Client, config: &WorkerConfig) -> Result<(), Ended> {
    let patience = Instant::now() + config.request_timeout;
    let mut backoff = Backoff::default();
    loop {
        match client.topic_names().await {
            Ok(_) => return Ok(()),
            Err(why) if why.is_config() => return Err(Ended::before(format!("{why}."))),
            Err(why) if why.is_retriable() && Instant::now() < patience => {
                tracing::warn!(error = %why, "the log does not answer yet");
                tokio::time::sleep(backoff.next_delay()).await;
            }
            Err(why) => return Err(Ended::before(format!("{why}. Check `bootstrap.servers`{}.", hint(&why)))),
        }
    }
}

/// A listener with a login closes connections on which something else comes first, and says nothing.
fn hint(why: &ClientError) -> &'static str {
    match why {
        ClientError::Lost { .. } => {
            " and `security.protocol`: a listener with a login ends connections that do not begin with one"
        }
        _ => "",
    }
}

fn advertised(config: &WorkerConfig, listening: &Listening) -> String {
    let (host, port) = config.listeners.first().cloned().unwrap_or_default();
    let host = config.advertised.0.clone().unwrap_or(host);
    let port = config.advertised.1.or(listening.address().map(|address| address.port())).unwrap_or(port);
    host_and_port(&host, port)
}

fn session_keys(configs: &ConfigStore) -> Keys {
    let configs = configs.clone();
    Arc::new(move || configs.session_keys())
}

/// The listener for peers, and what they are told about it.
struct Peers {
    listener: PeerListener,
    /// `host:port`.
    address: String,
    host: String,
}

impl Peers {
    /// The log has to have answered before, since the way to it may say which address peers reach.
    async fn bind(config: &WorkerConfig) -> Result<Peers, String> {
        let (host, port) = &config.peers.listener;
        let listener = PeerListener::bind(host, *port).await?;
        let bound = listener.address()?;
        let (given_host, given_port) = config.peers.advertised.clone();
        let host = match given_host {
            Some(host) => host,
            None => advertised_host(bound.ip(), config.bootstrap.as_deref().unwrap_or_default()).await?,
        };
        let address = host_and_port(&host, given_port.unwrap_or(bound.port()));
        Ok(Peers { listener, address, host })
    }

    /// What the worker is known by: where its REST is, or would be if it listened to others. On several machines REST may
    /// be on the same port of loopback, so that alone would not tell workers apart.
    fn worker_id(&self, config: &WorkerConfig, rest_address: &str) -> String {
        let is_local = |host: &str| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let on_loopback = config.advertised.0.is_none() && !is_local(&self.host);
        match rest_address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()) {
            Some(port) if on_loopback => host_and_port(&self.host, port),
            _ => rest_address.to_owned(),
        }
    }

    fn serve(
        self,
        keys: Keys,
        config: &WorkerConfig,
        rest: RestState,
        stop: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + use<> {
        let guard = Guard::new(keys, config.peers.taken.clone(), self.address, config.rest_body_max_bytes);
        self.listener.serve(peer_router(rest, guard), stop)
    }
}
