//! Reading and writing the status topic.

use std::sync::Arc;

use broker_client::{Client, Result};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::status_log::{Status, StatusLog, Subject};
use crate::internal::{Entry, Tail, Writer};

/// How it goes, as everybody in the herd says. Cheap to clone.
#[derive(Clone)]
pub struct StatusStore {
    log: Arc<Mutex<StatusLog>>,
    _tail: Arc<Tail>,
    news: mpsc::UnboundedSender<News>,
}

enum News {
    Status(Subject, Option<Status>),
    Flush(oneshot::Sender<()>),
}

impl StatusStore {
    /// Reads the topic whole and follows it.
    pub async fn open(client: Client, topic: &str, writer: Writer) -> Result<StatusStore> {
        let log = Arc::new(Mutex::new(StatusLog::default()));
        let applied = log.clone();
        let apply = move |_: i32, record: &broker_wire::records::Record| {
            if let Some(key) = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
                applied.lock().apply(key, record.value.as_deref());
            }
        };
        let tail = Tail::start(client, topic, Box::new(apply)).await?;
        let (news, received) = mpsc::unbounded_channel();
        tokio::spawn(write(topic.into(), writer, received));
        Ok(StatusStore { log, _tail: Arc::new(tail), news })
    }

    /// Tells everybody; `None` if there is nothing to tell any more. Returns at once.
    pub fn tell(&self, subject: Subject, status: Option<Status>) {
        let _ = self.news.send(News::Status(subject, status));
    }

    /// Returns once everything that was told has been tried to be written.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.news.send(News::Flush(done)).is_ok() {
            let _ = flushed.await;
        }
    }

    /// The newest status that the topic has.
    pub fn get(&self, subject: &Subject) -> Option<Status> {
        self.log.lock().get(subject).cloned()
    }

    /// Everything that the topic says of a connector and its tasks.
    pub fn of_connector(&self, name: &str) -> Vec<(Subject, Status)> {
        let log = self.log.lock();
        let of_it = log.iter().filter(|(subject, _)| match subject {
            Subject::Connector(known) | Subject::Task(known, _) => known == name,
        });
        of_it.map(|(subject, status)| (subject.clone(), status.clone())).collect()
    }

    /// Everything that the topic says.
    pub fn all(&self) -> Vec<(Subject, Status)> {
        self.log.lock().iter().map(|(subject, status)| (subject.clone(), status.clone())).collect()
    }
}

/// One after the other, so that the topic tells the same story as this worker. A status that cannot be written is only
/// missing until the next one.
async fn write(topic: Arc<str>, writer: Writer, mut news: mpsc::UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        match news {
            News::Flush(done) => drop(done.send(())),
            News::Status(subject, status) => {
                let value = status.map(|status| status.to_json().into());
                let entry = Entry { key: subject.key().into(), value };
                if let Err(error) = writer.write(&topic, vec![entry]).await {
                    tracing::warn!(key = subject.key(), %error, "a status could not be written");
                }
            }
        }
    }
}
