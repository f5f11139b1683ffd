//! `/connectors` and `/connectors/{connector}`.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json, json};

use super::RestState;
use super::body::{Body, config, object};
use super::error::{RestError, RestResult, json_reply};
use super::seen::Seen;
use super::status::connector_status;
use crate::herd::config_log::ConnectorEntry;
use crate::herd::{Herd, InitialState};
use crate::peers::percent_encoded;

/// `GET /connectors`: names, or with `expand` what is known of each.
pub async fn list(State(state): State<RestState>, RawQuery(query): RawQuery) -> RestResult<Response> {
    let herd = state.herd()?;
    let all = herd.all();
    let expand: Vec<String> = query_values(query.as_deref(), "expand");
    if expand.is_empty() {
        return Ok(json_reply(StatusCode::OK, &json!(all.keys().collect::<Vec<_>>())));
    }
    let with_status = expand.iter().any(|part| part == "status");
    let seen = if with_status { Seen::everywhere(herd, None).await } else { Seen::default() };
    let mut expanded = Map::new();
    for (name, entry) in &all {
        let mut parts = Map::new();
        for part in &expand {
            match part.as_str() {
                "status" => drop(parts.insert("status".to_owned(), connector_status(herd, name, entry, &seen))),
                "info" => drop(parts.insert("info".to_owned(), info(herd, name, entry))),
                _ => {}
            }
        }
        expanded.insert(name.clone(), Json::Object(parts));
    }
    Ok(json_reply(StatusCode::OK, &Json::Object(expanded)))
}

/// The values of a parameter that may occur several times.
pub fn query_values(query: Option<&str>, name: &str) -> Vec<String> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).collect()
}

/// `POST /connectors`: creates a connector.
pub async fn create(State(state): State<RestState>, headers: HeaderMap, body: Body) -> RestResult<Response> {
    let herd = state.herd()?;
    let request = object(&headers, body)?;
    if let Some(unknown) = request.keys().find(|key| !["name", "config", "initial_state"].contains(&key.as_str())) {
        let message = format!("Unrecognized field `{unknown}`. Known are `name`, `config` and `initial_state`.");
        return Err(RestError::bad_request(message));
    }
    let Some(Json::Object(given)) = request.get("config") else {
        return Err(RestError::bad_request("The body needs `config`: an object of the connector's keys."));
    };
    let mut config = config(given)?;
    let name = name_of(request.get("name"), &config)?;
    config.insert("name".to_owned(), name.clone());
    let entry = herd.create(&name, config, initial_state(request.get("initial_state"))?).await?;
    Ok(created(herd, &name, &entry))
}

/// A name inside the configuration must be the same.
fn name_of(outer: Option<&Json>, config: &connector_api::config::RawConfig) -> RestResult<String> {
    let outer = match outer {
        None | Some(Json::Null) => "",
        Some(Json::String(name)) => name.trim(),
        Some(_) => return Err(RestError::bad_request("`name` must be text.")),
    };
    let inner = config.get("name").map(|name| name.trim());
    match inner {
        Some(inner) if !outer.is_empty() && inner != outer => Err(RestError::bad_request(format!(
            "Connector name configuration ({inner}) doesn't match connector name in the URL or body ({outer})"
        ))),
        Some(inner) if outer.is_empty() => Ok(inner.to_owned()),
        _ => Ok(outer.to_owned()),
    }
}

fn initial_state(given: Option<&Json>) -> RestResult<InitialState> {
    match given {
        None | Some(Json::Null) => Ok(InitialState::Running),
        Some(Json::String(word)) if word.eq_ignore_ascii_case("RUNNING") => Ok(InitialState::Running),
        Some(Json::String(word)) if word.eq_ignore_ascii_case("PAUSED") => Ok(InitialState::Paused),
        Some(Json::String(word)) if word.eq_ignore_ascii_case("STOPPED") => Ok(InitialState::Stopped),
        Some(other) => {
            Err(RestError::bad_request(format!("`initial_state` {other} is none of RUNNING, PAUSED and STOPPED.")))
        }
    }
}

/// `GET /connectors/{connector}`.
pub async fn read(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    let herd = state.herd()?;
    let entry = herd.get(&name, || format!("Connector {name} not found"))?;
    Ok(json_reply(StatusCode::OK, &info(herd, &name, &entry)))
}

/// `DELETE /connectors/{connector}`.
pub async fn delete(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    state.herd()?.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// 201 with the place of the new connector.
pub fn created(herd: &Herd, name: &str, entry: &ConnectorEntry) -> Response {
    let mut reply = json_reply(StatusCode::CREATED, &info(herd, name, entry));
    if let Ok(location) = format!("/connectors/{}", percent_encoded(name)).parse() {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

/// What Kafka Connect calls ConnectorInfo.
pub fn info(herd: &Herd, name: &str, entry: &ConnectorEntry) -> Json {
    let task = |number| json!({ "connector": name, "task": number });
    json!({
        "name": name,
        "config": entry.config,
        "tasks": (0..entry.tasks.len()).map(task).collect::<Vec<_>>(),
        "type": kind(herd, entry),
    })
}

/// `source`, `sink`, or `unknown` if the worker has no such connector.
pub fn kind(herd: &Herd, entry: &ConnectorEntry) -> &'static str {
    herd.parts().plugins.of(&entry.config).map_or("unknown", |plugin| plugin.kind())
}
