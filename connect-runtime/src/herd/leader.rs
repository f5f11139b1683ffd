//! What only the leader does, for whoever needs it done.

use std::time::{Duration, Instant};

use broker_client::ClientError;
use futures_util::future::BoxFuture;

use super::supervisor::Parts;
use crate::peers::{Failure, Outgoing};

/// How long a call to the leader may take: longer than the leader waits for the log.
const CALL_LIMIT: Duration = Duration::from_secs(40);

/// How long a herd may be without a leader that answers before a connector or a task fails: longer than a rebalance takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// A pause before the leader is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Why it is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The herd is about to change: ask again.
    Later(String),
    /// It will not get better by itself.
    Never(String),
}

impl NotDone {
    /// Of an error of the log.
    pub fn by_the_log(what: &str, why: &ClientError) -> NotDone {
        let told = format!("{what}: {why}");
        if why.is_fenced() { NotDone::Later(told) } else { NotDone::Never(told) }
    }
}

/// An attempt of the leader.
pub(super) type Done<'a> = BoxFuture<'a, Result<(), NotDone>>;

/// What only the leader does.
pub(super) struct LeaderWork<'a> {
    /// The path of `PUT` by which another worker asks for it.
    pub path: String,
    /// The body that goes with it.
    pub body: Vec<u8>,
    /// What cannot be done if it is not done: `the tasks cannot be stored`.
    pub otherwise: &'a str,
}

impl LeaderWork<'_> {
    /// Has it done: by `here` if this worker leads, else by the leader. The error's text is what fails for it.
    pub async fn done<'a>(&self, parts: &Parts, here: impl Fn() -> Done<'a>) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.try_once(parts, &here).await {
                Ok(()) => return Ok(()),
                Err(NotDone::Later(_)) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                Err(NotDone::Later(why) | NotDone::Never(why)) => return Err(why),
            }
        }
    }

    async fn try_once<'a>(&self, parts: &Parts, here: impl Fn() -> Done<'a>) -> Result<(), NotDone> {
        let nobody = || NotDone::Later(format!("nobody leads the herd, so {}", self.otherwise));
        let standing = parts.place.now().ok_or_else(nobody)?;
        if standing.is_leader() {
            return here().await;
        }
        let leader = standing.leader().ok_or_else(nobody)?;
        let call = Outgoing::put(self.path.clone(), self.body.clone(), CALL_LIMIT);
        let told = |why: &str| format!("{}; the leader, worker {}, says: {why}", self.otherwise, leader.worker_id);
        let reply = parts.caller.call(&leader.peer_url, &call).await.map_err(|failure| {
            let (Failure::NotDone(why) | Failure::Unknown(why)) = failure;
            NotDone::Later(told(&why))
        })?;
        match reply.is_success() {
            true => Ok(()),
            false if reply.asks_for_patience() => Err(NotDone::Later(told(&reply.message()))),
            false => Err(NotDone::Never(told(&reply.message()))),
        }
    }
}
