//! Brokers for tests, and a client of raw frames.

use std::collections::BTreeMap;
use std::path::Path;

use broker::{Broker, BrokerConfig, Session};
use broker_wire::messages::Request;
use broker_wire::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use broker_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use broker_wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use broker_wire::records::{BatchBuilder, Compression, MAX_DECOMPRESSED, batches};
use broker_wire::{FrameDecoder, decode_response, encode_request};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Settings for a broker in `dir`, with `settings` over them. Sessions may be short, so that tests are.
pub fn config(dir: &Path, settings: &[(&str, &str)]) -> BrokerConfig {
    let mut properties = BTreeMap::from([
        ("log.dirs".to_owned(), dir.join("log").display().to_string()),
        ("group.min.session.timeout.ms".to_owned(), "100".to_owned()),
    ]);
    properties.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    BrokerConfig::from_properties(&properties).unwrap()
}

/// A broker without sockets.
pub fn open(dir: &Path) -> Broker {
    Broker::open(config(dir, &[])).unwrap()
}

/// A broker that listens on a free port.
pub struct Running {
    pub broker: Broker,
    pub address: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    /// Keeps the folder of [`start`](Self::start).
    _dir: Option<TempDir>,
}

impl Running {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut running = Self::start_in(dir.path(), settings).await;
        running._dir = Some(dir);
        running
    }

    pub async fn start_in(dir: &Path, settings: &[(&str, &str)]) -> Self {
        let address = free_address();
        let listeners = format!("PLAINTEXT://{address}");
        let settings = [&[("listeners", listeners.as_str())], settings].concat();
        let broker = Broker::open(config(dir, &settings)).unwrap();
        let bound = broker.bind().await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = broker.clone();
        let serving = tokio::spawn(async move { server.serve(bound, async { drop(stopped.await) }).await });
        Self { broker, address, stop: Some(stop), serving, _dir: None }
    }

    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.unwrap();
        self.broker.shutdown().await;
    }
}

/// An address that nobody listens on, with a port below those that the kernel hands out by itself.
pub fn free_address() -> String {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let ports = (0..1000).map(|i| 20_000 + (seed / 1000 + i * 37) % 12_000);
    let free = |port: &u32| std::net::TcpListener::bind(("127.0.0.1", *port as u16)).is_ok();
    format!("127.0.0.1:{}", ports.into_iter().find(free).unwrap())
}

/// Sends a request through a session and reads its answer.
pub async fn ask<R: Request>(session: &Session, request: &R, version: i16) -> R::Response {
    let frame = encode_request(request, version, 7, Some("test")).unwrap();
    let answer = session.submit(frame).await.expect("an answer");
    let (correlation_id, response) = decode_response::<R>(answer, version).unwrap();
    assert_eq!(correlation_id, 7);
    response
}

/// A connection over a socket.
pub struct Connection {
    pub stream: TcpStream,
    frames: FrameDecoder,
}

impl Connection {
    pub async fn to(address: &str) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), frames: FrameDecoder::new(100 << 20) }
    }

    pub async fn send<R: Request>(&mut self, request: &R, version: i16, correlation_id: i32) {
        self.send_frame(&encode_request(request, version, correlation_id, Some("test")).unwrap()).await;
    }

    pub async fn send_frame(&mut self, frame: &[u8]) {
        let prefix = (frame.len() as u32).to_be_bytes();
        self.stream.write_all(&[&prefix, frame].concat()).await.unwrap();
    }

    /// The next answer; `None` if the broker hung up.
    pub async fn receive(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.frames.next_frame().unwrap() {
                return Some(frame);
            }
            if self.stream.read_buf(self.frames.buffer()).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub async fn ask<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version, 3).await;
        decode_response::<R>(self.receive().await.expect("an answer"), version).unwrap().1
    }
}

/// A batch of one record for each value.
pub fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new();
    values.iter().for_each(|value| builder.push(1000, None, Some(value.as_bytes()), &[]));
    builder.finish(Compression::None, None).unwrap()
}

pub fn produce(topic: &str, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: 0, records: Some(records) };
    let topic = TopicProduceData { name: topic.to_owned(), partition_data: vec![data] };
    ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() }
}

/// Produces with acks=-1; gives the partition's answer.
pub async fn send(session: &Session, topic: &str, records: Bytes) -> PartitionProduceResponse {
    let response = ask(session, &produce(topic, -1, records), 9).await;
    response.responses[0].partition_responses[0].clone()
}

pub fn fetch(topic: &str, fetch_offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.to_owned(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest { max_wait_ms, min_bytes: 1, topics: vec![topic], ..FetchRequest::default() }
}

/// Offsets and values of the first partition of an answer.
pub fn values(response: &FetchResponse) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    for batch in batches(response.responses[0].partitions[0].records.clone().unwrap_or_default()) {
        for record in batch.unwrap().open(MAX_DECOMPRESSED).unwrap().slices() {
            let record = record.unwrap();
            values.push((record.offset, String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned()));
        }
    }
    values
}

/// Has a topic made by asking for it.
pub async fn create(session: &Session, topic: &str) -> MetadataResponse {
    ask(session, &metadata(&[topic]), 12).await
}

pub fn metadata(topics: &[&str]) -> MetadataRequest {
    let topic =
        |name: &&str| MetadataRequestTopic { name: Some((*name).to_owned()), ..MetadataRequestTopic::default() };
    MetadataRequest { topics: Some(topics.iter().map(topic).collect()), ..MetadataRequest::default() }
}
