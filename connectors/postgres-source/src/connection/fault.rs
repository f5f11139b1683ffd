//! What goes wrong with a connection, and what is to be done about it.

use std::fmt;
use std::io;

use connector_api::{Decision, Error};

use crate::replication::Malformed;

/// Why a connection failed.
#[derive(Debug)]
pub enum Fault {
    /// No connection came about.
    Unreachable {
        /// Host and port.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The connection broke.
    Lost(io::Error),
    /// TLS was refused, by us or by the server.
    Tls {
        /// The key that the user should look at.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The login failed before the server said why.
    Login {
        /// The key that the user should look at.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The server answered with an error.
    Server(Box<ServerError>),
    /// The server sent something that the protocol does not allow.
    Malformed(Malformed),
}

/// An error as the server reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// The five letters of the SQLSTATE.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What the server advises.
    pub hint: Option<String>,
}

impl ServerError {
    /// Reads the body of an ErrorResponse: letter, text, zero byte, and so on, up to a zero letter.
    pub fn read(body: &[u8]) -> ServerError {
        let mut error = ServerError::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((letter, text)) = field.split_first() else { continue };
            let text = String::from_utf8_lossy(text).into_owned();
            match letter {
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                _ => {}
            }
        }
        error
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({})", detail.trim_end_matches('.'))?;
        }
        write!(f, " [{}]", self.code)
    }
}

impl Fault {
    /// The connection ended without a word.
    pub fn closed() -> Fault {
        Fault::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))
    }

    /// Whether the server said so under this SQLSTATE.
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Fault::Server(error) if error.code == code)
    }

    /// The error for the worker; `doing` completes "while ...".
    pub fn error(self, doing: &str) -> Error {
        match self {
            Fault::Unreachable { address, source } => {
                Error::retry(format!("cannot reach PostgreSQL at {address}")).caused_by(source).remedy(
                    "Check `database.hostname` and `database.port`, and that the server runs and may be reached from \
                    here",
                )
            }
            Fault::Lost(source) => {
                Error::retry(format!("the connection to PostgreSQL was lost while {doing}")).caused_by(source)
            }
            Fault::Tls { key, why } | Fault::Login { key, why } => Error::bad_config(key, why),
            Fault::Server(error) => server_error(&error, doing),
            Fault::Malformed(why) => Error::fail(format!("{why} (while {doing})")),
        }
    }
}

/// What an error of the server means for the task, by its SQLSTATE (PostgreSQL documentation, appendix A).
fn server_error(error: &ServerError, doing: &str) -> Error {
    let told = |decision| Error::new(decision, format!("PostgreSQL refused while {doing}: {error}"));
    let at = |key: &str| told(Decision::BadConfig { key: key.to_owned() });
    let retry = || told(Decision::Retry { after: None });
    match error.code.as_str() {
        "28P01" => at("database.password").remedy("Put `database.user` and `database.password` right"),
        "28000" => at("database.user").remedy(
            "Create the role or give it the right to log in, and let it in from here in pg_hba.conf (a line for its \
             database, and TLS where the line asks for it)",
        ),
        "3D000" => at("database.dbname").remedy("Name an existing database"),
        "42501" => told(Decision::Fatal).remedy(
            "Grant the role what is missing: LOGIN and REPLICATION on itself (on managed services their replication \
             role), SELECT on the tables, and CREATE on the database if it is to create the publication",
        ),
        "53300" => retry().remedy("If it stays, raise `max_connections` or `max_wal_senders`"),
        "53400" => told(Decision::Fatal).remedy("Raise `max_replication_slots`, or drop slots that nobody needs"),
        "53200" => told(Decision::Fail).remedy("If it is about locks, raise `max_locks_per_transaction`"),
        "42704" | "55000" => told(Decision::Fatal).remedy(
            "A slot can only be read with a publication that existed when the changes were made. Drop the slot, stop \
            the \
             connector, delete its offsets and resume it to start with a new snapshot",
        ),
        "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "25P03" | "55006" | "55P03" | "40001" | "40P01" => retry(),
        code if code.starts_with("08") || code.starts_with("53") => retry(),
        "58P01" => told(Decision::Fatal).remedy(
            "The write-ahead log that the slot needs is gone. Drop the slot and delete the connector's offsets to \
            start \
             with a new snapshot",
        ),
        code if code.starts_with("58") || code.starts_with("XX") => told(Decision::Fail),
        _ => told(Decision::Fatal),
    }
}

impl From<Malformed> for Fault {
    fn from(why: Malformed) -> Fault {
        Fault::Malformed(why)
    }
}

impl From<io::Error> for Fault {
    fn from(source: io::Error) -> Fault {
        Fault::Lost(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Error {
        let body = format!("SFATAL\0C{code}\0Mno such thing\0DSome more.\0\0");
        Fault::Server(Box::new(ServerError::read(body.as_bytes()))).error("trying")
    }

    #[test]
    fn an_error_of_the_server_is_read_field_by_field() {
        let error = refused("28P01");
        assert_eq!(error.decision(), &Decision::BadConfig { key: "database.password".into() });
        assert_eq!(error.message(), "PostgreSQL refused while trying: no such thing (Some more) [28P01]");
    }

    #[test]
    fn what_a_retry_can_heal_is_retried_and_nothing_else() {
        for code in ["57P01", "57P03", "53300", "08006", "55006"] {
            assert!(matches!(refused(code).decision(), Decision::Retry { .. }), "{code}");
        }
        for code in ["42501", "58P01", "42P01", "0A000", "53400"] {
            assert_eq!(refused(code).decision(), &Decision::Fatal, "{code}");
        }
    }

    #[test]
    fn any_bytes_make_an_error() {
        assert_eq!(ServerError::read(&[0xff, 0, b'C']), ServerError { code: String::new(), ..Default::default() });
    }
}
