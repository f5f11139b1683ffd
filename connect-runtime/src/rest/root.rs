//! `/` and `/health`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::RestState;
use super::error::{RestResult, json_reply};

/// `GET /`: which worker this is, and of which cluster.
pub async fn root(State(state): State<RestState>) -> RestResult<Response> {
    let parts = state.herd()?.parts();
    let client = parts.link.client("worker-rest");
    let cluster_id = match client.topic_names().await {
        Ok(_) => client.cluster_id(),
        Err(_) => None,
    };
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": option_env!("NARU_COMMIT").unwrap_or("unknown"),
        "kafka_cluster_id": cluster_id,
    });
    Ok(json_reply(StatusCode::OK, &body))
}

/// `GET /health`: whether the worker has started and is in its herd (KIP-1017).
pub async fn health(State(state): State<RestState>) -> Response {
    let trouble = state.0.trouble.lock().clone();
    let (status, word, message) = match (state.0.herd.get(), trouble) {
        (None, _) => (StatusCode::SERVICE_UNAVAILABLE, "starting", "Worker is still starting up.".to_owned()),
        (Some(_), Some(trouble)) => (StatusCode::INTERNAL_SERVER_ERROR, "unhealthy", trouble),
        (Some(_), None) => {
            let message = "Worker has completed startup and is ready to handle requests.";
            (StatusCode::OK, "healthy", message.to_owned())
        }
    };
    json_reply(status, &json!({ "status": word, "message": message }))
}
