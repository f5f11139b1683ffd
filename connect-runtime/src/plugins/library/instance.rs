//! Calls of an instance in a library.

#![allow(unsafe_code, reason = "the plugin boundary: functions of a library")]

use std::cell::Cell;
use std::ffi::c_void;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use connector_api::boundary::abi::{self, Buffer, Descriptor, Instance as Raw, Waker as Lent};
use connector_api::boundary::message::Call;
use connector_api::boundary::spare;
use connector_api::plugin::LocalFuture;

use crate::plugins::remote::{Answer, Channel, Status};

/// An instance in a library. It stays on the thread that made it.
pub struct Instance {
    inner: Rc<Inner>,
    driving: Option<tokio::task::AbortHandle>,
}

struct Inner {
    library: &'static Descriptor,
    raw: *mut Raw,
    /// A panic has been reported: nothing but closing is allowed.
    panicked: Cell<bool>,
}

impl Instance {
    /// Takes what `open` has made. `drives` says whether what goes on between calls has to be driven.
    ///
    /// # Safety
    ///
    /// `raw` was made by the library on this thread, and nobody else has it.
    pub unsafe fn new(library: &'static Descriptor, raw: *mut Raw, drives: bool) -> Instance {
        let inner = Rc::new(Inner { library, raw, panicked: Cell::new(false) });
        let driving = drives.then(|| {
            let driven = Rc::downgrade(&inner);
            let drive = poll_fn(move |context| match driven.upgrade() {
                Some(inner) => inner.drive(context),
                None => Poll::Ready(()),
            });
            tokio::task::spawn_local(drive).abort_handle()
        });
        Instance { inner, driving }
    }
}

impl Channel for Instance {
    fn call<'a>(&'a mut self, call: Call, request: Vec<u8>) -> LocalFuture<'a, Answer> {
        let mut ongoing = Ongoing { inner: &self.inner, request: Some((call, request)), pending: false };
        Box::pin(poll_fn(move |context| ongoing.poll(context)))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(driving) = self.driving.take() {
            driving.abort();
        }
    }
}

impl Inner {
    fn drive(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.panicked.get() {
            return Poll::Ready(());
        }
        let waker = lend(context.waker());
        unsafe { (self.library.drive)(self.raw, &raw const waker) };
        Poll::Pending
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        unsafe { (self.library.close)(self.raw) };
    }
}

/// A call on its way; dropping it gives it up.
struct Ongoing<'a> {
    inner: &'a Inner,
    request: Option<(Call, Vec<u8>)>,
    pending: bool,
}

impl Ongoing<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        let waker = lend(context.waker());
        let mut reply = Buffer::EMPTY;
        let (library, raw) = (self.inner.library, self.inner.raw);
        let status = match self.request.take() {
            Some((call, request)) => {
                let request = Buffer::of(request, spare::give);
                unsafe { (library.call)(raw, call as u32, request, &raw const waker, &raw mut reply) }
            }
            None => unsafe { (library.resume)(raw, &raw const waker, &raw mut reply) },
        };
        self.pending = status & !abi::FULL == abi::PENDING;
        if self.pending {
            return Poll::Pending;
        }
        let message: Bytes = unsafe { reply.into_bytes() };
        let answer = Answer { status: Status::of(status), full: status & abi::FULL != 0, message };
        self.inner.panicked.set(matches!(answer.status, Status::Panic));
        Poll::Ready(answer)
    }
}

impl Drop for Ongoing<'_> {
    fn drop(&mut self) {
        if self.pending {
            unsafe { (self.inner.library.cancel)(self.inner.raw) };
        }
    }
}

/// Lends a waker for the time of a call.
fn lend(waker: &Waker) -> Lent {
    Lent { context: std::ptr::from_ref(waker).cast(), clone: keep, wake, release: let_go }
}

unsafe extern "C" fn keep(context: *const c_void) -> *const c_void {
    let waker = unsafe { &*context.cast::<Waker>() };
    Arc::into_raw(Arc::new(waker.clone())).cast()
}

unsafe extern "C" fn wake(context: *const c_void) {
    unsafe { &*context.cast::<Waker>() }.wake_by_ref();
}

unsafe extern "C" fn let_go(context: *const c_void) {
    drop(unsafe { Arc::from_raw(context.cast::<Waker>()) });
}
