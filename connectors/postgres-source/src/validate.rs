//! What is wrong with a configuration, said at the key to change, before anything runs.

use std::time::Duration;

use connector_api::config::{Config, Issue};
use connector_api::{Decision, Error};

use crate::catalog::server::Server;
use crate::catalog::sql::identifier;
use crate::catalog::tables::{self, Captured, Table, Which};
use crate::config::{Autocreate, Settings, SnapshotMode};
use crate::connection::{Fault, Purpose, Session};
use crate::publication::{self, Publication};
use crate::slot::Slot;

/// How many names a message lists.
const NAMED: usize = 5;

/// Checks a configuration against its server.
pub async fn validate(config: &Config) -> Vec<Issue> {
    let settings = match Settings::new(config) {
        Ok(settings) => settings,
        Err(error) => return vec![issue(error)],
    };
    let mut issues = Vec::new();
    match tokio::time::timeout(settings.validation_timeout, against_server(&settings, &mut issues)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => issues.push(issue(error)),
        Err(_) => issues.push(too_long(settings.validation_timeout)),
    }
    issues
}

fn too_long(limit: Duration) -> Issue {
    Issue::error("database.hostname", format!("The server did not answer all questions within {limit:?}."))
}

/// An error at the key that it names; at the host's if it names none.
fn issue(error: Error) -> Issue {
    let key = match error.decision() {
        Decision::BadConfig { key } => key.clone(),
        _ => "database.hostname".to_owned(),
    };
    Issue::error(key, error.to_string())
}

async fn against_server(settings: &Settings, issues: &mut Vec<Issue>) -> Result<(), Error> {
    let checking = |fault: Fault| fault.error("checking the configuration");
    let mut sql = Session::connect(&settings.target, Purpose::Sql).await.map_err(checking)?;
    let server = Server::load(&mut sql).await.map_err(checking)?;
    server.check()?;
    let tables = tables::load(&mut sql, Which::Filtered(&settings.filters)).await.map_err(checking)?;
    let captured = Captured::sort_out(tables, settings.publication.via_root);
    if captured.tables.is_empty() {
        issues.push(nothing_matches(&mut sql, settings).await?);
    }
    for found in of_tables(settings, &captured) {
        issues.push(match found {
            Ok(warning) => Issue::warning("table.include.list", warning),
            Err(_) if captured.tables.is_empty() => continue,
            Err(error) => issue(error),
        });
    }
    check_publication(&mut sql, settings, &server, &captured, issues).await?;
    check_slot(&mut sql, settings, &server, issues).await?;
    sql.close().await;
    let replication = Session::connect(&settings.target, Purpose::Replication).await;
    replication.map_err(|fault| fault.error("opening a replication connection"))?.close().await;
    Ok(())
}

