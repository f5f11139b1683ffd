//! Memory for records on their way, shared by all tasks of a worker.

use std::sync::Arc;

use connector_api::Memory;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shares are counted in units of so many bytes.
const UNIT: usize = 1024;

/// The worker's memory for records on their way. Cheap to clone.
///
/// Every task may have one batch beyond the budget, so that none ever waits for another one's memory to make progress:
/// the bound is the budget plus one batch for each task.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Semaphore>);

/// A part of the budget, given back when dropped.
pub struct Share(#[allow(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl MemoryBudget {
    /// A budget of that many bytes.
    pub fn new(bytes: usize) -> MemoryBudget {
        MemoryBudget(Arc::new(Semaphore::new((bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// A share of that size, if there is room now.
    pub fn try_take(&self, bytes: usize) -> Option<Share> {
        self.0.clone().try_acquire_many_owned(units(bytes)).ok().map(|permit| Share(Some(permit)))
    }

    /// Waits for a share of that size.
    pub async fn take(&self, bytes: usize) -> Share {
        Share(self.0.clone().acquire_many_owned(units(bytes)).await.ok())
    }

    /// The one batch that every task may have beyond the budget.
    pub fn beyond(&self) -> Share {
        Share(None)
    }

    /// A share that a task makes bigger and smaller as it keeps more or less; nothing yet.
    pub fn kept(&self) -> Kept {
        Kept { budget: self.clone(), share: None }
    }

    /// What is left, in bytes.
    pub fn left(&self) -> usize {
        self.0.available_permits() * UNIT
    }
}

/// A share of changing size. See [`Memory`].
pub struct Kept {
    budget: MemoryBudget,
    share: Option<OwnedSemaphorePermit>,
}

impl Memory for Kept {
    fn resize(&mut self, bytes: usize) -> bool {
        let have = self.share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let want = bytes.div_ceil(UNIT);
        if want <= have {
            drop(self.share.as_mut().and_then(|share| share.split(have - want)));
            return true;
        }
        let more = u32::try_from(want - have).unwrap_or(u32::MAX);
        let Ok(more) = self.budget.0.clone().try_acquire_many_owned(more) else { return false };
        match &mut self.share {
            Some(share) => share.merge(more),
            none => *none = Some(more),
        }
        true
    }
}

impl Share {
    /// Gives back what is above that size.
    pub fn shrink(&mut self, bytes: usize) {
        if let Some(permit) = &mut self.0 {
            let surplus = permit.num_permits().saturating_sub(units(bytes) as usize);
            drop(permit.split(surplus));
        }
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let budget = MemoryBudget::new(10 * UNIT);
        let mut first = budget.try_take(8 * UNIT).unwrap();
        assert!(budget.try_take(3 * UNIT).is_none());
        first.shrink(UNIT);
        let second = budget.try_take(9 * UNIT).unwrap();
        assert_eq!(budget.left(), 0);
        drop((first, second, budget.beyond()));
        assert_eq!(budget.left(), 10 * UNIT);
    }

    #[test]
    fn what_is_kept_stays_within_the_budget() {
        let budget = MemoryBudget::new(10 * UNIT);
        let (mut one, mut other) = (budget.kept(), budget.kept());
        assert!(one.resize(6 * UNIT) && other.resize(4 * UNIT - 1) && !one.resize(7 * UNIT));
        assert_eq!(budget.left(), 0);
        assert!(one.resize(2 * UNIT) && other.resize(8 * UNIT) && !one.resize(usize::MAX));
        drop(other);
        assert_eq!(budget.left(), 8 * UNIT);
    }
}
