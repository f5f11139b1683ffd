//! IncrementalAlterConfigs: set or remove single config keys. KIP-339.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(IncrementalAlterConfigs, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse);

message! {
    /// Changes to make.
    pub struct IncrementalAlterConfigsRequest {
        /// The resources.
        resources: Vec<AlterConfigsResource> [0..],
        /// Check everything, change nothing.
        validate_only: bool [0..],
    }

    /// A resource to alter.
    pub struct AlterConfigsResource {
        /// 2 topic, 4 broker; in access rules 2 topic, 3 group, 4 cluster.
        resource_type: i8 [0..],
        /// Name of the resource.
        resource_name: String [0..],
        /// Config keys and values.
        configs: Vec<AlterableConfig> [0..],
    }

    /// One change.
    pub struct AlterableConfig {
        /// Config key.
        name: String [0..],
        /// 0 set, 1 delete, 2 append, 3 subtract.
        config_operation: i8 [0..],
        /// Value of the key.
        value: Option<String> [0..],
    }

    /// The answer.
    pub struct IncrementalAlterConfigsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each resource.
        responses: Vec<AlterConfigsResourceResponse> [0..],
    }

    /// The outcome for one resource.
    pub struct AlterConfigsResourceResponse {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
        /// 2 topic, 4 broker; in access rules 2 topic, 3 group, 4 cluster.
        resource_type: i8 [0..],
        /// Name of the resource.
        resource_name: String [0..],
    }
}