/// No table is captured: say what there is.
async fn nothing_matches(sql: &mut Session, settings: &Settings) -> Result<Issue, Error> {
    let checking = |fault: Fault| fault.error("looking for tables");
    let all = tables::load(sql, Which::All).await.map_err(checking)?;
    let there: Vec<String> = all.iter().map(Table::full_name).collect();
    let there = if there.is_empty() { "it has no tables".to_owned() } else { format!("it has {}", listed(&there)) };
    let message = format!("No table of `{}` is captured: {there}.", settings.target.database);
    Ok(match settings.publication.autocreate {
        Autocreate::Filtered => Issue::error("table.include.list", message),
        _ => Issue::warning("table.include.list", message),
    })
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// What there is to say about the captured tables: warnings, and errors that keep the connector from running. Pure.
pub fn of_tables(settings: &Settings, captured: &Captured) -> Vec<Result<String, Error>> {
    let Captured { tables, roots } = captured;
    let mut found = Vec::new();
    if tables.is_empty() && settings.publication.autocreate == Autocreate::Filtered {
        found.push(Err(Error::bad_config("table.include.list", "no table of the database is captured")
            .remedy("Check the lists of schemas and tables; they match whole names such as `public.orders`")));
    }
    let unreadable: Vec<&Table> = tables.iter().filter(|table| !table.readable).collect();
    if !unreadable.is_empty() && settings.snapshot.mode != SnapshotMode::NoData {
        found.push(Err(self::unreadable(&unreadable)));
    }
    if settings.max_tables > 0 && tables.len() > settings.max_tables {
        let message = format!("{} tables are captured, more than `guardrail.collections.max` allows", tables.len());
        found.push(if settings.max_tables_fails {
            Err(Error::bad_config("guardrail.collections.max", message))
        } else {
            Ok(format!("{message}."))
        });
    }
    found.extend(keys_that_are_not_there(settings, tables).map(Err));
    found.extend(without_identity(settings, tables).map(Ok));
    found.extend(keys_without_identity(settings, tables).map(Ok));
    let hidden: Vec<String> = roots
        .iter()
        .filter(|root| !tables.iter().any(|t| t.ancestors.contains(&root.id)))
        .map(Table::full_name)
        .collect();
    if !hidden.is_empty() {
        found.push(Ok(format!(
            "{} are partitioned, and none of their partitions is captured, so none of their rows is. Set \
             `publish.via.partition.root` to true, or capture the partitions.",
            listed(&hidden)
        )));
    }
    found
}

/// Tables that are published and cannot say which row an update means: the application's own updates fail then.
fn without_identity(settings: &Settings, tables: &[Table]) -> Option<String> {
    if settings.skipped.updates && settings.skipped.deletes {
        return None;
    }
    let names: Vec<String> = tables.iter().filter(|table| !table.has_identity()).map(Table::full_name).collect();
    if names.is_empty() {
        return None;
    }
    let list = listed(&names);
    Some(match settings.publication.autocreate {
        Autocreate::Filtered | Autocreate::AllTables => format!(
            "{list} have neither a primary key nor another replica identity. Once they are published, the server \
            refuses \
             every UPDATE and DELETE on them, those of your applications included. Give them a primary key, run \
             ALTER TABLE ... \
             REPLICA IDENTITY FULL, leave them out, or set `skipped.operations` to u,d so that only inserts are \
             published."
        ),
        _ => format!(
            "{list} have neither a primary key nor another replica identity: updates and deletes of them cannot be \
            published."
        ),
    })
}

/// Keys that the user chose and that no column has.
fn keys_that_are_not_there(settings: &Settings, tables: &[Table]) -> Option<Error> {
    let missing = |table: &Table| {
        let chosen = settings.records.keys.of(&table.schema, &table.name)?;
        let name = chosen.iter().find(|name| table.column(name).is_none())?;
        Some(format!("`{}` has no column `{name}`", table.full_name()))
    };
    let what = tables.iter().find_map(missing)?;
    Some(Error::bad_config("message.key.columns", what).remedy("Name columns as the database has them"))
}

/// Keys that the user chose and that deletions do not show.
fn keys_without_identity(settings: &Settings, tables: &[Table]) -> Option<String> {
    let hidden = |table: &&Table| {
        let chosen = settings.records.keys.of(&table.schema, &table.name);
        let shown = |name: &String| match table.identity {
            b'f' => true,
            b'i' => table.identity_index.contains(name),
            _ => table.has_primary_key && table.key.contains(name),
        };
        chosen.is_some_and(|chosen| !chosen.iter().all(shown))
    };
    let names: Vec<String> = tables.iter().filter(hidden).map(Table::full_name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "The keys that `message.key.columns` chooses for {} are not part of the replica identity, so deletions \
            do not \
             show them. Run ALTER TABLE ... REPLICA IDENTITY FULL.",
            listed(&names)
        )
    })
}

/// Tables whose rows the role may not read.
pub fn unreadable(tables: &[&Table]) -> Error {
    let names: Vec<String> = tables.iter().map(|table| table.full_name()).collect();
    Error::bad_config("database.user", format!("the role may not read {}", listed(&names)))
        .remedy("Run GRANT SELECT on them (and GRANT USAGE on their schemas) to the role")
}

/// A statement on the publication was refused.
pub fn publication_refused(fault: Fault, statement: &str) -> Error {
    let rights = fault.is("42501");
    let error = fault.error("setting up the publication");
    if !rights {
        return error;
    }
    Error::bad_config("publication.autocreate.mode", error.message().to_owned()).remedy(format!(
        "Publishing a table takes its owner and CREATE on the database. Have somebody with these rights run \
        \"{statement}\", and \
         set `publication.autocreate.mode` to disabled"
    ))
}

