//! Connections over sockets: order, limits, hostile peers.

use std::time::{Duration, Instant};

use broker::Broker;
use broker_wire::messages::api_versions::ApiVersionsRequest;
use broker_wire::messages::fetch::FetchRequest;
use broker_wire::messages::produce::ProduceRequest;
use broker_wire::{decode_response, response_correlation_id};
use tokio::io::AsyncWriteExt;

use crate::running::{Connection, Running, batch, config, fetch, metadata, produce, values};

#[tokio::test]
async fn answers_keep_the_order_of_the_requests_while_requests_are_read_on() {
    let running = Running::start(&[]).await;
    let mut connection = Connection::to(&running.address).await;
    connection.ask(&metadata(&["t"]), 9).await;
    // The long poll stands first; what comes behind it is carried out, and so ends it.
    connection.send(&fetch("t", 0, 10_000), 11, 1).await;
    for id in 2..60 {
        connection.send(&produce("t", -1, batch(&[&id.to_string()])), 9, id).await;
    }
    connection.send(&produce("t", 0, batch(&["unanswered"])), 9, 60).await;
    connection.send(&fetch("t", 0, 0), 11, 61).await;
    let started = Instant::now();
    let first = connection.receive().await.unwrap();
    let (id, answer) = decode_response::<FetchRequest>(first, 11).unwrap();
    assert!(id == 1 && !values(&answer).is_empty());
    assert!(started.elapsed() < Duration::from_secs(5));
    for id in 2..60 {
        let (got, answer) = decode_response::<ProduceRequest>(connection.receive().await.unwrap(), 9).unwrap();
        assert_eq!((got, answer.responses[0].partition_responses[0].base_offset), (id, i64::from(id) - 2));
    }
    assert_eq!(response_correlation_id(&connection.receive().await.unwrap()), Some(61));
    running.stop().await;
}

#[tokio::test]
async fn clients_are_told_the_address_that_they_reached_or_the_advertised_one() {
    let running = Running::start(&[]).await;
    let answer = Connection::to(&running.address).await.ask(&metadata(&[]), 9).await;
    assert_eq!(format!("{}:{}", answer.brokers[0].host, answer.brokers[0].port), running.address);
    running.stop().await;
    let running = Running::start(&[("advertised.listeners", "PLAINTEXT://log.example:1234")]).await;
    let answer = Connection::to(&running.address).await.ask(&metadata(&[]), 9).await;
    assert_eq!((answer.brokers[0].host.as_str(), answer.brokers[0].port), ("log.example", 1234));
    running.stop().await;
}

