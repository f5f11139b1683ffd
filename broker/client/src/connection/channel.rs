//! Frames over a stream of bytes: a socket, encrypted or not.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::FrameDecoder;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use super::session::Session;
use super::transport::{Channel, Reply};
use crate::fault::SecurityFault;
use crate::tls::{explain, looks_like_tls};

/// The largest answer taken. A fetch asks for far less; a broker that sends more is broken.
const MAX_FRAME: usize = 256 * 1024 * 1024;

/// How long what the other side said last, such as an alert of TLS, may stay unread once nothing can be written any more.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How many bytes one read from the socket makes room for.
const READ_BYTES: usize = 64 * 1024;

/// One connection over a stream.
pub(super) struct StreamChannel {
    frames: mpsc::UnboundedSender<Outgoing>,
    waiting: Waiting,
    reader: tokio::task::AbortHandle,
}

struct Outgoing {
    frame: Bytes,
    answer: Option<oneshot::Sender<Bytes>>,
}

/// Those who wait for answers, in the order in which their requests were written.
#[derive(Clone)]
pub(super) struct Waiting(Arc<Mutex<Ends>>);

#[derive(Default)]
struct Ends {
    /// `None` once the connection is gone.
    queue: Option<VecDeque<oneshot::Sender<Bytes>>>,
    /// Why it is gone, if that can be told.
    fault: Option<SecurityFault>,
}

impl Waiting {
    fn new() -> Waiting {
        Waiting(Arc::new(Mutex::new(Ends { queue: Some(VecDeque::new()), fault: None })))
    }

    /// Waits for the answer to the next request; false if the connection is gone.
    fn push(&self, answer: oneshot::Sender<Bytes>) -> bool {
        self.0.lock().queue.as_mut().map(|queue| queue.push_back(answer)).is_some()
    }

    fn pop(&self) -> Option<oneshot::Sender<Bytes>> {
        self.0.lock().queue.as_mut().and_then(VecDeque::pop_front)
    }

    fn is_open(&self) -> bool {
        self.0.lock().queue.is_some()
    }

    fn end(&self, fault: Option<SecurityFault>) {
        let mut ends = self.0.lock();
        ends.fault = ends.fault.take().or(fault);
        ends.queue.take();
    }

    fn why(&self) -> io::Error {
        match &self.0.lock().fault {
            Some(fault) => fault.clone().into(),
            None => io::Error::new(io::ErrorKind::ConnectionReset, "the connection is closed"),
        }
    }
}

impl StreamChannel {
    /// Over both halves of a stream to `host`. With a session the log is told again in time who the client is.
    pub(super) fn start<R, W>((read, write): (R, W), session: Option<Session>, host: String) -> StreamChannel
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (frames, queue) = mpsc::unbounded_channel();
        let waiting = Waiting::new();
        tokio::spawn(write_frames(Writer { socket: write, waiting: waiting.clone() }, queue, session));
        let reader = tokio::spawn(read_answers(read, waiting.clone(), host)).abort_handle();
        StreamChannel { frames, waiting, reader }
    }
}

impl Channel for StreamChannel {
    fn send(&self, frame: Bytes, answered: bool) -> Reply {
        let (answer, receiver) = if answered { Some(oneshot::channel()).unzip() } else { (None, None) };
        let sent = self.waiting.is_open() && self.frames.send(Outgoing { frame, answer }).is_ok();
        let waiting = self.waiting.clone();
        Box::pin(async move {
            match receiver {
                _ if !sent => Err(waiting.why()),
                None => Ok(None),
                Some(receiver) => receiver.await.map(Some).map_err(|_| waiting.why()),
            }
        })
    }

    fn is_open(&self) -> bool {
        self.waiting.is_open()
    }
}

impl Drop for StreamChannel {
    fn drop(&mut self) {
        self.reader.abort();
        self.waiting.end(None);
    }
}

/// Writes frames with their lengths before them.
pub(super) struct Writer<W> {
    socket: W,
    waiting: Waiting,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Writes a request and waits for its answer. Nothing else may be written meanwhile.
    pub(super) async fn ask(&mut self, frame: &[u8]) -> io::Result<Bytes> {
        let (answer, receiver) = oneshot::channel();
        if !self.waiting.push(answer) {
            return Err(self.waiting.why());
        }
        write_frame(&mut self.socket, frame).await?;
        receiver.await.map_err(|_| self.waiting.why())
    }

    async fn write(&mut self, outgoing: Outgoing) -> io::Result<()> {
        if outgoing.answer.is_some_and(|answer| !self.waiting.push(answer)) {
            return Err(self.waiting.why());
        }
        write_frame(&mut self.socket, &outgoing.frame).await
    }
}

pub(super) async fn write_frame(socket: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    socket.write_all(&(frame.len() as u32).to_be_bytes()).await?;
    socket.write_all(frame).await?;
    socket.flush().await
}

async fn write_frames<W: AsyncWrite + Unpin>(
    mut writer: Writer<W>,
    mut frames: mpsc::UnboundedReceiver<Outgoing>,
    mut session: Option<Session>,
) {
    while let Some(outgoing) = frames.recv().await {
        if let Some(session) = session.as_mut().filter(|session| session.is_due())
            && let Err(error) = session.renew(&mut writer).await
        {
            return writer.waiting.end(SecurityFault::of(&error).cloned());
        }
        if writer.write(outgoing).await.is_err() {
            tokio::time::sleep(LAST_WORDS).await;
            return writer.waiting.end(None);
        }
    }
}

async fn read_answers(mut socket: impl AsyncRead + Unpin, waiting: Waiting, host: String) {
    let mut frames = FrameDecoder::new(MAX_FRAME);
    let fault = loop {
        match frames.next_frame() {
            Ok(Some(frame)) => {
                let Some(next) = waiting.pop() else { break None };
                let _ = next.send(frame);
            }
            Ok(None) => {
                frames.buffer().reserve(READ_BYTES);
                match socket.read_buf(frames.buffer()).await {
                    Ok(1..) => {}
                    Ok(0) => break None,
                    Err(error) => break SecurityFault::of(&explain(error, &host)).cloned(),
                }
            }
            Err(_) => break unreadable(frames.buffer()),
        }
    };
    waiting.end(fault);
}

/// What answers with bytes that are no frame, if that can be told from the first of them.
pub(super) fn unreadable(first: &[u8]) -> Option<SecurityFault> {
    let why = "it answers in TLS and was spoken to without: SSL, or SASL_SSL with a login, is what its listener speaks";
    looks_like_tls(first).then(|| SecurityFault::config("security.protocol", why))
}
