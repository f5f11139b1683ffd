//! Batches, connections, and the search for records that the server does not take.

use std::collections::BTreeSet;
use std::sync::Arc;

use connector_api::{Decision, Error, Result, SinkRecord, Taken, TopicPartition};
use tokio::time::timeout;

use crate::names::Table;
use crate::row::Row;
use crate::session::{Session, Statements};
use crate::settings::Settings;
use crate::transaction::Offsets;

/// Writes for one task.
pub struct Writer {
    settings: Settings,
    connector: Arc<str>,
    offsets_table: Table,
    /// None after an error that a connection may not outlive.
    connected: Option<(Session, Statements)>,
    /// Where reading began.
    opened: Offsets,
}

impl Writer {
    /// Not connected yet.
    pub fn new(settings: Settings, connector: Arc<str>) -> Result<Writer> {
        let offsets_table = Table::of("offsets.table", &settings.offsets_table, "")?;
        Ok(Writer { settings, connector, offsets_table, connected: None, opened: Offsets::new() })
    }

    /// Connects.
    pub async fn connect(&mut self) -> Result<()> {
        let limit = self.settings.timeout;
        let connected = timeout(limit, async { self.connected().await.map(|_| ()) }).await;
        connected.unwrap_or_else(|_| Err(self.late("connecting")))
    }

    /// A connection that works, as far as is known.
    async fn connected(&mut self) -> Result<&mut (Session, Statements)> {
        let connected = match self.connected.take().filter(|(session, _)| !session.is_closed()) {
            Some(connected) => connected,
            None => {
                let mut session = Session::open(&self.settings).await?;
                session.ensure(&self.offsets_table, &self.offsets_table.offsets()).await?;
                let statements = session.prepare(&self.offsets_table).await?;
                (session, statements)
            }
        };
        Ok(self.connected.insert(connected))
    }

    /// Begins to count partitions: where to read them on.
    pub async fn open(&mut self, partitions: &[TopicPartition]) -> Result<Offsets> {
        let (limit, connector) = (self.settings.timeout, self.connector.clone());
        let work = async {
            let (session, statements) = self.connected().await?;
            session.offsets(statements, &connector, partitions).await
        };
        let stored = timeout(limit, work).await.unwrap_or_else(|_| Err(self.late("reading offsets")))?;
        self.opened.extend(stored.clone());
        Ok(stored)
    }

    /// Forgets partitions.
    pub fn close(&mut self, partitions: &[TopicPartition]) {
        self.opened.retain(|partition, _| !partitions.contains(partition));
    }

    /// Writes records, and says which of them the server does not take.
    pub async fn put(&mut self, records: &[SinkRecord]) -> Result<Taken> {
        let rows = records.iter().enumerate().map(|(index, record)| self.row(index, record));
        let rows = rows.collect::<Result<Vec<Row>>>()?;
        let (mut taken, mut held) = (Taken::all(), Offsets::new());
        for batch in rows.chunks(self.settings.batch) {
            self.write(batch, &mut taken, &mut held).await?;
        }
        Ok(taken)
    }

    fn row(&self, index: usize, record: &SinkRecord) -> Result<Row> {
        let (origin, offset) = (&record.origin, record.offset);
        if let Some(opened) = self.opened.get(origin).filter(|opened| offset < **opened) {
            let remedy = format!(
                "Has the topic been made anew? Then delete the rows of `{}` and this topic from {}; rows of the old \
                 topic are replaced where the new one has the same offsets.",
                self.connector, self.offsets_table.0
            );
            return Err(Error::fatal(format!("{origin} comes at offset {offset}, but is written up to {opened}"))
                .remedy(remedy));
        }
        Ok(Row::new(index, record, Table::of("table", &self.settings.table, &record.topic)?))
    }

    /// Writes a batch; where the server refuses it for its data, halves of it, down to the records that are meant.
    ///
    /// A partition is held at the first of those: it moves on with the next put, which the worker makes only after it
    /// has dealt with them. A crash in between reads on from there, and finds the rows behind by their primary key.
    async fn write(&mut self, batch: &[Row], taken: &mut Taken, held: &mut Offsets) -> Result<()> {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.try_write(part, held).await {
                Ok(()) => {}
                Err(why) if *why.decision() != Decision::Reject => return Err(why),
                Err(why) => match part {
                    [row] => {
                        held.entry(row.origin.clone()).or_insert(row.offset);
                        taken.reject(row.index, why);
                    }
                    part => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                    }
                },
            }
        }
        Ok(())
    }

    /// One transaction. After an error that is not about data, the next begins with a new connection.
    async fn try_write(&mut self, rows: &[Row], held: &Offsets) -> Result<()> {
        let limit = self.settings.timeout;
        let written = timeout(limit, self.write_once(rows, held)).await;
        let written = written.unwrap_or_else(|_| Err(self.late("writing")));
        if written.as_ref().is_err_and(|why| *why.decision() != Decision::Reject) {
            self.connected = None;
        }
        written
    }

    async fn write_once(&mut self, rows: &[Row], held: &Offsets) -> Result<()> {
        let connector = self.connector.clone();
        let (session, statements) = self.connected().await?;
        for table in rows.iter().map(|row| &row.table).collect::<BTreeSet<_>>() {
            session.ensure(table, &table.records()).await?;
        }
        session.write(statements, &connector, rows, held).await
    }

    fn late(&self, doing: &str) -> Error {
        let (server, limit) = (&self.settings.shown, self.settings.timeout);
        Error::retry(format!("{doing} at {server} took longer than {limit:?}"))
            .remedy("Is the server overloaded or a table locked? `request.timeout.ms` is the limit.")
    }
}
