//! Owns the socket of the replication stream: reads ahead, and keeps the server informed also while the worker does not
//! poll (paused, or waiting for the log).

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::inbox::Inbox;
use super::xlog;
use crate::connection::session::READ_SIZE;
use crate::connection::{Fault, ServerError, Socket, frames};
use crate::lsn::Lsn;

/// The shortest time between two status updates, whatever calls for them.
const STATUS_SPACING: Duration = Duration::from_millis(100);

/// The server counts as gone when it has been silent for so long although it was asked for a sign of life.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// The server sends each change in a packet of its own. Reads that bring less than this, one hard after the other, are
/// spaced out, so that one wake-up brings many changes. The thread itself sleeps: it belongs to this task alone, and an
/// asynchronous sleep would be woken by every packet, at the cost of a third of the CPU time of each change.
const SMALL_READ: usize = 32 << 10;
const READ_SPACING: Duration = Duration::from_millis(1);

/// How long a goodbye may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// The reader's handle. Dropping it breaks the connection.
#[derive(Debug)]
pub struct Reader {
    inbox: Rc<Inbox>,
    task: JoinHandle<()>,
}

impl Reader {
    /// Starts to read on the task's own thread. `early` are bytes of the stream that have been read already; a status
    /// goes to the server at least every `interval`.
    pub fn start(socket: Box<dyn Socket>, early: BytesMut, interval: Duration) -> Reader {
        let inbox = Rc::new(Inbox::default());
        let shared = inbox.clone();
        let task = tokio::task::spawn_local(async move {
            let mut reading = Reading::new(shared.clone(), early, interval);
            if let Err(fault) = reading.run(socket).await {
                shared.fail(fault);
            }
        });
        Reader { inbox, task }
    }

    /// What has been read.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Tells the server the last acknowledgement and goes.
    pub async fn close(mut self) {
        self.inbox.close();
        let _ = timeout(CLOSE_LIMIT, &mut self.task).await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reading {
    inbox: Rc<Inbox>,
    buffer: BytesMut,
    interval: Duration,
    heard: Instant,
    told: Instant,
    told_lsn: Lsn,
    next_status: Instant,
}

impl Reading {
    fn new(inbox: Rc<Inbox>, buffer: BytesMut, interval: Duration) -> Reading {
        let now = Instant::now();
        Reading { inbox, buffer, interval, heard: now, told: now, told_lsn: Lsn::NONE, next_status: now + interval }
    }

    async fn run(&mut self, socket: Box<dyn Socket>) -> Result<(), Fault> {
        let (mut incoming, mut outgoing) = tokio::io::split(socket);
        let inbox = self.inbox.clone();
        self.hand_over()?;
        loop {
            let room = inbox.has_room();
            self.make_space();
            tokio::select! {
                biased;
                () = sleep_until(self.next_status) => self.tell(&mut outgoing).await?,
                () = inbox.changed.notified() => {
                    if inbox.is_closing() {
                        return self.say_goodbye(&mut outgoing).await;
                    }
                    self.after_a_change(room);
                }
                read = incoming.read_buf(&mut self.buffer), if room => {
                    let quick = self.heard.elapsed() < 2 * READ_SPACING;
                    let count = self.after_a_read(read)?;
                    if quick && count < SMALL_READ {
                        std::thread::sleep(READ_SPACING);
                    }
                }
            }
        }
    }

    fn make_space(&mut self) {
        if self.buffer.capacity() - self.buffer.len() < READ_SIZE / 4 {
            self.buffer.reserve(READ_SIZE);
        }
    }

    fn after_a_change(&mut self, had_room: bool) {
        if !had_room && self.inbox.has_room() {
            self.heard = Instant::now();
        }
        if self.inbox.acknowledged() > self.told_lsn {
            self.next_status = self.next_status.min(self.told + STATUS_SPACING);
        }
    }

    fn after_a_read(&mut self, read: io::Result<usize>) -> Result<usize, Fault> {
        match read? {
            0 => Err(Fault::closed()),
            count => {
                self.heard = Instant::now();
                self.hand_over()?;
                Ok(count)
            }
        }
    }

    /// Passes on the whole messages of the buffer.
    fn hand_over(&mut self) -> Result<(), Fault> {
        let (mut reply, mut end) = (false, None);
        let whole = frames::whole(&self.buffer, |tag, body| match tag {
            b'd' => reply |= xlog::wants_reply(body),
            b'E' => end = Some(Fault::Server(Box::new(ServerError::read(body)))),
            b'c' => end = Some(end.take().unwrap_or_else(Fault::closed)),
            _ => {}
        })?;
        if whole > 0 {
            self.inbox.put(self.buffer.split_to(whole).freeze());
        }
        if reply {
            self.next_status = self.next_status.min(self.told + STATUS_SPACING);
        }
        end.map_or(Ok(()), Err)
    }

    async fn tell(&mut self, outgoing: &mut (impl AsyncWrite + Unpin)) -> Result<(), Fault> {
        let silent = if self.inbox.has_room() { self.heard.elapsed() } else { Duration::ZERO };
        if silent > SILENCE_LIMIT.max(3 * self.interval) {
            return Err(Fault::Lost(io::Error::new(io::ErrorKind::TimedOut, format!("no word for {silent:?}"))));
        }
        let flushed = self.inbox.acknowledged();
        outgoing.write_all(&xlog::status(flushed, flushed, silent > self.interval)).await?;
        outgoing.flush().await?;
        self.told = Instant::now();
        self.told_lsn = flushed;
        self.next_status = self.told + self.interval;
        Ok(())
    }

    async fn say_goodbye(&mut self, outgoing: &mut (impl AsyncWrite + Unpin)) -> Result<(), Fault> {
        self.tell(outgoing).await?;
        let (mut done, mut bye) = (BytesMut::new(), BytesMut::new());
        postgres_protocol::message::frontend::copy_done(&mut done);
        postgres_protocol::message::frontend::terminate(&mut bye);
        outgoing.write_all(&done).await?;
        outgoing.write_all(&bye).await?;
        outgoing.shutdown().await?;
        Ok(())
    }
}
