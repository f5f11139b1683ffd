//! Fetch: read record batches, waiting for them if asked to. KIP-74 (size limits), KIP-227 (sessions), KIP-516 (topic ids, v13), KIP-951 (v16).

use bytes::Bytes;

use crate::message::message;
use crate::messages::api;
use crate::{ErrorCode, Uuid};

api!(Fetch, FetchRequest, FetchResponse);

message! {
    /// Partitions to read and how long to wait.
    pub struct FetchRequest {
        /// Id of the cluster.
        cluster_id: Option<String> [12.., tag 0],
        /// Id of a following broker, -1 for readers.
        replica_id: i32 [0..=14] = -1,
        /// Who is following; absent for readers.
        replica_state: ReplicaState [15.., tag 1],
        /// Longest time in ms to wait for `min_bytes`.
        max_wait_ms: i32 [0..],
        /// Fewest bytes worth an answer before `max_wait_ms`.
        min_bytes: i32 [0..],
        /// Most bytes of records wanted in all; one whole batch comes even if it is larger.
        max_bytes: i32 [0..] = 0x7fff_ffff,
        /// 0: all records; 1: only records of committed transactions.
        isolation_level: i8 [0..],
        /// The fetch session, 0 for none.
        session_id: i32 [7..],
        /// Place of the request in its fetch session; -1 outside a session.
        session_epoch: i32 [7..] = -1,
        /// The topics.
        topics: Vec<FetchTopic> [0..],
        /// Partitions to drop from the fetch session.
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        /// Where the reader stands, empty if unknown.
        rack_id: String [11..],
    }

    /// Who is following.
    pub struct ReplicaState {
        /// Id of a following broker, -1 for readers.
        replica_id: i32 [15..] = -1,
        /// Epoch of a following broker.
        replica_epoch: i64 [15..] = -1,
    }

    /// A topic to read.
    pub struct FetchTopic {
        /// Name of the topic.
        topic: String [0..=12],
        /// Id of the topic, zero for none.
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Vec<FetchPartition> [0..],
    }

    /// A partition to read.
    pub struct FetchPartition {
        /// Number of the partition.
        partition: i32 [0..],
        /// Leader epoch as the client knows it, -1 if it does not.
        current_leader_epoch: i32 [9..] = -1,
        /// First offset wanted.
        fetch_offset: i64 [0..],
        /// Leader epoch of the last record read, -1 if unknown.
        last_fetched_epoch: i32 [12..] = -1,
        /// First offset that is still there, -1 if unknown.
        log_start_offset: i64 [5..] = -1,
        /// Most bytes of records wanted of this partition.
        partition_max_bytes: i32 [0..],
        /// Folder of a following broker.
        replica_directory_id: Uuid [17.., tag 0],
    }

    /// A topic to drop from the session.
    pub struct ForgottenTopic {
        /// Name of the topic.
        topic: String [7..=12],
        /// Id of the topic, zero for none.
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Vec<i32> [7..],
    }

    /// The answer.
    pub struct FetchResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [7..],
        /// The fetch session, 0 for none.
        session_id: i32 [7..],
        /// One answer for each topic.
        responses: Vec<FetchableTopicResponse> [0..],
        /// Addresses of the leaders named above.
        node_endpoints: Vec<NodeEndpoint> [16.., tag 0],
    }

    /// The records of one topic.
    pub struct FetchableTopicResponse {
        /// Name of the topic.
        topic: String [0..=12],
        /// Id of the topic, zero for none.
        topic_id: Uuid [13..],
        /// The partitions.
        partitions: Vec<PartitionData> [0..],
    }

    /// The records of one partition.
    pub struct PartitionData {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Offset after the last record that readers may see.
        high_watermark: i64 [0..],
        /// Offset up to which all transactions are decided, -1 if unknown.
        last_stable_offset: i64 [0..] = -1,
        /// First offset that is still there, -1 if unknown.
        log_start_offset: i64 [5..] = -1,
        /// Where the client's log leaves the leader's.
        diverging_epoch: EpochEndOffset [12.., tag 0],
        /// The leader, told with an error that says this broker is not it.
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        /// A snapshot to read instead; used between controllers.
        snapshot_id: SnapshotId [12.., tag 2],
        /// Aborted transactions that overlap the records, for read-committed readers; null for the others.
        aborted_transactions: Option<Vec<AbortedTransaction>> [0..],
        /// A replica that is better to read from, -1 for none.
        preferred_read_replica: i32 [11..] = -1,
        /// Record batches, as they stand in the log.
        records: Option<Bytes> [0..],
    }

    /// Where an epoch ends.
    pub struct EpochEndOffset {
        /// The epoch, -1 for none.
        epoch: i32 [12..] = -1,
        /// Offset after the last record of the epoch.
        end_offset: i64 [12..] = -1,
    }

    /// Who leads.
    pub struct LeaderIdAndEpoch {
        /// Broker that leads, -1 if unknown.
        leader_id: i32 [12..] = -1,
        /// Epoch of the partition's leader, -1 if unknown.
        leader_epoch: i32 [12..] = -1,
    }

    /// A snapshot.
    pub struct SnapshotId {
        /// Offset after the last record of the epoch.
        end_offset: i64 [0..] = -1,
        /// The epoch, -1 for none.
        epoch: i32 [0..] = -1,
    }

    /// A transaction that was aborted.
    pub struct AbortedTransaction {
        /// Id of an idempotent producer, -1 for none.
        producer_id: i64 [0..],
        /// Offset of the transaction's first record here.
        first_offset: i64 [0..],
    }

    /// Address of a broker.
    pub struct NodeEndpoint {
        /// Id of the broker.
        node_id: i32 [16..],
        /// Name or address to connect to.
        host: String [16..],
        /// Port to connect to.
        port: i32 [16..],
        /// Where the broker stands, null if unknown.
        rack: Option<String> [16..],
    }
}
