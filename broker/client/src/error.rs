//! What can go wrong between a client and the log.

use std::io;
use std::time::Duration;

use broker_wire::{ApiKey, DecodeError, EncodeError, ErrorCode};
use thiserror::Error;

use crate::fault::SecurityFault;

/// What the client returns.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a call to the log failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers at the address.
    #[error("cannot connect to the log at {address}: {source}")]
    Connect {
        /// `host:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody answers, and the connection cannot be encrypted, or the client is not let in.
    #[error("cannot use the log at {address}: {source}")]
    Security {
        /// `host:port`.
        address: String,
        /// Why, and the configuration key to look at.
        source: SecurityFault,
    },
    /// The connection broke while a request was under way, so whether it took effect is not known.
    #[error("the connection to the log at {address} was lost: {source}")]
    Lost {
        /// `host:port`.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// No answer came in time, so whether the request took effect is not known.
    #[error("the log at {address} did not answer {api:?} within {limit:?}")]
    Timeout {
        /// `host:port`.
        address: String,
        /// The request.
        api: ApiKey,
        /// How long the client waited.
        limit: Duration,
    },
    /// The log refused.
    #[error("{what}: {code:?}{}", .message.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was asked for, with the topic, partition or group.
        what: String,
        /// Kafka's error code.
        code: ErrorCode,
        /// What the log said beside the code.
        message: Option<String>,
    },
    /// The other side does not speak this request in a version that the client knows.
    #[error("the log at {address} does not offer {api:?} in a version known here")]
    Unsupported {
        /// `host:port`.
        address: String,
        /// The request.
        api: ApiKey,
    },
    /// The answer made no sense.
    #[error("the answer of {address} to {api:?} makes no sense: {source}")]
    Answer {
        /// `host:port`.
        address: String,
        /// The request.
        api: ApiKey,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The request cannot be written.
    #[error("cannot write {api:?}: {source}")]
    Request {
        /// The request.
        api: ApiKey,
        /// Why.
        source: EncodeError,
    },
    /// A transaction is used in a way that it cannot be.
    #[error("{0}")]
    Transaction(String),
    /// A topic or partition is not there.
    #[error("the log has no {0}")]
    Missing(String),
}

impl ClientError {
    /// A refusal by code.
    pub fn refused(what: impl Into<String>, code: ErrorCode) -> ClientError {
        ClientError::Refused { what: what.into(), code, message: None }
    }

    /// A connection that was not made.
    pub(crate) fn unconnected(address: String, source: io::Error) -> ClientError {
        match SecurityFault::of(&source).cloned() {
            Some(source) => ClientError::Security { address, source },
            None => ClientError::Connect { address, source },
        }
    }

    /// A connection that broke.
    pub(crate) fn lost(address: String, source: io::Error) -> ClientError {
        match SecurityFault::of(&source).cloned() {
            Some(source) => ClientError::Security { address, source },
            None => ClientError::Lost { address, source },
        }
    }

    /// Whether only a person can help: the keys for encryption and login do not fit the log's listener.
    pub fn is_config(&self) -> bool {
        matches!(self, ClientError::Security { source, .. } if source.is_config())
    }

    /// `Ok` if the code is none.
    pub fn check(code: ErrorCode, what: impl FnOnce() -> String) -> Result<()> {
        if code.is_none() { Ok(()) } else { Err(ClientError::refused(what(), code)) }
    }

    /// Kafka's error code, if the log refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same call may succeed later. Certificates and users may be set right on the other side too, so what has
    /// been running goes on trying; what starts asks [`is_config`](ClientError::is_config) first.
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::Connect { .. }
            | ClientError::Security { .. }
            | ClientError::Lost { .. }
            | ClientError::Timeout { .. } => true,
            ClientError::Refused { code, .. } => code.is_retriable(),
            ClientError::Missing(_) => true,
            ClientError::Unsupported { .. }
            | ClientError::Answer { .. }
            | ClientError::Request { .. }
            | ClientError::Transaction(_) => false,
        }
    }

    /// Whether another producer with the same transactional id has taken over, or the log has ended a transaction that took too long.
    pub fn is_fenced(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH))
    }

    /// Whether the connection that the call went over is of no more use.
    pub fn breaks_connection(&self) -> bool {
        use ClientError::{Answer, Lost, Security, Timeout};
        matches!(self, Lost { .. } | Security { .. } | Timeout { .. } | Answer { .. })
    }
}
