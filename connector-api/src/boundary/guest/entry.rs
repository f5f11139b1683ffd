//! The library's descriptor and its functions.

#![allow(unsafe_code, reason = "the boundary itself: functions that C calls")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use super::host::HostLink;
use super::instance::{Instance, Target};
use super::logs;
use super::waker::Lent;
use crate::boundary::abi::{self, Buffer, Descriptor, Host, Slice, Waker};
use crate::boundary::definition::Described;
use crate::boundary::spare;
use crate::plugin::{Export, Plugin};

/// How the library was built.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Its package.
    pub package: &'static str,
    /// Whether panics unwind, so that they can be caught.
    pub unwinds: bool,
}

static EXPORTS: OnceLock<Vec<Export>> = OnceLock::new();
static DESCRIPTOR: OnceLock<Descriptor> = OnceLock::new();

/// The descriptor of a library with these plugins; null if they cannot be described.
pub fn describe(build: Build, exports: impl FnOnce() -> Vec<Export>) -> *const Descriptor {
    let described = catch_unwind(AssertUnwindSafe(|| {
        let exports = EXPORTS.get_or_init(exports);
        let descriptor = DESCRIPTOR.get_or_init(|| descriptor(build, exports));
        std::ptr::from_ref(descriptor)
    }));
    described.unwrap_or(std::ptr::null())
}

fn descriptor(build: Build, exports: &[Export]) -> Descriptor {
    let definitions: Vec<Slice> = exports.iter().map(definition).collect();
    let definitions: &'static [Slice] = definitions.leak();
    Descriptor {
        magic: abi::MAGIC,
        abi_major: abi::MAJOR,
        abi_minor: abi::MINOR,
        size: size_of::<Descriptor>() as u32,
        capabilities: if build.unwinds { abi::CATCHES_PANICS } else { 0 },
        package: Slice::of(build.package.as_bytes()),
        built_with: Slice::of(concat!("connector-api ", env!("CARGO_PKG_VERSION")).as_bytes()),
        definitions: definitions.as_ptr(),
        definition_count: definitions.len() as u32,
        reserved: 0,
        initialize,
        open,
        call,
        resume,
        cancel,
        drive,
        close,
    }
}

fn definition(export: &Export) -> Slice {
    let watches = matches!(export, Export::Connector(Plugin::Source(source)) if source.watches());
    let described = Described::new(export.kind(), &export.definition(), watches);
    // A struct of texts and numbers always has a JSON text.
    Slice::of(serde_json::to_vec(&described).unwrap_or_default().leak())
}

unsafe extern "C" fn initialize(host: Host, log_level: u32) {
    let host = HostLink::new(host);
    let _ = catch_unwind(AssertUnwindSafe(|| logs::start(host, log_level)));
}

unsafe extern "C" fn open(definition: u32, scope: u32, host: Host) -> *mut abi::Instance {
    let host = HostLink::new(host);
    let made = catch_unwind(AssertUnwindSafe(|| {
        let export = EXPORTS.get()?.get(definition as usize)?;
        let target = match scope {
            abi::CONNECTOR => Target::whole(export),
            abi::TASK => Target::task(export),
            _ => return None,
        };
        Instance::new(target, host).map(Box::new)
    }));
    match made {
        Ok(Some(instance)) => Box::into_raw(instance).cast(),
        _ => std::ptr::null_mut(),
    }
}

/// # Safety
///
/// `instance` was made by `open` and not closed, and nothing else uses it now.
unsafe fn instance<'a>(instance: *mut abi::Instance) -> &'a mut Instance {
    unsafe { &mut *instance.cast::<Instance>() }
}

unsafe extern "C" fn call(
    at: *mut abi::Instance,
    call: u32,
    request: Buffer,
    waker: *const Waker,
    reply: *mut Buffer,
) -> u32 {
    let request = unsafe { request.into_bytes() };
    let instance = unsafe { instance(at) };
    instance.begin(call, request);
    unsafe { go_on(instance, waker, reply) }
}

unsafe extern "C" fn resume(at: *mut abi::Instance, waker: *const Waker, reply: *mut Buffer) -> u32 {
    unsafe { go_on(instance(at), waker, reply) }
}

unsafe fn go_on(instance: &mut Instance, waker: *const Waker, reply: *mut Buffer) -> u32 {
    let waker = unsafe { Lent::new(waker) };
    let (status, message) = instance.poll(waker.waker());
    if status & !abi::FULL != abi::PENDING {
        unsafe { reply.write(Buffer::of(message, spare::give)) };
    }
    status
}

unsafe extern "C" fn cancel(at: *mut abi::Instance) {
    unsafe { instance(at) }.cancel();
}

unsafe extern "C" fn drive(at: *mut abi::Instance, waker: *const Waker) {
    let waker = unsafe { Lent::new(waker) };
    unsafe { instance(at) }.drive(waker.waker());
}

unsafe extern "C" fn close(at: *mut abi::Instance) {
    let instance = unsafe { Box::from_raw(at.cast::<Instance>()) };
    (*instance).close();
}

/// Exports plugins from a dynamic library.
///
/// Takes any number of [`Plugin`]s and [`Export`]s. The crate is a `cdylib`, and has this once.
///
/// ```ignore
/// connector_api::export!(connector_api::Plugin::source(MySource), connector_api::Plugin::sink(MySink));
/// ```
#[macro_export]
macro_rules! export {
    ($($plugin:expr),+ $(,)?) => {
        /// What a worker looks for in the library.
        #[unsafe(no_mangle)]
        pub extern "C" fn naru_plugin() -> *const $crate::boundary::abi::Descriptor {
            let build = $crate::boundary::guest::Build {
                package: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
                unwinds: cfg!(panic = "unwind"),
            };
            $crate::boundary::guest::describe(build, || vec![$($crate::Export::from($plugin)),+])
        }
    };
}
