//! `/connectors/{connector}/config`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::RestState;
use super::body::{Body, changes, config, object};
use super::connectors::{created, info};
use super::error::{RestError, RestResult, json_reply};

/// `GET`: the configuration as it is stored, references in place of secrets.
pub async fn read(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    let entry = state.herd()?.get(&name, || format!("Connector {name} not found"))?;
    Ok(json_reply(StatusCode::OK, &json!(entry.config)))
}

/// `PUT`: replaces the configuration, or creates the connector.
pub async fn replace(
    State(state): State<RestState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> RestResult<Response> {
    let herd = state.herd()?;
    let mut config = config(&object(&headers, body)?)?;
    if let Some(inner) = config.get("name").filter(|inner| inner.trim() != name) {
        let message =
            format!("Connector name configuration ({inner}) doesn't match connector name in the URL ({name})");
        return Err(RestError::bad_request(message));
    }
    config.insert("name".to_owned(), name.clone());
    let (is_new, entry) = herd.put(&name, config).await?;
    if is_new {
        return Ok(created(herd, &name, &entry));
    }
    Ok(json_reply(StatusCode::OK, &info(herd, &name, &entry)))
}

/// `PATCH`: changes single keys (KIP-477).
pub async fn patch(
    State(state): State<RestState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> RestResult<Response> {
    let herd = state.herd()?;
    let entry = herd.patch(&name, changes(&object(&headers, body)?)?).await?;
    Ok(json_reply(StatusCode::OK, &info(herd, &name, &entry)))
}
