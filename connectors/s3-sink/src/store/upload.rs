//! An object on its way.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use aws_sdk_s3::types::CompletedPart;
use connector_api::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};

use super::client::{Store, Tags};
use super::error::{Fault, Kind};
use crate::file::Content;
use crate::journal::Decision;

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

    /// Has all look again that wait for something to change.
    pub fn has_moved(&self) {
        self.moved.notify_waiters();
    }

    /// Tries something again and again until it works, and reports what is in the way.
    pub async fn until_done<T>(&self, mut request: impl AsyncFnMut() -> Result<T, Fault>) -> T {
        let mut delay = Duration::from_millis(250);
        loop {
            match request().await {
                Ok(value) => return value,
                Err(fault) => {
                    let passes = fault.may_pass();
                    self.report(fault);
                    if !passes {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(delay).await;
                    delay = (delay * 2).min(LONGEST_DELAY);
                }
            }
        }
    }

    fn report(&self, fault: Fault) {
        tracing::warn!(trouble = %fault.text, "an upload has to wait");
        // What cannot pass is kept before what may.
        let keep = self.trouble.borrow().as_ref().is_some_and(|known| !known.may_pass());
        if !keep {
            *self.trouble.borrow_mut() = Some(fault);
        }
        self.has_moved();
    }

    fn arrived(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        self.has_moved();
    }
}

enum Step {
    Part(Content),
    /// The rest, its tags, and what has to come before.
    Finish(Content, Tags, Before),
}

/// What must be so before an object appears.
struct Before {
    /// These are stored.
    stored: Vec<Rc<State>>,
    /// The cut is written down, where that is not so yet.
    decided: Option<Decision>,
}

impl Before {
    fn is_so(&self) -> bool {
        self.stored.iter().all(|other| other.stored.get()) && self.decided.as_ref().is_none_or(|made| made.get())
    }
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
    pub fn part(&self, content: Content) {
        self.push(content.len(), Step::Part(content));
    }

    /// Sends what is left and makes the object of it, once the others are stored and the cut is decided.
    pub fn finish(&self, rest: Content, tags: Tags, others: &[Upload], decided: Option<Decision>) {
        let stored = others.iter().map(|other| other.state.clone()).collect();
        self.push(rest.len(), Step::Finish(rest, tags, Before { stored, decided }));
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
                Step::Part(content) => parts.push(self.part(parts.len(), content).await),
                Step::Finish(rest, tags, before) if parts.is_empty() => {
                    self.after(before).await;
                    self.until_done(async || self.store.put(&self.state.key, &self.writer, tags, &rest).await).await;
                    self.done(rest.len());
                    return;
                }
                Step::Finish(rest, tags, before) => {
                    if !rest.is_empty() {
                        parts.push(self.part(parts.len(), rest).await);
                    }
                    self.after(before).await;
                    self.until_done(async || self.complete(parts.clone()).await).await;
                    self.until_done(async || self.store.tag(&self.state.key, tags).await).await;
                    self.done(0);
                    return;
                }
            }
        }
    }

    async fn part(&self, before: usize, content: Content) -> CompletedPart {
        let known = self.state.id.borrow().clone();
        let id = match known {
            Some(id) => id,
            None => {
                let tags = Tags { start: self.start, end: None };
                let id = self.until_done(async || self.store.create(&self.state.key, &self.writer, tags).await).await;
                *self.state.id.borrow_mut() = Some(id.clone());
                id
            }
        };
        let number = i32::try_from(before + 1).unwrap_or(i32::MAX);
        let part = self.until_done(async || self.store.part(&self.state.key, &id, number, &content).await).await;
        self.arrived(content.len());
        part
    }

    async fn after(&self, before: Before) {
        while !before.is_so() {
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

    /// In its turn among all uploads of the task.
    async fn until_done<T>(&self, request: impl AsyncFn() -> Result<T, Fault>) -> T {
        let in_turn = async || {
            // The semaphore is never closed, so there is always a permit some time.
            let _permit = self.board.requests.acquire().await;
            request().await
        };
        self.board.until_done(in_turn).await
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
