//! A real S3 server for tests, in a thread of this process: `s3s-fs` over a folder, with its requests counted, and trouble
//! made in front of it on demand.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The access key of every test server.
pub const ACCESS_KEY: &str = "test-key";
/// Its secret.
pub const SECRET_KEY: &str = "test-secret";
/// The bucket that is there at the start.
pub const BUCKET: &str = "bucket";

/// Trouble for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 503 `SlowDown`, and nothing is done.
    SlowDown,
    /// It is done, but the connection ends without an answer.
    AnswerLost,
    /// 400 `ExpiredToken`, and nothing is done.
    Expired,
    /// It is done after this many milliseconds.
    Slow(u64),
}

/// The server. It ends with this value.
pub struct TestServer {
    url: String,
    folder: PathBuf,
    state: Arc<State>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    journal: tokio::sync::Mutex<()>,
    /// Objects of records that are there.
    stored: AtomicU64,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// The tags that came with each object, and whether tags are refused.
    tags: Mutex<BTreeMap<String, String>>,
    /// What the signature of each object says of its content.
    signed: Mutex<Vec<String>>,
    refuses_tags: AtomicBool,
    /// Trouble, for which kind of request (any, if `None`), and for how many more of them.
    trouble: Mutex<Option<(Trouble, Option<&'static str>, u64)>>,
}

impl TestServer {
    /// Starts one over that folder.
    pub fn start(folder: &Path) -> TestServer {
        TestServer::start_over(folder, None)
    }

    /// The same over TLS, with a certificate for `localhost` and its key: files in PEM form.
    pub fn start_with_tls(folder: &Path, certificate: &Path, key: &Path) -> TestServer {
        let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
        let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
            .unwrap();
        TestServer::start_over(folder, Some(TlsAcceptor::from(Arc::new(tls))))
    }

