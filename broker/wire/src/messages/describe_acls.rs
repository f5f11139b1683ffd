//! DescribeAcls: access rules. KIP-140, KIP-290 (v1).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(DescribeAcls, DescribeAclsRequest, DescribeAclsResponse);

message! {
    /// Which rules to list.
    pub struct DescribeAclsRequest {
        /// Only rules for this kind of resource.
        resource_type_filter: i8 [0..],
        /// Only rules for this name; null means any.
        resource_name_filter: Option<String> [0..],
        /// How the name is matched.
        pattern_type_filter: i8 [0..] = 3,
        /// Only rules for this principal; null means any.
        principal_filter: Option<String> [0..],
        /// Only rules for this host; null means any.
        host_filter: Option<String> [0..],
        /// What the rule is about.
        operation: i8 [0..],
        /// Allow or deny.
        permission_type: i8 [0..],
    }

    /// The answer.
    pub struct DescribeAclsResponse {
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [0..],
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
        /// The resources.
        resources: Vec<DescribeAclsResource> [0..],
    }

    /// The rules of one resource.
    pub struct DescribeAclsResource {
        /// 2 topic, 4 broker; in access rules 2 topic, 3 group, 4 cluster.
        resource_type: i8 [0..],
        /// Name of the resource.
        resource_name: String [0..],
        /// How the name is matched.
        pattern_type: i8 [0..] = 3,
        /// The access rules.
        acls: Vec<AclDescription> [0..],
    }

    /// One access rule.
    pub struct AclDescription {
        /// Whom the rule is about.
        principal: String [0..],
        /// Name or address to connect to.
        host: String [0..],
        /// What the rule is about.
        operation: i8 [0..],
        /// Allow or deny.
        permission_type: i8 [0..],
    }
}
