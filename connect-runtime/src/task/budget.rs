//! Memory for records on their way, shared by all tasks of a worker.

use std::sync::Arc;

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

    /// What is left, in bytes.
    pub fn left(&self) -> usize {
        self.0.available_permits() * UNIT
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
}
