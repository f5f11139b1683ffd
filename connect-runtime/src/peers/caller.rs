//! Calls another worker of the herd. Connections are kept.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ring::rand::{SecureRandom, SystemRandom};

use super::signature::{Call, HEADERS, Nonce, Signature};
use super::{Algorithm, Keys};
use crate::internal::now_ms;

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How long a connection is kept that nobody uses: less than the other side keeps it.
const KEEP_IDLE: Duration = Duration::from_secs(10);

/// How many connections to one worker are kept while nobody uses them.
const KEEP_CONNECTIONS: usize = 8;

/// The largest reply taken: states of tens of thousands of tasks.
const REPLY_MAX_BYTES: usize = 64 << 20;

/// The pauses before a call is signed anew that was refused: this worker or the other has not read the newest session key
/// yet, which takes a moment.
const SIGN_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(750)];

/// A call.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The path with its query, percent-encoded.
    pub path: String,
    /// How often it goes from worker to worker, this time included.
    pub hops: u8,
    /// The type of the body.
    pub content_type: Option<HeaderValue>,
    /// The body.
    pub body: Bytes,
    /// How long the whole call may take.
    pub limit: Duration,
}

/// What the other worker said.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no reply. The texts are parts of sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The call was not carried out.
    NotDone(String),
    /// The call was sent, and what became of it is not known.
    Unknown(String),
}

/// Calls other workers. Cheap to clone.
#[derive(Clone)]
pub struct Caller(Arc<Shared>);

struct Shared {
    http: Client<HttpConnector, Body>,
    keys: Keys,
    algorithm: Algorithm,
}

impl Caller {
    /// Signs with the newest of these keys.
    pub fn new(keys: Keys, algorithm: Algorithm) -> Caller {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .pool_max_idle_per_host(KEEP_CONNECTIONS)
            .build(connector);
        Caller(Arc::new(Shared { http, keys, algorithm }))
    }

    /// Calls the worker at `http://host:port`.
    pub async fn call(&self, peer_url: &str, call: &Outgoing) -> Result<Reply, Failure> {
        let limited = tokio::time::timeout(call.limit, self.until_taken(peer_url, call)).await;
        limited.unwrap_or_else(|_| Err(Failure::Unknown(format!("it did not answer within {:?}", call.limit))))
    }

    /// A refusal for the signature's sake means that nothing was done: the call may go out again.
    async fn until_taken(&self, peer_url: &str, call: &Outgoing) -> Result<Reply, Failure> {
        for pause in SIGN_AGAIN_AFTER {
            match self.send(peer_url, call).await? {
                Some(reply) if reply.status != StatusCode::UNAUTHORIZED => return Ok(reply),
                _ => tokio::time::sleep(pause).await,
            }
        }
        match self.send(peer_url, call).await? {
            None => Err(Failure::NotDone("the herd has no session key yet, which its leader writes".to_owned())),
            Some(reply) if reply.status == StatusCode::UNAUTHORIZED => Err(Failure::NotDone(format!(
                "it refuses this worker's signature (\"{}\"); see whether both use the same log, `config.storage.topic` and \
                 `inter.worker.*`, and whether it is told the address that it gives itself (`peer.advertised.*`)",
                reply.message()
            ))),
            Some(reply) => Ok(reply),
        }
    }

    /// Sends the call once. `None` if there is no key to sign it with.
    async fn send(&self, peer_url: &str, call: &Outgoing) -> Result<Option<Reply>, Failure> {
        let Some(request) = self.signed(peer_url, call)? else { return Ok(None) };
        let reply = self.0.http.request(request).await.map_err(|why| {
            let told = with_cause(&why);
            if why.is_connect() { Failure::NotDone(told) } else { Failure::Unknown(told) }
        })?;
        let (head, body) = reply.into_parts();
        let body = to_bytes(Body::new(body), REPLY_MAX_BYTES).await;
        let body = body.map_err(|why| Failure::Unknown(format!("its reply could not be read: {why}")))?;
        Ok(Some(Reply { status: head.status, headers: head.headers, body }))
    }

    fn signed(&self, peer_url: &str, call: &Outgoing) -> Result<Option<Request<Body>>, Failure> {
        let to = peer_url.strip_prefix("http://").unwrap_or(peer_url).trim_end_matches('/');
        let what = Call { to, method: call.method.as_str(), path: &call.path, hops: call.hops, body: &call.body };
        let nonce = nonce().ok_or_else(|| Failure::NotDone("this system has no random numbers".to_owned()))?;
        let Some(signature) = Signature::new(&(self.0.keys)(), self.0.algorithm, &what, now_ms(), nonce) else {
            return Ok(None);
        };
        let mut request = Request::builder().method(call.method.clone()).uri(format!("http://{to}{}", call.path));
        for (name, value) in HEADERS.iter().zip(signature.to_headers()) {
            request = request.header(*name, value);
        }
        if let Some(content_type) = &call.content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(Body::from(call.body.clone()));
        request.map(Some).map_err(|why| Failure::NotDone(format!("its address or the path is wrong: {why}")))
    }
}

impl Outgoing {
    /// A question of the worker itself.
    pub fn get(path: String, limit: Duration) -> Outgoing {
        Outgoing { method: Method::GET, path, hops: 1, content_type: None, body: Bytes::new(), limit }
    }

    /// Something that the worker itself wants done.
    pub fn put(path: String, json: Vec<u8>, limit: Duration) -> Outgoing {
        let content_type = Some(HeaderValue::from_static("application/json"));
        Outgoing { method: Method::PUT, path, hops: 1, content_type, body: json.into(), limit }
    }
}

impl Reply {
    /// Whether it was done.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Whether it may be done if it is asked for again in a moment.
    pub fn asks_for_patience(&self) -> bool {
        matches!(self.status, StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE)
    }

    /// The `message` of an error's body.
    pub fn message(&self) -> String {
        let body: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let message = body.as_ref().and_then(|body| body.get("message")?.as_str());
        message.map_or_else(|| self.status.to_string(), str::to_owned)
    }
}

fn nonce() -> Option<Nonce> {
    let mut nonce = Nonce::default();
    SystemRandom::new().fill(&mut nonce).ok()?;
    Some(nonce)
}

fn with_cause(why: &dyn std::error::Error) -> String {
    let mut told = why.to_string();
    let mut cause = why.source();
    while let Some(inner) = cause {
        told = format!("{told}: {inner}");
        cause = inner.source();
    }
    told
}
