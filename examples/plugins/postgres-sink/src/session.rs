//! A connection and its statements.

use std::collections::BTreeSet;

use connector_api::{Decision, Error, Result, TopicPartition};
use tokio_postgres::{Client, NoTls, Statement};

use crate::decide::decide;
use crate::names::Table;
use crate::row::Row;
use crate::settings::Settings;
use crate::transaction::{Offsets, columns, offset, transaction};

/// What the server says.
pub type Said<T> = std::result::Result<T, tokio_postgres::Error>;

/// Rows of one batch before they are shared out among tables. Gone at the end of each transaction.
const STAGING: &str = "CREATE TEMP TABLE naru_staging (target int, key text, value jsonb, topic text, partition int, \
                       kafka_offset bigint) ON COMMIT DELETE ROWS";

/// A connection.
pub struct Session {
    client: Client,
    shown: String,
    known: BTreeSet<Table>,
    create_tables: bool,
}

/// The statements that a task needs again and again.
pub struct Statements {
    begin: Statement,
    read: Statement,
    /// The same, and nobody else moves these partitions until the transaction ends.
    pub lock: Statement,
    pub copy: Statement,
    pub store: Statement,
}

impl Session {
    /// Connects.
    pub async fn open(settings: &Settings) -> Result<Session> {
        let failed = |error| decide(error, "connect", &settings.shown);
        let (client, connection) = settings.server.connect(NoTls).await.map_err(failed)?;
        // Ends with the client. It may move between threads, so it need not be a local task.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection has ended");
            }
        });
        let (shown, create_tables) = (settings.shown.clone(), settings.create_tables);
        Ok(Session { client, shown, known: BTreeSet::new(), create_tables })
    }

    /// Whether it can be used no more.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Makes a table unless it is there.
    pub async fn ensure(&mut self, table: &Table, definition: &str) -> Result<()> {
        if !self.create_tables || self.known.contains(table) {
            return Ok(());
        }
        match make(&self.client, table, definition).await {
            Ok(()) => _ = self.known.insert(table.clone()),
            Err(error) => return Err(made_twice(decide(error, &format!("make {}", table.0), &self.shown))),
        }
        Ok(())
    }

    /// Prepares statements on the table of offsets.
    pub async fn prepare(&self, offsets: &Table) -> Result<Statements> {
        let prepared = prepare(&self.client, &offsets.0).await;
        prepared.map_err(|error| decide(error, &format!("use {}", offsets.0), &self.shown))
    }

    /// Begins to count partitions, and says how far they have got.
    pub async fn offsets(&self, with: &Statements, connector: &str, of: &[TopicPartition]) -> Result<Offsets> {
        let (topics, numbers) = columns(of.iter());
        let found = async {
            self.client.execute(&with.begin, &[&connector, &topics, &numbers]).await?;
            self.client.query(&with.read, &[&connector, &topics, &numbers]).await
        };
        let found = found.await.map_err(|error| decide(error, "read offsets", &self.shown))?;
        Ok(found.iter().filter_map(offset).collect())
    }

    /// Writes the rows that are not there yet and moves the partitions on, at most to where they are held; all or
    /// nothing.
    pub async fn write(&mut self, with: &Statements, connector: &str, rows: &[Row], held: &Offsets) -> Result<()> {
        let written = transaction(&mut self.client, with, connector, rows, held).await;
        let tables = || rows.iter().map(|row| row.table.0.as_str()).collect::<BTreeSet<_>>();
        written.map_err(|error| {
            let tables = tables().into_iter().collect::<Vec<_>>().join(", ");
            decide(error, &format!("write into {tables}"), &self.shown)
        })
    }
}

async fn make(client: &Client, table: &Table, definition: &str) -> Said<()> {
    // Asked first: `IF NOT EXISTS` would want the right to make tables even where there is nothing to make.
    let there = client.query_one("SELECT to_regclass($1)::oid IS NOT NULL", &[&table.0]).await?;
    if there.try_get(0)? { Ok(()) } else { client.batch_execute(definition).await }
}

/// Two tasks that make one table at the same time meet in the server's own tables.
fn made_twice(error: Error) -> Error {
    match error.decision() {
        Decision::Reject => error.decided(Decision::Retry { after: None }),
        _ => error,
    }
}

async fn prepare(client: &Client, offsets: &str) -> Said<Statements> {
    client.batch_execute(STAGING).await?;
    let named = "(topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))";
    let read = format!("SELECT topic, partition, next_offset FROM {offsets} WHERE connector = $1 AND {named}");
    let begin = format!(
        "INSERT INTO {offsets} (connector, topic, partition) SELECT $1, * FROM unnest($2::text[], $3::int[]) \
         ON CONFLICT DO NOTHING"
    );
    let store = format!(
        "INSERT INTO {offsets} AS o SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[]) \
         ON CONFLICT (connector, topic, partition) DO UPDATE SET next_offset = \
         GREATEST(o.next_offset, excluded.next_offset)"
    );
    Ok(Statements {
        begin: client.prepare(&begin).await?,
        lock: client.prepare(&format!("{read} ORDER BY topic, partition FOR UPDATE")).await?,
        read: client.prepare(&read).await?,
        copy: client.prepare("COPY naru_staging FROM STDIN").await?,
        store: client.prepare(&store).await?,
    })
}
