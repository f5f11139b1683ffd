//! Errors are decisions: what shall be done now, and what should the user do next.

use std::any::Any;
use std::fmt;
use std::time::Duration;

/// What happens after an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The same call is made again, after this long, or after the worker's own growing delay.
    Retry {
        /// How long the other side asked us to wait, if it did.
        after: Option<Duration>,
    },
    /// The record cannot be taken, now or later. It goes the way of rejected records; the others go on.
    Reject,
    /// The task fails. The worker starts it again after a growing delay, since a fresh start may heal it.
    Fail,
    /// The task fails and stays so until somebody acts: no retry can heal it.
    Fatal,
    /// The configuration is wrong at this key. Like `Fatal`, and shown at the key when the configuration is checked.
    BadConfig {
        /// The key.
        key: String,
    },
}

/// An error with its decision, a sentence on what is wrong and, where there is one, the remedy.
///
/// Messages name the key, table, topic, partition or offset concerned. They never hold a secret.
pub struct Error {
    decision: Decision,
    message: String,
    remedy: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What connectors return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Records of a batch that failed, by their indexes, ascending.
pub type Failed = Vec<(usize, Error)>;

impl Error {
    /// An error with that decision.
    pub fn new(decision: Decision, message: impl Into<String>) -> Error {
        Error { decision, message: message.into(), remedy: None, source: None }
    }

    /// Passing trouble: call again after the worker's own delay.
    pub fn retry(message: impl Into<String>) -> Error {
        Error::new(Decision::Retry { after: None }, message)
    }

    /// A record that cannot be taken.
    pub fn reject(message: impl Into<String>) -> Error {
        Error::new(Decision::Reject, message)
    }

    /// The task fails; a fresh start may heal it.
    pub fn fail(message: impl Into<String>) -> Error {
        Error::new(Decision::Fail, message)
    }

    /// The task fails and somebody must act.
    pub fn fatal(message: impl Into<String>) -> Error {
        Error::new(Decision::Fatal, message)
    }

    /// The configuration is wrong at `key`.
    pub fn bad_config(key: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(Decision::BadConfig { key: key.into() }, message)
    }

    /// The same, with what the user should do.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Error {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same, with the error that led to it.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// The same error under another decision.
    pub fn decided(mut self, decision: Decision) -> Error {
        self.decision = decision;
        self
    }

    /// What happens now.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// What is wrong, without cause and remedy.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the user should do.
    pub fn remedy_text(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Whether a fresh start of the task may heal it.
    pub fn may_heal(&self) -> bool {
        matches!(self.decision, Decision::Retry { .. } | Decision::Fail)
    }
}

/// The message, its causes and the remedy, in one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // A cause of our own says its causes itself.
            let text = error.to_string();
            if !said.contains(&text) {
                said.push_str(": ");
                said.push_str(&text);
            }
            cause = error.source();
        }
        match &self.remedy {
            Some(remedy) => write!(f, "{said}. {remedy}"),
            None => f.write_str(&said),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.decision)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The text that a caught panic came with.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_what_why_and_what_to_do() {
        let cause = std::io::Error::other("connection refused");
        let error = Error::retry("cannot reach db:5432").caused_by(cause).remedy("Check `database.hostname`.");
        assert_eq!(error.to_string(), "cannot reach db:5432: connection refused. Check `database.hostname`.");
        let outer = Error::fatal("cannot start").caused_by(error);
        assert_eq!(
            outer.to_string(),
            "cannot start: cannot reach db:5432: connection refused. Check `database.hostname`."
        );
        let error = Error::retry("cannot reach db:5432");
        assert!(error.may_heal());
        assert!(!Error::bad_config("a", "b").may_heal());
    }
}
