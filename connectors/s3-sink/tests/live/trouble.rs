//! A server that is slow, too busy, forgetful, or does not let us in.

use connector_api::{Decision, FlushOccasion, SinkRecord};
use s3_sink::test_server::Trouble;

use crate::world::*;

fn records(from: i64, to: i64) -> Vec<SinkRecord> {
    (from..to).map(|offset| record(0, offset, 0)).collect()
}

#[test]
fn a_server_that_says_slow_down_loses_and_repeats_nothing() {
    for kind in ["put", "journal"] {
        let world = World::new(&[("flush.size", "10"), ("rotate.idle.ms", "100000")]);
        let Some(server) = world.server.own() else { return };
        run(async {
            let mut task = world.task(1).await;
            // More than the client repeats by itself, so that the task hears of it.
            server.make(Trouble::SlowDown, Some(kind), 10);
            put(&mut task, &records(0, 50)).await;
            flush_to(&mut task, 1, 50).await;
        });
        assert!(world.stored().into_values().eq(std::iter::repeat_n(1, 50)), "{kind}");
    }
}

#[test]
fn answers_that_get_lost_store_nothing_twice() {
    for kind in ["put", "journal", "complete", "part", "create"] {
        let world = World::new(&[("rotate.bytes", "6000000"), ("s3.part.size", "5242880")]);
        let Some(server) = world.server.own() else { return };
        run(async {
            let mut task = world.task(1).await;
            server.make(Trouble::AnswerLost, Some(kind), 2);
            for from in 0..32 {
                put(&mut task, &[record(0, from, 400_000)]).await;
            }
            flush_to(&mut task, 1, 30).await;
        });
        let stored = world.stored();
        assert!((0..30).all(|offset| stored.get(&(0, offset)) == Some(&1)), "{kind}: {stored:?}");
        assert!(stored.values().all(|count| *count == 1), "{kind}");
    }
}

/// Cuts are written down beside everything else: records are taken meanwhile, but no object of theirs appears.
#[test]
fn what_is_not_decided_is_not_stored_and_holds_no_record_up() {
    let world = World::new(&[("flush.size", "10"), ("rotate.idle.ms", "100000")]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(2).await;
        server.make(Trouble::SlowDown, Some("journal"), u64::MAX);
        server.take_counts();
        for partition in 0..2 {
            let records: Vec<SinkRecord> = (0..35).map(|offset| record(partition, offset, 0)).collect();
            assert!(task.put(&records).await.unwrap().rejected.is_empty());
        }
        let error = trouble_of(&mut task).await;
        assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
        let closing = task.flush(FlushOccasion::Closing).await.unwrap();
        let connector_api::Flushed::UpTo(closing) = closing else { panic!("{closing:?}") };
        assert!(closing.iter().all(|(_, safe)| *safe == 0), "{closing:?}");
        assert!(world.server.objects("topics").is_empty());
        assert!(!server.take_counts().contains_key("put"));
        server.make(Trouble::SlowDown, None, 0);
        flush_to(&mut task, 2, 30).await;
    });
    assert!(world.stored().into_values().eq(std::iter::repeat_n(1, 60)));
}

#[test]
fn trouble_is_told_and_nothing_is_committed_that_is_not_stored() {
    let world = World::new(&[("flush.size", "10")]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        put(&mut task, &records(0, 5)).await;
        server.make(Trouble::SlowDown, Some("put"), u64::MAX);
        let _ = task.put(&records(5, 25)).await;
        let error = trouble_of(&mut task).await;
        assert!(matches!(error.decision(), Decision::Retry { .. }), "{error:?}");
        assert!(error.to_string().contains("503 SlowDown"), "{error}");
        let closing = task.flush(FlushOccasion::Closing).await.unwrap();
        let connector_api::Flushed::UpTo(closing) = closing else { panic!("{closing:?}") };
        assert_eq!(closing, [(names(1)[0].clone(), 0)]);
        server.make(Trouble::SlowDown, None, 0);
        flush_to(&mut task, 1, 20).await;
    });
    assert!(world.stored().into_values().eq(std::iter::repeat_n(1, 20)));
}

#[test]
fn credentials_that_have_expired_fail_the_task_with_the_remedy() {
    let world = World::new(&[("flush.size", "10"), ("rotate.idle.ms", "-1")]);
    let Some(server) = world.server.own() else { return };
    run(async {
        let mut task = world.task(1).await;
        server.make(Trouble::Expired, None, u64::MAX);
        task.put(&records(0, 10)).await.unwrap();
        let error = trouble_of(&mut task).await;
        assert!(matches!(error.decision(), Decision::Fail), "{error:?}");
        assert!(error.to_string().contains("credentials"), "{error}");
    });
}