    fn start_over(folder: &Path, tls: Option<TlsAcceptor>) -> TestServer {
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let (listener, port) = listen();
        let state = Arc::new(State::default());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let (service, shared) = (builder.build(), state.clone());
        let url = match tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, tls, service, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        TestServer { url, folder: folder.to_owned(), state, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The names and contents of the objects below a folder of the bucket.
    pub fn objects(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let root = self.folder.join(BUCKET);
        let mut folders = vec![root.join(below)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    /// How many objects of values have been stored, each time that one was. To ask costs nothing.
    pub fn stored(&self) -> u64 {
        self.state.stored.load(Ordering::Relaxed)
    }

    /// How many requests of each kind have come since the last call: `put`, `keys`, `journal`, `create`, `part`, `complete`, `abort`,
    /// `tag`, `get`, `head`, `list`.
    pub fn take_counts(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.state.counts.lock().unwrap())
    }

    /// The tags that came with each object, by its name, as they were written.
    pub fn tags(&self) -> BTreeMap<String, String> {
        self.state.tags.lock().unwrap().clone()
    }

    /// What the signatures of the objects that came say of their content: its SHA-256 in hexadecimal digits, or
    /// `UNSIGNED-PAYLOAD`.
    pub fn signed(&self) -> Vec<String> {
        self.state.signed.lock().unwrap().clone()
    }

    /// Refuses what has tags from now on.
    pub fn refuse_tags(&self) {
        self.state.refuses_tags.store(true, Ordering::Relaxed);
    }

    /// Makes trouble for the next `count` requests, or those of a kind alone.
    pub fn make(&self, trouble: Trouble, kind: Option<&'static str>, count: u64) {
        *self.state.trouble.lock().unwrap() = Some((trouble, kind, count)).filter(|_| count > 0);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(|thread| thread.join());
    }
}

/// A free port below those that the kernel hands to outgoing connections.
fn listen() -> (StdListener, u16) {
    let first = 20_000 + (std::process::id() as u16 % 100) * 100;
    let free = (0..12_000u16).map(|step| 20_000 + (first - 20_000 + step) % 12_000);
    let mut bound = free.filter_map(|port| Some((StdListener::bind(("127.0.0.1", port)).ok()?, port)));
    let (listener, port) = bound.next().unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener, port)
}

async fn serve(listener: StdListener, tls: Option<TlsAcceptor>, service: S3Service, state: Arc<State>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let _ = socket.set_nodelay(true);
        let (tls, service, state) = (tls.clone(), service.clone(), state.clone());
        tokio::spawn(async move {
            match tls {
                None => connection(socket, service, state).await,
                Some(tls) => match tls.accept(socket).await {
                    Ok(socket) => connection(socket, service, state).await,
                    Err(why) => eprintln!("a client of the S3 test server breaks off: {why}"),
                },
            }
        });
    }
}

async fn connection(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S3Service,
    state: Arc<State>,
) {
    let answer = service_fn(move |request| answer(request, service.clone(), state.clone()));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
}

async fn answer(
    request: Request<Incoming>,
    service: S3Service,
    state: Arc<State>,
) -> Result<Response<s3s::Body>, Box<dyn std::error::Error + Send + Sync>> {
    let kind = kind(&request);
    *state.counts.lock().unwrap().entry(kind).or_default() += 1;
    if let ("put", Some(signed)) = (kind, request.headers().get("x-amz-content-sha256")) {
        state.signed.lock().unwrap().push(signed.to_str().unwrap().to_owned());
    }
    if let Some(tags) = request.headers().get("x-amz-tagging") {
        if state.refuses_tags.load(Ordering::Relaxed) {
            return Ok(refusal(403, "AccessDenied").await?);
        }
        let key = request.uri().path().trim_start_matches('/').trim_start_matches(BUCKET).trim_start_matches('/');
        let key = key.replace("%3D", "=").replace("%2B", "+");
        state.tags.lock().unwrap().insert(key, tags.to_str().unwrap().to_owned());
    }
    match state.next_trouble(kind) {
        Some(Trouble::SlowDown) => return Ok(refusal(503, "SlowDown").await?),
        Some(Trouble::Expired) => return Ok(refusal(400, "ExpiredToken").await?),
        Some(Trouble::Slow(millis)) => tokio::time::sleep(Duration::from_millis(millis)).await,
        Some(Trouble::AnswerLost) => {
            let _ = whole(kind, request, service, state).await;
            return Err("the answer is lost".into());
        }
        None => {}
    }
    whole(kind, request, service, state).await
}

/// A request is done wholly or not at all, also if who asked is gone meanwhile; and a condition on the journal holds until
/// the write is done. The server underneath leaves both to the file system, S3 does not.
async fn whole(
    kind: &'static str,
    request: Request<Incoming>,
    service: S3Service,
    state: Arc<State>,
) -> Result<Response<s3s::Body>, Box<dyn std::error::Error + Send + Sync>> {
    let work = tokio::spawn(async move {
        let _alone = match kind {
            "journal" | "get" => Some(state.journal.lock().await),
            _ => None,
        };
        let answer = Service::call(&service, request).await;
        if matches!(kind, "put" | "complete") && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
            state.stored.fetch_add(1, Ordering::Relaxed);
        }
        answer
    });
    Ok(work.await??)
}

impl State {
    fn next_trouble(&self, kind: &str) -> Option<Trouble> {
        let mut held = self.trouble.lock().unwrap();
        let (trouble, only, left) = (*held)?;
        if only.is_some_and(|only| only != kind) {
            return None;
        }
        *held = Some((trouble, only, left - 1)).filter(|_| left > 1);
        Some(trouble)
    }
}

async fn refusal(status: u16, code: &str) -> Result<Response<s3s::Body>, Infallible> {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as the test asks</Message></Error>");
    Ok(Response::builder().status(status).header("connection", "close").body(s3s::Body::from(text)).unwrap())
}

fn kind(request: &Request<Incoming>) -> &'static str {
    let query = request.uri().query().unwrap_or("");
    let has = |name: &str| query.split('&').any(|part| part == name || part.starts_with(&format!("{name}=")));
    let journal = request.uri().path().contains("/_naru/");
    match request.method().as_str() {
        "PUT" if has("partNumber") => "part",
        "PUT" if has("tagging") => "tag",
        "PUT" if journal => "journal",
        "PUT" if request.uri().path().contains(".keys.") => "keys",
        "PUT" => "put",
        "POST" if has("uploads") => "create",
        "POST" => "complete",
        "DELETE" if has("uploadId") => "abort",
        "GET" if has("uploads") => "list",
        "GET" => "get",
        "HEAD" => "head",
        _ => "other",
    }
}
