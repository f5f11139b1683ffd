//! Frames over TCP.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::FrameDecoder;
use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::transport::{Channel, Connecting, Reply, Transport};

/// The largest answer taken. A fetch asks for far less; a broker that sends more is broken.
const MAX_FRAME: usize = 256 * 1024 * 1024;

/// How many bytes one read from the socket makes room for.
const READ_BYTES: usize = 64 * 1024;

/// Connects over TCP, without encryption.
#[derive(Clone, Copy, Debug)]
pub struct Tcp {
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp { connect_timeout: Duration::from_secs(10) }
    }
}

impl Transport for Tcp {
    fn connect(&self, host: &str, port: u16) -> Connecting {
        let (address, limit) = ((host.to_owned(), port), self.connect_timeout);
        Box::pin(async move {
            let connected = tokio::time::timeout(limit, TcpStream::connect((address.0.as_str(), address.1))).await;
            let stream = connected.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer"))??;
            stream.set_nodelay(true)?;
            Ok(Arc::new(TcpChannel::start(stream)) as Arc<dyn Channel>)
        })
    }
}

/// Those who wait for answers, in the order of their requests. `None` once the connection is gone.
type Waiting = Arc<Mutex<Option<VecDeque<oneshot::Sender<Bytes>>>>>;

struct TcpChannel {
    frames: mpsc::UnboundedSender<Bytes>,
    waiting: Waiting,
    reader: tokio::task::AbortHandle,
}

impl TcpChannel {
    fn start(stream: TcpStream) -> TcpChannel {
        let (read, write) = stream.into_split();
        let (frames, queue) = mpsc::unbounded_channel();
        let waiting: Waiting = Arc::new(Mutex::new(Some(VecDeque::new())));
        tokio::spawn(write_frames(write, queue, waiting.clone()));
        let reader = tokio::spawn(read_answers(read, waiting.clone())).abort_handle();
        TcpChannel { frames, waiting, reader }
    }
}

impl Channel for TcpChannel {
    fn send(&self, frame: Bytes, answered: bool) -> Reply {
        let answer = {
            let mut waiting = self.waiting.lock();
            let Some(queue) = waiting.as_mut() else { return gone() };
            let answer = answered.then(|| {
                let (sender, receiver) = oneshot::channel();
                queue.push_back(sender);
                receiver
            });
            if self.frames.send(frame).is_err() {
                return gone();
            }
            answer
        };
        Box::pin(async move {
            match answer {
                None => Ok(None),
                Some(answer) => answer.await.map(Some).map_err(|_| closed()),
            }
        })
    }

    fn is_open(&self) -> bool {
        self.waiting.lock().is_some()
    }
}

impl Drop for TcpChannel {
    fn drop(&mut self) {
        self.reader.abort();
        self.waiting.lock().take();
    }
}

fn gone() -> Reply {
    Box::pin(async { Err(closed()) })
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection is closed")
}

async fn write_frames(mut socket: OwnedWriteHalf, mut frames: mpsc::UnboundedReceiver<Bytes>, waiting: Waiting) {
    let mut small = BytesMut::new();
    while let Some(frame) = frames.recv().await {
        small.clear();
        small.put_u32(frame.len() as u32);
        let written = match socket.write_all(&small).await {
            Ok(()) => socket.write_all(&frame).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            waiting.lock().take();
            return;
        }
    }
}

async fn read_answers(mut socket: OwnedReadHalf, waiting: Waiting) {
    let mut frames = FrameDecoder::new(MAX_FRAME);
    loop {
        match frames.next_frame() {
            Ok(Some(frame)) => {
                let Some(next) = waiting.lock().as_mut().and_then(VecDeque::pop_front) else { break };
                let _ = next.send(frame);
            }
            Ok(None) => {
                frames.buffer().reserve(READ_BYTES);
                if !matches!(socket.read_buf(frames.buffer()).await, Ok(1..)) {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    waiting.lock().take();
}
