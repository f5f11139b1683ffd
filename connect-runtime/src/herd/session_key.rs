//! Keeps a session key in the config topic while this worker leads others.

use std::sync::Arc;
use std::time::Duration;

use broker_client::{ClientError, Result};

use super::config_log::session_key_record;
use super::supervisor::Parts;
use crate::internal::now_ms;
use crate::peers::SessionKey;

/// How often the leader looks at the key's age; more often if keys last less than that.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A pause after a key could not be written.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes a session key if there is none, or if it is older than `inter.worker.key.ttl.ms`. For the leader.
pub async fn ensure_session_key(parts: &Parts) -> Result<()> {
    if !is_due(parts) {
        return Ok(());
    }
    let change = parts.configs.change().await?;
    // Whoever led before may have written one.
    if !is_due(parts) {
        return Ok(());
    }
    let (algorithm, bytes) = parts.config.peers.key;
    let key = SessionKey::new(algorithm, bytes, now_ms());
    let key = key.ok_or_else(|| ClientError::Missing("random numbers for a session key".to_owned()))?;
    change.write(vec![session_key_record(&key)]).await
}

fn is_due(parts: &Parts) -> bool {
    let ttl_ms = i64::try_from(parts.config.peers.key_ttl.as_millis()).unwrap_or(i64::MAX);
    parts.configs.session_keys().newest().is_none_or(|key| key.is_old(ttl_ms, now_ms()))
}

/// Keeps a fresh key there whenever this worker leads others, until the worker leaves. A worker alone needs none.
pub async fn keep_session_key(parts: Arc<Parts>) {
    let mut changes = parts.place.changes();
    let every = LOOK_EVERY.min(parts.config.peers.key_ttl / 2);
    loop {
        let standing = changes.borrow_and_update().clone();
        let leads = standing.is_some_and(|standing| standing.is_leader() && standing.members.len() > 1);
        let pause = match leads {
            true => match ensure_session_key(&parts).await {
                Ok(()) => every,
                Err(error) => {
                    tracing::warn!(%error, "the key with which workers sign their calls could not be written; trying again");
                    PAUSE
                }
            },
            false => LOOK_EVERY,
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}
