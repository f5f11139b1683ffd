//! What workers of a herd ask each other, on the listener for peers alone.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::RestState;
use super::error::{RestError, RestResult};
use super::seen::Seen;
use crate::herd::fencing::before_start_here;
use crate::herd::{NewTasks, NotDone, store};
use crate::peers::Guard;

/// Lets in what a worker of the herd has signed, and nothing else.
pub async fn only_peers(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.admit(request).await {
        Ok(request) => next.run(request).await,
        Err((status, message)) => RestError::new(status, message).into_response(),
    }
}

/// `GET /internal/live`: what runs here.
pub async fn live(State(state): State<RestState>) -> RestResult<Response> {
    reply(&Seen::here(state.herd()?, None))
}

/// `GET /internal/connectors/{connector}/live`: what of a connector runs here.
pub async fn live_of(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    reply(&Seen::here(state.herd()?, Some(&name)))
}

fn reply(seen: &Seen) -> RestResult<Response> {
    let body = serde_json::to_string(seen);
    let body = body.map_err(|why| RestError::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()))?;
    Ok((StatusCode::OK, [(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// `PUT /internal/connectors/{connector}/tasks`: writes what the connector has split its work into.
pub async fn new_tasks(State(state): State<RestState>, Path(name): Path<String>, body: Bytes) -> RestResult<Response> {
    let new: NewTasks = serde_json::from_slice(&body)
        .map_err(|why| RestError::bad_request(format!("The body holds no task configurations: {why}.")))?;
    store(state.herd()?.parts(), &name, &new).await.map_err(not_done)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `PUT /internal/connectors/{connector}/fence`: fences the tasks of earlier splits (KIP-618).
pub async fn fence(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    before_start_here(state.herd()?.parts(), &name).await.map_err(not_done)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn not_done(why: NotDone) -> RestError {
    match why {
        NotDone::Later(why) => RestError { retry_after_s: Some(1), ..RestError::new(StatusCode::CONFLICT, why) },
        NotDone::Never(why) => RestError::new(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}
