//! What a transactional producer asks the coordinator of its id.

use std::sync::Arc;
use std::time::Duration;

use broker_wire::ErrorCode;
use broker_wire::messages::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use broker_wire::messages::end_txn::EndTxnRequest;
use broker_wire::messages::init_producer_id::InitProducerIdRequest;

use crate::client::{Client, Purpose};
use crate::error::{ClientError, Result};
use crate::settled::settled;

/// Fences all producers with a transactional id, and has what they left open aborted, without a producer of one's own (what
/// Kafka's admin client calls fencing producers, KIP-618).
///
/// # Errors
/// As for the first request of a producer with that id; the call may be repeated.
pub async fn fence_producers(client: &Client, id: &str, timeout: Duration) -> Result<()> {
    let asking = Asking { client: client.clone(), id: id.into() };
    asking.init(timeout, None).await.map(|_| ())
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Asking {
    pub client: Client,
    pub id: Arc<str>,
}

impl Asking {
    /// Id and epoch to write with; fences the producers before this one. `had` is what the same producer wrote with before.
    pub async fn init(&self, timeout: Duration, had: Option<(i64, i16)>) -> Result<(i64, i16)> {
        let (producer_id, producer_epoch) = had.unwrap_or((-1, -1));
        let request = InitProducerIdRequest {
            transactional_id: Some(self.id.to_string()),
            transaction_timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            producer_id,
            producer_epoch,
        };
        settled(|| async {
            let connection = self.client.transaction_coordinator(&self.id, Purpose::Control).await?;
            let answer = connection.call(&request).await?;
            self.check(answer.error_code, "cannot get a producer id")?;
            Ok((answer.producer_id, answer.producer_epoch))
        })
        .await
    }

    /// Adds partitions to the transaction.
    pub async fn add(&self, producer: (i64, i16), partitions: &[(Arc<str>, i32)]) -> Result<()> {
        let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
        for (topic, partition) in partitions {
            match topics.last_mut().filter(|last| *last.name == **topic) {
                Some(last) => last.partitions.push(*partition),
                None => topics.push(AddPartitionsToTxnTopic { name: topic.to_string(), partitions: vec![*partition] }),
            }
        }
        let request = AddPartitionsToTxnRequest {
            transactional_id: self.id.to_string(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            topics,
        };
        settled(|| async {
            let connection = self.client.transaction_coordinator(&self.id, Purpose::Control).await?;
            let answer = connection.call(&request).await?;
            let results = answer.results.iter().flat_map(|topic| &topic.results_by_partition);
            let mut codes = results.map(|result| result.partition_error_code).filter(|code| !code.is_none());
            // The fault of one partition stands beside OPERATION_NOT_ATTEMPTED at the others.
            let first = codes.next().unwrap_or(ErrorCode::NONE);
            let own = |code: &ErrorCode| *code != ErrorCode::OPERATION_NOT_ATTEMPTED;
            let code = Some(first).filter(own).or_else(|| codes.find(own)).unwrap_or(first);
            self.check(code, "cannot add partitions to the transaction")
        })
        .await
    }

    /// Commits or aborts.
    pub async fn end(&self, producer: (i64, i16), committed: bool) -> Result<()> {
        let request = EndTxnRequest {
            transactional_id: self.id.to_string(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            committed,
        };
        let what = if committed { "cannot commit the transaction" } else { "cannot abort the transaction" };
        settled(|| async {
            let connection = self.client.transaction_coordinator(&self.id, Purpose::Control).await?;
            self.check(connection.call(&request).await?.error_code, what)
        })
        .await
    }

    fn check(&self, code: ErrorCode, what: &str) -> Result<()> {
        if matches!(code, ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE) {
            self.client.forget_transaction_coordinator(&self.id);
        }
        ClientError::check(code, || format!("{what} of {}", self.id))
    }
}
