//! What of a call's operations is sent next. Pure: time is a number of milliseconds.
//!
//! Two writes of one document are never in two requests at the same time, and never out of order: within a request the
//! server does them in order. So the last one wins, whatever fails in between.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bulk::size_of;
use crate::document::Operation;

/// An operation that is to be sent.
#[derive(Debug)]
pub struct Job {
    /// The record's index in the call.
    pub record: usize,
    /// It.
    pub operation: Operation,
    /// Whether no other job writes the document.
    pub own: bool,
}

/// What became of a job that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server has it, or never will: it is over.
    Settled,
    /// It goes again at that time, unless it was tried too often.
    Again {
        /// When.
        at: u64,
    },
    /// It goes again at once, and that does not count as another attempt: its request was cut in half.
    Split,
}

/// The most of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Operations.
    pub documents: usize,
    /// Bytes; one operation larger than this goes alone.
    pub bytes: usize,
}

/// A call's jobs. Each is waiting, sent, given up, or over.
#[derive(Debug)]
pub struct Pending {
    jobs: Vec<Job>,
    /// For each job the document that it writes, as a number; `None` where nothing else writes it.
    documents: Vec<Option<u32>>,
    attempts: Vec<u32>,
    waiting: BTreeMap<usize, Wait>,
    /// Documents that a request under way writes.
    busy: HashSet<u32>,
    sent: usize,
    given_up: Vec<usize>,
    retries: u32,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    from: u64,
    /// The most operations of the request that it goes in.
    most: usize,
}

impl Pending {
    /// All waiting; each is sent again at most that often.
    pub fn new(jobs: Vec<Job>, retries: u32) -> Pending {
        let documents = number_documents(&jobs);
        let waiting = (0..jobs.len()).map(|at| (at, Wait { from: 0, most: usize::MAX })).collect();
        let attempts = vec![0; jobs.len()];
        Pending { jobs, documents, attempts, waiting, busy: HashSet::new(), sent: 0, given_up: Vec::new(), retries }
    }

    /// The jobs.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.sent == 0
    }

    /// How many times a job has been sent without success.
    pub fn attempts(&self, job: usize) -> u32 {
        self.attempts[job]
    }

    /// The jobs of the next request in order; none if nothing can be sent now.
    pub fn next(&mut self, now: u64, limits: Limits) -> Vec<usize> {
        let (mut batch, mut bytes, mut most) = (Vec::new(), 0, limits.documents);
        // Documents of which an earlier write stays behind: later ones have to stay behind it.
        let mut held: HashSet<u32> = HashSet::new();
        for (job, wait) in &self.waiting {
            let document = self.documents[*job];
            let barred = document.is_some_and(|document| held.contains(&document) || self.busy.contains(&document));
            let most_now = most.min(wait.most);
            let fits = batch.len() < most_now
                && (batch.is_empty() || bytes + size_of(&self.jobs[*job].operation) <= limits.bytes);
            if barred || wait.from > now || !fits {
                held.extend(document);
                if batch.len() >= most {
                    break;
                }
                continue;
            }
            most = most_now;
            bytes += size_of(&self.jobs[*job].operation);
            batch.push(*job);
        }
        for job in &batch {
            self.waiting.remove(job);
            self.busy.extend(self.documents[*job]);
        }
        self.sent += batch.len();
        batch
    }

    /// When the next job may be sent that waits for a time after `now`.
    pub fn next_time(&self, now: u64) -> Option<u64> {
        self.waiting.values().map(|wait| wait.from).filter(|from| *from > now).min()
    }

    /// A request is over: what became of each of its jobs.
    ///
    /// A later write of the same document in the request goes again with the one before it, unless the server compares
    /// versions: done alone, the earlier one would undo it.
    pub fn done(&mut self, batch: &[usize], fates: &[Fate]) {
        self.sent -= batch.len();
        let half = batch.len().div_ceil(2);
        let mut behind: HashMap<u32, Fate> = HashMap::new();
        for (job, fate) in batch.iter().zip(fates) {
            let document = self.documents[*job];
            document.map(|document| self.busy.remove(&document));
            let before = document.and_then(|document| behind.get(&document).copied());
            let fate = match (before, fate) {
                (Some(before), Fate::Settled) if !self.jobs[*job].operation.is_versioned() => before,
                (Some(Fate::Again { at: before }), Fate::Again { at }) => Fate::Again { at: before.max(*at) },
                (_, fate) => *fate,
            };
            if let (Some(document), true) = (document, fate != Fate::Settled) {
                behind.insert(document, fate);
            }
            match fate {
                Fate::Settled => {}
                Fate::Split => drop(self.waiting.insert(*job, Wait { from: 0, most: half })),
                Fate::Again { at } => {
                    self.attempts[*job] += 1;
                    self.waiting.insert(*job, Wait { from: at, most: usize::MAX });
                }
            }
        }
        self.give_up_exhausted();
    }

    /// Nothing waiting is sent any more.
    pub fn give_up(&mut self) {
        self.given_up.extend(std::mem::take(&mut self.waiting).into_keys());
    }

    /// The records of jobs that were given up, ascending.
    pub fn into_given_up(self) -> Vec<usize> {
        let mut records: Vec<usize> = self.given_up.iter().map(|job| self.jobs[*job].record).collect();
        records.sort_unstable();
        records
    }

    /// Gives up what was tried too often, and with it all later writes of the same document.
    fn give_up_exhausted(&mut self) {
        let retries = self.retries;
        if !self.waiting.keys().any(|job| self.attempts[*job] > retries) {
            return;
        }
        let mut dead: HashSet<u32> = HashSet::new();
        let (attempts, documents, given_up) = (&self.attempts, &self.documents, &mut self.given_up);
        self.waiting.retain(|job, _| {
            let document = documents[*job];
            let over = attempts[*job] > retries || document.is_some_and(|document| dead.contains(&document));
            if over {
                dead.extend(document);
                given_up.push(*job);
            }
            !over
        });
    }
}

fn number_documents(jobs: &[Job]) -> Vec<Option<u32>> {
    let mut known: HashMap<(&str, &str), u32> = HashMap::new();
    let mut numbers = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A call has far fewer records than there are numbers.
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
        let name = (&*job.operation.index, job.operation.id.as_str());
        numbers.push((!job.own).then(|| *known.entry(name).or_insert(next)));
    }
    numbers
}

#[cfg(test)]
mod tests;
