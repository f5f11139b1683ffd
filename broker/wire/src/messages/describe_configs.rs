//! DescribeConfigs: the configs of topics and brokers. KIP-133, KIP-226 (v1), KIP-569 (v3).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeConfigs, DescribeConfigsRequest, DescribeConfigsResponse);

message! {
    /// Resources asked for.
    pub struct DescribeConfigsRequest {
        /// The resources.
        resources: Vec<DescribeConfigsResource> [0..],
        /// Ask for the other places that set each key.
        include_synonyms: bool [0..],
        /// Ask for what each key is for.
        include_documentation: bool [3..],
    }

    /// A resource to describe.
    pub struct DescribeConfigsResource {
        /// 2 topic, 4 broker; in access rules 2 topic, 3 group, 4 cluster.
        resource_type: i8 [0..],
        /// Name of the resource.
        resource_name: String [0..],
        /// Keys to describe; null means all.
        configuration_keys: Option<Vec<String>> [0..],
    }

    /// The answer.
    pub struct DescribeConfigsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// One answer for each of what was asked.
        results: Vec<DescribeConfigsResult> [0..],
    }

    /// The configs of one resource.
    pub struct DescribeConfigsResult {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
        /// 2 topic, 4 broker; in access rules 2 topic, 3 group, 4 cluster.
        resource_type: i8 [0..],
        /// Name of the resource.
        resource_name: String [0..],
        /// Config keys and values.
        configs: Vec<DescribeConfigsResourceResult> [0..],
    }

    /// One config key.
    pub struct DescribeConfigsResourceResult {
        /// Config key.
        name: String [0..],
        /// Value of the key.
        value: Option<String> [0..],
        /// True if the key cannot be altered.
        read_only: bool [0..],
        /// Where the value comes from: 1 topic, 2 dynamic broker, 4 static broker, 5 default.
        config_source: i8 [0..] = -1,
        /// True if the value is secret and therefore null.
        is_sensitive: bool [0..],
        /// All places that set the key, the one that counts first.
        synonyms: Vec<DescribeConfigsSynonym> [0..],
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8 [3..],
        /// What the key is for.
        documentation: Option<String> [3..],
    }

    /// A place that sets the key.
    pub struct DescribeConfigsSynonym {
        /// Config key.
        name: String [0..],
        /// Value of the key.
        value: Option<String> [0..],
        /// Where the value comes from: 1 topic, 2 dynamic broker, 4 static broker, 5 default.
        source: i8 [0..],
    }
}
