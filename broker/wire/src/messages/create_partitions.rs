//! CreatePartitions: let topics grow. KIP-195.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(CreatePartitions, CreatePartitionsRequest, CreatePartitionsResponse);

message! {
    /// Topics that shall grow.
    pub struct CreatePartitionsRequest {
        /// The topics.
        topics: Vec<CreatePartitionsTopic> [0..],
        /// How long in ms the broker may take.
        timeout_ms: i32 [0..],
        /// Check everything, change nothing.
        validate_only: bool [0..],
    }

    /// A topic that shall grow.
    pub struct CreatePartitionsTopic {
        /// Name of the topic.
        name: String [0..],
        /// How many partitions the topic shall have, the present ones included.
        count: i32 [0..],
        /// Brokers for each new partition, if the caller chooses them.
        assignments: Option<Vec<CreatePartitionsAssignment>> [0..],
    }

    /// Brokers of one new partition.
    pub struct CreatePartitionsAssignment {
        /// Ids of brokers, the leader first.
        broker_ids: Vec<i32> [0..],
    }

    /// The answer.
    pub struct CreatePartitionsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each of what was asked.
        results: Vec<CreatePartitionsTopicResult> [0..],
    }

    /// The outcome for one topic.
    pub struct CreatePartitionsTopicResult {
        /// Name of the topic.
        name: String [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
    }
}
