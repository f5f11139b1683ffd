//! DescribeCluster: the brokers, without topics. KIP-700, KIP-919 (v1), KIP-1073 (v2).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeCluster, DescribeClusterRequest, DescribeClusterResponse);

message! {
    /// What to list.
    pub struct DescribeClusterRequest {
        /// Ask for the bits of what the caller may do with the cluster.
        include_cluster_authorized_operations: bool [0..],
        /// 1 brokers, 2 controllers.
        endpoint_type: i8 [1..] = 1,
        /// List fenced brokers too.
        include_fenced_brokers: bool [2..],
    }

    /// The answer.
    pub struct DescribeClusterResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
        /// 1 brokers, 2 controllers.
        endpoint_type: i8 [1..] = 1,
        /// Id of the cluster.
        cluster_id: String [0..],
        /// Broker that takes changes of topics, -1 if unknown.
        controller_id: i32 [0..] = -1,
        /// The brokers.
        brokers: Vec<DescribeClusterBroker> [0..],
        /// Bits of what the caller may do with the cluster; -2147483648 if it did not ask.
        cluster_authorized_operations: i32 [0..] = -2_147_483_648,
    }

    /// A broker.
    pub struct DescribeClusterBroker {
        /// Id of the broker.
        broker_id: i32 [0..],
        /// Name or address to connect to.
        host: String [0..],
        /// Port to connect to.
        port: i32 [0..],
        /// Where the broker stands, null if unknown.
        rack: Option<String> [0..],
        /// True for a fenced broker.
        is_fenced: bool [2..],
    }
}
