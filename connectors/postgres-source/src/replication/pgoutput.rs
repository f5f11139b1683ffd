//! The messages of the `pgoutput` plugin, protocol version 1 (PostgreSQL documentation, "Logical Replication Message
//! Formats"). Pure and bounded: nothing is taken from a length before the bytes are there, and values stay slices of
//! the message.

use super::Malformed;
use super::cursor::Cursor;
use crate::lsn::Lsn;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// A transaction begins; all that follows up to [`Message::Commit`] belongs to it.
    Begin(Begin),
    /// It ends.
    Commit(Commit),
    /// The transaction came to this server by replication.
    Origin {
        /// Where it was committed there.
        lsn: Lsn,
        /// The other server's name.
        name: &'a str,
    },
    /// What a table looks like from now on.
    Relation(Relation<'a>),
    /// The name of a type that is not built in.
    Type,
    /// A row was added.
    Insert {
        /// The table's id.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row was changed.
    Update {
        /// The table's id.
        relation: u32,
        /// What it was before, where the server says so.
        old: Option<(OldTuple, Tuple<'a>)>,
        /// What it is now.
        new: Tuple<'a>,
    },
    /// A row was removed.
    Delete {
        /// The table's id.
        relation: u32,
        /// What it was.
        old: (OldTuple, Tuple<'a>),
    },
    /// Tables were emptied.
    Truncate(Vec<u32>),
    /// A message that an application wrote into the log.
    Logical,
}

/// The start of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Where its commit record stands.
    pub commit: Lsn,
    /// When it was committed, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// Its number.
    pub xid: u32,
}

/// The end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Where its commit record stands.
    pub commit: Lsn,
    /// The first position after it.
    pub end: Lsn,
    /// When it was committed, in microseconds since 1970-01-01 UTC.
    pub time: i64,
}

/// What a table looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation<'a> {
    /// The table's id.
    pub id: u32,
    /// The schema.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
    /// The replica identity: `d`, `n`, `f` or `i`, as in `pg_class.relreplident`.
    pub identity: u8,
    /// The columns, in the order of the rows.
    pub columns: Vec<RelationColumn<'a>>,
}

/// A column of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationColumn<'a> {
    /// Whether it belongs to the replica identity.
    pub identity: bool,
    /// The name.
    pub name: &'a str,
    /// The type's id.
    pub type_id: u32,
    /// The type's modifier; -1 for none.
    pub modifier: i32,
}

/// How much of a row an old tuple shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldTuple {
    /// The replica identity's columns; the others are null.
    Key,
    /// All columns.
    Full,
}

/// A row, not yet taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple<'a> {
    count: u16,
    cells: &'a [u8],
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// SQL null.
    Null,
    /// Stored apart from the row and not touched by the update, so the server did not send it.
    Unchanged,
    /// In the type's text form.
    Text(&'a [u8]),
}

/// Microseconds between 1970-01-01 and 2000-01-01, where the server's clock begins.
const SERVER_EPOCH: i64 = 946_684_800_000_000;

/// Reads one message.
pub fn decode(message: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut cursor = Cursor(message);
    let decoded = match cursor.u8()? {
        b'B' => Message::Begin(Begin { commit: lsn(&mut cursor)?, time: time(&mut cursor)?, xid: cursor.u32()? }),
        b'C' => commit(&mut cursor)?,
        b'O' => Message::Origin { lsn: lsn(&mut cursor)?, name: cursor.text()? },
        b'R' => Message::Relation(relation(&mut cursor)?),
        b'Y' => return Ok(Message::Type),
        b'I' => insert(&mut cursor)?,
        b'U' => update(&mut cursor)?,
        b'D' => Message::Delete { relation: cursor.u32()?, old: old_tuple(&mut cursor)? },
        b'T' => truncate(&mut cursor)?,
        b'M' => return Ok(Message::Logical),
        _ => return Err(Malformed("a message of an unknown kind")),
    };
    if cursor.0.is_empty() { Ok(decoded) } else { Err(Malformed("a message goes on after its end")) }
}

fn lsn(cursor: &mut Cursor<'_>) -> Result<Lsn, Malformed> {
    cursor.u64().map(Lsn)
}

fn time(cursor: &mut Cursor<'_>) -> Result<i64, Malformed> {
    cursor.i64().map(|micros| micros.saturating_add(SERVER_EPOCH))
}

fn commit<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    cursor.u8()?;
    Ok(Message::Commit(Commit { commit: lsn(cursor)?, end: lsn(cursor)?, time: time(cursor)? }))
}

fn relation<'a>(cursor: &mut Cursor<'a>) -> Result<Relation<'a>, Malformed> {
    let (id, schema, table, identity) = (cursor.u32()?, cursor.text()?, cursor.text()?, cursor.u8()?);
    let schema = if schema.is_empty() { "pg_catalog" } else { schema };
    let mut columns = Vec::new();
    for _ in 0..cursor.u16()? {
        columns.push(RelationColumn {
            identity: cursor.u8()? & 1 == 1,
            name: cursor.text()?,
            type_id: cursor.u32()?,
            modifier: cursor.i32()?,
        });
    }
    Ok(Relation { id, schema, table, identity, columns })
}

fn insert<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let relation = cursor.u32()?;
    match cursor.u8()? {
        b'N' => Ok(Message::Insert { relation, new: tuple(cursor)? }),
        _ => Err(Malformed("an insert without a row")),
    }
}

fn update<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let relation = cursor.u32()?;
    let old = match cursor.0.first() {
        Some(b'K' | b'O') => Some(old_tuple(cursor)?),
        _ => None,
    };
    match cursor.u8()? {
        b'N' => Ok(Message::Update { relation, old, new: tuple(cursor)? }),
        _ => Err(Malformed("an update without a row")),
    }
}

fn old_tuple<'a>(cursor: &mut Cursor<'a>) -> Result<(OldTuple, Tuple<'a>), Malformed> {
    let kind = match cursor.u8()? {
        b'K' => OldTuple::Key,
        b'O' => OldTuple::Full,
        _ => return Err(Malformed("an old row of an unknown kind")),
    };
    Ok((kind, tuple(cursor)?))
}

fn truncate<'a>(cursor: &mut Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let count = cursor.u32()?;
    cursor.u8()?;
    let mut relations = Vec::new();
    for _ in 0..count {
        relations.push(cursor.u32()?);
    }
    Ok(Message::Truncate(relations))
}

fn tuple<'a>(cursor: &mut Cursor<'a>) -> Result<Tuple<'a>, Malformed> {
    let count = cursor.u16()?;
    let start = cursor.0;
    for _ in 0..count {
        cell(cursor)?;
    }
    Ok(Tuple { count, cells: &start[..start.len() - cursor.0.len()] })
}

fn cell<'a>(cursor: &mut Cursor<'a>) -> Result<Cell<'a>, Malformed> {
    match cursor.u8()? {
        b'n' => Ok(Cell::Null),
        b'u' => Ok(Cell::Unchanged),
        b't' => cursor.sized().map(Cell::Text),
        _ => Err(Malformed("a value of an unknown kind")),
    }
}

impl<'a> Tuple<'a> {
    /// How many values there are.
    pub fn len(self) -> usize {
        usize::from(self.count)
    }

    /// The bytes that the row takes.
    pub fn size(self) -> usize {
        self.cells.len()
    }

    /// The values in order. They were walked through when the message was read, so none is malformed.
    pub fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        let mut cursor = Cursor(self.cells);
        (0..self.count).map_while(move |_| cell(&mut cursor).ok())
    }
}

#[cfg(test)]
mod tests;
