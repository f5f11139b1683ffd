//! The way from a configuration and a stored position to a snapshot or a stream. Finds out what there is, lets
//! [`startup`](crate::startup) decide, and carries the decision out.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use connector_api::{Error, Host};
use tokio::time::{Instant, sleep};

use crate::catalog::pg_type::Types;
use crate::catalog::server::Server;
use crate::catalog::tables::{self, Captured, Which};
use crate::config::Settings;
use crate::connection::{Fault, Purpose, Session};
use crate::lsn::Lsn;
use crate::position::{Origin, Stored, StreamPosition};
use crate::publication::{self, Publication};
use crate::replication::commands::{self, Identity, NewSlot};
use crate::replication::reader::Reader;
use crate::slot::Slot;
use crate::snapshot::{self, Snapshot};
use crate::startup::{Plan, Situation, decide};
use crate::stream::relations::Relations;
use crate::stream::{Drain, Stream};
use crate::validate;

/// What has been opened.
pub enum Opened {
    /// Rows are to be read; afterwards, changes if the flag is set.
    Snapshot(Box<Snapshot>, bool),
    /// Changes are to be read, from a position on.
    Stream(Box<Stream>, StreamPosition),
    /// There is nothing more to do.
    Finished,
}

/// Between two looks at who is in the way.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The sessions and what they have found.
struct Opening {
    settings: Rc<Settings>,
    host: Arc<dyn Host>,
    sql: Session,
    replication: Session,
    server: Server,
    identity: Identity,
    captured: Captured,
}

/// Opens. The origin belongs to every position that is stored from here on.
pub async fn open(
    settings: Rc<Settings>,
    host: Arc<dyn Host>,
    stored: Option<Stored>,
) -> Result<(Opened, Origin), Error> {
    let mut opening = Opening::connect(settings, host).await?;
    let origin = Origin { identity: opening.identity, slot: opening.settings.slot.name.clone() };
    let plan = opening.plan(stored.as_ref()).await?;
    tracing::info!(slot = origin.slot, %plan, "start");
    let opened = match plan {
        Plan::Finished => Opened::Finished,
        Plan::SnapshotOnly => {
            let snapshot = snapshot::begin(&opening.settings, &opening.host, None, None).await?;
            Opened::Snapshot(Box::new(snapshot), false)
        }
        Plan::Begin { drop, snapshot } => opening.begin(drop, snapshot).await?,
        Plan::Resume(at) => opening.stream(at).await?,
        Plan::Adopt(at, why) => {
            let slot = &opening.settings.slot.name;
            opening.host.warn(&format!("The slot `{slot}` is used from where it stands, at {at}: {why}."));
            opening.stream(StreamPosition::after(at)).await?
        }
        Plan::Wait(_) => return Err(Error::retry("the slot is in use")),
    };
    Ok((opened, origin))
}

fn opening(fault: Fault) -> Error {
    fault.error("starting")
}

impl Opening {
    async fn connect(settings: Rc<Settings>, host: Arc<dyn Host>) -> Result<Opening, Error> {
        host.activity("connecting");
        let connecting = |fault: Fault| fault.error("connecting");
        let mut sql = Session::connect(&settings.target, Purpose::Sql).await.map_err(connecting)?;
        let server = Server::load(&mut sql).await.map_err(opening)?;
        server.check()?;
        let tables = tables::load(&mut sql, Which::Filtered(&settings.filters)).await.map_err(opening)?;
        let captured = Captured::sort_out(tables, settings.publication.via_root);
        for issue in validate::of_tables(&settings, &captured) {
            match issue {
                Ok(warning) => host.warn(&warning),
                Err(error) => return Err(error),
            }
        }
        let mut replication = Session::connect(&settings.target, Purpose::Replication).await.map_err(connecting)?;
        let identity = commands::identify(&mut replication).await.map_err(opening)?;
        Ok(Opening { settings, host, sql, replication, server, identity, captured })
    }

    /// Decides what to do, waiting for a slot that is in use.
    async fn plan(&mut self, stored: Option<&Stored>) -> Result<Plan, Error> {
        let history = self.history(stored).await?;
        let slot_settings = &self.settings.slot;
        let give_up = Instant::now() + slot_settings.patience;
        loop {
            let slot = Slot::find(&mut self.sql, &slot_settings.name, self.server.version).await.map_err(opening)?;
            let situation = Situation {
                mode: self.settings.snapshot.mode,
                settings: slot_settings,
                database: &self.settings.target.database,
                stored,
                slot: slot.as_ref(),
                identity: self.identity,
                history: &history,
                log_end: log_end(&mut self.sql).await?,
            };
            let Plan::Wait(pid) = decide(&situation)? else { return decide(&situation) };
            let who = format!("the slot `{}` is in use by the server's process {pid}", slot_settings.name);
            if Instant::now() >= give_up {
                return Err(Error::fail(who).remedy(
                    "Give each connector a slot of its own, or end what uses it (SELECT * FROM pg_stat_replication \
                    shows who \
                     that is)",
                ));
            }
            self.host.activity(&format!("waiting: {who}"));
            sleep(slot_settings.retry_delay.min(Duration::from_millis(500))).await;
        }
    }

