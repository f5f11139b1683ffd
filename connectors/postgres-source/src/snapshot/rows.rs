//! Rows on their way out of the server, and where each stands in the snapshot.

use std::sync::Arc;

use bytes::Bytes;

use crate::connection::session::cell;
use crate::envelope::Shape;
use crate::envelope::source::Marker;
use crate::replication::Malformed;
use crate::replication::cursor::Cursor;
use crate::replication::pgoutput::Cell;

/// A row that has come and whose place is not known before the next one comes, or none.
#[derive(Clone, Debug)]
pub struct Held {
    /// How it is read.
    pub shape: Arc<Shape>,
    /// The body of its DataRow.
    pub body: Bytes,
    first: bool,
    first_of_table: bool,
}

/// What comes after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another row of its table.
    SameTable,
    /// A row of another table.
    OtherTable,
    /// Nothing.
    End,
}

impl Held {
    /// A row; `before` says whether rows have come before it at all, and in its table.
    pub fn new(shape: Arc<Shape>, body: Bytes, before: (bool, bool)) -> Held {
        Held { shape, body, first: !before.0, first_of_table: !before.1 }
    }

    /// Where it stands, now that it is known what follows.
    pub fn marker(&self, next: Next) -> Marker {
        match next {
            Next::End => Marker::Last,
            _ if self.first => Marker::First,
            Next::OtherTable => Marker::LastOfTable,
            Next::SameTable if self.first_of_table => Marker::FirstOfTable,
            Next::SameTable => Marker::Within,
        }
    }
}

/// The values of a DataRow, checked to be as many as expected.
pub fn cells(body: &[u8], expected: usize) -> Result<impl Iterator<Item = Cell<'_>>, Malformed> {
    let mut cursor = Cursor(body);
    let count = usize::from(cursor.u16()?);
    let mut walk = cursor;
    for _ in 0..count {
        cell(&mut walk)?;
    }
    // A statement without columns still returns one.
    if count != expected.max(1) {
        return Err(Malformed("a row has another number of values than its table has columns"));
    }
    Ok((0..count).map_while(move |_| cell(&mut cursor).ok().map(|value| value.map_or(Cell::Null, Cell::Text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_rows_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..60), expected in 0usize..5) {
            let _ = cells(&body, expected).map(|cells| cells.count());
        }
    }

    #[test]
    fn a_row_with_more_or_fewer_values_is_refused() {
        let row = [&[0, 2][..], &(-1i32).to_be_bytes(), &1i32.to_be_bytes(), b"x"].concat();
        let found: Vec<Cell<'_>> = cells(&row, 2).unwrap().collect();
        assert_eq!(found, [Cell::Null, Cell::Text(b"x")]);
        assert!(cells(&row, 3).is_err() && cells(&row, 1).is_err());
    }
}
