//! ListGroups.

use broker_wire::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::server::dispatch::{Answer, Cx};

/// Every group here is of this type (KIP-848 has another).
const CLASSIC: &str = "classic";

pub fn handle(cx: &Cx, request: ListGroupsRequest) -> Answer<ListGroupsResponse> {
    let asked = |filter: &[String], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = cx.shared.coordinator.list().into_iter();
    let groups = groups.filter(|(_, _, state)| asked(&request.states_filter, state));
    let groups = groups.filter(|_| asked(&request.types_filter, CLASSIC));
    let row = |(group_id, protocol_type, state): (String, String, &str)| ListedGroup {
        group_id,
        protocol_type,
        group_state: state.to_owned(),
        group_type: CLASSIC.to_owned(),
    };
    Answer::Now(ListGroupsResponse { groups: groups.map(row).collect(), ..ListGroupsResponse::default() })
}
