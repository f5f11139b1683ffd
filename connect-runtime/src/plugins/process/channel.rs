//! The worker's end: calls, replies, news, the process's end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use connector_api::boundary::abi;
use connector_api::boundary::message::Call;
use connector_api::boundary::spare;
use connector_api::plugin::LocalFuture;
use connector_api::{Error, Host, Result};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::command::{Limits, Process, Program};
use super::frame::{CANCELLED, Frame, LARGEST_FRAME, MAJOR, MINOR};
use crate::plugins::library::{Hears, Listener};
use crate::plugins::remote::{Answer, Channel, Scope, Status};

/// Frames that wait to be written: a process that does not read is not read from.
const MOST_WAITING: usize = 64;
/// Frames that wait to be dealt with: what a process says beyond them stays in its socket.
const MOST_READ: usize = 4;
/// Letters of a process's last line that an error shows.
const LONGEST_WORDS: usize = 300;
/// Lines of a process's output that are longer are cut, in bytes.
const LONGEST_LINE: u64 = 16 << 10;

/// Calls of an instance in a process.
pub struct ProcessChannel {
    process: Process,
    frames: mpsc::Receiver<io::Result<Frame>>,
    out: mpsc::Sender<Frame>,
    last_words: LastWords,
    tasks: [AbortHandle; 2],
    greeted: bool,
    last: u32,
    /// The call whose reply is to come. If another one is made, it has been dropped.
    waiting: Option<(u32, Call)>,
    /// Calls that were dropped and cancelled.
    cancelled: Vec<(u32, Call)>,
    /// Replies to calls that were dropped when they were done already: nothing of them may be lost.
    late: VecDeque<(Call, Answer)>,
    /// How the process ended.
    over: Option<String>,
}

/// The last line that a process has printed.
type LastWords = Arc<Mutex<String>>;

impl ProcessChannel {
    /// Starts a process. Needs a local set.
    pub fn start(program: &Program, limits: Limits, name: &str, host: Arc<dyn Host>) -> Result<ProcessChannel> {
        let cannot = |why: io::Error| Error::fail("cannot start a process for the plugin").caused_by(why);
        let (process, socket, output) = program.start(limits).map_err(cannot)?;
        let last_words = LastWords::default();
        output.into_iter().for_each(|output| show(name, output, last_words.clone()));
        let (from, to) = UnixStream::from_std(socket).map_err(cannot)?.into_split();
        let (out, outgoing) = mpsc::channel(MOST_WAITING);
        let (incoming, frames) = mpsc::channel(MOST_READ);
        let listener = Listener::new(name, host);
        let tasks = [
            tokio::task::spawn_local(write_frames(to, outgoing)).abort_handle(),
            tokio::task::spawn_local(read_frames(from, incoming, listener, out.clone())).abort_handle(),
        ];
        // There is room for the first frames.
        let _ = out.try_send(Frame::hello(concat!("naru ", env!("CARGO_PKG_VERSION")), Vec::new()));
        let (greeted, last, waiting, cancelled, late) = (false, 0, None, Vec::new(), VecDeque::new());
        let over = None;
        Ok(ProcessChannel { process, frames, out, last_words, tasks, greeted, last, waiting, cancelled, late, over })
    }

    /// Says which connector the process is for.
    pub fn open(&mut self, connector: u32, scope: Scope, name: &str) {
        let scope = match scope {
            Scope::Connector => abi::CONNECTOR,
            Scope::Task => abi::TASK,
        };
        let _ = self.out.try_send(Frame::Open { connector, scope, name: name.to_owned() });
    }

    /// What the process says of itself.
    pub async fn hello(&mut self) -> Result<Vec<String>> {
        match self.next().await? {
            Frame::Hello { major: MAJOR, descriptions, .. } => {
                self.greeted = true;
                Ok(descriptions)
            }
            Frame::Hello { major, minor, who, .. } => Err(Error::fatal(format!(
                "the plugin ({who}) speaks version {major}.{minor} of the protocol, and this worker {MAJOR}.{MINOR}"
            ))),
            Frame::Refusal { why } => Err(Error::fatal(format!("the plugin's process refuses: {why}"))),
            _ => Err(Error::fatal("the plugin's process says something before its hello")),
        }
    }

    async fn next(&mut self) -> Result<Frame> {
        if let Some(over) = &self.over {
            return Err(Error::fail(over.clone()));
        }
        match self.frames.recv().await {
            Some(Ok(frame)) => Ok(frame),
            Some(Err(why)) if why.kind() == io::ErrorKind::InvalidData => {
                let error = Error::fatal("the plugin's process does not keep to the protocol").caused_by(why);
                self.over = Some(error.to_string());
                Err(error)
            }
            _ => {
                let mut how = self.process.end().await;
                let words = self.last_words.lock().clone();
                if !words.is_empty() {
                    how.push_str(&format!(". The last that it printed: {words}"));
                }
                self.over = Some(how.clone());
                Err(Error::fail(how))
            }
        }
    }

    /// Gives up the call whose reply nobody waits for any more.
    async fn cancel_dropped(&mut self) {
        if let Some((number, dropped)) = self.waiting.take() {
            self.cancelled.push((number, dropped));
            let _ = self.out.send(Frame::Cancel { number }).await;
        }
    }

