//! DeleteTopics: by name, from v6 (KIP-516) also by id.

use crate::message::message;
use crate::messages::api;
use crate::{ErrorCode, Uuid};

api!(DeleteTopics, DeleteTopicsRequest, DeleteTopicsResponse);

message! {
    /// Topics to delete: `topic_names` to version 5, `topics` from version 6.
    pub struct DeleteTopicsRequest {
        /// The topics.
        topics: Vec<DeleteTopicState> [6..],
        /// Topics to delete, by name.
        topic_names: Vec<String> [0..=5],
        /// How long in ms the broker may take.
        timeout_ms: i32 [0..],
    }

    /// A topic to delete, by name or by id.
    pub struct DeleteTopicState {
        /// Name of the topic.
        name: Option<String> [6..],
        /// Id of the topic, zero for none.
        topic_id: Uuid [6..],
    }

    /// The answer.
    pub struct DeleteTopicsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each topic.
        responses: Vec<DeletableTopicResult> [0..],
    }

    /// The outcome for one topic.
    pub struct DeletableTopicResult {
        /// Name of the topic.
        name: Option<String> [0.., null 6..],
        /// Id of the topic, zero for none.
        topic_id: Uuid [6..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [5..],
    }
}
