//! The log client: what workers speak to the log with, their own embedded one or a cluster of Apache Kafka.
//!
//! | part | what it does |
//! |---|---|
//! | [`Transport`], [`Channel`], [`Tcp`] | frames to a broker and back: over TCP, or handed over within the process |
//! | [`Secured`], [`tls`], [`sasl`] | the same over TLS, after a login, or both |
//! | [`Client`] | knows the cluster: connections, topics and their leaders, coordinators |
//! | [`Producer`] | batches into partitions: idempotent, in order, several in flight; in transactions if need be |
//! | [`Fetcher`] | batches out of partitions, all of them or those that were committed |
//! | [`Membership`] | a place in a group: join, heartbeat, leave; of consumers or of workers |
//! | [`assign`] | who reads which partition: balanced, sticky, cooperative (pure) |
//! | [`admin`], [`offsets`] | topics, their settings, their ends; committed offsets |
//!
//! A client and what is made from it live on one tokio runtime. Nothing here retries for ever in silence: what is tried
//! again is told to the caller, or bounded by a time that the caller gives.

pub mod admin;
pub mod assign;
mod backoff;
mod client;
mod connection;
mod consumer;
mod error;
mod fault;
mod group;
pub mod offsets;
mod producer;
pub mod sasl;
mod settled;
pub mod tls;

pub use backoff::Backoff;
pub use client::{Client, ClientConfig, Partitions, Purpose};
pub use connection::{Channel, Connecting, Connection, Reply, Secured, Security, Tcp, Transport};
pub use consumer::{FetchConfig, FetchEvent, Fetcher, TopicPartition};
pub use error::{ClientError, Result};
pub use fault::SecurityFault;
pub use group::{Assignor, GroupMember, MemberConfig, MemberEvent, Membership, Session};
pub use producer::{
    Acknowledged, Producer, ProducerConfig, ProducerEvent, RecordToSend, TransactionalId, fence_producers,
};
pub use settled::bridged;
