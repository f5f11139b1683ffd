//! Connections: [`listener`] takes them, [`connection`] reads and writes one, [`session`] answers its requests in order,
//! [`dispatch`] finds the handler of each.

pub mod connection;
pub mod dispatch;
pub mod listener;
pub mod session;
