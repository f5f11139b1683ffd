//! The columns of a row group in memory.

use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedFileWriter;
use bytes::Bytes;
use connector_api::data::Value;

use super::tree::{ColumnKind, Node};

/// All columns of the records since the last row group.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
    records: usize,
    bytes: usize,
    mark: usize,
}

#[derive(Debug, Default)]
struct Column {
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Values,
    /// Levels and values before the last record.
    mark: (usize, usize),
}

#[derive(Debug)]
enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Bytes of all values, and where each ends.
    Bytes(Vec<u8>, Vec<usize>),
}

impl Default for Values {
    fn default() -> Values {
        Values::Bytes(Vec::new(), Vec::new())
    }
}

impl Columns {
    /// The columns of a schema's tree, empty.
    pub fn new(tree: &Node) -> Columns {
        let mut kinds = Vec::new();
        tree.kinds(&mut kinds);
        let column = |kind| Column { values: Values::new(kind), ..Column::default() };
        Columns { columns: kinds.into_iter().map(column).collect(), records: 0, bytes: 0, mark: 0 }
    }

    /// What is pushed from now on is one record.
    pub fn begin_record(&mut self) {
        self.columns.iter_mut().for_each(|column| column.mark = (column.definitions.len(), column.values.len()));
        self.mark = self.bytes;
        self.records += 1;
    }

    /// Forgets the last record.
    pub fn undo_record(&mut self) {
        for column in &mut self.columns {
            column.definitions.truncate(column.mark.0);
            column.repetitions.truncate(column.mark.0);
            column.values.truncate(column.mark.1);
        }
        self.bytes = self.mark;
        self.records -= 1;
    }

    /// Records since the last row group.
    pub fn records(&self) -> usize {
        self.records
    }

    /// The size of what was pushed, in bytes. It depends on the records alone.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory held, in bytes.
    pub fn held(&self) -> usize {
        let levels = |column: &Column| 2 * (column.definitions.capacity() + column.repetitions.capacity());
        self.columns.iter().map(|column| levels(column) + column.values.held()).sum()
    }

    /// Nothing in a column.
    pub fn skip(&mut self, column: usize, (definition, repetition): (i16, i16)) {
        let Some(column) = self.columns.get_mut(column) else { return };
        column.definitions.push(definition);
        column.repetitions.push(repetition);
        self.bytes += 1;
    }

    /// A value in a column. The error says why it does not belong there.
    pub fn push(&mut self, column: usize, kind: ColumnKind, value: &Value, levels: (i16, i16)) -> Result<(), String> {
        let Some(target) = self.columns.get_mut(column) else { return Err("it has no column".to_owned()) };
        let size = target.values.push(kind, value)?;
        self.skip(column, levels);
        self.bytes += size;
        Ok(())
    }

