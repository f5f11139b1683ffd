//! HTTP towards the servers.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use connector_api::{Error, Result};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url, redirect};
use tokio::time::Instant;

use super::endpoints::Endpoints;
use super::tls;
use crate::config::{Connection, Login};

/// A connection to all addresses.
pub struct Client {
    http: reqwest::Client,
    urls: Vec<Url>,
    endpoints: Mutex<Endpoints>,
    compress: bool,
    began: Instant,
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
        let endpoints = Mutex::new(Endpoints::new(settings.urls.len()));
        Ok(Client { http, urls: settings.urls.clone(), endpoints, compress: settings.compress, began: Instant::now() })
    }

    /// How many addresses there are.
    pub fn addresses(&self) -> usize {
        self.urls.len()
    }

    /// Sends a bulk request to the address whose turn it is.
    pub async fn bulk(&self, path: &str, body: Bytes, longest_reply: usize) -> Result<Reply, Silence> {
        let endpoint = self.endpoints(|endpoints| endpoints.choose(self.now()));
        let request = self.request(Method::POST, endpoint, path)?.header(CONTENT_TYPE, "application/x-ndjson");
        let request = match self.compress {
            true => request.header(CONTENT_ENCODING, "gzip").body(gzip(&body)),
            false => request.body(body),
        };
        let reply = self.send(endpoint, request, longest_reply).await;
        match &reply {
            Ok(reply) if !matches!(reply.status, 502..=504) => self.endpoints(|endpoints| endpoints.answered(endpoint)),
            _ => self.endpoints(|endpoints| endpoints.failed(endpoint, self.now())),
        }
        reply
    }

    /// Asks one address.
    pub async fn get(&self, endpoint: usize, path: &str) -> Result<Reply, Silence> {
        const LONGEST_REPLY: usize = 1 << 20;
        self.send(endpoint, self.request(Method::GET, endpoint, path)?, LONGEST_REPLY).await
    }

    fn request(&self, method: Method, endpoint: usize, path: &str) -> Result<reqwest::RequestBuilder, Silence> {
        let url = self.urls[endpoint].join(path);
        let url = url.map_err(|why| Silence::Refused(Error::fatal("an address cannot be used").caused_by(why)))?;
        Ok(self.http.request(method, url))
    }

    async fn send(&self, endpoint: usize, request: reqwest::RequestBuilder, longest: usize) -> Result<Reply, Silence> {
        let url = self.urls[endpoint].as_str().trim_end_matches('/').to_owned();
        let mut response = request.send().await.map_err(|why| silence(&url, &why))?;
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
        Login::Nobody => return Ok(None),
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
