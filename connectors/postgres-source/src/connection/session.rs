//! A session: simple queries, rows that stream, and the switch into the replication stream.

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Fault, ServerError, Socket, frames, handshake};
use crate::replication::Malformed;
use crate::replication::cursor::Cursor;

/// How much is asked of the socket at once, in bytes.
pub const READ_SIZE: usize = 64 << 10;

/// A logged-in connection.
pub struct Session {
    socket: Box<dyn Socket>,
    buffer: BytesMut,
}

/// A row of a small result: its values as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Option<String>>);

impl Row {
    /// A value; `None` for null and for columns that do not exist.
    pub fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// A value as text; empty for null.
    pub fn text(&self, column: usize) -> &str {
        self.get(column).unwrap_or("")
    }

    /// A value as a number or anything else that is read from text; `None` for null or anything unreadable.
    pub fn parsed<T: std::str::FromStr>(&self, column: usize) -> Option<T> {
        self.get(column)?.parse().ok()
    }

    /// A boolean; false for null.
    pub fn flag(&self, column: usize) -> bool {
        self.get(column) == Some("t")
    }
}

impl Session {
    pub(super) fn new(socket: Box<dyn Socket>) -> Session {
        Session { socket, buffer: BytesMut::new() }
    }

    pub(super) async fn send(&mut self, message: BytesMut) -> Result<(), Fault> {
        if !message.is_empty() {
            self.socket.write_all(&message).await?;
            self.socket.flush().await?;
        }
        Ok(())
    }

    /// The next message, whole.
    pub(super) async fn message(&mut self) -> Result<(u8, BytesMut), Fault> {
        loop {
            if let Some(message) = handshake::cut(&mut self.buffer)? {
                return Ok(message);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        if self.buffer.capacity() - self.buffer.len() < READ_SIZE / 4 {
            self.buffer.reserve(READ_SIZE);
        }
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(Fault::closed()),
            _ => Ok(()),
        }
    }

    /// Reads on until the server is ready for the next query; an error on the way is returned then. After some errors
    /// the server closes the connection instead.
    pub(super) async fn until_ready(&mut self) -> Result<Vec<Row>, Fault> {
        let (mut rows, mut error) = (Vec::new(), None);
        loop {
            let (tag, body) = match (self.message().await, &error) {
                (Err(_), Some(_)) => (b'Z', BytesMut::new()),
                (message, _) => message?,
            };
            match tag {
                b'D' => rows.push(row(&body)?),
                b'E' => error = Some(ServerError::read(&body)),
                b'Z' => return error.map_or(Ok(rows), |error| Err(Fault::Server(Box::new(error)))),
                _ => {}
            }
        }
    }

    /// Runs statements and returns all their rows. Meant for small results.
    pub async fn query(&mut self, statements: &str) -> Result<Vec<Row>, Fault> {
        self.start(statements).await?;
        self.until_ready().await
    }

    /// Sends statements whose rows are then read by [`rows`](Self::rows).
    pub async fn start(&mut self, statements: &str) -> Result<(), Fault> {
        let mut message = BytesMut::new();
        let zero = |_| Fault::Login { key: "database.initial.statements", why: "a statement holds a zero byte".into() };
        frontend::query(statements, &mut message).map_err(zero)?;
        self.send(message).await
    }

    /// All messages that have come, at least one, waiting if need be. The caller reads them up to ReadyForQuery.
    pub async fn rows(&mut self) -> Result<Bytes, Fault> {
        loop {
            let whole = frames::whole(&self.buffer, |_, _| {})?;
            if whole > 0 {
                return Ok(self.buffer.split_to(whole).freeze());
            }
            self.fill().await?;
        }
    }

    /// Starts the replication stream. What follows belongs to the reader: the socket and bytes that came early.
    pub async fn stream(mut self, command: &str) -> Result<(Box<dyn Socket>, BytesMut), Fault> {
        self.start(command).await?;
        loop {
            let (tag, body) = self.message().await?;
            match tag {
                b'W' => return Ok((self.socket, self.buffer)),
                b'E' => return Err(Fault::Server(Box::new(ServerError::read(&body)))),
                b'N' | b'S' => {}
                _ => return Err(Malformed("no stream follows the command that starts it").into()),
            }
        }
    }

    /// Says goodbye. The server sees a clean end.
    pub async fn close(mut self) {
        let mut message = BytesMut::new();
        frontend::terminate(&mut message);
        let _ = self.send(message).await;
    }
}

fn row(body: &[u8]) -> Result<Row, Malformed> {
    let mut cursor = Cursor(body);
    let mut values = Vec::new();
    for _ in 0..cursor.u16()? {
        let value = cell(&mut cursor)?;
        values.push(value.map(|text| String::from_utf8_lossy(text).into_owned()));
    }
    Ok(Row(values))
}

/// One value of a DataRow: a length, -1 for null, and the bytes.
pub fn cell<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match cursor.i32()? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| Malformed("a value has a negative length"))?;
            cursor.take(length).map(Some)
        }
    }
}
