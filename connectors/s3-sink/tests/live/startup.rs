//! What is said before anything is written.

use connector_api::plugin::Plugin;
use connector_api::*;
use s3_sink::S3Sink;

use crate::world::*;

async fn said(world: &World) -> Vec<String> {
    let Plugin::Sink(connector) = Plugin::sink(S3Sink) else { panic!("not a sink") };
    connector.validate(&world.config()).await.iter().map(ToString::to_string).collect()
}

#[test]
fn a_bucket_that_is_there_is_fine() {
    let world = World::new(&[]);
    run(async { assert_eq!(said(&world).await, [""; 0]) });
}

#[test]
fn a_bucket_that_is_not_there_is_named_with_the_remedy() {
    let world = World::new(&[("s3.bucket.name", "elsewhere")]);
    let said = run(said(&world));
    assert!(
        said.len() == 1 && said[0].contains("no bucket `elsewhere`") && said[0].contains("Make the bucket"),
        "{said:?}"
    );
}

#[test]
fn wrong_keys_are_named_without_showing_them() {
    let world = World::new(&[("aws.secret.access.key", "quite-wrong")]);
    let said = run(said(&world));
    assert!(said.len() == 1 && said[0].contains("credentials"), "{said:?}");
    assert!(!said[0].contains("quite-wrong"), "{said:?}");
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let world = World::new(&[("store.url", "http://127.0.0.1:1")]);
    let said = run(said(&world));
    assert!(said.len() == 1 && said[0].contains("cannot reach the bucket"), "{said:?}");
}

#[test]
fn a_place_by_the_clock_must_be_chosen_knowingly() {
    let world = World::new(&[("partitioner.class", "HourlyPartitioner")]);
    let said = run(said(&world));
    assert!(said.len() == 1 && said[0].contains("by their own timestamps"), "{said:?}");
}

/// Offsets that were set back behind what the journal still knows would store records twice: that is said, not done.
#[test]
fn offsets_set_back_too_far_are_not_stored_twice() {
    let world = World::new(&[("flush.size", "1"), ("rotate.idle.ms", "100000")]);
    run(async {
        let mut task = world.task(1).await;
        for offset in 0..100 {
            put(&mut task, &[record(0, offset, 0)]).await;
            flush_to(&mut task, 1, offset + 1).await;
        }
        let mut task = world.task(1).await;
        put(&mut task, &[record(0, 90, 0)]).await;
        let mut task = world.task(1).await;
        let error = task.put(&[record(0, 0, 0)]).await.unwrap_err();
        assert!(matches!(error.decision(), Decision::Fatal), "{error:?}");
        assert!(error.to_string().contains("_naru/test/events+0+cuts.json"), "{error}");
    });
}
