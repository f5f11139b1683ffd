//! The allocator: what it holds for a thread is left to all while the thread waits, and what nobody uses goes back to the system.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::time::Duration;

/// How often within a second a thread that is about to wait leaves its pages to others. To take some again costs about as much as
/// a few hundred allocations, so that a busy task, which waits some thousand times in a second, does not do it each time.
const SHARES: u32 = 100;

/// How often what nobody uses is looked for.
const ROUND: Duration = Duration::from_secs(1);

thread_local! {
    static LEFT: Cell<u32> = const { Cell::new(SHARES) };
}

/// Lets this thread leave its pages to others [`SHARES`] times from now on.
pub fn allow_shares() {
    LEFT.set(SHARES);
}

/// Leaves what this thread's pages have free to all threads. A thread gets its pages of the allocator, one for each size of
/// memory, and keeps them while anything in them is in use: 190 KB of each idle task, of which it needs a small part.
pub fn share_pages() {
    let left = LEFT.get();
    if left > 0 {
        LEFT.set(left - 1);
        // Safety: what was allocated stays valid, as it does where a thread ends that has given memory to others. The thread gets
        // pages anew as soon as it allocates. If another allocator serves this program there is nothing to leave.
        unsafe { libmimalloc_sys::mi_thread_done() };
    }
}

/// Has the allocator know this thread again. To be called where a thread ends that has left its pages: what the allocator does then
/// is for one that it knows, and it would look for what it has given to another thread since.
pub fn be_known_again() {
    // Safety: it does what the next allocation would do.
    unsafe { libmimalloc_sys::mi_thread_init() };
}

/// Gives memory that has been free for a while back to the system, for ever. A thread that happens to free or to end would do it
/// otherwise, or the next request: for a hundred megabytes it takes some milliseconds.
pub async fn give_back() {
    loop {
        tokio::time::sleep(ROUND).await;
        // Safety: it looks at what is free. If another allocator serves this program there is nothing.
        unsafe { libmimalloc_sys::mi_collect(false) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread;

    use super::*;

    /// The tests of this crate have the allocator of the worker.
    #[global_allocator]
    static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

    /// Blocks of many sizes; each holds one byte's value again and again.
    fn blocks(seed: usize) -> Vec<Vec<u8>> {
        (0..60).map(|step| vec![(seed + step) as u8; 1 + (seed * 31 + step * step * 7) % 4_000]).collect()
    }

    fn count_whole(blocks: Receiver<Vec<u8>>) -> usize {
        blocks.into_iter().inspect(|block| assert!(block.iter().all(|byte| *byte == block[0]))).count()
    }

    /// Without [`be_known_again`] this ends in a crash: a thread that ends would look at what other threads have by then.
    #[test]
    fn threads_that_leave_their_pages_again_and_again_keep_what_they_have_and_end_well() {
        let (sender, receiver) = sync_channel(10_000);
        let counting = thread::spawn(|| count_whole(receiver));
        let one = move |seed: usize| {
            let sender = sender.clone();
            move || {
                let mut kept = Vec::new();
                allow_shares();
                for round in 0..10 {
                    kept.extend(blocks(seed + round));
                    share_pages();
                    share_pages();
                    kept.truncate(kept.len() / 2 + 10);
                }
                kept.into_iter().for_each(|block| drop(sender.send(block)));
                share_pages();
                be_known_again();
            }
        };
        for round in 0..300 {
            let threads: Vec<_> = (0..16).map(|number| thread::spawn(one(round * 16 + number))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
        drop(one);
        assert!(counting.join().unwrap() > 100_000);
    }
}
