//! The worker's waker as a Rust one.

#![allow(unsafe_code, reason = "the boundary itself: a waker made of C functions")]

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Wake};

use crate::boundary::abi::Waker;

/// A waker that is lent for one call. Nothing is allocated unless somebody keeps it.
pub struct Lent(ManuallyDrop<std::task::Waker>);

impl Lent {
    /// # Safety
    ///
    /// `waker` points to a waker that keeps to its contract and outlives this value.
    pub unsafe fn new(waker: *const Waker) -> Lent {
        let raw = RawWaker::new(waker.cast(), &LENT);
        Lent(ManuallyDrop::new(unsafe { std::task::Waker::from_raw(raw) }))
    }

    /// The waker.
    pub fn waker(&self) -> &std::task::Waker {
        &self.0
    }
}

static LENT: RawWakerVTable = RawWakerVTable::new(keep, wake, wake, |_| {});

unsafe fn keep(lent: *const ()) -> RawWaker {
    let lent = unsafe { &*lent.cast::<Waker>() };
    let context = unsafe { (lent.clone)(lent.context) };
    let kept = Kept(Waker { context, ..*lent });
    let waker = ManuallyDrop::new(std::task::Waker::from(Arc::new(kept)));
    RawWaker::new(waker.data(), waker.vtable())
}

unsafe fn wake(lent: *const ()) {
    let lent = unsafe { &*lent.cast::<Waker>() };
    unsafe { (lent.wake)(lent.context) };
}

struct Kept(Waker);

// A context that `clone` has made may be used from any thread.
unsafe impl Send for Kept {}
unsafe impl Sync for Kept {}

impl Wake for Kept {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        unsafe { (self.0.wake)(self.0.context) };
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        unsafe { (self.0.release)(self.0.context) };
    }
}
