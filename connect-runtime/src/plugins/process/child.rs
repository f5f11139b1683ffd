//! The other end of the socket: `naru plugin-process`, which runs a library's connector, or becomes another program.

use std::collections::HashMap;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use connector_api::boundary::abi;
use connector_api::boundary::message::Call;
use connector_api::boundary::news::News;
use parking_lot::{Condvar, Mutex};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::sync::mpsc;

use super::frame::{CANCELLED, Frame, LARGEST_FRAME, MAJOR};
use crate::plugins::library::{Hears, Library};
use crate::plugins::remote::{Channel, Scope, Status};

/// Bounds what this process may use from now on, and what its children may become.
pub fn keep_within(memory_bytes: u64) -> io::Result<()> {
    let bound = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::Core, bound(0))?;
    if memory_bytes > 0 {
        setrlimit(Resource::Data, bound(memory_bytes))?;
    }
    rustix::thread::set_no_new_privs(true)?;
    // However the worker ends, this process ends with it, also if it never looks at its socket.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Becomes another program; returns only if it cannot.
pub fn become_program(words: &[String]) -> String {
    let Some((program, arguments)) = words.split_first() else { return "there is no command".to_owned() };
    let why = Command::new(program).args(arguments).exec();
    format!("cannot run `{program}`: {why}")
}

/// Runs connectors of a library until the socket is closed. Ends the process.
pub fn run_library(file: &Path) -> io::Result<()> {
    let wire = Arc::new(Wire::of_standard_input()?);
    let (sender, frames) = mpsc::unbounded_channel();
    let reader = wire.clone();
    std::thread::Builder::new().name("plugin-reader".to_owned()).spawn(move || reader.read_all(&sender))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let relay = |_: String| wire.clone() as Arc<dyn Hears>;
    let served = match Library::load(file, relay) {
        Ok(library) => local.block_on(&runtime, Child { library, wire: wire.clone(), frames }.serve()),
        Err(why) => Err(why),
    };
    if let Err(why) = served {
        wire.write(Frame::Refusal { why });
    }
    Ok(())
}

struct Child {
    library: Library,
    wire: Arc<Wire>,
    frames: mpsc::UnboundedReceiver<Frame>,
}

impl Child {
    async fn serve(mut self) -> Result<(), String> {
        let described = self.library.definitions()?;
        let descriptions = described.iter().map(|one| serde_json::to_string(one).unwrap_or_default()).collect();
        match self.frames.recv().await {
            Some(Frame::Hello { major: MAJOR, .. }) => {}
            Some(Frame::Hello { major, .. }) => {
                return Err(format!("it speaks version {MAJOR}, and the worker {major}"));
            }
            _ => return Err("the worker does not say hello".to_owned()),
        }
        self.wire.write(Frame::hello(concat!("naru ", env!("CARGO_PKG_VERSION")), descriptions));
        let (connector, scope) = match self.frames.recv().await {
            Some(Frame::Open { connector, scope: abi::CONNECTOR, .. }) => (connector, Scope::Connector),
            Some(Frame::Open { connector, scope: abi::TASK, .. }) => (connector, Scope::Task),
            None => return Ok(()),
            Some(_) => return Err("the worker does not open a connector".to_owned()),
        };
        let mut instance = self.library.open(connector, scope, self.wire.clone()).map_err(|why| why.to_string())?;
        while let Some(frame) = self.frames.recv().await {
            match frame {
                Frame::Call { number, call, request } => self.call(&mut instance, number, call, request).await?,
                // Its reply was on the way already.
                Frame::Cancel { .. } => {}
                _ => return Err("the worker says what is not its to say".to_owned()),
            }
        }
        Ok(())
    }

