//! Shares of a batch for the payloads in it.

use bytes::Bytes;

/// Shares of a batch, for the payloads that are slices of it.
///
/// They are made some at a time: a share that is moved as soon as it was made waits for its parts to arrive in memory, which takes
/// longer than to make it.
pub(super) struct Shares<'a> {
    pub(super) batch: &'a Bytes,
    ready: Vec<Bytes>,
}

impl Shares<'_> {
    /// How many are made at a time.
    const AT_ONCE: usize = 8;

    /// Of that batch.
    pub(super) fn of(batch: &Bytes) -> Shares<'_> {
        Shares { batch, ready: Vec::with_capacity(Shares::AT_ONCE) }
    }

    /// The next one, of the whole batch.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Bytes {
        if self.ready.is_empty() {
            self.refill();
        }
        // There is one now.
        self.ready.pop().unwrap_or_default()
    }

    #[inline(never)]
    fn refill(&mut self) {
        let share = || self.batch.clone();
        // Each has a place of its own first; in a loop they would share one, and each would be moved at once.
        let (a, b, c, d) = (share(), share(), share(), share());
        let (e, f, g, h) = (share(), share(), share(), share());
        let ready = &mut self.ready;
        ready.push(a);
        ready.push(b);
        ready.push(c);
        ready.push(d);
        ready.push(e);
        ready.push(f);
        ready.push(g);
        ready.push(h);
    }
}
