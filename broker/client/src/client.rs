//! What a client knows of the cluster: brokers, topics, leaders, coordinators, and the connections to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_wire::messages::Request;
use broker_wire::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use broker_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use broker_wire::{ErrorCode, Uuid};
use parking_lot::Mutex;

use crate::connection::{Connection, Transport};
use crate::error::{ClientError, Result};
use crate::settled::settled;

/// How a client reaches the cluster.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where to ask first: host and port of some brokers.
    pub bootstrap: Vec<(String, u16)>,
    /// The name under which the log knows the client.
    pub client_id: String,
    /// How long an answer may take before the connection counts as broken.
    pub request_timeout: Duration,
    /// How long what is known of topics is believed.
    pub metadata_max_age: Duration,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            bootstrap: Vec::new(),
            client_id: "naru".to_owned(),
            request_timeout: Duration::from_secs(30),
            metadata_max_age: Duration::from_secs(60),
        }
    }
}

/// What a connection is for. A broker deals with one request of a connection at a time, so what waits (a fetch, a join)
/// has a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Quick questions.
    Control,
    /// Produce requests.
    Produce,
    /// Fetch requests.
    Fetch,
    /// Group membership.
    Group,
}

/// What a broker coordinates, with the protocol's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Coordinated {
    Group = 0,
    Transaction = 1,
}

impl Coordinated {
    fn name(self) -> &'static str {
        match self {
            Coordinated::Group => "group",
            Coordinated::Transaction => "transactional id",
        }
    }
}

/// The partitions of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// The topic's id; zero if the log has none.
    pub id: Uuid,
    /// The leader of each partition, by its number; `None` while there is none.
    pub leaders: Vec<Option<i32>>,
}

/// Knows the cluster. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    config: ClientConfig,
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    brokers: HashMap<i32, (String, u16)>,
    connections: HashMap<(Option<i32>, Purpose), Arc<Connection>>,
    topics: HashMap<String, (Instant, Arc<Partitions>)>,
    coordinators: HashMap<(Coordinated, String), i32>,
    cluster_id: Option<String>,
    /// Which of the addresses is asked first where any broker will do: the last that answered.
    first: usize,
}

impl Client {
    /// A client that connects when it is first asked.
    pub fn new(config: ClientConfig, transport: Arc<dyn Transport>) -> Client {
        Client(Arc::new(Shared { config, transport, state: Mutex::default() }))
    }

    /// A client of the same cluster, with connections of its own, under another name: for another runtime.
    pub fn sibling(&self, client_id: impl Into<String>) -> Client {
        let config = ClientConfig { client_id: client_id.into(), ..self.0.config.clone() };
        Client::new(config, self.0.transport.clone())
    }

    /// How it was made.
    pub fn config(&self) -> &ClientConfig {
        &self.0.config
    }

    /// The cluster's id, once the cluster has been asked anything.
    pub fn cluster_id(&self) -> Option<String> {
        self.0.state.lock().cluster_id.clone()
    }

