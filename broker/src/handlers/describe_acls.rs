//! DescribeAcls: there are no access rules, which is what a Kafka without an authorizer answers too.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};

use crate::server::dispatch::{Answer, Cx};

pub fn handle(_: &Cx, _: DescribeAclsRequest) -> Answer<DescribeAclsResponse> {
    Answer::Now(DescribeAclsResponse {
        error_code: ErrorCode::SECURITY_DISABLED,
        error_message: Some("there are no access rules on this broker".to_owned()),
        ..DescribeAclsResponse::default()
    })
}
