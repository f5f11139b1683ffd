//! Which operations are sent next. Pure: time is a number of milliseconds.
//!
//! Two writes of one document are never in two requests at the same time, and never out of order: within a request the
//! server does them in order. So the last one wins, whatever fails in between.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use crate::bulk::size_of;
use crate::document::Operation;
use crate::offsets::Place;

/// An operation that is to be sent.
#[derive(Debug)]
pub struct Job {
    /// The record.
    pub place: Place,
    /// What is done for it.
    pub operation: Operation,
    /// Whether no other job writes the document.
    pub own: bool,
}

/// A job on its way.
#[derive(Debug)]
pub struct Entry {
    /// It.
    pub job: Job,
    /// How many times it has been sent without success.
    pub attempts: u32,
    /// In the order of the records.
    number: u64,
    /// Stands for the document that it writes; `None` where nothing else writes it. Two documents may share a number,
    /// and then wait for each other without need.
    document: Option<u64>,
    size: usize,
    since: u64,
    not_before: u64,
    /// The most operations of the request that it goes in.
    most: usize,
}

/// What became of a job that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server has it, or never will: it is over.
    Settled,
    /// It goes again at that time.
    Again {
        /// When.
        at: u64,
    },
    /// It goes again at once, and that does not count as another attempt: its request was cut in half.
    Split,
}

/// How requests are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The most operations.
    pub documents: usize,
    /// The most bytes; one operation larger than this goes alone.
    pub bytes: usize,
    /// How long an operation may wait for the request to fill up while others are under way, in milliseconds.
    pub linger: u64,
}

/// All jobs that are not over: waiting, or sent.
#[derive(Debug, Default)]
pub struct Pending {
    waiting: BTreeMap<u64, Entry>,
    /// Documents that a request under way writes.
    busy: Documents,
    hasher: RandomState,
    added: u64,
    sent: usize,
    bytes: usize,
    /// Of those that were sent.
    sent_bytes: usize,
    /// How many that wait have a time before which they do not go.
    delayed: usize,
}

