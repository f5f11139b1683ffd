//! HTTP towards the servers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use connector_api::{Error, Host, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url, redirect};
use tokio::time::Instant;

use super::endpoints::Endpoints;
use super::sigv4::Signer;
use super::tls;
use crate::config::{Connection, Login};

/// The longest reply to anything but a bulk request: mappings of thousands of fields.
const LONGEST_REPLY: usize = 16 << 20;

/// A connection to all addresses. Clones share it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    urls: Arc<[Url]>,
    endpoints: Arc<Mutex<Endpoints>>,
    compress: bool,
    pipeline: Option<String>,
    signer: Option<Arc<Signer>>,
    is_serverless: bool,
    /// Who says how long to wait before a request.
    host: Option<Arc<dyn Host>>,
    began: Instant,
}

/// A request.
struct Request {
    method: Method,
    endpoint: usize,
    url: Url,
    content: Option<(&'static str, Bytes)>,
    is_gzip: bool,
}

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// All of it.
    pub body: Bytes,
    /// Who sent it.
    pub url: String,
}

/// Why there is no reply.
#[derive(Debug)]
pub enum Silence {
    /// It may work later.
    Later(String),
    /// It took longer than `read.timeout.ms`.
    TooSlow(String),
    /// It will not work until somebody acts.
    Refused(Error),
}

