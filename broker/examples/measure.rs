//! Measures the log: what a plain disk loop does, and what the broker does over TCP and in process.
//!
//! `measure disk FOLDER [IN_FLIGHT]`: write as many bytes as a producer has in flight, sync, again.
//! `measure tcp ADDRESS [IN_FLIGHT]`: produce to a broker with acks=-1, then consume.
//! `measure session FOLDER [IN_FLIGHT] [key=value ...]`: the same without a socket, in one process.
//!
//! A million records of 200 bytes in batches of 500; IN_FLIGHT batches at a time (5). Run it with `--release`.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Instant;

use broker::{Broker, BrokerConfig, Session};
use broker_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use broker_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use broker_wire::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use broker_wire::records::{BatchBuilder, Compression, MAX_DECOMPRESSED, batches};
use broker_wire::{FrameDecoder, decode_response, encode_request};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BATCH: usize = 500;
const BATCHES: usize = 2000;
const PRODUCE: i16 = 9;
const FETCH: i16 = 12;
const TOPIC: &str = "measure";

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let in_flight = args.get(2).map_or(Ok(5), |count| count.parse())?;
    match (args.first().map(String::as_str), args.get(1)) {
        (Some("disk"), Some(folder)) => disk(folder, in_flight),
        (Some("tcp"), Some(address)) => tcp(address, in_flight).await,
        (Some("session"), Some(folder)) => session(folder, in_flight, &args[3.min(args.len())..]).await,
        _ => Err("measure disk FOLDER | tcp ADDRESS | session FOLDER [IN_FLIGHT] [key=value ...]".into()),
    }
}

fn batch(builder: &mut BatchBuilder) -> Result<Bytes, Failed> {
    let (key, value) = ([b'k'; 16], [b'v'; 184]);
    for i in 0..BATCH as i64 {
        builder.push(1_700_000_000_000 + i, Some(&key), Some(&value), &[]);
    }
    Ok(builder.finish(Compression::None, None)?)
}

fn report(what: &str, started: Instant, cpu: f64, bytes: usize) {
    let seconds = started.elapsed().as_secs_f64();
    let records = (BATCH * BATCHES) as f64;
    println!(
        "{what}: {:.0} MB/s, {:.2} M records/s, {:.3} CPU s",
        bytes as f64 / 1e6 / seconds,
        records / 1e6 / seconds,
        cpu_seconds() - cpu
    );
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |at| stat.split(' ').nth(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}

fn disk(folder: &str, in_flight: usize) -> Result<(), Failed> {
    let batch = batch(&mut BatchBuilder::new())?;
    let path = format!("{folder}/measure.bytes");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    let (started, cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..BATCHES / in_flight {
        for _ in 0..in_flight {
            file.write_all(&batch)?;
        }
        file.sync_data()?;
    }
    report("write and fdatasync", started, cpu, batch.len() * BATCHES);
    Ok(std::fs::remove_file(path)?)
}

fn produce_request(batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData { index: 0, records: Some(batch) };
    let topic = TopicProduceData { name: TOPIC.into(), partition_data: vec![data] };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..ProduceRequest::default() }
}

fn fetch_request(offset: i64) -> FetchRequest {
    let partition = FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest { max_wait_ms: 500, min_bytes: 1, topics: vec![topic], ..FetchRequest::default() }
}

fn create_request() -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(TOPIC.into()), ..MetadataRequestTopic::default() };
    MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: true, ..MetadataRequest::default() }
}

fn check_produced(frame: Bytes) -> Result<(), Failed> {
    let (_, answer) = decode_response::<ProduceRequest>(frame, PRODUCE)?;
    let partition = &answer.responses[0].partition_responses[0];
    if partition.error_code.is_none() { Ok(()) } else { Err(partition.error_code.to_string().into()) }
}

