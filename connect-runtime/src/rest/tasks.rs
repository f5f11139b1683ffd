//! `/connectors/{connector}/tasks`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::RestState;
use super::error::{RestError, RestResult, json_reply};

/// `GET /connectors/{connector}/tasks`: the tasks with their configurations, references in place of secrets.
pub async fn list(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    let tasks = state.herd()?.tasks(&name)?;
    let shown =
        tasks.iter().map(|task| json!({ "id": { "connector": name, "task": task.task }, "config": task.config }));
    Ok(json_reply(StatusCode::OK, &Json::Array(shown.collect())))
}

/// `POST /connectors/{connector}/tasks/{task}/restart`.
pub async fn restart(
    State(state): State<RestState>,
    Path((name, task)): Path<(String, String)>,
) -> RestResult<Response> {
    let number: u32 = task.parse().map_err(|_| RestError::not_found("HTTP 404 Not Found"))?;
    state.herd()?.restart_task(&name, number).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
