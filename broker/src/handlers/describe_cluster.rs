//! DescribeCluster: this broker, alone.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};

use crate::server::dispatch::{Answer, Cx};

const BROKERS: i8 = 1;

pub fn handle(cx: &Cx, request: DescribeClusterRequest) -> Answer<DescribeClusterResponse> {
    if request.endpoint_type != BROKERS {
        return Answer::Now(DescribeClusterResponse {
            error_code: ErrorCode::UNSUPPORTED_ENDPOINT_TYPE,
            error_message: Some("only brokers can be listed: there are no controllers of their own".to_owned()),
            ..DescribeClusterResponse::default()
        });
    }
    let broker_id = cx.shared.config.node_id;
    let broker = DescribeClusterBroker {
        broker_id,
        host: cx.address.host.clone(),
        port: i32::from(cx.address.port),
        ..DescribeClusterBroker::default()
    };
    Answer::Now(DescribeClusterResponse {
        cluster_id: cx.shared.cluster_id.clone(),
        controller_id: broker_id,
        brokers: vec![broker],
        ..DescribeClusterResponse::default()
    })
}
