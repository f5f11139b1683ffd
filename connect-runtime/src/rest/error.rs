//! Errors as replies: `{"error_code": .., "message": ".."}`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::herd::HerdError;

/// A reply that says what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestError {
    pub status: StatusCode,
    pub message: String,
    pub retry_after_s: Option<u32>,
}

pub type RestResult<T> = Result<T, RestError>;

impl RestError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> RestError {
        RestError { status, message: message.into(), retry_after_s: None }
    }

    pub fn bad_request(message: impl Into<String>) -> RestError {
        RestError::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn not_found(message: impl Into<String>) -> RestError {
        RestError::new(StatusCode::NOT_FOUND, message)
    }

    /// The body is beyond the limit.
    pub fn too_large() -> RestError {
        let message = "The body is larger than the worker's `rest.body.max.bytes`.";
        RestError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// The worker is not ready yet.
    pub fn starting() -> RestError {
        let message = "The worker is still starting. Ask again in a moment.";
        RestError { retry_after_s: Some(1), ..RestError::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }
}

impl From<HerdError> for RestError {
    fn from(error: HerdError) -> RestError {
        match error {
            HerdError::NotFound(message) => RestError::not_found(message),
            HerdError::Conflict(message) => RestError::new(StatusCode::CONFLICT, message),
            HerdError::Again(message) => {
                RestError { retry_after_s: Some(1), ..RestError::new(StatusCode::CONFLICT, message) }
            }
            HerdError::BadRequest(message) => RestError::bad_request(message),
            HerdError::Failed(message) => {
                RestError { retry_after_s: Some(5), ..RestError::new(StatusCode::SERVICE_UNAVAILABLE, message) }
            }
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({ "error_code": self.status.as_u16(), "message": self.message });
        let mut reply = (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after_s {
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }
}

/// A JSON reply.
pub fn json_reply(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
