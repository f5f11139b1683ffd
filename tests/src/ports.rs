//! Free ports.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Above this the kernel hands ports out for outgoing connections.
const HIGHEST: u16 = 32_000;
const LOWEST: u16 = 20_000;

/// A port of 127.0.0.1 that nobody uses now and that no other call in this process gets.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side begin at different places.
    let start = (std::process::id() % 10_000) as u16;
    for _ in 0..(HIGHEST - LOWEST) {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST + (start.wrapping_add(step)) % (HIGHEST - LOWEST);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {LOWEST} and {HIGHEST}");
}
