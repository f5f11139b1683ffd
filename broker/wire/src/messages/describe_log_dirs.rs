//! DescribeLogDirs: sizes on disk. KIP-113, KIP-827 (v4).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeLogDirs, DescribeLogDirsRequest, DescribeLogDirsResponse);

message! {
    /// Partitions asked for.
    pub struct DescribeLogDirsRequest {
        /// Topics asked for; null asks for all.
        topics: Option<Vec<DescribableLogDirTopic>> [0..],
    }

    /// A topic asked for.
    pub struct DescribableLogDirTopic {
        /// Name of the topic.
        topic: String [0..],
        /// The partitions.
        partitions: Vec<i32> [0..],
    }

    /// The answer.
    pub struct DescribeLogDirsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [3..],
        /// One answer for each of what was asked.
        results: Vec<DescribeLogDirsResult> [0..],
    }

    /// One folder.
    pub struct DescribeLogDirsResult {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// Absolute path of the folder.
        log_dir: String [0..],
        /// The topics.
        topics: Vec<DescribeLogDirsTopic> [0..],
        /// Size of the file system, -1 if unknown.
        total_bytes: i64 [4..] = -1,
        /// Room left on the file system, -1 if unknown.
        usable_bytes: i64 [4..] = -1,
    }

    /// One topic.
    pub struct DescribeLogDirsTopic {
        /// Name of the topic.
        name: String [0..],
        /// The partitions.
        partitions: Vec<DescribeLogDirsPartition> [0..],
    }

    /// One partition.
    pub struct DescribeLogDirsPartition {
        /// Number of the partition.
        partition_index: i32 [0..],
        /// Bytes of the partition's segments on disk.
        partition_size: i64 [0..],
        /// How far the replica is behind.
        offset_lag: i64 [0..],
        /// True for a replica that is being moved here.
        is_future_key: bool [0..],
    }
}
