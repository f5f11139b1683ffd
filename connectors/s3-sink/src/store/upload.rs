//! An object on its way.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use aws_sdk_s3::types::CompletedPart;
use bytes::Bytes;
use connector_api::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};

use super::client::{Store, Tags};
use super::error::{Fault, Kind};

/// The longest delay before something is tried again.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// What all uploads of a task share.
#[derive(Debug)]
pub(crate) struct Board {
    requests: Semaphore,
    bytes: Cell<usize>,
    trouble: RefCell<Option<Fault>>,
    moved: Notify,
}

impl Board {
    /// For that many requests at a time.
    pub fn new(requests: usize) -> Rc<Board> {
        let (bytes, trouble) = (Cell::new(0), RefCell::new(None));
        Rc::new(Board { requests: Semaphore::new(requests.max(1)), bytes, trouble, moved: Notify::new() })
    }

    /// Bytes that are on their way.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// What keeps uploads from going on, if anything does: once for each time that something failed.
    pub fn trouble(&self) -> Option<Error> {
        self.trouble.borrow_mut().take().map(Fault::into_error)
    }

    /// Whether something keeps uploads from going on.
    pub fn in_trouble(&self) -> bool {
        self.trouble.borrow().is_some()
    }

    /// Returns when anything has changed, for the better or worse.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    fn report(&self, fault: Fault) {
        tracing::warn!(trouble = %fault.text, "an upload has to wait");
        // What cannot pass is kept before what may.
        let keep = self.trouble.borrow().as_ref().is_some_and(|known| !known.may_pass());
        if !keep {
            *self.trouble.borrow_mut() = Some(fault);
        }
        self.moved.notify_waiters();
    }

    fn arrived(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        self.moved.notify_waiters();
    }
}

enum Step {
    Part(Bytes),
    /// The rest, its tags, and what must be stored before the object appears.
    Finish(Bytes, Tags, Vec<Rc<State>>),
}

/// An object on its way: parts are sent as they come, and the object appears after [`finish`](Self::finish). What fails
/// is tried again until it works, and meanwhile shown on the [`Board`]. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Upload {
    steps: UnboundedSender<Step>,
    board: Rc<Board>,
    state: Rc<State>,
    work: tokio::task::AbortHandle,
}

#[derive(Debug)]
struct State {
    key: String,
    id: RefCell<Option<String>>,
    stored: Cell<bool>,
    waiting: Cell<usize>,
}

impl Upload {
    /// Begins; nothing is sent before there is something to send. The mark is who decided the cut, and where the object
    /// starts. Must be called inside a `LocalSet`, as tasks run in.
    pub fn begin(store: Store, board: Rc<Board>, key: String, mark: (String, i64)) -> Upload {
        let (steps, todo) = unbounded_channel();
        let state = Rc::new(State { key, id: RefCell::new(None), stored: Cell::new(false), waiting: Cell::new(0) });
        let (writer, start) = mark;
        let sender = Sender { store, board: board.clone(), state: state.clone(), writer, start };
        let work = tokio::task::spawn_local(sender.run(todo)).abort_handle();
        Upload { steps, board, state, work }
    }

    /// Sends a part, of at least 5 MiB.
    pub fn part(&self, bytes: Bytes) {
        self.push(bytes.len(), Step::Part(bytes));
    }

    /// Sends what is left and makes the object of it, once the others are stored.
    pub fn finish(&self, rest: Bytes, tags: Tags, others: &[Upload]) {
        let others = others.iter().map(|other| other.state.clone()).collect();
        self.push(rest.len(), Step::Finish(rest, tags, others));
    }

    fn push(&self, bytes: usize, step: Step) {
        self.board.bytes.set(self.board.bytes.get() + bytes);
        self.state.waiting.set(self.state.waiting.get() + bytes);
        // The other end is gone only after it was stopped.
        let _ = self.steps.send(step);
    }

    /// Whether the object is there.
    pub fn is_stored(&self) -> bool {
        self.state.stored.get()
    }

    /// The name and id of what would have to be aborted if it ended now.
    pub fn unfinished(&self) -> Option<(String, String)> {
        let id = self.state.id.borrow().clone()?;
        (!self.is_stored()).then(|| (self.state.key.clone(), id))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.work.abort();
        self.board.arrived(self.state.waiting.replace(0));
    }
}

struct Sender {
    store: Store,
    board: Rc<Board>,
    state: Rc<State>,
    writer: String,
    start: i64,
}

impl Sender {
    async fn run(self, mut todo: UnboundedReceiver<Step>) {
        let mut parts: Vec<CompletedPart> = Vec::new();
        while let Some(step) = todo.recv().await {
            match step {
                Step::Part(bytes) => parts.push(self.part(parts.len(), bytes).await),
                Step::Finish(rest, tags, others) if parts.is_empty() => {
                    self.stored(&others).await;
                    let put = || self.store.put(&self.state.key, &self.writer, tags, rest.clone());
                    self.until_done(put).await;
                    self.done(rest.len());
                    return;
                }
                Step::Finish(rest, tags, others) => {
                    if !rest.is_empty() {
                        parts.push(self.part(parts.len(), rest).await);
                    }
                    self.stored(&others).await;
                    self.until_done(|| self.complete(parts.clone())).await;
                    self.until_done(|| self.store.tag(&self.state.key, tags)).await;
                    self.done(0);
                    return;
                }
            }
        }
    }

    async fn part(&self, before: usize, bytes: Bytes) -> CompletedPart {
        let known = self.state.id.borrow().clone();
        let id = match known {
            Some(id) => id,
            None => {
                let id = self
                    .until_done(|| {
                        self.store.create(&self.state.key, &self.writer, Tags { start: self.start, end: None })
                    })
                    .await;
                *self.state.id.borrow_mut() = Some(id.clone());
                id
            }
        };
        let number = i32::try_from(before + 1).unwrap_or(i32::MAX);
        let part = self.until_done(|| self.store.part(&self.state.key, &id, number, bytes.clone())).await;
        self.arrived(bytes.len());
        part
    }

    /// Returns when all of these are stored.
    async fn stored(&self, others: &[Rc<State>]) {
        while others.iter().any(|other| !other.stored.get()) {
            self.board.moved().await;
        }
    }

    /// An answer that got lost may have been a good one: then the upload is gone and the object is there.
    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), Fault> {
        let key = &self.state.key;
        let id = self.state.id.borrow().clone().unwrap_or_default();
        let Err(fault) = self.store.complete(key, &id, parts).await else { return Ok(()) };
        if fault.kind == Kind::Passing {
            return Err(fault);
        }
        match self.store.writer_of(key).await {
            Ok(Some(writer)) if writer == self.writer => Ok(()),
            _ => Err(fault),
        }
    }

    async fn until_done<T, F: Future<Output = Result<T, Fault>>>(&self, request: impl Fn() -> F) -> T {
        let mut delay = Duration::from_millis(250);
        loop {
            // The semaphore is never closed, so there is always a permit some time.
            let permit = self.board.requests.acquire().await;
            let answer = request().await;
            drop(permit);
            match answer {
                Ok(value) => return value,
                Err(fault) => {
                    let passes = fault.may_pass();
                    self.board.report(fault);
                    if !passes {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(delay).await;
                    delay = (delay * 2).min(LONGEST_DELAY);
                }
            }
        }
    }

    fn arrived(&self, bytes: usize) {
        self.state.waiting.set(self.state.waiting.get().saturating_sub(bytes));
        self.board.arrived(bytes);
    }

    fn done(&self, bytes: usize) {
        self.state.stored.set(true);
        self.arrived(bytes);
    }
}
