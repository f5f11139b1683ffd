//! Calls over real connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::signature::{Call, HEADERS, MOST_SKEW_MS, Signature};
use super::*;
use crate::internal::now_ms;

const BODY_MAX: usize = 1000;

fn key(secret: u8, created_ms: i64) -> SessionKey {
    SessionKey { secret: vec![secret; 32], algorithm: Algorithm::HmacSha256, created_ms }
}

fn keys_of(list: &[SessionKey]) -> SessionKeys {
    let mut keys = SessionKeys::default();
    list.iter().for_each(|key| keys.apply(Some(&serde_json::from_str(&key.to_json()).unwrap())));
    keys
}

/// A worker that says what it was asked.
struct Peer {
    address: String,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    asked: Arc<Mutex<u32>>,
}

impl Peer {
    async fn start(keys: SessionKeys) -> Peer {
        let listener = PeerListener::bind("127.0.0.1", 0).await.unwrap();
        let address = listener.address().unwrap().to_string();
        let guard = Guard::new(Arc::new(move || keys.clone()), vec![Algorithm::HmacSha256], address.clone(), BODY_MAX);
        let asked = Arc::new(Mutex::new(0));
        let count = asked.clone();
        let echo = move |request: Request| async move {
            *count.lock() += 1;
            echo(request).await
        };
        let router = Router::new().fallback(echo).layer(from_fn_with_state(Arc::new(guard), only_signed));
        let (stop, stopped) = watch::channel(false);
        Peer { address, stop, serving: tokio::spawn(listener.serve(router, stopped)), asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Signs one call and makes another, or the same.
    async fn make(&self, signed: &Call<'_>, at_ms: i64, made: (&str, &str, &'static [u8])) -> (StatusCode, String) {
        let signature = Signature::new(&keys_of(&[key(1, 0)]), Algorithm::HmacSha256, signed, at_ms, [9; 16]).unwrap();
        self.send(&signature, made).await
    }

    async fn send(
        &self,
        signature: &Signature,
        (method, path, body): (&str, &str, &'static [u8]),
    ) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url()));
        for (name, value) in HEADERS.iter().zip(signature.to_headers()) {
            request = request.header(*name, value);
        }
        raw(request.body(Body::from(body)).unwrap()).await
    }
}

