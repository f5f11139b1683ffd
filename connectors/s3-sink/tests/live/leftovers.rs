//! Uploads that a killed process has left unfinished.

use crate::server::Server;
use crate::world::*;

/// The server in this process cannot list them, so this is for others.
#[test]
fn who_takes_over_aborts_what_was_left_unfinished() {
    let world = World::new(&[("flush.size", "1000"), ("s3.part.size", "5242880")]);
    let Server::Other(other) = &world.server else { return };
    run(async {
        let mut task = world.task(2).await;
        for offset in 0..20 {
            put(&mut task, &[record(0, offset, 400_000), record(1, offset, 400_000)]).await;
        }
        for _ in 0..500 {
            if other.uploads().len() == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(other.uploads().len(), 2);
        // As in a process that is killed: nothing is aborted.
        drop(task);
        assert_eq!(other.uploads().len(), 2);
        // A task of the first partition alone leaves the other's alone.
        let task = world.task(1).await;
        let left = other.uploads();
        assert!(left.len() == 1 && left[0].contains("events+1+"), "{left:?}");
        drop(task);
        drop(world.task(2).await);
        assert!(other.uploads().is_empty(), "{:?}", other.uploads());
    });
}
