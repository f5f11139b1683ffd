//! What every request has to pass.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::RestError;

/// How long any request may take: Kafka Connect's own limit.
const REQUEST_LIMIT: Duration = Duration::from_secs(90);

/// Keeps out what must not come in from users, and ends what takes too long.
pub async fn pass(request: Request, next: Next) -> Response {
    if let Err(refused) = same_site(request.headers()).and_then(|()| accepts_json(request.headers())) {
        return refused.into_response();
    }
    limit_time(request, next).await
}

/// Ends what takes too long.
pub async fn limit_time(request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    match tokio::time::timeout(REQUEST_LIMIT, next.run(request)).await {
        Ok(reply) => reply,
        Err(_) => {
            tracing::error!(request = what, "took longer than {REQUEST_LIMIT:?}");
            let message = format!("Request timed out: {what} took longer than {} s.", REQUEST_LIMIT.as_secs());
            RestError::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

/// A browser names the site that its page came from. Pages of other sites have no business here, also where the worker
/// listens on this machine only.
fn same_site(headers: &HeaderMap) -> Result<(), RestError> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    if host.is_some() && host == text(header::HOST) {
        return Ok(());
    }
    Err(RestError::new(StatusCode::FORBIDDEN, "Pages of other sites may not call this worker."))
}

fn accepts_json(headers: &HeaderMap) -> Result<(), RestError> {
    let mut listed = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if listed.peek().is_none() {
        return Ok(());
    }
    let kinds = listed.flat_map(|line| line.split(',')).map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let mut acceptable = kinds.filter(|kind| matches!(*kind, "*/*" | "application/*" | "application/json"));
    match acceptable.next() {
        Some(_) => Ok(()),
        None => {
            Err(RestError::new(StatusCode::NOT_ACCEPTABLE, "HTTP 406 Not Acceptable: replies are application/json."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn pages_of_other_sites_are_kept_out() {
        let own = headers(&[(header::ORIGIN, "http://localhost:8083"), (header::HOST, "localhost:8083")]);
        assert!(same_site(&own).is_ok());
        assert!(same_site(&HeaderMap::new()).is_ok());
        for other in ["http://evil.example", "null", "http://localhost:9999"] {
            let foreign = headers(&[(header::ORIGIN, other), (header::HOST, "localhost:8083")]);
            assert_eq!(same_site(&foreign).unwrap_err().status, StatusCode::FORBIDDEN, "{other}");
        }
    }

    #[test]
    fn replies_are_json_and_nothing_else() {
        for fine in ["*/*", "application/json", "text/html, application/*;q=0.5"] {
            assert!(accepts_json(&headers(&[(header::ACCEPT, fine)])).is_ok(), "{fine}");
        }
        let html = accepts_json(&headers(&[(header::ACCEPT, "text/html")]));
        assert_eq!(html.unwrap_err().status, StatusCode::NOT_ACCEPTABLE);
    }
}
