//! Every path and what answers it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use super::error::RestError;
use super::{RestState, actions, config, connectors, forward, gate, internal, offsets, plugins, root, status, tasks};
use crate::peers::Guard;

/// Method and path of everything that is served. `rest-api.md` has the same list, and a test compares them.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/connectors"),
    ("POST", "/connectors"),
    ("GET", "/connectors/{connector}"),
    ("DELETE", "/connectors/{connector}"),
    ("GET", "/connectors/{connector}/config"),
    ("PUT", "/connectors/{connector}/config"),
    ("PATCH", "/connectors/{connector}/config"),
    ("GET", "/connectors/{connector}/status"),
    ("PUT", "/connectors/{connector}/pause"),
    ("PUT", "/connectors/{connector}/resume"),
    ("PUT", "/connectors/{connector}/stop"),
    ("POST", "/connectors/{connector}/restart"),
    ("GET", "/connectors/{connector}/tasks"),
    ("GET", "/connectors/{connector}/tasks/{task}/status"),
    ("POST", "/connectors/{connector}/tasks/{task}/restart"),
    ("GET", "/connectors/{connector}/offsets"),
    ("PATCH", "/connectors/{connector}/offsets"),
    ("DELETE", "/connectors/{connector}/offsets"),
    ("GET", "/connector-plugins"),
    ("GET", "/connector-plugins/{plugin}/config"),
    ("PUT", "/connector-plugins/{plugin}/config/validate"),
    ("POST", "/admin/plugins/rescan"),
    ("GET", "/admin/plugins/refused"),
];

/// Method and path of what only peers may ask. `rest-api.md` lists it too.
pub const INTERNAL_ROUTES: &[(&str, &str)] = &[
    ("PUT", "/internal/connectors/{connector}/tasks"),
    ("PUT", "/internal/connectors/{connector}/fence"),
    ("GET", "/internal/connectors/{connector}/live"),
    ("GET", "/internal/live"),
];

/// What users are served.
pub fn router(state: RestState) -> Router {
    finished(routes(), &state).layer(from_fn(gate::pass)).with_state(state)
}

/// What peers are served, once the guard has let them in: the same, and what only workers ask each other.
pub fn peer_router(state: RestState, guard: Guard) -> Router {
    let routes = routes()
        .route("/internal/connectors/{connector}/tasks", put(internal::new_tasks))
        .route("/internal/connectors/{connector}/fence", put(internal::fence))
        .route("/internal/connectors/{connector}/live", get(internal::live_of))
        .route("/internal/live", get(internal::live));
    finished(routes, &state)
        .layer(from_fn_with_state(Arc::new(guard), internal::only_peers))
        .layer(from_fn(gate::limit_time))
        .with_state(state)
}

fn routes() -> Router<RestState> {
    Router::new()
        .route("/", get(root::root))
        .route("/health", get(root::health))
        .route("/connectors", get(connectors::list).post(connectors::create))
        .route("/connectors/{connector}", get(connectors::read).delete(connectors::delete))
        .route("/connectors/{connector}/config", get(config::read).put(config::replace).patch(config::patch))
        .route("/connectors/{connector}/status", get(status::read))
        .route("/connectors/{connector}/pause", put(actions::pause))
        .route("/connectors/{connector}/resume", put(actions::resume))
        .route("/connectors/{connector}/stop", put(actions::stop))
        .route("/connectors/{connector}/restart", post(actions::restart))
        .route("/connectors/{connector}/tasks", get(tasks::list))
        .route("/connectors/{connector}/tasks/{task}/status", get(status::read_task))
        .route("/connectors/{connector}/tasks/{task}/restart", post(tasks::restart))
        .route("/connectors/{connector}/offsets", get(offsets::read).patch(offsets::alter).delete(offsets::reset))
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{plugin}/config", get(plugins::keys))
        .route("/connector-plugins/{plugin}/config/validate", put(plugins::validate))
        .route("/admin/plugins/rescan", post(plugins::rescan))
        .route("/admin/plugins/refused", get(plugins::refused))
}

fn finished(routes: Router<RestState>, state: &RestState) -> Router<RestState> {
    routes
        .fallback(async || RestError::not_found("HTTP 404 Not Found"))
        .method_not_allowed_fallback(async || {
            RestError::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
        })
        .layer(from_fn_with_state(state.clone(), forward::pass))
        .layer(DefaultBodyLimit::max(state.body_max_bytes()))
}
