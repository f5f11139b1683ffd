//! What crosses the boundary of a dynamic library: C structs and numbers, the same as in `include/naru_plugin.h`.
//!
//! A library exports one function, [`SYMBOL`], which returns its [`Descriptor`]. Only what stands here passes between the two
//! sides: pointers with lengths, numbers of fixed width, opaque handles, functions. Each side frees what it made. A library is
//! never unloaded.

#![allow(unsafe_code, reason = "the boundary itself: functions behind raw pointers")]

use std::ffi::c_void;
use std::fmt;

use bytes::Bytes;

/// `NARU` in memory.
pub const MAGIC: u32 = u32::from_le_bytes(*b"NARU");

/// The boundary's version. Another major is another contract.
pub const MAJOR: u16 = 1;

/// Grows with what is added. A side that knows less passes over what it does not know.
pub const MINOR: u16 = 1;

/// The name of the function that every library exports.
pub const SYMBOL: &str = "naru_plugin";

/// The library promises that no panic and no exception leaves any of its functions. Without it, it is refused.
pub const CATCHES_PANICS: u32 = 1;

/// These bits of the capabilities name what the library cannot do without; a worker that does not know one refuses it.
pub const NEEDS: u32 = 0xffff_0000;

/// The call is done, and the reply is there.
pub const OK: u32 = 0;
/// The call goes on: resume it after the waker has been woken, or cancel it.
pub const PENDING: u32 = 1;
/// The call has failed; the reply is an error.
pub const ERROR: u32 = 2;
/// The call has panicked; the reply is a text. The instance can only be closed now.
pub const PANIC: u32 = 3;
/// The call makes no sense; the reply is a text.
pub const BROKEN: u32 = 4;
/// Added to any of them by a sink that takes no more records until a `written` has ended.
pub const FULL: u32 = 0x100;

/// Calls that concern a connector as a whole.
pub const CONNECTOR: u32 = 1;
/// Calls of a task.
pub const TASK: u32 = 2;

/// Bytes that are lent for the time of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The first byte. May be null if there are none.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

/// Bytes that change hands: whoever has them calls `release` once, with `owner`, from any thread.
#[repr(C)]
#[derive(Debug)]
pub struct Buffer {
    /// The first byte. May be null if there are none.
    pub data: *const u8,
    /// How many.
    pub length: usize,
    /// What `release` is called with.
    pub owner: *mut c_void,
    /// Gives the bytes back. None: they stay for ever.
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

/// How a call that goes on says that it can be resumed. Lent for the time of a call; `clone` makes a context to keep.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Waker {
    /// What the functions are called with.
    pub context: *const c_void,
    /// Makes a context that may be kept and used from any thread, until `release`.
    pub clone: unsafe extern "C" fn(context: *const c_void) -> *const c_void,
    /// Wakes. The context stays.
    pub wake: unsafe extern "C" fn(context: *const c_void),
    /// Lets a context go that `clone` has made.
    pub release: unsafe extern "C" fn(context: *const c_void),
}

/// The worker, as a library sees it. Its functions may be called from any thread until `release`.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// What the functions are called with.
    pub context: *mut c_void,
    /// Tells news: its number and its message. The answer's meaning is that of the news.
    pub tell: unsafe extern "C" fn(context: *mut c_void, news: u32, message: Slice) -> u64,
    /// Lets the context go; called once, when nothing is told any more.
    pub release: unsafe extern "C" fn(context: *mut c_void),
}

/// A connector or a task in a library: whatever the library makes of it.
#[repr(C)]
pub struct Instance {
    _opaque: [u8; 0],
}