    async fn call(
        &mut self,
        instance: &mut impl Channel,
        number: u32,
        call: u32,
        request: Bytes,
    ) -> Result<(), String> {
        let call = Call::of(call).ok_or_else(|| format!("there is no call of number {call}"))?;
        let answer = tokio::select! {
            answer = instance.call(call, request.into()) => Some(answer),
            frame = self.frames.recv() => match frame {
                Some(Frame::Cancel { number: cancelled }) if cancelled == number => None,
                Some(_) => return Err("the worker makes calls that overlap".to_owned()),
                None => return Ok(()),
            },
        };
        let (status, message) = match answer {
            None => (CANCELLED, Bytes::new()),
            Some(answer) => {
                let status = match answer.status {
                    Status::Ok => abi::OK,
                    Status::Error => abi::ERROR,
                    Status::Panic => abi::PANIC,
                    Status::Broken => abi::BROKEN,
                };
                (if answer.full { status | abi::FULL } else { status }, answer.message)
            }
        };
        self.wire.write(Frame::Reply { number, status, message });
        Ok(())
    }
}

/// The socket: written from any thread, read by one.
struct Wire {
    from: UnixStream,
    to: Mutex<UnixStream>,
    asks: Mutex<HashMap<u32, Option<u64>>>,
    answered: Condvar,
    last_ask: AtomicU32,
}

impl Wire {
    /// Takes the standard input over, so that nothing else in this process reads from it.
    fn of_standard_input() -> io::Result<Wire> {
        let socket: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        let from = UnixStream::from(socket);
        from.set_nonblocking(false)?;
        let to = Mutex::new(from.try_clone()?);
        Ok(Wire { from, to, asks: Mutex::default(), answered: Condvar::new(), last_ask: AtomicU32::new(0) })
    }

    /// Whoever cannot be written to is gone, and so is this process.
    fn write(&self, frame: Frame) {
        let (head, bulk) = frame.parts();
        let mut to = self.to.lock();
        let written = match to.write_vectored(&[IoSlice::new(&head), IoSlice::new(&bulk)]) {
            Ok(done) if done < head.len() => to.write_all(&head[done..]).and_then(|()| to.write_all(&bulk)),
            Ok(done) => to.write_all(&bulk[done - head.len()..]),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {
                to.write_all(&head).and_then(|()| to.write_all(&bulk))
            }
            Err(why) => Err(why),
        };
        if written.is_err() {
            std::process::exit(0);
        }
    }

    /// Reads until the worker is gone, and ends the process then, whatever else goes on in it.
    fn read_all(&self, frames: &mpsc::UnboundedSender<Frame>) {
        while let Ok(frame) = self.read() {
            match frame {
                Frame::Answer { ask, answer } => {
                    if let Some(slot) = self.asks.lock().get_mut(&ask) {
                        *slot = Some(answer);
                    }
                    self.answered.notify_all();
                }
                frame => drop(frames.send(frame)),
            }
        }
        std::process::exit(0);
    }

    fn read(&self) -> io::Result<Frame> {
        let mut length = [0; 4];
        (&self.from).read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LARGEST_FRAME {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut frame = Vec::with_capacity(length);
        (&self.from).take(length as u64).read_to_end(&mut frame)?;
        if frame.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Frame::read(frame.into()).map_err(io::Error::other)
    }
}

impl Hears for Wire {
    /// News that want an answer wait for it; the reader gets it, whatever thread asks.
    fn hear_message(&self, news: u32, message: Bytes) -> u64 {
        let asks = [News::Request.number(), News::Memory { share: 0, bytes: 0 }.number()];
        if !asks.contains(&news) {
            self.write(Frame::News { news, ask: 0, message });
            return 0;
        }
        let ask = self.last_ask.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        self.asks.lock().insert(ask, None);
        self.write(Frame::News { news, ask, message });
        let mut asks = self.asks.lock();
        loop {
            if let Some(Some(answer)) = asks.get(&ask) {
                let answer = *answer;
                asks.remove(&ask);
                return answer;
            }
            self.answered.wait(&mut asks);
        }
    }
}
