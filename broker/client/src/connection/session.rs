//! Logging in on a connection, and again before the log ends it (KIP-368).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::FrameDecoder;
use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Instant;

use super::channel::{Writer, unreadable, write_frame};
use crate::fault::SecurityFault;
use crate::sasl::{Login, Sasl, Step};

/// The largest answer of a login; the list of versions is the largest that there is.
const MAX_FRAME: usize = 1024 * 1024;

/// The part of a session's lifetime after which the next request makes the client log in again, in percent.
const RENEW_AFTER: u32 = 85;

/// Random bytes of a nonce: base64 makes 32 characters of them.
const NONCE_BYTES: usize = 24;

/// A login that has succeeded.
pub(super) struct Session {
    sasl: Arc<Sasl>,
    version: i16,
    renew_at: Option<Instant>,
}

impl Session {
    /// Logs in on a new connection.
    pub(super) async fn begin<S>(stream: &mut S, sasl: Arc<Sasl>) -> io::Result<Session>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut answers = FrameDecoder::new(MAX_FRAME);
        let since = Instant::now();
        let nonce = nonce()?;
        let (mut login, mut request) = Login::begin(&sasl, nonce)?;
        loop {
            write_frame(stream, &request).await?;
            match login.answer(read_frame(stream, &mut answers).await?)? {
                Step::Send(next) => request = next,
                Step::Done(lifetime) => {
                    let version = login.version();
                    return Ok(Session { sasl, version, renew_at: renew_at(since, lifetime) });
                }
            }
        }
    }

    /// Whether the next request has to wait for another login.
    pub(super) fn is_due(&self) -> bool {
        self.renew_at.is_some_and(|at| Instant::now() >= at)
    }

    /// Logs in again. Answers to requests that were written before arrive meanwhile.
    pub(super) async fn renew<W: AsyncWrite + Unpin>(&mut self, writer: &mut Writer<W>) -> io::Result<()> {
        let since = Instant::now();
        let (mut login, mut request) = Login::again(&self.sasl, nonce()?, self.version)?;
        loop {
            match login.answer(writer.ask(&request).await?)? {
                Step::Send(next) => request = next,
                Step::Done(lifetime) => {
                    self.renew_at = renew_at(since, lifetime);
                    return Ok(());
                }
            }
        }
    }
}

/// Counted from before the login, so that the log's clock never runs ahead.
fn renew_at(since: Instant, lifetime: Option<Duration>) -> Option<Instant> {
    since.checked_add(lifetime?.saturating_mul(RENEW_AFTER) / 100)
}

fn nonce() -> io::Result<String> {
    use base64::Engine;
    let mut bytes = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(base64::prelude::BASE64_STANDARD_NO_PAD.encode(bytes))
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin), answers: &mut FrameDecoder) -> io::Result<Bytes> {
    loop {
        match answers.next_frame() {
            Ok(Some(frame)) => return Ok(frame),
            Ok(None) if stream.read_buf(answers.buffer()).await? == 0 => {
                let why = "it closes the connection during the login, as a listener does that speaks another protocol";
                return Err(SecurityFault::passing("security.protocol", why).into());
            }
            Ok(None) => {}
            Err(wrong) => return Err(unreadable(answers.buffer()).map_or_else(|| io::Error::other(wrong), Into::into)),
        }
    }
}
