//! Why a move has ended.

use broker_client::ClientError;

/// What moving returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a move has ended before it was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Lines that say what to do.
    pub why: String,
    /// Whether it is a mistake of set-up, or something in the way: then nothing was written in this run.
    pub is_set_up: bool,
}

impl Failure {
    /// Something is wrong before anything was written.
    pub fn set_up(why: impl Into<String>) -> Failure {
        Failure { why: why.into(), is_set_up: true }
    }

    /// Something went wrong on the way.
    pub fn running(why: impl Into<String>) -> Failure {
        Failure { why: why.into(), is_set_up: false }
    }

    /// The target, asked before anything was written.
    pub fn unreachable(why: &ClientError) -> Failure {
        Failure::set_up(format!("The target does not answer as it should: {why}. Check `--to`."))
    }
}

impl From<ClientError> for Failure {
    fn from(why: ClientError) -> Failure {
        Failure::running(format!("{why}. The same command goes on where this one ended."))
    }
}
