//! What can be done with a connector: pause, resume, stop, restart.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::RestState;
use super::connectors::query_values;
use super::error::{RestError, RestResult, json_reply};
use super::seen::Seen;
use super::status::connector_status;
use crate::herd::config_log::TargetState;

/// `PUT /connectors/{connector}/pause`.
pub async fn pause(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    state.herd()?.set_target(&name, TargetState::Paused).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `PUT /connectors/{connector}/resume`.
pub async fn resume(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    state.herd()?.set_target(&name, TargetState::Started).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `PUT /connectors/{connector}/stop` (KIP-875).
pub async fn stop(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    state.herd()?.set_target(&name, TargetState::Stopped).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /connectors/{connector}/restart` (KIP-745): the connector alone, or the plan of what is restarted.
pub async fn restart(
    State(state): State<RestState>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> RestResult<Response> {
    let herd = state.herd()?;
    let include_tasks = flag(query.as_deref(), "includeTasks")?;
    let only_failed = flag(query.as_deref(), "onlyFailed")?;
    if !include_tasks && !only_failed {
        herd.restart_connector(&name).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let entry = herd.get(&name, || format!("Unknown connector: {name}"))?;
    let mut plan = connector_status(herd, &name, &entry, &Seen::everywhere(herd, Some(&name)).await);
    mark(&mut plan["connector"], only_failed);
    if include_tasks && let Some(tasks) = plan["tasks"].as_array_mut() {
        tasks.iter_mut().for_each(|task| mark(task, only_failed));
    }
    herd.request_restart(&name, include_tasks, only_failed).await?;
    Ok(json_reply(StatusCode::ACCEPTED, &plan))
}

/// Shows as RESTARTING what is about to be restarted. What is stopped or paused stays so.
fn mark(shown: &mut Json, only_failed: bool) {
    let state = shown["state"].as_str().unwrap_or_default();
    let chosen = if only_failed { state == "FAILED" } else { !matches!(state, "STOPPED" | "PAUSED") };
    if chosen {
        shown["state"] = json!("RESTARTING");
    }
}

/// Whether a restart is meant for the connector itself and nothing else. What makes no sense is refused by the handler.
pub fn is_of_the_connector_alone(query: Option<&str>) -> bool {
    let is_set = |name| matches!(flag(query, name), Ok(true));
    !is_set("includeTasks") && !is_set("onlyFailed")
}

fn flag(query: Option<&str>, name: &str) -> RestResult<bool> {
    match query_values(query, name).last().map(String::as_str) {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(word) => Err(RestError::bad_request(format!("`{name}={word}` is neither true nor false."))),
    }
}
