//! The log and its clients.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use broker::{Broker, BrokerConfig};
use connect_runtime::log::InProcess;
use naru_tests::free_port;
use tokio::runtime::{Builder, Runtime};

use crate::own_client::{BATCH, RECORDS, client, consume, make_topic, produce, record};
use crate::table::{Row, Side, Table, Target, median};
use crate::usage::{Spent, run, spent};

const ROUNDS: usize = 5;

/// A log in this process, on threads of its own.
struct Log {
    runtime: Runtime,
    broker: Broker,
    port: u16,
    folder: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Log {
    fn start(durability: &str) -> Log {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let settings = [
            ("listeners", format!("PLAINTEXT://127.0.0.1:{port}")),
            ("log.dirs", folder.path().join("log").to_string_lossy().into_owned()),
            ("durability", durability.to_owned()),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value)).into();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let guard = runtime.enter();
        let broker = Broker::open(BrokerConfig::from_properties(&settings).expect("settings")).expect("a log");
        let listeners = runtime.block_on(broker.bind()).expect("a port");
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = broker.clone();
        runtime.spawn(async move { serving.serve(listeners, async { drop(stopped.await) }).await });
        drop(guard);
        Log { runtime, broker, port, folder, stop: Some(stop) }
    }

    /// Our own client without a socket, on a thread of its own as tasks are.
    fn own<T>(&self, work: impl AsyncFnOnce(broker_client::Client) -> T) -> T {
        let transport = Arc::new(InProcess(self.broker.clone()));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work(client(transport, self.port)))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.runtime.block_on(self.broker.shutdown());
    }
}

/// Our own client against a plain loop.
pub fn durable(table: &mut Table) {
    let round = || {
        let log = Log::start("fsync");
        let topic = "durable";
        log.own(async |client| make_topic(&client, topic).await);
        let (ours, bytes) = spent(|| log.own(async |client| produce(&client, topic).await));
        let plain = plain_loop(log.folder.path(), bytes);
        (ours, plain, bytes)
    };
    let ratio = |(ours, plain, bytes): &(Spent, Spent, u64)| ours.mb_per_s(*bytes) / plain.mb_per_s(*bytes);
    let pair = median((0..ROUNDS).map(|_| round()).collect(), ratio);
    let (ours, plain, bytes) = pair;
    table.add(Row {
        what: "own client, 200-byte records in batches of 500, acknowledged durable",
        ours: ours.side(format!("{:.0} MB/s", ours.mb_per_s(bytes)), RECORDS),
        baseline: plain.side(format!("plain write and sync: {:.0} MB/s", plain.mb_per_s(bytes)), RECORDS),
        value: ratio(&pair),
        target: Target::AtLeast(0.5),
    });
}

/// The same bytes, written and synced by a plain loop with as many bytes in flight.
fn plain_loop(folder: &Path, bytes: u64) -> Spent {
    let in_flight = vec![7u8; 5 * BATCH * 211];
    let mut file = File::create(folder.join("plain")).expect("a file");
    let (spent, ()) = spent(|| {
        let mut left = bytes;
        while left > 0 {
            let now = left.min(in_flight.len() as u64);
            file.write_all(&in_flight[..now as usize]).expect("room");
            file.sync_data().expect("a disk");
            left -= now;
        }
    });
    spent
}

/// A file of records for kcat: one line each.
fn lines(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("records.txt");
    let mut out = std::io::BufWriter::new(File::create(&file).expect("a file"));
    for n in 0..RECORDS {
        let (key, value) = record(n % BATCH as u64);
        writeln!(out, "{key}\t{value}").expect("room");
    }
    out.flush().expect("room");
    file
}

/// kcat as a client; what it and the log in this process used.
fn kcat(log: &Log, arguments: &[&str], input: Option<&Path>) -> Spent {
    let mut command = Command::new("kcat");
    command.args(["-b", &format!("127.0.0.1:{}", log.port)]).args(arguments).stdout(Stdio::null());
    command.stdin(input.map_or(Stdio::null(), |file| Stdio::from(File::open(file).expect("a file"))));
    let (log, client) = spent(|| run(&mut command));
    client.and(&log)
}

const PRODUCE: &[&str] = &["-P", "-t", "kcat", "-K", "\t", "-X", "acks=all", "-X", "linger.ms=5"];
const CONSUME: &[&str] = &["-C", "-t", "kcat", "-e", "-q", "-o", "beginning"];

/// librdkafka against the same log with sync off.
pub fn librdkafka_durable(table: &mut Table) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = lines(folder.path());
    let produce = |durability: &str| kcat(&Log::start(durability), PRODUCE, Some(&input));
    let ratio = |(durable, not): &(Spent, Spent)| durable.rate(RECORDS) / not.rate(RECORDS);
    let pair = median((0..ROUNDS).map(|_| (produce("fsync"), produce("os"))).collect(), ratio);
    let side = |spent: &Spent| spent.side(format!("{:.0} k records/s", spent.rate(RECORDS) / 1e3), RECORDS);
    let baseline = side(&pair.1);
    table.add(Row {
        what: "librdkafka producer, acks=all, durable",
        ours: side(&pair.0),
        baseline: Side { figure: format!("same log with sync off: {}", baseline.figure), ..baseline },
        value: ratio(&pair),
        target: Target::AtLeast(0.7),
    });
}

/// CPU seconds of both clients.
pub fn cpu(table: &mut Table) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = lines(folder.path());
    let round = || {
        let log = Log::start("fsync");
        log.own(async |client| make_topic(&client, "own").await);
        let (ours, ()) = spent(|| {
            log.own(async |client| {
                produce(&client, "own").await;
                consume(&client, "own").await;
            });
        });
        let produced = kcat(&log, PRODUCE, Some(&input));
        let consumed = kcat(&log, CONSUME, None);
        let theirs = Spent { cpu: produced.cpu + consumed.cpu, peak: produced.peak.max(consumed.peak), ..produced };
        (ours, theirs)
    };
    let ratio = |(ours, theirs): &(Spent, Spent)| ours.cpu / theirs.cpu;
    let pair = median((0..ROUNDS).map(|_| round()).collect(), ratio);
    table.add(Row {
        what: "CPU to produce and consume 1 M records, client and log",
        ours: pair.0.side("own client in process".to_owned(), RECORDS),
        baseline: pair.1.side("librdkafka over TCP".to_owned(), RECORDS),
        value: ratio(&pair),
        target: Target::AtMost(0.25),
    });
}
