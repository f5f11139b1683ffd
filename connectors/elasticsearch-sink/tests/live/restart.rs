//! A server that dies.

use std::sync::Arc;
use std::time::Duration;

use elasticsearch_sink::test_server::TestServer;

use crate::shared::{config, put_at_last, record, safe, start};

#[tokio::test]
async fn a_server_that_is_killed_and_restarted_in_the_middle_loses_nothing() {
    const CALLS: i64 = 40;
    let server = Arc::new(TestServer::start(&[]));
    let mut task = start(&config(&server, &[("batch.size", "50"), ("max.retries", "2")])).await;
    let killer = server.clone();
    let killing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        killer.kill();
        std::thread::sleep(Duration::from_millis(500));
        killer.go();
    });
    let mut rounds = 0;
    for call in 0..CALLS {
        let value = |at: i64| format!("{{\"at\":{at}}}");
        let records: Vec<_> = (call * 500..(call + 1) * 500)
            .map(|at| record("killed", at, &(at % 15_000).to_string(), &value(at)))
            .collect();
        let (rejected, troubles) = put_at_last(&mut task, &records).await.unwrap();
        assert!(rejected.is_empty(), "{rejected:?}");
        rounds += troubles.len();
        assert_eq!(safe(&mut task).await, (call + 1) * 500);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    killing.join().unwrap();
    assert!(rounds > 0, "the server was dead for a while");
    let found = server.documents("killed");
    assert_eq!(found.len(), 15_000);
    for (id, document) in found {
        let id: i64 = id.parse().unwrap();
        let last = if id < CALLS * 500 - 15_000 { id + 15_000 } else { id };
        assert_eq!(document["at"].as_i64(), Some(last), "the last write of {id} has won");
    }
}