    /// Writes a row group of all records, and forgets them.
    pub fn write(&mut self, writer: &mut SerializedFileWriter<Vec<u8>>) -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut target) = group.next_column()? else { break };
            column.write(target.untyped())?;
            target.close()?;
            *column = Column { values: column.values.emptied(), ..Column::default() };
        }
        group.close()?;
        (self.records, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Column {
    fn write(&mut self, target: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let (definitions, repetitions) = (Some(&*self.definitions), Some(&*self.repetitions));
        macro_rules! write {
            ($target:expr, $values:expr) => {
                $target.write_batch($values, definitions, repetitions).map(|_| ())
            };
        }
        match (target, &mut self.values) {
            (ColumnWriter::BoolColumnWriter(target), Values::Boolean(values)) => write!(target, values),
            (ColumnWriter::Int32ColumnWriter(target), Values::Int32(values)) => write!(target, values),
            (ColumnWriter::Int64ColumnWriter(target), Values::Int64(values)) => write!(target, values),
            (ColumnWriter::FloatColumnWriter(target), Values::Float(values)) => write!(target, values),
            (ColumnWriter::DoubleColumnWriter(target), Values::Double(values)) => write!(target, values),
            (ColumnWriter::ByteArrayColumnWriter(target), Values::Bytes(bytes, ends)) => {
                let bytes = Bytes::from(std::mem::take(bytes));
                let starts = std::iter::once(&0).chain(ends.iter());
                let values: Vec<ByteArray> =
                    starts.zip(ends.iter()).map(|(start, end)| bytes.slice(*start..*end).into()).collect();
                write!(target, &values)
            }
            _ => Err(ParquetError::General("a column is of another type than its schema".to_owned())),
        }
    }
}

impl Values {
    fn new(kind: ColumnKind) -> Values {
        match kind {
            ColumnKind::Boolean => Values::Boolean(Vec::new()),
            ColumnKind::Int32 => Values::Int32(Vec::new()),
            ColumnKind::Int64 => Values::Int64(Vec::new()),
            ColumnKind::Float => Values::Float(Vec::new()),
            ColumnKind::Double => Values::Double(Vec::new()),
            ColumnKind::Bytes | ColumnKind::Decimal(_) => Values::default(),
        }
    }

    fn emptied(&self) -> Values {
        match self {
            Values::Boolean(_) => Values::Boolean(Vec::new()),
            Values::Int32(_) => Values::Int32(Vec::new()),
            Values::Int64(_) => Values::Int64(Vec::new()),
            Values::Float(_) => Values::Float(Vec::new()),
            Values::Double(_) => Values::Double(Vec::new()),
            Values::Bytes(..) => Values::default(),
        }
    }

    /// Appends a value and says its size.
    fn push(&mut self, kind: ColumnKind, value: &Value) -> Result<usize, String> {
        match (self, kind, value) {
            (Values::Boolean(values), _, Value::Boolean(value)) => values.push(*value),
            (Values::Int32(values), _, Value::Int8(number)) => values.push(i32::from(*number)),
            (Values::Int32(values), _, Value::Int16(number)) => values.push(i32::from(*number)),
            (Values::Int32(values), _, Value::Int32(number)) => values.push(*number),
            (Values::Int64(values), _, Value::Int64(number)) => values.push(*number),
            (Values::Float(values), _, Value::Float32(number)) => values.push(*number),
            (Values::Double(values), _, Value::Float64(number)) => values.push(*number),
            (Values::Bytes(bytes, ends), ColumnKind::Decimal(scale), Value::Decimal(number)) => {
                let unscaled = number.unscaled(scale);
                bytes.extend_from_slice(
                    &unscaled.ok_or_else(|| format!("{number} has more than {scale} decimal places"))?,
                );
                ends.push(bytes.len());
            }
            (Values::Bytes(bytes, ends), ColumnKind::Bytes, Value::String(text)) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(bytes.len());
                return Ok(text.len() + 4);
            }
            (Values::Bytes(bytes, ends), ColumnKind::Bytes, Value::Bytes(value)) => {
                bytes.extend_from_slice(value);
                ends.push(bytes.len());
                return Ok(value.len() + 4);
            }
            (_, _, Value::Null) => return Err("nothing stands where something must".to_owned()),
            _ => return Err("it is of another type".to_owned()),
        }
        Ok(8)
    }

    fn len(&self) -> usize {
        match self {
            Values::Boolean(values) => values.len(),
            Values::Int32(values) => values.len(),
            Values::Int64(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Double(values) => values.len(),
            Values::Bytes(_, ends) => ends.len(),
        }
    }

    fn truncate(&mut self, to: usize) {
        match self {
            Values::Boolean(values) => values.truncate(to),
            Values::Int32(values) => values.truncate(to),
            Values::Int64(values) => values.truncate(to),
            Values::Float(values) => values.truncate(to),
            Values::Double(values) => values.truncate(to),
            Values::Bytes(bytes, ends) => {
                ends.truncate(to);
                bytes.truncate(ends.last().copied().unwrap_or(0));
            }
        }
    }

    fn held(&self) -> usize {
        match self {
            Values::Boolean(values) => values.capacity(),
            Values::Int32(values) => values.capacity() * size_of::<i32>(),
            Values::Int64(values) => values.capacity() * size_of::<i64>(),
            Values::Float(values) => values.capacity() * size_of::<f32>(),
            Values::Double(values) => values.capacity() * size_of::<f64>(),
            Values::Bytes(bytes, ends) => bytes.capacity() + ends.capacity() * size_of::<usize>(),
        }
    }
}