impl Client {
    /// Connects to nothing yet.
    pub fn new(settings: &Connection, connections: usize) -> Result<Client> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization(&settings.login)? {
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("naru-elasticsearch-sink/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.read_timeout)
            .pool_idle_timeout(settings.idle_time)
            .pool_max_idle_per_host(connections)
            .tcp_keepalive(Duration::from_secs(60))
            .redirect(redirect::Policy::none())
            .no_proxy();
        let is_tls = settings.urls.iter().any(|url| url.scheme() == "https");
        builder =
            builder.use_preconfigured_tls(if is_tls { tls::client_config(&settings.tls)? } else { tls::nobody()? });
        let http = builder.build().map_err(|why| Error::fatal("cannot make an HTTP client").caused_by(why))?;
        Ok(Client {
            http,
            urls: settings.urls.clone().into(),
            endpoints: Arc::new(Mutex::new(Endpoints::new(settings.urls.len()))),
            compress: settings.compress,
            pipeline: settings.pipeline.clone(),
            signer: match &settings.login {
                Login::Aws(aws) => Some(Arc::new(Signer::new(aws.clone()))),
                _ => None,
            },
            is_serverless: matches!(&settings.login, Login::Aws(aws) if aws.service == "aoss"),
            host: None,
            began: Instant::now(),
        })
    }

    /// The same, with requests sent no faster than the host allows.
    pub fn paced_by(self, host: Arc<dyn Host>) -> Client {
        Client { host: Some(host), ..self }
    }

    /// Whether the other side is a serverless collection, which does not say what it is.
    pub fn is_serverless(&self) -> bool {
        self.is_serverless
    }

    /// How many addresses there are.
    pub fn addresses(&self) -> usize {
        self.urls.len()
    }

    /// Sends a bulk request to the address whose turn it is.
    pub async fn bulk(&self, path: &str, body: Bytes, longest_reply: usize) -> Result<Reply, Silence> {
        let endpoint = self.endpoints(|endpoints| endpoints.choose(self.now()));
        let mut url = self.url(endpoint, path)?;
        if let Some(pipeline) = &self.pipeline {
            url.query_pairs_mut().append_pair("pipeline", pipeline);
        }
        let body = if self.compress { gzip(&body).into() } else { body };
        let content = Some(("application/x-ndjson", body));
        self.in_turn(Request { method: Method::POST, endpoint, url, content, is_gzip: self.compress }, longest_reply)
            .await
    }

    /// Asks the address whose turn it is; `json` is the body. The parts of the path become its segments, whatever they hold.
    pub async fn ask(&self, method: Method, path: &[&str], json: Option<&serde_json::Value>) -> Result<Reply, Silence> {
        let endpoint = self.endpoints(|endpoints| endpoints.choose(self.now()));
        let mut url = self.url(endpoint, "")?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let content = json.map(|json| ("application/json", json.to_string().into()));
        self.in_turn(Request { method, endpoint, url, content, is_gzip: false }, LONGEST_REPLY).await
    }

    /// Asks one address.
    pub async fn get(&self, endpoint: usize, path: &str) -> Result<Reply, Silence> {
        let url = self.url(endpoint, path)?;
        self.send(Request { method: Method::GET, endpoint, url, content: None, is_gzip: false }, LONGEST_REPLY).await
    }

    fn url(&self, endpoint: usize, path: &str) -> Result<Url, Silence> {
        let url = self.urls[endpoint].join(path);
        url.map_err(|why| Silence::Refused(Error::fatal("an address cannot be used").caused_by(why)))
    }

    async fn in_turn(&self, request: Request, longest_reply: usize) -> Result<Reply, Silence> {
        let endpoint = request.endpoint;
        let reply = self.send(request, longest_reply).await;
        match &reply {
            Ok(reply) if !matches!(reply.status, 502..=504) => self.endpoints(|endpoints| endpoints.answered(endpoint)),
            _ => self.endpoints(|endpoints| endpoints.failed(endpoint, self.now())),
        }
        reply
    }

    async fn send(&self, request: Request, longest: usize) -> Result<Reply, Silence> {
        let pause = self.host.as_ref().map(|host| host.request()).unwrap_or_default();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let url = self.urls[request.endpoint].as_str().trim_end_matches('/').to_owned();
        let mut builder = self.http.request(request.method, request.url);
        if let Some((kind, body)) = request.content {
            builder = builder.header(CONTENT_TYPE, kind).body(body);
        }
        if request.is_gzip {
            builder = builder.header(CONTENT_ENCODING, "gzip");
        }
        let mut request = builder.build().map_err(|why| silence(&url, &why))?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request).await.map_err(Silence::Refused)?;
        }
        let mut response = self.http.execute(request).await.map_err(|why| silence(&url, &why))?;
        let mut body: Vec<u8> = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|why| silence(&url, &why))? {
            if body.len() + part.len() > longest {
                let what = format!("the reply of {url} has more than {longest} bytes, so it cannot be one");
                return Err(Silence::Refused(Error::fail(what).remedy("Check `connection.url`.")));
            }
            body.extend_from_slice(&part);
        }
        Ok(Reply { status: response.status().as_u16(), body: body.into(), url })
    }

    fn endpoints<T>(&self, act: impl FnOnce(&mut Endpoints) -> T) -> T {
        act(&mut self.endpoints.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn authorization(login: &Login) -> Result<Option<HeaderValue>> {
    let (key, text) = match login {
        Login::Nobody | Login::Aws(_) => return Ok(None),
        Login::User(user, password) => (
            "connection.username",
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()))),
        ),
        Login::ApiKey(key) => {
            let key = key.reveal().trim();
            let encoded = if key.contains(':') { BASE64_STANDARD.encode(key) } else { key.to_owned() };
            ("connection.api.key", format!("ApiKey {encoded}"))
        }
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::bad_config(key, format!("`{key}` holds letters that no request can carry.")))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// What went wrong, in the words of the innermost cause.
fn silence(url: &str, why: &reqwest::Error) -> Silence {
    let mut causes = vec![why as &dyn std::error::Error];
    while let Some(cause) = causes.last().and_then(|cause| cause.source()) {
        causes.push(cause);
    }
    let innermost = causes.last().map(ToString::to_string).unwrap_or_default();
    let is_tls =
        causes.iter().any(|cause| cause.downcast_ref::<rustls::Error>().is_some()) || innermost.contains("certificate");
    if is_tls {
        return Silence::Refused(tls::refused(url, &innermost));
    }
    match why.is_timeout() {
        true if why.is_connect() => Silence::Later(format!("{url} does not answer within `connection.timeout.ms`")),
        true => Silence::TooSlow(format!("{url} has not answered within `read.timeout.ms`")),
        false => Silence::Later(format!("{url} cannot be reached: {innermost}")),
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}
