//! `/connectors/{connector}/status` and `/connectors/{connector}/tasks/{task}/status`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::RestState;
use super::connectors::kind;
use super::error::{RestError, RestResult, json_reply};
use super::seen::{Seen, Shown};
use crate::herd::config_log::ConnectorEntry;
use crate::herd::status_log::{State as Doing, Status, Subject};
use crate::herd::{Herd, LiveConnector, LiveTask};

/// `GET /connectors/{connector}/status`.
pub async fn read(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    let herd = state.herd()?;
    let entry = herd.get(&name, || format!("No status found for connector {name}"))?;
    let seen = Seen::everywhere(herd, Some(&name)).await;
    Ok(json_reply(StatusCode::OK, &connector_status(herd, &name, &entry, &seen)))
}

/// `GET /connectors/{connector}/tasks/{task}/status`.
pub async fn read_task(
    State(state): State<RestState>,
    Path((name, task)): Path<(String, String)>,
) -> RestResult<Response> {
    let herd = state.herd()?;
    let number: u32 = task.parse().map_err(|_| RestError::not_found("HTTP 404 Not Found"))?;
    let missing = || format!("No status found for task {name}-{number}");
    let entry = herd.get(&name, missing)?;
    if number as usize >= entry.tasks.len() {
        return Err(RestError::not_found(missing()));
    }
    let seen = Seen::everywhere(herd, Some(&name)).await;
    Ok(json_reply(StatusCode::OK, &task_status(herd, &name, number, &seen)))
}

/// What Kafka Connect calls ConnectorStateInfo, with what those who run it know beyond it. Where nobody says anything, the
/// status topic does. A connector of which nobody has said anything yet is UNASSIGNED.
pub fn connector_status(herd: &Herd, name: &str, entry: &ConnectorEntry, seen: &Seen) -> Json {
    let subject = || Subject::Connector(name.to_owned());
    let connector = seen.of(name).and_then(|part| part.connector.clone());
    let connector = connector.unwrap_or_else(|| stored(herd.parts().statuses.get(&subject())));
    let tasks: Vec<Json> = (0..entry.tasks.len() as u32).map(|task| task_status(herd, name, task, seen)).collect();
    json!({ "name": name, "connector": connector, "tasks": tasks, "type": kind(herd, entry) })
}

fn task_status(herd: &Herd, name: &str, task: u32, seen: &Seen) -> Json {
    let shown = seen.of(name).and_then(|part| part.tasks.get(&task).cloned());
    let mut shown = shown.unwrap_or_else(|| stored(herd.parts().statuses.get(&Subject::Task(name.to_owned(), task))));
    shown.insert("id".to_owned(), json!(task));
    Json::Object(shown)
}

/// A connector that runs here.
pub fn live_connector(live: &LiveConnector, worker_id: &str) -> Shown {
    let mut shown = state_object(live.state, worker_id, live.trace.clone(), live.version.clone());
    if !live.warnings.is_empty() {
        shown.insert("warnings".to_owned(), json!(live.warnings));
    }
    shown
}

/// A task that runs here.
pub fn live_task(live: &LiveTask, worker_id: &str, version: Option<String>) -> Shown {
    let mut shown = state_object(live.state, worker_id, live.trace.clone(), version);
    let seen = live.view.snapshot();
    shown.insert("records".to_owned(), json!(seen.records));
    if seen.passed_over > 0 {
        shown.insert("passed_over".to_owned(), json!(seen.passed_over));
    }
    if !seen.activity.is_empty() {
        shown.insert("activity".to_owned(), json!(seen.activity));
    }
    if !seen.retrying.is_empty() {
        shown.insert("retrying".to_owned(), json!(seen.retrying));
    }
    if !seen.warnings.is_empty() {
        shown.insert("warnings".to_owned(), json!(seen.warnings));
    }
    if !seen.progress.is_empty() {
        let piece = |piece: &connector_api::Progress| {
            json!({
                "name": piece.name,
                "done": piece.done,
                "total": piece.total,
                "unit": piece.unit,
                "percent": percent(piece),
                "finished": piece.finished,
            })
        };
        shown.insert("progress".to_owned(), seen.progress.iter().map(piece).collect());
    }
    if !seen.metrics.is_empty() {
        shown.insert("metrics".to_owned(), json!(seen.metrics));
    }
    if let Some(restart) = live.restart {
        shown.insert("restart".to_owned(), json!({ "attempt": restart.attempt, "at": timestamp(restart.at_ms) }));
    }
    shown
}

/// How much is done, in whole percent; never 100 before it is finished, since totals may be estimates.
fn percent(piece: &connector_api::Progress) -> Option<u64> {
    if piece.finished {
        return Some(100);
    }
    let total = piece.total.filter(|total| *total > 0)?;
    Some((piece.done.saturating_mul(100) / total).min(99))
}

fn state_object(state: Doing, worker_id: &str, trace: Option<String>, version: Option<String>) -> Shown {
    let mut shown = Shown::new();
    shown.insert("state".to_owned(), json!(state.name()));
    shown.insert("worker_id".to_owned(), json!(worker_id));
    if let Some(trace) = trace {
        shown.insert("trace".to_owned(), json!(trace));
    }
    if let Some(version) = version {
        shown.insert("version".to_owned(), json!(version));
    }
    shown
}

fn stored(status: Option<Status>) -> Shown {
    match status {
        Some(status) => state_object(status.state, &status.worker_id, status.trace, status.version),
        None => state_object(Doing::Unassigned, "", None, None),
    }
}

/// ISO 8601 in UTC, to the second.
fn timestamp(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|at| format!("{at:.0}")).unwrap_or_default()
}
