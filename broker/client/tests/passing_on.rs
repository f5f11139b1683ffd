//! Batches of one log passed on to another place, as a copy does that is killed and goes on.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers of tests too")]

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::{Broker, BrokerConfig};
use broker_client::admin::{NewTopic, create_topics};
use broker_client::{
    Client, ClientConfig, FetchConfig, FetchEvent, Fetcher, Producer, ProducerConfig, ProducerEvent, RecordToSend, Tcp,
    TopicPartition,
};
use broker_wire::ErrorCode;
use broker_wire::records::{Batch, Compression, MAX_DECOMPRESSED};

async fn log(dir: &std::path::Path) -> (Broker, Client) {
    let given = [("log.dirs", dir.to_str().unwrap()), ("listeners", "PLAINTEXT://127.0.0.1:0"), ("durability", "os")];
    let given: BTreeMap<_, _> = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let broker = Broker::open(BrokerConfig::from_properties(&given).unwrap()).unwrap();
    let listeners = broker.bind().await.unwrap();
    let port = listeners.addresses()[0].port();
    let serving = broker.clone();
    tokio::spawn(async move { serving.serve(listeners, std::future::pending()).await });
    let bootstrap = vec![("127.0.0.1".to_owned(), port)];
    (broker, Client::new(ClientConfig { bootstrap, ..ClientConfig::default() }, Arc::new(Tcp::default())))
}

async fn topics(client: &Client) {
    let topic = |name: &str| NewTopic { name: name.into(), partitions: 1, replication_factor: 1, configs: [].into() };
    for made in create_topics(client, &[topic("from"), topic("to")]).await.unwrap() {
        assert!(made.unwrap());
    }
}

/// Takes events until all is acknowledged, or something has failed.
async fn settle(producer: &mut Producer) -> Result<(), ErrorCode> {
    producer.flush().unwrap();
    while producer.is_busy() {
        if let ProducerEvent::Failed(error) = producer.event().await {
            return Err(error.code().unwrap());
        }
    }
    Ok(())
}

async fn batches(client: &Client, topic: &str) -> Vec<Batch> {
    let mut fetcher = Fetcher::new(client.clone(), FetchConfig::default());
    fetcher.read_from(TopicPartition { topic: topic.into(), partition: 0 }, 0);
    let mut all = Vec::new();
    loop {
        match fetcher.event().await {
            FetchEvent::Records { batches, .. } => all.extend(batches),
            FetchEvent::CaughtUp => return all,
            other => panic!("{other:?}"),
        }
    }
}

fn values(batches: &[Batch]) -> Vec<String> {
    let open = batches.iter().flat_map(|batch| batch.open(MAX_DECOMPRESSED).unwrap().into_slices());
    open.map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn what_a_killed_copy_sends_late_is_written_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, client) = log(folder.path()).await;
    topics(&client).await;
    let (from, to): (Arc<str>, Arc<str>) = ("from".into(), "to".into());
    let config = ProducerConfig { compression: Compression::Lz4, batch_bytes: 200, ..ProducerConfig::default() };
    let mut writer = Producer::open(client.clone(), config).await.unwrap();
    assert!(writer.learn(&from).await.unwrap());
    for number in 0..100 {
        let value = format!("value {number}");
        let value = Some(value.as_bytes());
        let record = RecordToSend { partition: Some(0), timestamp: number, key: None, value, headers: &[], token: 0 };
        writer.append(&from, &record).unwrap();
    }
    settle(&mut writer).await.unwrap();
    let stored = batches(&client, "from").await;
    assert!(stored.len() > 5);

    let mut first = Producer::open(client.clone(), ProducerConfig::default()).await.unwrap();
    let id = first.identity().unwrap();
    assert!(first.learn(&to).await.unwrap());
    first.append_whole(&to, 0, &stored[0], 0).unwrap();
    first.append_whole(&to, 0, &stored[1], 0).unwrap();
    settle(&mut first).await.unwrap();

    // The next process saw one batch only: the other came late.
    let seen = i64::from(stored[0].header.records_count);
    let mut next = Producer::resume(client.clone(), ProducerConfig::default(), id);
    assert!(next.learn(&to).await.unwrap());
    next.number_from(&to, 0, seen).unwrap();
    stored[1..].iter().for_each(|batch| next.append_whole(&to, 0, batch, 0).unwrap());
    assert!(next.number_from(&to, 0, 0).is_err(), "not while records are under way");
    settle(&mut next).await.unwrap();
    assert_eq!(values(&batches(&client, "to").await), values(&stored));

    // In other batches the same records are out of order, and nothing is written.
    let mut other = Producer::resume(client.clone(), ProducerConfig::default(), id);
    assert!(other.learn(&to).await.unwrap());
    other.number_from(&to, 0, 1).unwrap();
    other.append_whole(&to, 0, &stored[0], 0).unwrap();
    assert_eq!(settle(&mut other).await, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    assert_eq!(values(&batches(&client, "to").await).len(), 100);
    broker.shutdown().await;
}