async fn only_signed(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.admit(request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/slow" {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let body = to_bytes(body, BODY_MAX).await.unwrap();
    let hops = parts.extensions.get::<Passed>().unwrap().hops;
    format!("{} {} {hops} {}", parts.method, parts.uri, String::from_utf8_lossy(&body)).into_response()
}

async fn raw(request: axum::http::Request<Body>) -> (StatusCode, String) {
    let reply = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = reply.status();
    let body = to_bytes(Body::new(reply.into_body()), 1 << 20).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn caller(keys: SessionKeys) -> Caller {
    Caller::new(Arc::new(move || keys.clone()), Algorithm::HmacSha256)
}

fn put(path: &str, body: &'static [u8]) -> Outgoing {
    Outgoing {
        method: Method::PUT,
        path: path.to_owned(),
        hops: 2,
        content_type: Some(HeaderValue::from_static("application/json")),
        body: Bytes::from_static(body),
        limit: Duration::from_secs(2),
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

#[tokio::test]
async fn a_signed_call_arrives_as_it_was_made() {
    let peer = Peer::start(keys_of(&[key(1, 0)])).await;
    let caller = caller(keys_of(&[key(1, 0)]));
    for path in ["/connectors/a%2Fb/config?x=1&y=%20", "/connectors/../%2e%2e", "/"] {
        let reply = caller.call(&peer.url(), &put(path, b"{}")).await.unwrap();
        assert_eq!((reply.status, text(&reply)), (StatusCode::OK, format!("PUT {path} 2 {{}}")));
    }
}

#[tokio::test]
async fn what_is_not_signed_for_just_this_is_refused_without_a_word() {
    let peer = Peer::start(keys_of(&[key(1, 0)])).await;
    let signed = Call { to: &peer.address, method: "PUT", path: "/a?b=c", hops: 0, body: b"{}" };
    let refused = (StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized".to_owned());
    for made in
        [("POST", "/a?b=c", b"{}"), ("PUT", "/a?b=d", b"{}"), ("PUT", "/b?b=c", b"{}"), ("PUT", "/a?b=c", b"[]")]
    {
        assert_eq!(peer.make(&signed, now_ms(), (made.0, made.1, made.2)).await, refused, "{made:?}");
    }
    let elsewhere = Call { to: "127.0.0.1:1", ..signed };
    assert_eq!(peer.make(&elsewhere, now_ms(), ("PUT", "/a?b=c", b"{}")).await, refused);
    let unsigned = Request::builder().uri(format!("{}/a?b=c", peer.url())).body(Body::empty()).unwrap();
    assert_eq!(raw(unsigned).await, refused);
    let other_key = caller(keys_of(&[key(2, 0)])).call(&peer.url(), &put("/a", b"")).await;
    assert!(
        matches!(&other_key, Err(Failure::NotDone(why)) if why.contains("refuses this worker's signature")),
        "{other_key:?}"
    );
    assert_eq!(*peer.asked.lock(), 0);
}

#[tokio::test]
async fn a_call_that_is_old_or_comes_again_is_refused() {
    let peer = Peer::start(keys_of(&[key(1, 0)])).await;
    let signed = Call { to: &peer.address, method: "PUT", path: "/a", hops: 0, body: b"" };
    let made = ("PUT", "/a", &b""[..]);
    for age in [MOST_SKEW_MS + 5_000, -MOST_SKEW_MS - 5_000] {
        let (status, told) = peer.make(&signed, now_ms() - age, made).await;
        assert!(status == StatusCode::UNAUTHORIZED && told.contains("clocks"), "{status} {told}");
    }
    let now = now_ms();
    assert_eq!(peer.make(&signed, now, made).await.0, StatusCode::OK);
    assert_eq!(
        peer.make(&signed, now, made).await,
        (StatusCode::UNAUTHORIZED, "The call was taken before.".to_owned())
    );
    assert_eq!(*peer.asked.lock(), 1);
}

#[tokio::test]
async fn bodies_and_headers_are_bounded() {
    let peer = Peer::start(keys_of(&[key(1, 0)])).await;
    let reply = caller(keys_of(&[key(1, 0)])).call(&peer.url(), &put("/a", &[b'x'; BODY_MAX + 1])).await.unwrap();
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    for (count, length) in [(200, 1), (1, 100_000)] {
        let mut request = Request::builder().uri(peer.url());
        for number in 0..count {
            request = request.header(format!("x-{number}"), "x".repeat(length));
        }
        let (status, _) = raw(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    assert_eq!(*peer.asked.lock(), 0);
}

#[tokio::test]
async fn a_new_key_replaces_the_old_one_without_a_call_lost() {
    let (old, new) = (key(1, 0), key(2, now_ms()));
    let peer = Peer::start(keys_of(&[old.clone(), new.clone()])).await;
    for keys in [keys_of(std::slice::from_ref(&old)), keys_of(std::slice::from_ref(&new))] {
        assert_eq!(caller(keys).call(&peer.url(), &put("/a", b"")).await.unwrap().status, StatusCode::OK);
    }
    // A worker that has read only a key which this one does not know, or none, signs again once it has read on.
    for before in [SessionKeys::default(), keys_of(&[key(7, 0)])] {
        let read = Arc::new(Mutex::new(before));
        let late = read.clone();
        let new = keys_of(std::slice::from_ref(&new));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            *late.lock() = new;
        });
        let caller = Caller::new(Arc::new(move || read.lock().clone()), Algorithm::HmacSha256);
        assert_eq!(caller.call(&peer.url(), &put("/a", b"")).await.unwrap().status, StatusCode::OK);
    }
}

#[tokio::test]
async fn it_is_told_whether_a_call_without_an_answer_may_have_been_carried_out() {
    let peer = Peer::start(keys_of(&[key(1, 0)])).await;
    let caller = caller(keys_of(&[key(1, 0)]));
    let slow = Outgoing { limit: Duration::from_millis(200), ..put("/slow", b"") };
    assert!(matches!(caller.call(&peer.url(), &slow).await, Err(Failure::Unknown(_))));
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = caller.call(&format!("http://{closed}"), &put("/a", b"")).await;
    assert!(matches!(&nobody, Err(Failure::NotDone(why)) if why.contains("refused")), "{nobody:?}");
}

#[tokio::test]
async fn a_listener_that_stops_answers_what_is_under_way_and_ends() {
    let peer = Peer::start(keys_of(&[key(1, 0)])).await;
    let caller = caller(keys_of(&[key(1, 0)]));
    assert_eq!(caller.call(&peer.url(), &put("/a", b"")).await.unwrap().status, StatusCode::OK);
    let Peer { stop, serving, .. } = peer;
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(2), serving).await.unwrap().unwrap();
}