/// What a library is. It and all that it points to stay for ever.
#[repr(C)]
#[derive(Debug)]
pub struct Descriptor {
    /// [`MAGIC`].
    pub magic: u32,
    /// [`MAJOR`].
    pub abi_major: u16,
    /// [`MINOR`].
    pub abi_minor: u16,
    /// Bytes of this struct, as the library knows it.
    pub size: u32,
    /// [`CATCHES_PANICS`] and the bits of [`NEEDS`].
    pub capabilities: u32,
    /// The library's name, for messages.
    pub package: Slice,
    /// What it was built with, for messages.
    pub built_with: Slice,
    /// A JSON text for each connector in it; see [`definition`](super::definition).
    pub definitions: *const Slice,
    /// How many.
    pub definition_count: u32,
    /// 0.
    pub reserved: u32,
    /// Called once, before anything else: where to send logs, and up to which level (1 error to 5 trace).
    pub initialize: unsafe extern "C" fn(host: Host, log_level: u32),
    /// Makes an instance of a connector, by its number: [`CONNECTOR`] or [`TASK`]. Null if it cannot.
    pub open: unsafe extern "C" fn(definition: u32, scope: u32, host: Host) -> *mut Instance,
    /// Begins a call. All calls of an instance are made on one thread and never overlap.
    pub call: unsafe extern "C" fn(
        instance: *mut Instance,
        call: u32,
        request: Buffer,
        waker: *const Waker,
        reply: *mut Buffer,
    ) -> u32,
    /// Goes on with a call that was [`PENDING`].
    pub resume: unsafe extern "C" fn(instance: *mut Instance, waker: *const Waker, reply: *mut Buffer) -> u32,
    /// Gives up a call that was [`PENDING`].
    pub cancel: unsafe extern "C" fn(instance: *mut Instance),
    /// Lets what goes on between calls go on; called at first and after each wake of this waker, never within another function.
    pub drive: unsafe extern "C" fn(instance: *mut Instance, waker: *const Waker),
    /// Ends the instance.
    pub close: unsafe extern "C" fn(instance: *mut Instance),
}

// What it points to is never written after it was made.
unsafe impl Send for Descriptor {}
unsafe impl Sync for Descriptor {}

impl Descriptor {
    /// The name of a function that a library has left out, as C lets it: there is no reference to a descriptor without it.
    ///
    /// # Safety
    ///
    /// There are the bytes of a whole descriptor.
    pub unsafe fn missing_function(descriptor: *const Descriptor) -> Option<&'static str> {
        // A function takes a pointer's place, and none is null.
        macro_rules! look {
            ($($name:ident),+) => {
                [$((stringify!($name), unsafe { (&raw const (*descriptor).$name).cast::<*const ()>().read() })),+]
            };
        }
        let functions = look!(initialize, open, call, resume, cancel, drive, close);
        functions.into_iter().find(|(_, function)| function.is_null()).map(|(name, _)| name)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance")
    }
}

impl Slice {
    /// Lends bytes.
    pub fn of(bytes: &[u8]) -> Slice {
        Slice { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    ///
    /// They are there, and stay so and unchanged for as long as the slice is used.
    pub unsafe fn as_bytes<'a>(self) -> &'a [u8] {
        if self.data.is_null() || self.length == 0 {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

impl Buffer {
    /// No bytes.
    pub const EMPTY: Buffer = Buffer { data: std::ptr::null(), length: 0, owner: std::ptr::null_mut(), release: None };

    /// Hands bytes over. When the other side gives them back, `spent` gets them, on whatever thread that is.
    pub fn of(bytes: Vec<u8>, spent: fn(Vec<u8>)) -> Buffer {
        if bytes.is_empty() {
            spent(bytes);
            return Buffer::EMPTY;
        }
        let (data, length) = (bytes.as_ptr(), bytes.len());
        let owner = Box::into_raw(Box::new(Lent { bytes, spent }));
        Buffer { data, length, owner: owner.cast(), release: Some(give_back) }
    }

    /// Takes the bytes. They are given back when nothing uses them any more.
    ///
    /// # Safety
    ///
    /// The buffer keeps to the contract of [`Buffer`].
    pub unsafe fn into_bytes(self) -> Bytes {
        if self.release.is_none() && self.length == 0 {
            return Bytes::new();
        }
        Bytes::from_owner(Owned(self))
    }
}

struct Lent {
    bytes: Vec<u8>,
    spent: fn(Vec<u8>),
}

unsafe extern "C" fn give_back(owner: *mut c_void) {
    // Made by `Buffer::of`, and given back once.
    let Lent { bytes, spent } = *unsafe { Box::from_raw(owner.cast::<Lent>()) };
    spent(bytes);
}

struct Owned(Buffer);

// The contract says that bytes may be read and given back on any thread.
unsafe impl Send for Owned {}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        unsafe { Slice { data: self.0.data, length: self.0.length }.as_bytes() }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(release) = self.0.release.take() {
            unsafe { release(self.0.owner) };
        }
    }
}
