//! The server and the role that has logged in.

use std::time::Duration;

use connector_api::Error;

use crate::connection::{Fault, Session};

/// The oldest major version that is read.
pub const OLDEST_VERSION: u32 = 13;

/// What matters about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The major version, such as 15.
    pub version: u32,
    /// `wal_level`.
    pub wal_level: String,
    /// After this long without a word from us the server ends the stream; zero for never.
    pub sender_timeout: Duration,
    /// Whether it only replays another server's log.
    pub standby: bool,
    /// Whether the role may start replication.
    pub may_replicate: bool,
    /// Whether the role may make publications in this database.
    pub may_create: bool,
    /// The role.
    pub role: String,
}

const QUERY: &str = "SELECT current_setting('server_version_num'), current_setting('wal_level'), \
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'), pg_catalog.pg_is_in_recovery(), \
    EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE (r.rolname = current_user AND (r.rolsuper OR r.rolreplication)) \
        OR (r.rolname IN ('rds_replication', 'rds_superuser', 'cloudsqlreplica', 'azure_pg_admin') \
            AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))), \
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), current_user";

impl Server {
    /// Asks the server.
    pub async fn load(session: &mut Session) -> Result<Server, Fault> {
        let rows = session.query(QUERY).await?;
        let row = rows.first().cloned().unwrap_or(crate::connection::Row(Vec::new()));
        Ok(Server {
            version: row.parsed::<u32>(0).unwrap_or(0) / 10_000,
            wal_level: row.text(1).to_owned(),
            sender_timeout: Duration::from_millis(row.parsed(2).unwrap_or(60_000)),
            standby: row.flag(3),
            may_replicate: row.flag(4),
            may_create: row.flag(5),
            role: row.text(6).to_owned(),
        })
    }

    /// What keeps any stream from being read, with its remedy. Pure.
    pub fn check(&self) -> Result<(), Error> {
        if self.version < OLDEST_VERSION {
            let message =
                format!("the server is PostgreSQL {}, and the oldest that is read is {OLDEST_VERSION}", self.version);
            return Err(Error::bad_config("database.hostname", message).remedy("Upgrade the server"));
        }
        if self.wal_level != "logical" {
            let message = format!(
                "the server runs with wal_level = {}, and changes can only be read with logical",
                self.wal_level
            );
            return Err(Error::bad_config("plugin.name", message).remedy(
                "Run ALTER SYSTEM SET wal_level = logical and restart the server (managed services have a parameter \
                for it, \
                 such as rds.logical_replication)",
            ));
        }
        if self.standby && self.version < 16 {
            return Err(Error::bad_config(
                "database.hostname",
                "the server is a standby, and standbys can only be read from PostgreSQL 16 on",
            )
            .remedy("Name the primary"));
        }
        if !self.may_replicate {
            let message = format!("the role `{}` may not replicate", self.role);
            return Err(Error::bad_config("database.user", message).remedy(format!(
                "Run ALTER ROLE \"{}\" REPLICATION (on managed services grant their replication role, such as \
                rds_replication)",
                self.role
            )));
        }
        Ok(())
    }

    /// How often the server must hear from us.
    pub fn status_interval(&self, wanted: Duration) -> Duration {
        match self.sender_timeout {
            Duration::ZERO => wanted,
            timeout => wanted.min(timeout / 3).max(Duration::from_millis(50)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connector_api::Decision;

    fn server() -> Server {
        Server {
            version: 15,
            wal_level: "logical".into(),
            sender_timeout: Duration::from_secs(60),
            standby: false,
            may_replicate: true,
            may_create: true,
            role: "reader".into(),
        }
    }

    #[test]
    fn what_keeps_a_stream_from_being_read_is_told_at_its_key() {
        let key = |server: Server| match server.check() {
            Ok(()) => String::new(),
            Err(error) => match error.decision() {
                Decision::BadConfig { key } => key.clone(),
                other => format!("{other:?}"),
            },
        };
        assert_eq!(key(server()), "");
        assert_eq!(key(Server { wal_level: "replica".into(), ..server() }), "plugin.name");
        assert_eq!(key(Server { version: 12, ..server() }), "database.hostname");
        assert_eq!(key(Server { standby: true, ..server() }), "database.hostname");
        assert_eq!(key(Server { may_replicate: false, ..server() }), "database.user");
    }

    #[test]
    fn the_server_hears_from_us_well_before_it_gives_up() {
        let with = |seconds| Server { sender_timeout: Duration::from_secs(seconds), ..server() };
        let wanted = Duration::from_secs(10);
        assert_eq!(with(60).status_interval(wanted), wanted);
        assert_eq!(with(9).status_interval(wanted), Duration::from_secs(3));
        assert_eq!(with(0).status_interval(wanted), wanted);
    }
}
