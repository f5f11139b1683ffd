//! Tags of objects.

use connector_api::SinkRecord;

use crate::server::Server;
use crate::world::*;

const TAGS: (&str, &str) = ("s3.object.tagging", "true");

fn records(from: i64, to: i64, padding: usize) -> Vec<SinkRecord> {
    (from..to).map(|offset| record(0, offset, padding)).collect()
}

#[test]
fn tags_come_with_the_object() {
    let pairs = ("s3.object.tagging.key.value.pairs", "team:blue");
    let world = World::new(&[TAGS, pairs, ("flush.size", "10"), ("rotate.idle.ms", "-1")]);
    run(async {
        let mut task = world.task(1).await;
        put(&mut task, &records(0, 10, 0)).await;
        flush_to(&mut task, 1, 10).await;
    });
    let key = "topics/events/partition=0/events+0+0000000000.json";
    let wanted = [("endOffset", "9"), ("recordCount", "10"), ("startOffset", "0"), ("team", "blue")];
    match &world.server {
        Server::Own(server, _) => {
            assert_eq!(server.tags()[key], "startOffset=0&endOffset=9&recordCount=10&team=blue");
            assert!(!server.take_counts().contains_key("tag"));
        }
        Server::Other(other) => {
            let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert!(other.tags(key).into_iter().eq(wanted));
        }
    }
}

#[test]
fn an_object_of_several_parts_is_tagged_when_it_is_complete() {
    let world = World::new(&[TAGS, ("flush.size", "30"), ("rotate.idle.ms", "-1"), ("s3.part.size", "5242880")]);
    run(async {
        let mut task = world.task(1).await;
        for from in 0..30 {
            put(&mut task, &records(from, from + 1, 400_000)).await;
        }
        flush_to(&mut task, 1, 30).await;
    });
    let key = "topics/events/partition=0/events+0+0000000000.json";
    match &world.server {
        Server::Own(server, _) => {
            assert_eq!(server.tags()[key], "startOffset=0");
            assert_eq!(server.take_counts()["tag"], 1);
        }
        Server::Other(other) => {
            let tags = other.tags(key);
            assert_eq!((tags["startOffset"].as_str(), tags["endOffset"].as_str()), ("0", "29"));
            assert_eq!(tags["recordCount"], "30");
        }
    }
}

#[test]
fn refused_tags_are_left_away_or_fail_the_task() {
    for behavior in ["ignore", "fail"] {
        let more = ("s3.object.behavior.on.tagging.error", behavior);
        let world = World::new(&[TAGS, more, ("flush.size", "10"), ("rotate.idle.ms", "-1")]);
        let Some(server) = world.server.own() else { return };
        server.refuse_tags();
        run(async {
            let mut task = world.task(1).await;
            put(&mut task, &records(0, 10, 0)).await;
            if behavior == "ignore" {
                flush_to(&mut task, 1, 10).await;
                return;
            }
            let error = loop {
                if let Err(error) = task.put(&[]).await {
                    break error;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            };
            assert!(error.to_string().contains("403 AccessDenied"), "{error}");
        });
        assert_eq!(server.objects("topics").len(), usize::from(behavior == "ignore"));
    }
}
