//! One connection over a socket: requests are read and carried out one after the other, their answers written in the
//! same order, and reading goes on while answers wait.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker_wire::{FrameDecoder, FrameError};
use bytes::{Buf, Bytes};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::dispatch::{Outcome, Refusal};
use super::session::{Pending, Session};
use crate::config::ConnectionLimits;

/// Answers up to this many bytes in all are written with one system call.
const WRITE_TOGETHER: usize = 64 * 1024;

/// Why a connection ended.
#[derive(Debug, Error)]
pub enum Closed {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("silent for {0} ms")]
    Idle(u64),
    #[error("an answer could not be written")]
    Unanswerable,
}

/// Serves a connection until its client hangs up, breaks the protocol or falls silent, or the broker stops.
pub async fn run(
    stream: TcpStream,
    session: &Session,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Closed> {
    let (reader, writer) = stream.into_split();
    let (queue, pending) = mpsc::channel(limits.pending_requests);
    let unanswered = AtomicUsize::new(0);
    let mut write = std::pin::pin!(write_answers(writer, pending, &unanswered));
    tokio::select! {
        // Whoever hung up does not wait for answers any more: they are dropped with their long polls.
        ended = read_requests(reader, session, limits, (queue, &unanswered)) => return ended,
        ended = &mut write => return ended,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // The broker stops: what was asked is answered still. The queue's other end is gone, so this ends.
    write.await
}

async fn read_requests(
    mut reader: OwnedReadHalf,
    session: &Session,
    limits: ConnectionLimits,
    (queue, unanswered): (mpsc::Sender<Pending>, &AtomicUsize),
) -> Result<(), Closed> {
    let mut frames = FrameDecoder::new(limits.first_request_max_bytes.min(limits.request_max_bytes));
    let idle = Duration::from_millis(limits.idle_ms);
    loop {
        while let Some(frame) = frames.next_frame()? {
            // The room is taken first, so that what is carried out is also answered.
            let Ok(room) = queue.reserve().await else { return Ok(()) };
            unanswered.fetch_add(1, Ordering::Relaxed);
            room.send(session.carry_out(frame)?);
            frames.set_limit(limits.request_max_bytes);
        }
        let read = loop {
            match timeout(idle, reader.read_buf(frames.buffer())).await {
                Ok(read) => break read?,
                // A client that waits for an answer is not silent.
                Err(_) if unanswered.load(Ordering::Relaxed) > 0 => {}
                Err(_) => return Err(Closed::Idle(limits.idle_ms)),
            }
        };
        if read == 0 {
            return Ok(());
        }
    }
}

async fn write_answers(
    mut writer: OwnedWriteHalf,
    mut pending: mpsc::Receiver<Pending>,
    unanswered: &AtomicUsize,
) -> Result<(), Closed> {
    let mut ready = Answers::default();
    while let Some(first) = pending.recv().await {
        ready.push(first.await)?;
        while ready.size < WRITE_TOGETHER
            && let Ok(next) = pending.try_recv()
        {
            match next.into_ready() {
                Ok(outcome) => ready.push(outcome)?,
                Err(waiting) => {
                    ready.write(&mut writer).await?;
                    ready.push(waiting.await)?;
                }
            }
        }
        ready.write(&mut writer).await?;
        unanswered.fetch_sub(std::mem::take(&mut ready.count), Ordering::Relaxed);
    }
    Ok(())
}

/// Answers that can be written.
#[derive(Debug, Default)]
struct Answers {
    parts: VecDeque<Bytes>,
    size: usize,
    /// Requests that were answered, those that want no answer included.
    count: usize,
}

impl Answers {
    fn push(&mut self, outcome: Outcome) -> Result<(), Closed> {
        self.count += 1;
        let frame = match outcome {
            Outcome::Frame(frame) => frame,
            Outcome::Silent => return Ok(()),
            Outcome::Broken => return Err(Closed::Unanswerable),
        };
        let len = i32::try_from(frame.len()).map_err(|_| Closed::Unanswerable)?;
        self.size += 4 + frame.len();
        self.parts.push_back(Bytes::copy_from_slice(&len.to_be_bytes()));
        self.parts.push_back(frame);
        Ok(())
    }

    async fn write(&mut self, writer: &mut OwnedWriteHalf) -> io::Result<()> {
        while !self.parts.is_empty() {
            let slices: Vec<io::IoSlice<'_>> = self.parts.iter().map(|part| io::IoSlice::new(part)).collect();
            let written = writer.write_vectored(&slices).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
        }
        self.size = 0;
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(part) = self.parts.front_mut() {
            if part.len() > written {
                part.advance(written);
                return;
            }
            written -= part.len();
            self.parts.pop_front();
        }
    }
}
