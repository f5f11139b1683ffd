//! The key with which workers sign their calls. It is in the config topic, as Kafka Connect has it (KIP-507), so whoever
//! can read that topic can sign.
//!
//! | key | value |
//! |---|---|
//! | `session-key` | `{"key": "<base64>", "algorithm": "HmacSHA256", "creation-timestamp": <ms since 1970>}` |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value as Json, json};

use super::Algorithm;

/// The name of its record in the config topic.
pub const RECORD_KEY: &str = "session-key";

/// How long the key before the newest is still taken, in milliseconds since the newest was made: longer than any call is
/// on its way, and long enough for clocks that differ by as much as calls may.
pub const PREVIOUS_KEY_MS: i64 = 120_000;

/// Shorter keys are not taken, in bytes.
const SHORTEST: usize = 16;

/// A key.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// The key itself.
    pub secret: Vec<u8>,
    /// What it was made for. It says nothing about the calls that it signs.
    pub algorithm: Algorithm,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// Says when it was made, and nothing of the key.
impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKey").field("created_ms", &self.created_ms).finish_non_exhaustive()
    }
}

impl SessionKey {
    /// A new key of that many bytes. `None` if the system has no random numbers.
    pub fn new(algorithm: Algorithm, bytes: usize, now_ms: i64) -> Option<SessionKey> {
        let mut secret = vec![0; bytes.max(SHORTEST)];
        SystemRandom::new().fill(&mut secret).ok()?;
        Some(SessionKey { secret, algorithm, created_ms: now_ms })
    }

    /// As the record's value.
    pub fn to_json(&self) -> String {
        let key = STANDARD.encode(&self.secret);
        json!({ "key": key, "algorithm": self.algorithm.name(), "creation-timestamp": self.created_ms }).to_string()
    }

    /// Reads the record's value. `None` if it is too short or for an algorithm that is not known.
    pub fn from_json(value: &Json) -> Option<SessionKey> {
        let secret = STANDARD.decode(value.get("key")?.as_str()?).ok().filter(|secret| secret.len() >= SHORTEST)?;
        let algorithm = Algorithm::named(value.get("algorithm")?.as_str()?)?;
        Some(SessionKey { secret, algorithm, created_ms: value.get("creation-timestamp")?.as_i64()? })
    }

    /// Whether another one is due.
    pub fn is_old(&self, ttl_ms: i64, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.created_ms) >= ttl_ms
    }
}

/// The newest key, and the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionKeys {
    newest: Option<SessionKey>,
    previous: Option<SessionKey>,
}

impl SessionKeys {
    /// Takes in the record's value as it comes.
    pub fn apply(&mut self, value: Option<&Json>) {
        let key = value.and_then(SessionKey::from_json);
        if key != self.newest {
            self.previous = std::mem::replace(&mut self.newest, key);
        }
    }

    /// The key to sign with.
    pub fn newest(&self) -> Option<&SessionKey> {
        self.newest.as_ref()
    }

    /// The keys whose signatures count at the moment.
    pub fn accepted(&self, now_ms: i64) -> impl Iterator<Item = &SessionKey> {
        let since = self.newest.as_ref().map_or(i64::MAX, |newest| now_ms.saturating_sub(newest.created_ms));
        let previous = self.previous.as_ref().filter(|_| since < PREVIOUS_KEY_MS);
        self.newest.iter().chain(previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &SessionKey) -> Json {
        serde_json::from_str(&key.to_json()).unwrap()
    }

    #[test]
    fn a_key_is_written_as_kafka_connect_reads_it() {
        let key = SessionKey::new(Algorithm::HmacSha256, 32, 7).unwrap();
        let written = record(&key);
        assert_eq!((&written["algorithm"], &written["creation-timestamp"]), (&json!("HmacSHA256"), &json!(7)));
        assert_eq!(SessionKey::from_json(&written), Some(key.clone()));
        assert!(!format!("{key:?}").contains("secret"));
        for (field, wrong) in [("key", json!("AAAA")), ("key", json!("?")), ("algorithm", json!("HmacMD5"))] {
            let mut record = written.clone();
            record[field] = wrong;
            assert_eq!(SessionKey::from_json(&record), None, "{record}");
        }
    }

    #[test]
    fn the_key_before_the_newest_counts_for_a_while() {
        let (old, new) = (
            SessionKey::new(Algorithm::HmacSha256, 32, 0).unwrap(),
            SessionKey::new(Algorithm::HmacSha256, 32, 1_000).unwrap(),
        );
        let mut keys = SessionKeys::default();
        keys.apply(Some(&record(&old)));
        keys.apply(Some(&record(&new)));
        keys.apply(Some(&record(&new)));
        assert_eq!(keys.newest(), Some(&new));
        let accepted = |now| keys.accepted(now).cloned().collect::<Vec<_>>();
        assert_eq!(accepted(1_000 + PREVIOUS_KEY_MS - 1), [new.clone(), old]);
        assert_eq!(accepted(1_000 + PREVIOUS_KEY_MS), [new]);
    }
}
