//! From the cells of a row to values.

use bytes::Bytes;
use connector_api::data::{Struct, Value};
use connector_api::{Error, Host};

use super::shape::{Column, Shape};
use crate::config::modes::FailureMode;
use crate::decode::{Scratch, Unreadable};
use crate::replication::pgoutput::{Cell, OldTuple};

/// What reading values needs besides the row.
pub struct Reading<'a> {
    /// Room for text that is written anew.
    pub scratch: &'a mut Scratch,
    /// What happens to values that do not fit.
    pub failure: FailureMode,
    /// Who hears about them.
    pub host: &'a dyn Host,
}

/// Which row it is.
#[derive(Clone, Copy, Debug)]
pub enum Side<'a> {
    /// The row as it is now. Values that were not sent are found in the full old row, if there is one.
    New(Option<&'a [Value]>),
    /// The row as it was.
    Old(OldTuple),
}

impl Reading<'_> {
    /// Decodes a row: the values of all columns with a decoder. `buffer` holds the cells.
    pub fn row<'c>(
        &mut self,
        shape: &Shape,
        cells: impl Iterator<Item = Cell<'c>>,
        side: Side<'_>,
        buffer: &Bytes,
    ) -> Result<Vec<Value>, Error> {
        let mut values = Vec::with_capacity(shape.row.fields().len());
        for (column, cell) in shape.columns.iter().zip(cells) {
            let Some(decoder) = &column.decoder else { continue };
            let value = match (cell, side) {
                (Cell::Text(text), _) => match decoder.decode(text, buffer, self.scratch) {
                    Ok(value) => value,
                    Err(why) => self.misfit(shape, column, why)?,
                },
                (Cell::Null, Side::Old(OldTuple::Key)) if !column.identity => column.absent.clone(),
                (Cell::Null, _) => Value::Null,
                (Cell::Unchanged, Side::New(Some(old))) => old.get(values.len()).cloned().unwrap_or(Value::Null),
                (Cell::Unchanged, _) => column.placeholder.clone(),
            };
            values.push(value);
        }
        Ok(values)
    }

    /// A value does not fit its schema.
    fn misfit(&self, shape: &Shape, column: &Column, why: Unreadable) -> Result<Value, Error> {
        let what = format!("a value of `{}` in `{}` cannot be shown: {}", column.name, shape.table, why.0);
        match self.failure {
            FailureMode::Warn if column.optional => {
                self.host.warn(&format!("{what}. It was replaced by null."));
                Ok(Value::Null)
            }
            FailureMode::Skip if column.optional => Ok(Value::Null),
            _ => Err(Error::fatal(what).remedy(
                "Leave the column out by `column.exclude.list`, or show it in another form by the handling modes",
            )),
        }
    }
}

impl Shape {
    /// The part of a decoded row that values hold, as a struct.
    pub fn value(&self, row: Vec<Value>) -> Value {
        let shown = match &self.in_value {
            None => row,
            Some(places) => places.iter().map(|place| row[*place].clone()).collect(),
        };
        Value::Struct(Struct::new(self.row.clone(), shown))
    }
}
