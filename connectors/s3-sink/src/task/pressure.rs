//! Memory: what is kept of all files, and what gives way when it is too much.

use std::sync::Arc;

use connector_api::{Error, Memory, Result, TaskContext, TopicPartition};
use tokio::time::{Instant, timeout_at};

use super::{LEAST_PART, PUT_WAIT, Running};

/// What a task may keep whatever the others keep, in bytes: enough to get on with.
const OWN: usize = LEAST_PART;
/// How often the free buffers become half as many before all are given up.
const HALVES: usize = 3;

/// The task's share of the worker's memory for files.
pub(super) struct Share {
    memory: Box<dyn Memory>,
    bytes: usize,
}

impl Share {
    /// Nothing yet.
    pub fn new(context: &TaskContext) -> Share {
        Share { memory: context.host.memory(), bytes: 0 }
    }

    /// Makes it hold that much beyond what is the task's own. False if others hold too much.
    fn hold(&mut self, bytes: usize) -> bool {
        let beyond = bytes.saturating_sub(OWN);
        let held = self.memory.resize(beyond);
        if held {
            self.bytes = beyond;
        }
        held
    }
}

impl Running {
    /// Tells the worker how much is kept, and says how much may be.
    pub(super) fn account(&mut self) -> usize {
        let (used, most) = (self.kept() + self.board.bytes(), self.settings.buffered);
        let buffers = &self.making.buffers;
        // What nobody uses now is used again soon, so it is given up last and by halves.
        for _ in 0..HALVES {
            buffers.shrink_to(most.saturating_sub(used));
            let free = buffers.free_bytes();
            if self.memory.hold(used + free) && used + free <= most {
                return most;
            }
            buffers.shrink_to(free / 2);
        }
        buffers.clear();
        if self.memory.hold(used.min(most)) { most } else { (self.memory.bytes + OWN).min(most) }
    }

    /// Bytes of open files.
    pub(super) fn kept(&self) -> usize {
        self.owned.values().flat_map(|owned| owned.partition.files()).map(|file| file.held()).sum()
    }

    /// Makes room where more is kept than allowed: parts are sent sooner, then what is on its way is waited for, and only
    /// where files alone are too much are the largest cut.
    pub(super) async fn make_room(&mut self) -> Result<()> {
        let limit = self.account();
        if self.kept() + self.board.bytes() > limit {
            // Half of the memory may be on its way, so the other half is what files may keep.
            if self.kept() > limit / 2 {
                self.send_parts(LEAST_PART);
            }
            self.wait_for_less(limit.saturating_sub(self.kept())).await?;
            let limit = self.account();
            if self.kept() + self.board.bytes() > limit && !self.making.single {
                self.cut_the_largest(limit / 4);
                self.settle();
            }
        }
        self.wait_for_less(limit / 2).await?;
        self.account();
        Ok(())
    }

    /// Waits until no more than that is on its way.
    async fn wait_for_less(&self, most: usize) -> Result<()> {
        let deadline = Instant::now() + PUT_WAIT;
        while self.board.bytes() > most {
            if let Some(trouble) = self.board.trouble() {
                return Err(trouble);
            }
            if timeout_at(deadline, self.board.moved()).await.is_err() {
                return Err(Error::retry("the store takes objects more slowly than they come"));
            }
        }
        Ok(())
    }

    /// Cuts the largest files until no more than that is kept.
    fn cut_the_largest(&mut self, until: usize) {
        let mut files: Vec<(usize, i64, TopicPartition, Arc<str>)> = Vec::new();
        for (name, owned) in &self.owned {
            let open = owned.partition.files().filter(|file| file.planned_end.is_none());
            files.extend(open.map(|file| (file.held(), file.start(), name.clone(), file.path.clone())));
        }
        // Among files of about one size the oldest go first, since they hold the committed offset back.
        files.sort_by_key(|(size, start, ..)| (std::cmp::Reverse(size.next_power_of_two()), *start));
        let mut kept = self.kept();
        for (size, _, name, path) in files {
            if kept <= until {
                return;
            }
            if let Some(owned) = self.owned.get_mut(&name) {
                owned.partition.cut_early(&path);
                kept -= size;
            }
        }
    }
}
