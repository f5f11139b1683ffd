//! DeleteTopics: answered when the topics stay deleted after a power cut.

use broker_wire::ErrorCode;
use broker_wire::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use crate::server::dispatch::{Answer, Cx};

/// The first version that names topics by id.
const STATES_SINCE: i16 = 6;

pub fn handle(cx: &Cx, request: DeleteTopicsRequest) -> Answer<DeleteTopicsResponse> {
    let by_name = |name| DeleteTopicState { name: Some(name), ..DeleteTopicState::default() };
    let wanted = match cx.version {
        ..STATES_SINCE => request.topic_names.into_iter().map(by_name).collect(),
        _ => request.topics,
    };
    let deleting = cx.clone();
    let deleted = cx.shared.runtime.spawn_blocking(move || wanted.iter().map(|one| delete(&deleting, one)).collect());
    Answer::later(async move {
        let responses = deleted.await.unwrap_or_default();
        DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
    })
}

fn delete(cx: &Cx, wanted: &DeleteTopicState) -> DeletableTopicResult {
    let refuse = |error_code, reason: &str| DeletableTopicResult {
        name: wanted.name.clone(),
        topic_id: wanted.topic_id,
        error_code,
        error_message: Some(reason.to_owned()),
    };
    let found = match &wanted.name {
        Some(name) => cx.shared.registry.get(name),
        None => cx.shared.registry.get_by_id(wanted.topic_id),
    };
    let Some(topic) = found else {
        let by_id = wanted.name.is_none();
        let code = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        return refuse(code, "there is no such topic");
    };
    if topic.is_internal() {
        return refuse(ErrorCode::INVALID_REQUEST, "this topic is the broker's own");
    }
    if !cx.shared.config.delete_topics {
        return refuse(ErrorCode::TOPIC_DELETION_DISABLED, "delete.topic.enable is false");
    }
    match cx.shared.registry.delete(&topic.name) {
        Ok(Some(folders)) => {
            tracing::info!(topic = &*topic.name, "topic deleted");
            for folder in folders {
                // Whoever reads still has the files open. What stays is removed at the next start.
                cx.shared.folder.disk().remove_dir(&folder).ok();
            }
            cx.shared.coordinator.forget_topic(&topic.name);
            DeletableTopicResult {
                name: Some(topic.name.to_string()),
                topic_id: topic.id,
                ..DeletableTopicResult::default()
            }
        }
        Ok(None) => refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic"),
        Err(error) => refuse(ErrorCode::KAFKA_STORAGE_ERROR, &format!("the topic is there still: {error}")),
    }
}