    /// A connection to any broker. One that is lost is made to another broker, if there is another.
    pub async fn any(&self, purpose: Purpose) -> Result<Arc<Connection>> {
        if let Some(known) = self.usable(None, purpose) {
            return Ok(known);
        }
        let (addresses, first) = self.addresses(purpose);
        let mut failed = ClientError::Missing("bootstrap server; `bootstrap.servers` is empty".to_owned());
        for step in 0..addresses.len() {
            let index = (first + step) % addresses.len();
            let Some((host, port)) = addresses.get(index) else { continue };
            match self.open((host, *port)).await {
                Ok(connection) => {
                    self.0.state.lock().first = index;
                    return Ok(self.keep(None, purpose, connection));
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// All addresses that are known, and which of them to try first: not the one whose connection was lost.
    fn addresses(&self, purpose: Purpose) -> (Vec<(String, u16)>, usize) {
        let mut state = self.0.state.lock();
        let bootstrap = &self.0.config.bootstrap;
        let mut known: Vec<&(String, u16)> =
            state.brokers.values().filter(|address| !bootstrap.contains(address)).collect();
        known.sort();
        let addresses: Vec<(String, u16)> = bootstrap.iter().chain(known).cloned().collect();
        if let Some(lost) = state.connections.remove(&(None, purpose))
            && addresses.get(state.first).is_some_and(|(host, port)| format!("{host}:{port}") == lost.address())
        {
            state.first += 1;
        }
        (addresses, state.first)
    }

    /// A connection to the broker of that id.
    pub async fn node(&self, id: i32, purpose: Purpose) -> Result<Arc<Connection>> {
        if let Some(known) = self.usable(Some(id), purpose) {
            return Ok(known);
        }
        let address = self.0.state.lock().brokers.get(&id).cloned();
        let (host, port) = address.ok_or_else(|| ClientError::Missing(format!("broker {id}")))?;
        match self.open((&host, port)).await {
            Ok(connection) => Ok(self.keep(Some(id), purpose, connection)),
            Err(error) => {
                self.doubt(id);
                Err(error)
            }
        }
    }

    /// A broker cannot be reached: whatever it led or coordinated may be somebody else's by now.
    fn doubt(&self, id: i32) {
        let mut state = self.0.state.lock();
        state.coordinators.retain(|_, coordinator| *coordinator != id);
        state.topics.retain(|_, (_, partitions)| !partitions.leaders.contains(&Some(id)));
    }

    /// The partitions of a topic, from memory while that is fresh; `None` if the log has no such topic.
    pub async fn partitions(&self, topic: &str) -> Result<Option<Arc<Partitions>>> {
        let known = self.0.state.lock().topics.get(topic).cloned();
        match known {
            Some((since, partitions)) if since.elapsed() < self.0.config.metadata_max_age => Ok(Some(partitions)),
            _ => self.refresh(topic).await,
        }
    }

    /// The partitions of a topic that must be there, each with a leader. Waits some seconds for both: a new topic takes a
    /// moment until every broker knows it.
    pub async fn settled_partitions(&self, topic: &str) -> Result<Arc<Partitions>> {
        settled(|| async {
            let known = self.refresh(topic).await?;
            let missing = |code| ClientError::refused(format!("cannot find all partitions of topic {topic}"), code);
            let known = known.ok_or_else(|| missing(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
            if known.leaders.is_empty() || known.leaders.contains(&None) {
                return Err(missing(ErrorCode::LEADER_NOT_AVAILABLE));
            }
            Ok(known)
        })
        .await
    }

    /// The partitions of a topic, asked anew.
    pub async fn refresh(&self, topic: &str) -> Result<Option<Arc<Partitions>>> {
        let topics = vec![MetadataRequestTopic { name: Some(topic.to_owned()), ..Default::default() }];
        self.ask_metadata(Some(topics)).await?;
        Ok(self.0.state.lock().topics.get(topic).map(|(_, partitions)| partitions.clone()))
    }

    /// The names of all topics.
    pub async fn topic_names(&self) -> Result<Vec<String>> {
        let answer = self.ask_metadata(None).await?;
        Ok(answer.topics.into_iter().filter_map(|topic| topic.name).collect())
    }

    /// Forgets what is known of a topic's leaders, after one of them turned out not to be.
    pub fn forget(&self, topic: &str) {
        self.0.state.lock().topics.remove(topic);
    }

    /// A connection to the coordinator of a group.
    pub async fn coordinator(&self, group: &str, purpose: Purpose) -> Result<Arc<Connection>> {
        self.coordinator_of(Coordinated::Group, group, purpose).await
    }

    /// Asks the coordinator of a group. One that does not answer is forgotten, because the group may have moved.
    pub(crate) async fn ask_coordinator<R: Request>(
        &self,
        group: &str,
        request: &R,
        limit: Duration,
    ) -> Result<R::Response> {
        let coordinator = self.coordinator(group, Purpose::Control).await?;
        let answer = coordinator.call_up_to(request, i16::MAX, limit).await;
        if answer.as_ref().is_err_and(ClientError::breaks_connection) {
            self.forget_coordinator(group);
        }
        answer
    }

    /// Forgets who coordinates a group, after it turned out to be somebody else.
    pub fn forget_coordinator(&self, group: &str) {
        self.0.state.lock().coordinators.remove(&(Coordinated::Group, group.to_owned()));
    }

    /// A connection to the coordinator of a transactional id.
    pub async fn transaction_coordinator(&self, id: &str, purpose: Purpose) -> Result<Arc<Connection>> {
        self.coordinator_of(Coordinated::Transaction, id, purpose).await
    }

    /// Forgets who coordinates a transactional id, after it turned out to be somebody else.
    pub fn forget_transaction_coordinator(&self, id: &str) {
        self.0.state.lock().coordinators.remove(&(Coordinated::Transaction, id.to_owned()));
    }

    async fn coordinator_of(&self, kind: Coordinated, key: &str, purpose: Purpose) -> Result<Arc<Connection>> {
        let known = self.0.state.lock().coordinators.get(&(kind, key.to_owned())).copied();
        let id = match known {
            Some(id) => id,
            None => self.find_coordinator(kind, key).await?,
        };
        self.node(id, purpose).await
    }

    async fn find_coordinator(&self, kind: Coordinated, key: &str) -> Result<i32> {
        let request = FindCoordinatorRequest {
            key: key.to_owned(),
            key_type: kind as i8,
            coordinator_keys: vec![key.to_owned()],
        };
        let answer = self.any(Purpose::Control).await?.call(&request).await?;
        let (code, id, host, port) = coordinator_in(answer);
        ClientError::check(code, || format!("cannot find the coordinator of {} {key}", kind.name()))?;
        let mut state = self.0.state.lock();
        state.brokers.insert(id, (host, port as u16));
        state.coordinators.insert((kind, key.to_owned()), id);
        Ok(id)
    }

    async fn ask_metadata(&self, topics: Option<Vec<MetadataRequestTopic>>) -> Result<MetadataResponse> {
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        let answer = self.any(Purpose::Control).await?.call(&request).await?;
        ClientError::check(answer.error_code, || "cannot list topics".to_owned())?;
        self.learn(&answer)?;
        Ok(answer)
    }

    fn learn(&self, answer: &MetadataResponse) -> Result<()> {
        let mut state = self.0.state.lock();
        state.cluster_id.clone_from(&answer.cluster_id);
        let brokers = answer.brokers.iter().map(|broker| (broker.node_id, (broker.host.clone(), broker.port as u16)));
        state.brokers.extend(brokers);
        for topic in &answer.topics {
            let Some(name) = &topic.name else { continue };
            if topic.error_code.is_none() {
                let mut leaders = vec![None; topic.partitions.len()];
                for partition in &topic.partitions {
                    let slot = usize::try_from(partition.partition_index).ok().and_then(|index| leaders.get_mut(index));
                    let leader = Some(partition.leader_id).filter(|leader| *leader >= 0);
                    slot.into_iter().for_each(|slot| *slot = leader);
                }
                let partitions = Arc::new(Partitions { id: topic.topic_id, leaders });
                state.topics.insert(name.clone(), (Instant::now(), partitions));
            } else {
                state.topics.remove(name);
                if topic.error_code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                    return Err(ClientError::refused(format!("cannot describe topic {name}"), topic.error_code));
                }
            }
        }
        Ok(())
    }

    fn usable(&self, id: Option<i32>, purpose: Purpose) -> Option<Arc<Connection>> {
        let state = self.0.state.lock();
        state.connections.get(&(id, purpose)).filter(|connection| !connection.is_broken()).cloned()
    }

    fn keep(&self, id: Option<i32>, purpose: Purpose, connection: Connection) -> Arc<Connection> {
        let connection = Arc::new(connection);
        self.0.state.lock().connections.insert((id, purpose), connection.clone());
        connection
    }

    async fn open(&self, (host, port): (&str, u16)) -> Result<Connection> {
        let config = &self.0.config;
        Connection::open(&*self.0.transport, (host, port), &config.client_id, config.request_timeout).await
    }
}

/// Code, id, host and port, from the place where the answer's version has them.
fn coordinator_in(answer: FindCoordinatorResponse) -> (ErrorCode, i32, String, i32) {
    match answer.coordinators.into_iter().next() {
        Some(found) => (found.error_code, found.node_id, found.host, found.port),
        None => (answer.error_code, answer.node_id, answer.host, answer.port),
    }
}