    /// Where earlier timelines ended, if the server has been promoted since the position was stored.
    async fn history(&mut self, stored: Option<&Stored>) -> Result<Vec<commands::Switch>, Error> {
        let then = stored.and_then(|stored| stored.origin.as_ref()).map(|origin| origin.identity.timeline);
        match then {
            Some(then) if then < self.identity.timeline => {
                commands::history(&mut self.replication, self.identity.timeline).await.map_err(opening)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Makes the slot and begins at its point.
    async fn begin(mut self, drop: bool, with_snapshot: bool) -> Result<Opened, Error> {
        let publication = self.publish().await?;
        let name = self.settings.slot.name.clone();
        if drop {
            tracing::info!(slot = name, "the slot is made anew");
            commands::drop_slot(&mut self.replication, &name).await.map_err(opening)?;
        }
        let slot = self.create_slot(&name).await?;
        if !with_snapshot {
            return self.start(StreamPosition::after(slot.consistent_point)).await;
        }
        let exported = Some((slot.snapshot.as_str(), slot.consistent_point));
        let snapshot = snapshot::begin(&self.settings, &self.host, exported, publication.as_ref()).await?;
        self.replication.close().await;
        self.sql.close().await;
        Ok(Opened::Snapshot(Box::new(snapshot), true))
    }

    /// The server waits for all transactions that run when a slot is made; the status says for which.
    async fn create_slot(&mut self, name: &str) -> Result<NewSlot, Error> {
        let failover = self.settings.slot.failover && self.server.version >= 17;
        let creating = commands::create_slot(&mut self.replication, name, self.server.version, failover);
        tokio::pin!(creating);
        loop {
            tokio::select! {
                slot = &mut creating => return slot.map_err(|fault| fault.error("making the replication slot")),
                () = sleep(LOOK_EVERY) => {
                    let oldest = oldest_transaction(&mut self.sql).await?;
                    self.host.activity(&format!("making the slot: waiting for running transactions{oldest}"));
                }
            }
        }
    }

    /// Goes on from a position.
    async fn stream(mut self, at: StreamPosition) -> Result<Opened, Error> {
        self.publish().await?;
        self.start(at).await
    }

    async fn start(self, at: StreamPosition) -> Result<Opened, Error> {
        let Opening { settings, host, mut sql, replication, server, captured, .. } = self;
        let types = Types::load(&mut sql).await.map_err(opening)?;
        sql.close().await;
        let slot = &settings.slot;
        let command = commands::start(&slot.name, at.complete, &settings.publication.name, slot.origin.as_deref());
        let (socket, early) = replication.stream(&command).await.map_err(|fault| fault.error("starting the stream"))?;
        let reader = Reader::start(socket, early, server.status_interval(slot.status_interval));
        let relations = Relations::new(settings.clone(), host.clone(), types, captured.tables);
        let drain = Drain::new(at, relations, settings.skipped, settings.failure, host.clone());
        host.activity("streaming changes");
        Ok(Opened::Stream(Box::new(Stream::new(reader, drain)), at))
    }

    /// Brings the publication into line and returns it.
    async fn publish(&mut self) -> Result<Option<Publication>, Error> {
        let wanted = &self.settings.publication;
        let version = self.server.version;
        let found = Publication::find(&mut self.sql, &wanted.name, version).await.map_err(opening)?;
        let tables: Vec<_> = self.captured.tables.iter().chain(&self.captured.roots).collect();
        let statements = publication::statements(found.as_ref(), wanted, &tables, self.settings.skipped)?;
        for statement in &statements {
            tracing::info!(statement, "publication");
            self.sql.query(statement).await.map_err(|fault| validate::publication_refused(fault, statement))?;
        }
        let now = if statements.is_empty() {
            found
        } else {
            Publication::find(&mut self.sql, &wanted.name, version).await.map_err(opening)?
        };
        if let Some(publication) = &now {
            for warning in validate::of_publication(&self.settings, publication, &self.captured) {
                self.host.warn(&warning);
            }
        }
        Ok(now)
    }
}

async fn log_end(sql: &mut Session) -> Result<Lsn, Error> {
    let query = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
        ELSE pg_catalog.pg_current_wal_insert_lsn() END";
    let rows = sql.query(query).await.map_err(opening)?;
    Ok(rows.first().and_then(|row| row.parsed(0)).unwrap_or_default())
}

async fn oldest_transaction(sql: &mut Session) -> Result<String, Error> {
    let query = "SELECT pid, (EXTRACT(epoch FROM pg_catalog.now() - xact_start))::pg_catalog.int8 \
        FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1";
    let rows = sql.query(query).await.map_err(opening)?;
    let text = |row: &crate::connection::Row| {
        format!("; the oldest, of process {}, has been running for {} s", row.text(0), row.text(1))
    };
    Ok(rows.first().map(text).unwrap_or_default())
}

/// Drops the slot after the stream has ended.
pub async fn drop_slot(settings: &Settings) -> Result<(), Error> {
    let doing = |fault: Fault| fault.error("dropping the slot");
    let mut session = Session::connect(&settings.target, Purpose::Replication).await.map_err(doing)?;
    commands::drop_slot(&mut session, &settings.slot.name).await.map_err(doing)?;
    session.close().await;
    Ok(())
}
