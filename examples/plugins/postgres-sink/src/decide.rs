//! What errors of the server stand for.

use connector_api::Error;
use tokio_postgres::error::DbError;

/// The decision on an error, met while doing that at that server.
pub fn decide(error: tokio_postgres::Error, doing: &str, server: &str) -> Error {
    match error.as_db_error() {
        Some(said) => {
            on_reply(said, &format!("cannot {doing} at {server}: {} ({})", said.message(), said.code().code()))
        }
        // No reply at all: the connection is lost or was not to be had.
        None => Error::retry(format!("cannot {doing} at {server}")).caused_by(error),
    }
}

/// By the code's class, which is its first two characters. The reply's details may hold data and are left out.
fn on_reply(said: &DbError, message: &str) -> Error {
    let code = said.code().code();
    match (code.get(..2).unwrap_or_default(), code) {
        (_, "28P01") => Error::bad_config("connection.password", message)
            .remedy("Set `connection.user` and `connection.password` to what the server knows."),
        ("28", _) => Error::bad_config("connection.user", message)
            .remedy("Check `connection.user`, and the server's pg_hba.conf."),
        (_, "3D000") => {
            Error::bad_config("connection.database", message).remedy("Create the database, or name another.")
        }
        (_, "42501") => Error::fatal(message).remedy("Grant the user what is missing."),
        (_, "42P01") => Error::fatal(message).remedy("Make the table, or set `create.tables=true`."),
        (_, "42P10") => Error::fatal(message)
            .remedy("The table needs a primary key or unique constraint on (topic, partition, kafka_offset)."),
        // Two tasks have made the same table, or its type, at the same time.
        (_, "42P07" | "42710") => Error::retry(message),
        ("42" | "3F" | "0A", _) => Error::fatal(message).remedy(
            "The table needs the columns key text, value jsonb, topic text, partition int, kafka_offset bigint.",
        ),
        // Data that does not fit: bad JSON, a NUL character, a constraint, a size.
        ("22" | "23" | "54", _) => Error::reject(message),
        // Shutting down, out of connections, memory or disk, a deadlock, read only for now.
        ("08" | "25" | "40" | "53" | "55" | "57", _) => Error::retry(message),
        _ => Error::fail(message),
    }
}
