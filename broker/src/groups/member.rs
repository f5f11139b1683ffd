//! One member of a group.

use bytes::Bytes;

use super::group::Token;

/// What a member brings along when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Id of a static member.
    pub instance_id: Option<String>,
    /// Name that the client gives itself.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// Silence in ms after which it is taken for dead.
    pub session_timeout_ms: i64,
    /// How long in ms it may take to rejoin.
    pub rebalance_timeout_ms: i64,
    /// Protocols that it can use, the one that it likes best first, each with what it says of itself.
    pub protocols: Vec<(String, Bytes)>,
}

/// A member.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// What it brought along.
    pub profile: Profile,
    /// What it was given in this generation.
    pub assignment: Bytes,
    /// When it is taken for dead, in ms, unless it is heard of before.
    pub deadline: i64,
    /// Its JoinGroup request that waits.
    pub joining: Option<Token>,
    /// Its SyncGroup request that waits.
    pub syncing: Option<Token>,
    /// It has asked for its assignment in this generation.
    pub synced: bool,
}

impl Member {
    /// A member that was heard of just now.
    pub fn new(id: String, profile: Profile, now: i64) -> Self {
        let deadline = now + profile.session_timeout_ms;
        Self { id, profile, assignment: Bytes::new(), deadline, joining: None, syncing: None, synced: false }
    }

    /// Takes note of a sign of life.
    pub fn heard(&mut self, now: i64) {
        self.deadline = now + self.profile.session_timeout_ms;
    }

    /// True while the coordinator owes it an answer: its silence means nothing then.
    pub fn is_waiting(&self) -> bool {
        self.joining.is_some() || self.syncing.is_some()
    }

    /// True for a static member.
    pub fn is_static(&self) -> bool {
        self.profile.instance_id.is_some()
    }

    /// What it says of itself under a protocol.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.profile.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// True if it can use a protocol.
    pub fn supports(&self, protocol: &str) -> bool {
        self.profile.protocols.iter().any(|(name, _)| name == protocol)
    }
}