/// Counts the records of an answer; gives the next offset.
fn take_fetched(frame: Bytes, offset: i64) -> Result<i64, Failed> {
    let (_, answer) = decode_response::<FetchRequest>(frame, FETCH)?;
    let mut next = offset;
    for batch in batches(answer.responses[0].partitions[0].records.clone().unwrap_or_default()) {
        let batch = batch?;
        let open = batch.open(MAX_DECOMPRESSED)?;
        for record in open.records() {
            next = record?.offset + 1;
        }
    }
    Ok(next)
}

async fn session(folder: &str, in_flight: usize, settings: &[String]) -> Result<(), Failed> {
    let mut properties: BTreeMap<String, String> =
        settings.iter().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    properties.insert("log.dirs".to_owned(), folder.to_owned());
    let config = BrokerConfig::from_properties(&properties).map_err(|errors| format!("{errors:?}"))?;
    let broker = Broker::open(config)?;
    let session = broker.session("measure");
    session.submit(encode_request(&create_request(), 9, 0, None)?).await;
    produce_in_process(&session, in_flight).await?;
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let (mut offset, mut bytes) = (0, 0);
    while offset < (BATCH * BATCHES) as i64 {
        let request = encode_request(&fetch_request(offset), FETCH, 0, None)?;
        let frame = session.submit(request).await.ok_or("no answer")?;
        bytes += frame.len();
        offset = take_fetched(frame, offset)?;
    }
    report("consume in process", started, cpu, bytes);
    broker.shutdown().await;
    Ok(())
}

async fn produce_in_process(session: &Session, in_flight: usize) -> Result<(), Failed> {
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut builder = BatchBuilder::new();
    let (mut pending, mut bytes) = (VecDeque::new(), 0);
    for _ in 0..BATCHES {
        if pending.len() == in_flight {
            let first: broker::Reply = pending.pop_front().ok_or("nothing pending")?;
            check_produced(first.await.ok_or("no answer")?)?;
        }
        let batch = batch(&mut builder)?;
        bytes += batch.len();
        pending.push_back(session.submit(encode_request(&produce_request(batch), PRODUCE, 0, None)?));
    }
    for reply in pending {
        check_produced(reply.await.ok_or("no answer")?)?;
    }
    report("produce in process", started, cpu, bytes);
    Ok(())
}

/// A connection that takes one answer at a time.
struct Connection {
    stream: TcpStream,
    frames: FrameDecoder,
}

impl Connection {
    async fn send(&mut self, frame: &Bytes) -> Result<(), Failed> {
        let mut message = Vec::with_capacity(4 + frame.len());
        message.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        message.extend_from_slice(frame);
        Ok(self.stream.write_all(&message).await?)
    }

    async fn receive(&mut self) -> Result<Bytes, Failed> {
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return Ok(frame);
            }
            if self.stream.read_buf(self.frames.buffer()).await? == 0 {
                return Err("the broker hung up".into());
            }
        }
    }
}

async fn tcp(address: &str, in_flight: usize) -> Result<(), Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut connection = Connection { stream, frames: FrameDecoder::new(100 << 20) };
    connection.send(&encode_request(&create_request(), 9, 0, None)?).await?;
    connection.receive().await?;

    let (started, cpu) = (Instant::now(), cpu_seconds());
    let mut builder = BatchBuilder::new();
    let mut bytes = 0;
    for sent in 0..BATCHES {
        if sent >= in_flight {
            check_produced(connection.receive().await?)?;
        }
        let batch = batch(&mut builder)?;
        bytes += batch.len();
        connection.send(&encode_request(&produce_request(batch), PRODUCE, 0, None)?).await?;
    }
    for _ in 0..in_flight.min(BATCHES) {
        check_produced(connection.receive().await?)?;
    }
    report("produce over TCP", started, cpu, bytes);

    let (started, cpu) = (Instant::now(), cpu_seconds());
    let (mut offset, mut bytes) = (0, 0);
    while offset < (BATCH * BATCHES) as i64 {
        connection.send(&encode_request(&fetch_request(offset), FETCH, 0, None)?).await?;
        let frame = connection.receive().await?;
        bytes += frame.len();
        offset = take_fetched(frame, offset)?;
    }
    report("consume over TCP", started, cpu, bytes);
    Ok(())
}
