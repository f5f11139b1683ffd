//! Classic consumer groups and their committed offsets.
//!
//! [`group`] is the state machine: pure, times are passed in, requests that have to wait are tokens, and what follows
//! comes back as effects. [`membership`] holds joining, [`assignment`] syncing. [`coordinator`] is the shell around it: it
//! keeps the tokens' senders, runs the timers and writes [`journal`] records to `__consumer_offsets`; [`offsets`] are
//! committed through it, within transactions by way of [`transactional`] and [`pending`].

pub mod assignment;
pub mod coordinator;
pub mod group;
pub mod journal;
pub mod member;
pub mod membership;
pub mod offsets;
pub mod pending;
#[cfg(test)]
mod tests;
pub mod transactional;
