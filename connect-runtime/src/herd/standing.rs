//! Who is in the herd, who leads, who runs what: as this worker sees it.

use std::sync::Arc;

use tokio::sync::watch;

use super::assignment::{Item, Ownership};

/// A worker of the herd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its advertised `host:port`: what users know it by.
    pub worker_id: String,
    /// Where other workers call it: `http://host:port` of its listener for peers.
    pub peer_url: String,
    /// Which key seals passwords there: a fingerprint.
    pub seal_id: String,
}

/// The herd after the last assignment, with what has come to be since.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The generation of the group.
    pub generation: i32,
    /// All workers.
    pub members: Vec<Peer>,
    /// This worker's place among them.
    pub me: usize,
    /// The leader's place among them.
    pub leader: usize,
    /// Who runs what.
    pub ownership: Ownership,
}

impl Standing {
    /// A herd of one.
    pub fn alone(me: Peer) -> Standing {
        Standing { generation: 0, members: vec![me], me: 0, leader: 0, ownership: Ownership::of(1) }
    }

    /// Whether this worker decides.
    pub fn is_leader(&self) -> bool {
        self.me == self.leader
    }

    /// Who decides.
    pub fn leader(&self) -> Option<&Peer> {
        self.members.get(self.leader)
    }

    /// Whether this worker runs an item.
    pub fn is_mine(&self, item: &Item) -> bool {
        self.ownership.owner(item) == Some(self.me)
    }

    /// Who runs an item. `None` while it is handed over.
    pub fn owner(&self, item: &Item) -> Option<&Peer> {
        self.members.get(self.ownership.owner(item)?)
    }
}

/// The newest standing; `None` while the worker has no place in the herd. Cheap to clone.
#[derive(Clone)]
pub struct Place(watch::Receiver<Option<Arc<Standing>>>);

impl Place {
    /// Follows what is sent.
    pub fn new(receiver: watch::Receiver<Option<Arc<Standing>>>) -> Place {
        Place(receiver)
    }

    /// How it is now.
    pub fn now(&self) -> Option<Arc<Standing>> {
        self.0.borrow().clone()
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Option<Arc<Standing>>> {
        self.0.clone()
    }
}