/// Numbers of documents. They are hashes, and not hashed once more.
type Documents = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// A number as its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Pending {
    /// Another job, behind all others.
    pub fn add(&mut self, job: Job, now: u64) {
        let (number, size) = (self.added, size_of(&job.operation));
        let document = (!job.own).then(|| self.hasher.hash_one((&*job.operation.index, &job.operation.id)));
        self.added += 1;
        self.bytes += size;
        let (attempts, since, not_before, most) = (0, now, 0, usize::MAX);
        self.waiting.insert(number, Entry { job, attempts, number, document, size, since, not_before, most });
    }

    /// How many jobs are not over.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.sent
    }

    /// About how many bytes of requests they are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// About how many bytes are held for them: those that were sent stand in their requests too.
    pub fn held(&self) -> usize {
        self.bytes + self.sent_bytes
    }

    /// How many have been sent more often than that without success and wait.
    pub fn failing(&self, attempts: u32) -> usize {
        if self.delayed == 0 {
            return 0;
        }
        self.waiting.values().filter(|entry| entry.attempts > attempts).count()
    }

    /// The next request, its jobs in order; none if nothing is to be sent now. A request that is not full waits for more
    /// while others are under way, unless `in_haste`.
    pub fn next(&mut self, now: u64, cut: Cut, in_haste: bool) -> Vec<Entry> {
        let may_wait = self.sent > 0 && !in_haste;
        if may_wait && self.is_short(cut) && self.lingers_until(cut).is_none_or(|until| until > now) {
            return Vec::new();
        }
        let chosen = self.choose(now, cut);
        let batch = self.take(&chosen);
        self.delayed -= batch.iter().filter(|entry| entry.not_before > 0).count();
        self.busy.extend(batch.iter().filter_map(|entry| entry.document));
        self.sent += batch.len();
        self.sent_bytes += batch.iter().map(|entry| entry.size).sum::<usize>();
        batch
    }

    /// Takes entries out, which are mostly all up to the last of them.
    fn take(&mut self, chosen: &[u64]) -> Vec<Entry> {
        let Some(last) = chosen.last() else { return Vec::new() };
        let mut first = std::mem::take(&mut self.waiting);
        self.waiting = first.split_off(&(last + 1));
        if first.len() == chosen.len() {
            return first.into_values().collect();
        }
        let batch = chosen.iter().filter_map(|number| first.remove(number)).collect();
        first.append(&mut self.waiting);
        self.waiting = first;
        batch
    }

    /// Whether all that waits would not fill a request.
    fn is_short(&self, cut: Cut) -> bool {
        self.waiting.len() < cut.documents && self.waiting.values().map(|entry| entry.size).sum::<usize>() < cut.bytes
    }

    fn lingers_until(&self, cut: Cut) -> Option<u64> {
        self.waiting.values().next().map(|first| first.since.saturating_add(cut.linger))
    }

    fn choose(&self, now: u64, cut: Cut) -> Vec<u64> {
        let (mut chosen, mut bytes, mut most) = (Vec::new(), 0, cut.documents);
        // Documents of which an earlier write stays behind: later ones have to stay behind it.
        let mut held = Documents::default();
        for (number, entry) in &self.waiting {
            let barred = entry.document.is_some_and(|one| held.contains(&one) || self.busy.contains(&one));
            let most_now = most.min(entry.most);
            let fits = chosen.len() < most_now && (chosen.is_empty() || bytes + entry.size <= cut.bytes);
            if barred || entry.not_before > now {
                held.extend(entry.document);
                continue;
            }
            if !fits {
                break;
            }
            most = most_now;
            bytes += entry.size;
            chosen.push(*number);
        }
        chosen
    }

    /// When something may have to be sent that could not be sent `now`, if nothing else happens.
    pub fn next_time(&self, now: u64, cut: Cut) -> Option<u64> {
        let delayed = self.waiting.values().map(|entry| entry.not_before).filter(|at| *at > now);
        let again = if self.delayed > 0 { delayed.min() } else { None };
        let lingers = self.lingers_until(cut).filter(|at| *at > now);
        again.into_iter().chain(lingers).min()
    }

    /// A request is over: what became of each of its jobs. Those that are over come back, with their index.
    ///
    /// A later write of the same document in the request goes again with the one before it, unless the server compares
    /// versions: done alone, the earlier one would undo it.
    pub fn done(&mut self, batch: Vec<Entry>, fates: &[Fate]) -> Vec<(usize, Place)> {
        self.sent -= batch.len();
        self.sent_bytes -= batch.iter().map(|entry| entry.size).sum::<usize>();
        let half = batch.len().div_ceil(2);
        let (mut behind, mut over): (HashMap<u64, Fate>, _) = (HashMap::new(), Vec::with_capacity(batch.len()));
        for (index, (mut entry, fate)) in batch.into_iter().zip(fates).enumerate() {
            entry.document.map(|document| self.busy.remove(&document));
            let before = entry.document.and_then(|document| behind.get(&document).copied());
            let fate = match (before, fate) {
                (Some(before), Fate::Settled) if !entry.job.operation.is_versioned() => before,
                (Some(Fate::Again { at: before }), Fate::Again { at }) => Fate::Again { at: before.max(*at) },
                (_, fate) => *fate,
            };
            if let (Some(document), true) = (entry.document, fate != Fate::Settled) {
                behind.insert(document, fate);
            }
            match fate {
                Fate::Settled => {
                    self.bytes -= entry.size;
                    over.push((index, entry.job.place));
                    continue;
                }
                Fate::Split => (entry.not_before, entry.most) = (0, half),
                Fate::Again { at } => {
                    entry.attempts += 1;
                    (entry.not_before, entry.most) = (at, usize::MAX);
                }
            }
            self.delayed += usize::from(entry.not_before > 0);
            self.waiting.insert(entry.number, entry);
        }
        over
    }

    /// Drops what waits and is not wanted any more.
    pub fn retain(&mut self, wanted: impl Fn(Place) -> bool) {
        let (bytes, delayed) = (&mut self.bytes, &mut self.delayed);
        self.waiting.retain(|_, entry| {
            let stays = wanted(entry.job.place);
            if !stays {
                *bytes -= entry.size;
                *delayed -= usize::from(entry.not_before > 0);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests;
