//! Why a connection to the log is not made although somebody answers.

use std::{fmt, io};

/// What keeps a client from encrypting its connection or from logging in, with the key to look at. Names no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityFault {
    key: &'static str,
    why: String,
    config: bool,
}

impl SecurityFault {
    /// One that stays until somebody changes a configuration, here or on the other side.
    pub fn config(key: &'static str, why: impl Into<String>) -> SecurityFault {
        SecurityFault { key, why: why.into(), config: true }
    }

    /// One that may also be that of a log that is just starting or stopping.
    pub fn passing(key: &'static str, why: impl Into<String>) -> SecurityFault {
        SecurityFault { key, why: why.into(), config: false }
    }

    /// The configuration key to look at, by Kafka's name for it.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Whether only a person can help.
    pub fn is_config(&self) -> bool {
        self.config
    }

    /// The fault that an error of a connection carries, if it carries one.
    pub(crate) fn of(error: &io::Error) -> Option<&SecurityFault> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for SecurityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; the key to look at is `{}`", self.why, self.key)
    }
}

impl std::error::Error for SecurityFault {}

impl From<SecurityFault> for io::Error {
    fn from(fault: SecurityFault) -> io::Error {
        io::Error::other(fault)
    }
}