    async fn reply(&mut self, number: u32) -> Result<(u32, Bytes)> {
        loop {
            match self.next().await? {
                Frame::Reply { number: of, status, message } if of == number => {
                    self.waiting = None;
                    return Ok((status, message));
                }
                Frame::Reply { number: of, status, message } => self.keep_late(of, status, message),
                Frame::Refusal { why } => return Err(Error::fatal(format!("the plugin's process refuses: {why}"))),
                _ => return Err(Error::fatal("the plugin's process says what is not its to say")),
            }
        }
    }

    fn late_reply(&mut self, call: Call) -> Option<Answer> {
        let late = self.late.iter().position(|(known, _)| *known == call)?;
        self.late.remove(late).map(|(_, answer)| answer)
    }

    fn keep_late(&mut self, number: u32, status: u32, message: Bytes) {
        let Some(known) = self.cancelled.iter().position(|(cancelled, _)| *cancelled == number) else { return };
        let (_, call) = self.cancelled.swap_remove(known);
        if status != CANCELLED {
            self.late.push_back((call, answer(status, message)));
        }
    }

    async fn make(&mut self, call: Call, request: Vec<u8>) -> Result<(u32, Bytes)> {
        if !self.greeted {
            self.hello().await?;
        }
        let number = match self.waiting {
            // The same call again, as it is with `written`: it goes on.
            Some((number, Call::Written)) if call == Call::Written => number,
            _ => {
                self.cancel_dropped().await;
                self.last += 1;
                let request = Bytes::from_owner(Spared(request));
                self.waiting = Some((self.last, call));
                let _ = self.out.send(Frame::Call { number: self.last, call: call as u32, request }).await;
                self.last
            }
        };
        self.reply(number).await
    }
}

impl Channel for ProcessChannel {
    fn call<'a>(&'a mut self, call: Call, request: Vec<u8>) -> LocalFuture<'a, Answer> {
        Box::pin(async move {
            if call == Call::Written
                && let Some(late) = self.late_reply(call)
            {
                return late;
            }
            match self.make(call, request).await {
                Ok((status, message)) => answer(status, message),
                Err(why) => failed(&why),
            }
        })
    }

    fn late_poll<'a>(&'a mut self) -> LocalFuture<'a, Option<Answer>> {
        Box::pin(async {
            self.cancel_dropped().await;
            while !self.cancelled.is_empty() {
                match self.next().await {
                    Ok(Frame::Reply { number, status, message }) => self.keep_late(number, status, message),
                    _ => return None,
                }
            }
            self.late_reply(Call::Poll)
        })
    }

    fn is_over(&self) -> bool {
        self.over.is_some()
    }
}

impl Drop for ProcessChannel {
    fn drop(&mut self) {
        // With them the socket is closed, and the process ends.
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn answer(status: u32, message: Bytes) -> Answer {
    Answer { status: Status::of(status), full: status & abi::FULL != 0, message }
}

fn failed(why: &Error) -> Answer {
    let mut to = connector_api::boundary::frame::Writer::default();
    connector_api::boundary::message::error(&mut to, why);
    Answer { status: Status::Error, full: false, message: to.bytes.into() }
}

/// A buffer that is used again.
struct Spared(Vec<u8>);

impl AsRef<[u8]> for Spared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Spared {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.0));
    }
}

async fn write_frames(mut to: OwnedWriteHalf, mut frames: mpsc::Receiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        let (head, bulk) = frame.parts();
        if to.write_all_buf(&mut Bytes::from(head).chain(bulk)).await.is_err() {
            return;
        }
    }
}

/// Reads frames; news go to the listener, the rest to whoever waits for it.
async fn read_frames(
    mut from: OwnedReadHalf,
    frames: mpsc::Sender<io::Result<Frame>>,
    listener: Listener,
    out: mpsc::Sender<Frame>,
) {
    loop {
        let frame = match read_frame(&mut from).await {
            Ok(Frame::News { news, ask, message }) => {
                let answer = listener.hear_message(news, message);
                if ask != 0 {
                    let _ = out.send(Frame::Answer { ask, answer }).await;
                }
                continue;
            }
            other => other,
        };
        let over = frame.is_err();
        if frames.send(frame).await.is_err() || over {
            return;
        }
    }
}

async fn read_frame(from: &mut OwnedReadHalf) -> io::Result<Frame> {
    let length = from.read_u32_le().await? as usize;
    if length > LARGEST_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes is too large")));
    }
    let mut frame = spare::take();
    frame.reserve_exact(length);
    let mut rest = from.take(length as u64);
    while rest.limit() > 0 {
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Frame::read(Bytes::from_owner(Spared(frame))).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}

/// Shows what a process prints in the worker's log, line by line.
fn show(name: &str, output: OwnedFd, last_words: LastWords) {
    let plugin = name.to_owned();
    let shown = std::thread::Builder::new().name("plugin-output".to_owned()).spawn(move || {
        let mut lines = BufReader::new(File::from(output));
        let mut line = Vec::new();
        while matches!(lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                tracing::info!(target: "plugin", plugin, "{}", text.trim_end());
                *last_words.lock() = text.trim().chars().take(LONGEST_WORDS).collect();
            }
            line.clear();
        }
    });
    if let Err(why) = shown {
        tracing::warn!(%why, "no thread to show what a plugin's process prints");
    }
}