/// What does not fit between the publication and the captured tables. Pure.
pub fn of_publication(settings: &Settings, publication: &Publication, captured: &Captured) -> Vec<String> {
    let name = &settings.publication.name;
    let mut warnings = Vec::new();
    let missing: Vec<String> = captured
        .tables
        .iter()
        .filter(|table| publication.table(table).is_none() && !publication.members.contains(&table.id))
        .map(Table::full_name)
        .collect();
    if !missing.is_empty() {
        warnings.push(format!(
            "{} are captured but not in the publication `{name}`, so their changes are not seen. Run ALTER \
            PUBLICATION {} ADD \
             TABLE ..., or set `publication.autocreate.mode` to filtered.",
            listed(&missing),
            identifier(name)
        ));
    }
    let wanted = settings.skipped;
    let wanted = [!wanted.inserts, !wanted.updates, !wanted.deletes, !wanted.truncates];
    let words = ["insert", "update", "delete", "truncate"];
    let absent = words.into_iter().zip(wanted).zip(publication.operations).filter(|((_, wanted), is)| *wanted && !is);
    let absent: Vec<String> = absent.map(|((word, _), _)| word.to_owned()).collect();
    if !absent.is_empty() {
        warnings.push(format!("The publication `{name}` does not publish {}, so these are not seen.", listed(&absent)));
    }
    if publication.via_root != settings.publication.via_root {
        warnings.push(format!(
            "The publication `{name}` has publish_via_partition_root = {}, unlike `publish.via.partition.root`, and \
            the \
             publication decides.",
            publication.via_root
        ));
    }
    warnings
}

async fn check_publication(
    sql: &mut Session,
    settings: &Settings,
    server: &Server,
    captured: &Captured,
    issues: &mut Vec<Issue>,
) -> Result<(), Error> {
    let checking = |fault: Fault| fault.error("checking the publication");
    let wanted = &settings.publication;
    let found = Publication::find(sql, &wanted.name, server.version).await.map_err(checking)?;
    let tables: Vec<&Table> = captured.tables.iter().chain(&captured.roots).collect();
    match publication::statements(found.as_ref(), wanted, &tables, settings.skipped) {
        Err(error) => issues.push(issue(error)),
        Ok(statements) if !statements.is_empty() => {
            let foreign: Vec<String> = tables.iter().filter(|table| !table.owned).map(|t| t.full_name()).collect();
            if wanted.autocreate == Autocreate::Filtered && !foreign.is_empty() {
                let message = format!(
                    "The role `{}` does not own {}, and only owners can publish tables. Have an owner run \"{}\", \
                    and set this \
                     to disabled.",
                    server.role,
                    listed(&foreign),
                    statements.join("; ")
                );
                issues.push(Issue::error("publication.autocreate.mode", message));
            } else if found.is_none() && !server.may_create {
                let message = format!(
                    "The role `{}` may not make publications. Run GRANT CREATE ON DATABASE {} to it, or have \
                    somebody else run \
                     \"{}\" and set this to disabled.",
                    server.role,
                    identifier(&settings.target.database),
                    statements.join("; ")
                );
                issues.push(Issue::error("publication.autocreate.mode", message));
            }
        }
        Ok(_) => {
            let warnings = found.iter().flat_map(|found| of_publication(settings, found, captured));
            issues.extend(warnings.map(|warning| Issue::warning("publication.name", warning)));
        }
    }
    Ok(())
}

async fn check_slot(
    sql: &mut Session,
    settings: &Settings,
    server: &Server,
    issues: &mut Vec<Issue>,
) -> Result<(), Error> {
    let checking = |fault: Fault| fault.error("checking the slot");
    let name = &settings.slot.name;
    let Some(slot) = Slot::find(sql, name, server.version).await.map_err(checking)? else {
        let query = "SELECT (SELECT count(*) FROM pg_catalog.pg_replication_slots) \
            >= current_setting('max_replication_slots')::pg_catalog.int4";
        if sql.query(query).await.map_err(checking)?.first().is_some_and(|row| row.flag(0)) {
            let message = "The server has no replication slot left. Raise `max_replication_slots`, or drop slots \
                that nobody needs.";
            issues.push(Issue::error("slot.name", message));
        }
        return Ok(());
    };
    if !slot.logical || slot.plugin != "pgoutput" || slot.database != settings.target.database {
        let message = format!(
            "The slot `{name}` belongs to another use (plugin `{}`, database `{}`). Choose another name.",
            slot.plugin, slot.database
        );
        issues.push(Issue::error("slot.name", message));
    } else if let Some(reason) = &slot.lost {
        let message = format!(
            "The slot `{name}` is lost: {reason}. Drop it, and delete the connector's offsets if there are any."
        );
        issues.push(Issue::warning("slot.name", message));
    } else if let Some(pid) = slot.active_pid {
        let message = format!(
            "The slot `{name}` is in use by the server's process {pid}. That is right if it is this connector; each \
            needs a slot of \
             its own."
        );
        issues.push(Issue::warning("slot.name", message));
    }
    Ok(())
}
