//! A server with too much to do.

use elasticsearch_sink::test_server::TestServer;

use crate::shared::{config, put_at_last, record, safe, start};

/// Four tasks with twenty requests each, at a server that lets two wait.
#[tokio::test]
async fn what_the_server_pushes_back_is_written_in_the_end_and_only_once() {
    let server = TestServer::start(&["thread_pool.write.queue_size: 2", "node.processors: 1"]);
    let raw = config(&server, &[("max.in.flight.requests", "20"), ("batch.size", "25"), ("retry.backoff.ms", "20")]);
    server.ask("PUT", "busy", "{\"settings\":{\"number_of_shards\":4,\"number_of_replicas\":0}}");
    let filler = "x".repeat(500);
    let work = (0..4).map(async |number: i64| {
        let mut task = start(&raw).await;
        let mut rounds = 0;
        for call in 0..6 {
            let one = |at: i64| {
                let id = format!("\"{number}-{at}\"");
                record("busy", at, &id, &format!("{{\"n\":{at},\"text\":\"{filler}\"}}"))
            };
            let records: Vec<_> = (call * 500..(call + 1) * 500).map(one).collect();
            let (rejected, troubles) = put_at_last(&mut task, &records).await.unwrap();
            assert!(rejected.is_empty(), "{rejected:?}");
            rounds += troubles.len();
        }
        assert_eq!(safe(&mut task).await, 3000);
        rounds
    });
    let rounds: usize = futures_util::future::join_all(work).await.into_iter().sum();
    let stats = server.ask("GET", "_nodes/stats/thread_pool", "");
    let rejected =
        stats["nodes"].as_object().unwrap().values().next().unwrap()["thread_pool"]["write"]["rejected"].clone();
    assert!(rejected.as_u64().unwrap() > 0, "the server has not pushed back");
    eprintln!("{rejected} rejections, {rounds} times it lasted");
    assert_eq!(server.documents("busy").len(), 12_000);
    assert_eq!(server.index_operations("busy"), 12_000, "only what was pushed back was sent again");
}
