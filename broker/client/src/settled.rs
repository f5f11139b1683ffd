//! Waiting for what passes by itself: a leader that is being elected, a coordinator that loads, a new topic that not every
//! broker knows of yet.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::error::{ClientError, Result};

/// How long a question is asked again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until the answer is one that stays, for at most ten seconds. Connections that fail are not tried again here: who
/// asks knows better whether to wait for a broker.
pub(crate) async fn settled<T, F: Future<Output = Result<T>>>(ask: impl FnMut() -> F) -> Result<T> {
    asked_again(ask, passes).await
}

/// The same, also where a broker cannot be reached: for what runs already and shall outlive the loss of one of several brokers.
pub async fn bridged<T, F: Future<Output = Result<T>>>(ask: impl FnMut() -> F) -> Result<T> {
    asked_again(ask, ClientError::is_retriable).await
}

async fn asked_again<T, F: Future<Output = Result<T>>>(
    mut ask: impl FnMut() -> F,
    passes: impl Fn(&ClientError) -> bool,
) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
    loop {
        match ask().await {
            Err(error) if passes(&error) && Instant::now() < until => sleep(backoff.next_delay()).await,
            settled => return settled,
        }
    }
}

fn passes(error: &ClientError) -> bool {
    error.code().is_some_and(|code| code.is_retriable())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use broker_wire::ErrorCode;

    use super::*;

    fn asked(answers: &[ErrorCode]) -> (Result<()>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let count = Cell::new(0);
        let ask = || {
            let code = answers[count.get().min(answers.len() - 1)];
            count.set(count.get() + 1);
            std::future::ready(ClientError::check(code, || "cannot".to_owned()))
        };
        let answer = runtime.unwrap().block_on(settled(ask));
        (answer, count.get())
    }

    #[test]
    fn what_passes_is_asked_again_and_what_stays_is_not() {
        let (passing, lasting) = (ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        assert!(matches!(asked(&[passing, passing, ErrorCode::NONE]), (Ok(()), 3)));
        assert!(matches!(asked(&[passing, lasting]), (Err(_), 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_is_lost_is_bridged_for_those_who_ask_for_that() {
        let lost = |count: &Cell<usize>| {
            count.set(count.get() + 1);
            let lost = ClientError::Lost { address: "here:1".to_owned(), source: std::io::Error::other("gone") };
            std::future::ready(if count.get() < 3 { Err(lost) } else { Ok(()) })
        };
        let (patient, not) = (Cell::new(0), Cell::new(0));
        assert!(bridged(|| lost(&patient)).await.is_ok());
        assert!(settled(|| lost(&not)).await.is_err());
        assert_eq!((patient.get(), not.get()), (3, 1));
    }

    #[test]
    fn patience_has_an_end() {
        let (answer, asked) = asked(&[ErrorCode::LEADER_NOT_AVAILABLE]);
        assert_eq!(answer.unwrap_err().code(), Some(ErrorCode::LEADER_NOT_AVAILABLE));
        assert!((10..30).contains(&asked), "{asked}");
    }
}