#[tokio::test]
async fn hostile_frames_end_their_connection_and_no_other() {
    let running = Running::start(&[]).await;
    let mut healthy = Connection::to(&running.address).await;
    healthy.ask(&metadata(&["t"]), 9).await;
    let hostile: [&[u8]; 6] = [
        &[0xff, 0xff, 0xff, 0xff],
        &[0x7f, 0xff, 0xff, 0xff],
        // Over the limit of a first request, which is smaller than that of the others.
        &[0x00, 0x20, 0x00, 0x00],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 4, 1, 2, 3, 4],
        &[0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 255, 255, 127, 255],
    ];
    for bytes in hostile {
        let mut connection = Connection::to(&running.address).await;
        connection.stream.write_all(bytes).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(5), connection.receive()).await;
        assert_eq!(ended.expect("the broker hangs up"), None, "{bytes:?}");
    }
    assert_eq!(healthy.ask(&metadata(&["t"]), 9).await.topics.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_version_that_is_listed_for_compatibility_only_is_refused() {
    let running = Running::start(&[]).await;
    let mut connection = Connection::to(&running.address).await;
    connection.send_frame(&[0, 0, 0, 2, 0, 0, 0, 1, 255, 255, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]).await;
    assert_eq!(connection.receive().await, None);
    running.stop().await;
}

#[tokio::test]
async fn silent_connections_are_closed_and_waiting_ones_are_not() {
    let running = Running::start(&[("connections.max.idle.ms", "1000")]).await;
    let mut silent = Connection::to(&running.address).await;
    let mut waiting = Connection::to(&running.address).await;
    waiting.ask(&metadata(&["t"]), 9).await;
    waiting.send(&fetch("t", 0, 2500), 11, 1).await;
    let started = Instant::now();
    assert_eq!(silent.receive().await, None);
    assert!(started.elapsed() >= Duration::from_millis(900));
    assert!(waiting.receive().await.is_some());
    assert!(started.elapsed() >= Duration::from_millis(2400));
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_takes_its_long_poll_with_it() {
    let running = Running::start(&[]).await;
    for _ in 0..20 {
        let mut connection = Connection::to(&running.address).await;
        connection.ask(&metadata(&["t"]), 9).await;
        connection.send(&fetch("t", 0, 60_000), 11, 1).await;
    }
    let until = Instant::now() + Duration::from_secs(5);
    while running.broker.connections() > 0 {
        assert!(Instant::now() < until, "{} connections are left", running.broker.connections());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_at_once() {
    let running = Running::start(&[("max.connections", "3")]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::to(&running.address).await;
        connection.ask(&ApiVersionsRequest::default(), 0).await;
        held.push(connection);
    }
    assert_eq!(Connection::to(&running.address).await.receive().await, None);
    assert_eq!(running.broker.connections(), 3);
    held.pop();
    let room = async {
        loop {
            let mut connection = Connection::to(&running.address).await;
            connection.stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255]).await.unwrap();
            if connection.receive().await.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), room).await.expect("there is room again");
    running.stop().await;
}

#[tokio::test]
async fn a_stop_answers_what_was_asked() {
    let running = Running::start(&[]).await;
    let mut connection = Connection::to(&running.address).await;
    connection.ask(&metadata(&["t"]), 9).await;
    for id in 0..50 {
        connection.send(&produce("t", -1, batch(&["x"])), 9, id).await;
    }
    assert!(connection.receive().await.is_some());
    let started = Instant::now();
    running.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    let mut answers = 1;
    while let Some(frame) = connection.receive().await {
        let (id, answer) = decode_response::<ProduceRequest>(frame, 9).unwrap();
        assert_eq!(id, answers);
        assert!(answer.responses[0].partition_responses[0].error_code.is_none());
        answers += 1;
    }
    assert!(answers > 1);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let running = Running::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let listeners = format!("PLAINTEXT://{}", running.address);
    let second = Broker::open(config(dir.path(), &[("listeners", &listeners)])).unwrap();
    let text = second.bind().await.unwrap_err().to_string();
    assert!(text.contains(&running.address) && text.contains("listeners"), "{text}");
    let free = Broker::open(config(&dir.path().join("b"), &[("listeners", "PLAINTEXT://127.0.0.1:0")])).unwrap();
    assert_ne!(free.bind().await.unwrap().addresses()[0].port(), 0);
    running.stop().await;
}

/// Two hundred sockets that send a byte now and then, or nothing at all: a healthy client does not notice.
#[tokio::test]
async fn slow_clients_do_not_slow_down_others() {
    let running = Running::start(&[]).await;
    let mut slow = Vec::new();
    for i in 0..200u8 {
        let mut connection = Connection::to(&running.address).await;
        connection.stream.write_all(&[0, 0, i][..usize::from(i % 4).min(3)]).await.unwrap();
        slow.push(connection);
    }
    let mut healthy = Connection::to(&running.address).await;
    healthy.ask(&metadata(&["t"]), 9).await;
    let started = Instant::now();
    for _ in 0..50 {
        healthy.ask(&produce("t", -1, batch(&["x"])), 9).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(running.broker.connections(), 201);
    drop(slow);
    running.stop().await;
}
