//! DescribeGroups.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

use crate::groups::group::{Group, Phase};
use crate::groups::member::Member;
use crate::server::dispatch::{Answer, Cx};

/// The first version that says that a group is not there; before, it is said to be dead (KIP-1043).
const NOT_FOUND_SINCE: i16 = 6;

pub fn handle(cx: &Cx, request: DescribeGroupsRequest) -> Answer<DescribeGroupsResponse> {
    let groups = request.groups.into_iter().map(|name| match cx.shared.coordinator.describe(&name) {
        Some(group) => describe(name, &group),
        None => missing(name, cx.version),
    });
    Answer::Now(DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() })
}

fn describe(group_id: String, group: &Group) -> DescribedGroup {
    let settled = group.phase == Phase::Stable;
    let member = |member: &Member| DescribedGroupMember {
        member_id: member.id.clone(),
        group_instance_id: member.profile.instance_id.clone(),
        client_id: member.profile.client_id.clone(),
        client_host: member.profile.client_host.clone(),
        member_metadata: if settled { member.metadata(&group.protocol) } else { Default::default() },
        member_assignment: if settled { member.assignment.clone() } else { Default::default() },
    };
    DescribedGroup {
        group_id,
        group_state: group.phase.name().to_owned(),
        protocol_type: group.protocol_type.clone(),
        protocol_data: if settled { group.protocol.clone() } else { String::new() },
        members: group.members.values().map(member).collect(),
        ..DescribedGroup::default()
    }
}

fn missing(group_id: String, version: i16) -> DescribedGroup {
    let told = version >= NOT_FOUND_SINCE;
    DescribedGroup {
        error_code: if told { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE },
        error_message: told.then(|| format!("Group {group_id} not found.")),
        group_id,
        group_state: "Dead".to_owned(),
        ..DescribedGroup::default()
    }
}
