//! Takes a signed call, or refuses it without a word about the worker.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

use super::nonces::Nonces;
use super::signature::{Call, HEADERS, Refusal, Signature};
use super::{Algorithm, Keys};
use crate::internal::now_ms;

/// How long the body of a call may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Goes along with a call that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// How often it was passed on.
    pub hops: u8,
}

/// What the worker takes from its peers.
pub struct Guard {
    keys: Keys,
    taken: Vec<Algorithm>,
    me: String,
    body_max_bytes: usize,
    nonces: Mutex<Nonces>,
}

/// A reply to whoever is not let in.
pub type Refused = (StatusCode, String);

impl Guard {
    /// Of the worker that others call at `me`, `host:port`.
    pub fn new(keys: Keys, taken: Vec<Algorithm>, me: String, body_max_bytes: usize) -> Guard {
        Guard { keys, taken, me, body_max_bytes, nonces: Mutex::default() }
    }

    /// Lets a signed call in: it comes back with [`Passed`], and its body in one piece.
    pub async fn admit(&self, request: Request) -> Result<Request, Refused> {
        let (mut parts, body) = request.into_parts();
        let signature = signature_of(&parts.headers).ok_or_else(not_signed)?;
        let body = tokio::time::timeout(BODY_LIMIT, to_bytes(body, self.body_max_bytes)).await;
        let body = body.map_err(|_| (StatusCode::REQUEST_TIMEOUT, "The body took too long.".to_owned()))?;
        let body = body.map_err(|_| {
            let message = "The body is larger than the `rest.body.max.bytes` of the worker that it is for.";
            (StatusCode::PAYLOAD_TOO_LARGE, message.to_owned())
        })?;
        self.check(&parts, &signature, &body, now_ms()).map_err(refused)?;
        parts.extensions.insert(Passed { hops: signature.hops });
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    fn check(&self, parts: &Parts, signature: &Signature, body: &[u8], now_ms: i64) -> Result<(), Refusal> {
        let call = Call {
            to: &self.me,
            method: parts.method.as_str(),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()),
            hops: signature.hops,
            body,
        };
        signature.check(&(self.keys)(), &self.taken, &call, now_ms)?;
        self.nonces.lock().take(signature.at_ms, signature.nonce, now_ms)
    }
}

/// Each header once, or it is no signature.
fn signature_of(headers: &HeaderMap) -> Option<Signature> {
    let mut found = [""; HEADERS.len()];
    for (name, place) in HEADERS.iter().zip(&mut found) {
        let mut values = headers.get_all(*name).iter();
        *place = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
    }
    Signature::from_headers(found)
}

fn not_signed() -> Refused {
    (StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized".to_owned())
}

/// Only who has signed rightly hears more.
fn refused(why: Refusal) -> Refused {
    match why {
        Refusal::NotSigned => not_signed(),
        Refusal::WrongTime(age) => {
            tracing::warn!(age_ms = age, "a call of another worker is refused: the clocks of the two differ too much");
            let message = format!(
                "The call was signed {age} ms before it came, by the clock of the worker that it is for. Set the workers' clocks."
            );
            (StatusCode::UNAUTHORIZED, message)
        }
        Refusal::Repeated => (StatusCode::UNAUTHORIZED, "The call was taken before.".to_owned()),
        Refusal::TooMany => (StatusCode::SERVICE_UNAVAILABLE, "Too many calls. Ask again in a moment.".to_owned()),
    }
}
