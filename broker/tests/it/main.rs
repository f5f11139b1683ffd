//! The broker as its clients see it: frames without a socket, sockets, real clients, and a process that is killed.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in the helpers of tests too")]

mod clients;
mod crash;
mod frames;
mod full_disk;
mod groups;
mod running;
mod sockets;
mod transaction_kills;
mod transactions;
