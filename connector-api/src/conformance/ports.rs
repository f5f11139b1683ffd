//! Ports for the servers of tests.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// The kernel does not hand these to outgoing connections.
const PORTS: Range<u16> = 12_000..32_000;

/// A port of 127.0.0.1 that nobody uses now and that no other call in this process gets.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let size = PORTS.end - PORTS.start;
    // Test processes that run side by side begin at different places.
    let start = (std::process::id().wrapping_mul(997) % u32::from(size)) as u16;
    for _ in PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % size;
        let port = PORTS.start + (start + step) % size;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {} and {}", PORTS.start, PORTS.end);
}
