//! A connection on which both sides know each other's versions.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use broker_wire::messages::Request;
use broker_wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use broker_wire::{ApiKey, EncodeError, ErrorCode, decode_response, encode_request};
use bytes::Bytes;

use super::transport::{Channel, Transport};
use crate::error::{ClientError, Result};

/// How long a broker may take to say which versions it speaks; less where requests may take less. One that does not is as good as
/// gone, and others are asked.
const SETUP_LIMIT: Duration = Duration::from_secs(10);

/// Makes a request's frame of its version, correlation id and client id.
pub type FrameMaker<'a> = &'a mut dyn FnMut(i16, i32, Option<&str>) -> std::result::Result<Bytes, EncodeError>;

/// A connection to one broker.
pub struct Connection {
    channel: Arc<dyn Channel>,
    address: String,
    client_id: String,
    versions: HashMap<i16, (i16, i16)>,
    timeout: Duration,
    next_id: AtomicI32,
    broken: Arc<AtomicBool>,
}

impl Connection {
    /// Connects and asks for the broker's versions.
    pub async fn open(
        transport: &dyn Transport,
        (host, port): (&str, u16),
        client_id: &str,
        timeout: Duration,
    ) -> Result<Connection> {
        let address = format!("{host}:{port}");
        let connected = transport.connect(host, port).await;
        let channel = connected.map_err(|source| ClientError::unconnected(address.clone(), source))?;
        let mut connection = Connection {
            channel,
            address,
            client_id: client_id.to_owned(),
            versions: HashMap::new(),
            timeout,
            next_id: AtomicI32::new(0),
            broken: Arc::default(),
        };
        connection.learn_versions().await?;
        Ok(connection)
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the connection is of no more use: a call has found it broken, or the other side has closed it.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed) || !self.channel.is_open()
    }

    /// A broker that does not know version 3 answers in version 0, with its versions all the same.
    async fn learn_versions(&mut self) -> Result<()> {
        let request = ApiVersionsRequest {
            client_software_name: "naru".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let frame = self.frame::<ApiVersionsRequest>(|id, client_id| encode_request(&request, 3, id, client_id))?;
        let frame = self.submit::<ApiVersionsRequest>(frame, self.timeout.min(SETUP_LIMIT)).await?;
        let old = frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes()[..]);
        let answer = self.read::<ApiVersionsRequest>(frame, if old { 0 } else { 3 })?;
        self.versions = versions(&answer);
        Ok(())
    }

    /// Sends a request in the newest version that both sides know. It is on its way when this returns, in order behind
    /// the calls before it.
    pub fn call<R: Request>(&self, request: &R) -> impl Future<Output = Result<R::Response>> + Send + use<R> {
        self.call_up_to(request, i16::MAX, self.timeout)
    }

    /// Sends a request in a version not newer than `newest`, and waits at most `limit` for the answer.
    pub fn call_up_to<R: Request>(
        &self,
        request: &R,
        newest: i16,
        limit: Duration,
    ) -> impl Future<Output = Result<R::Response>> + Send + use<R> {
        let mut frame = |version, id, client_id: Option<&str>| encode_request(request, version, id, client_id);
        self.call_framed::<R>(newest, limit, &mut frame)
    }

    /// The same with a frame that `frame` makes of version, correlation id and client id.
    pub fn call_framed<R: Request>(
        &self,
        newest: i16,
        limit: Duration,
        frame: FrameMaker<'_>,
    ) -> impl Future<Output = Result<R::Response>> + Send + use<R> {
        let sent = self.version(R::KEY, newest).and_then(|version| {
            let frame = self.frame::<R>(|id, client_id| frame(version, id, client_id))?;
            Ok((version, self.submit::<R>(frame, limit)))
        });
        let (address, broken) = (self.address.clone(), self.broken.clone());
        async move {
            let (version, reply) = sent?;
            let frame = reply.await?;
            let answer = decode_response::<R>(frame, version);
            answer.map(|(_, answer)| answer).map_err(|source| {
                broken.store(true, Ordering::Relaxed);
                ClientError::Answer { address, api: R::KEY, source }
            })
        }
    }

    /// Hands over a request that has no answer.
    pub fn tell<R: Request>(&self, request: &R, newest: i16) -> Result<()> {
        let version = self.version(R::KEY, newest)?;
        let frame = self.frame::<R>(|id, client_id| encode_request(request, version, id, client_id))?;
        drop(self.channel.send(frame, false));
        Ok(())
    }

    /// The newest version that both sides know, not above `newest`.
    pub fn version(&self, api: ApiKey, newest: i16) -> Result<i16> {
        let unsupported = || ClientError::Unsupported { address: self.address.clone(), api };
        let (low, high) = *self.versions.get(&(api as i16)).ok_or_else(unsupported)?;
        let (own_low, own_high) = (*api.versions().start(), *api.versions().end());
        let version = high.min(own_high).min(newest);
        if version >= low.max(own_low) { Ok(version) } else { Err(unsupported()) }
    }

    fn frame<R: Request>(
        &self,
        frame: impl FnOnce(i32, Option<&str>) -> std::result::Result<Bytes, EncodeError>,
    ) -> Result<Bytes> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        frame(id, Some(&self.client_id)).map_err(|source| ClientError::Request { api: R::KEY, source })
    }

    fn submit<R: Request>(&self, frame: Bytes, limit: Duration) -> impl Future<Output = Result<Bytes>> + Send + use<R> {
        let reply = self.channel.send(frame, true);
        let (address, broken) = (self.address.clone(), self.broken.clone());
        async move {
            let error = match tokio::time::timeout(limit, reply).await {
                Ok(Ok(Some(frame))) => return Ok(frame),
                Ok(Ok(None)) => ClientError::Lost { address, source: io::Error::other("no answer will come") },
                Ok(Err(source)) => ClientError::lost(address, source),
                Err(_) => ClientError::Timeout { address, api: R::KEY, limit },
            };
            broken.store(true, Ordering::Relaxed);
            Err(error)
        }
    }

    fn read<R: Request>(&self, frame: Bytes, version: i16) -> Result<R::Response> {
        let answer = decode_response::<R>(frame, version).map(|(_, answer)| answer);
        answer.map_err(|source| ClientError::Answer { address: self.address.clone(), api: R::KEY, source })
    }
}

fn versions(answer: &ApiVersionsResponse) -> HashMap<i16, (i16, i16)> {
    answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}
