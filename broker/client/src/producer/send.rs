//! Requests to brokers and what their answers mean.

use std::sync::Arc;
use std::time::Duration;

use broker_wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use broker_wire::{ApiKey, ErrorCode};
use bytes::Bytes;

use super::queue::Verdict;
use crate::connection::Connection;
use crate::error::{ClientError, Result};

/// The newest version that names topics by name. Later ones use ids, which say nothing more here.
const NEWEST: i16 = 12;

/// One batch in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub topic: usize,
    pub partition: usize,
    pub sequence: i32,
}

/// A request as it is filled.
#[derive(Default)]
pub(super) struct Filled {
    pub placed: Vec<Placed>,
    pub bytes: usize,
    topics: Vec<TopicProduceData>,
}

impl Filled {
    pub fn add(&mut self, placed: Placed, topic: &str, records: Bytes) {
        self.bytes += records.len();
        self.placed.push(placed);
        let data = PartitionProduceData { index: placed.partition as i32, records: Some(records) };
        match self.topics.last_mut().filter(|last| last.name == topic) {
            Some(last) => last.partition_data.push(data),
            None => self.topics.push(TopicProduceData { name: topic.to_owned(), partition_data: vec![data] }),
        }
    }

    /// Sends the request; it is on its way when this returns.
    pub fn send(
        self,
        connection: &Connection,
        acks: i16,
        timeout: Duration,
    ) -> impl Future<Output = (Vec<Placed>, Result<ProduceResponse>)> + Send + use<> {
        let request = ProduceRequest {
            transactional_id: None,
            acks,
            timeout_ms: timeout.as_millis() as i32,
            topic_data: self.topics,
        };
        let answer = connection.call_up_to(&request, NEWEST, timeout);
        let placed = self.placed;
        async move { (placed, answer.await) }
    }
}

/// What an answer says of one batch: the verdict, and the error to report if it is not written.
pub(super) fn verdict_on(
    placed: &Placed,
    topic: &str,
    answer: &Result<ProduceResponse>,
) -> (Verdict, Option<ClientError>) {
    let what = format!("cannot write to {topic}-{}", placed.partition);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return (Verdict::Again, Some(repeat(error, what))),
    };
    let of_topic = answer.responses.iter().filter(|response| response.name == topic);
    let mut of_partition = of_topic.flat_map(|response| &response.partition_responses);
    let Some(found) = of_partition.find(|response| response.index == placed.partition as i32) else {
        return (Verdict::Again, Some(ClientError::Missing(format!("answer for {topic}-{}", placed.partition))));
    };
    let verdict = verdict_of(found.error_code);
    (verdict, (verdict != Verdict::Written).then(|| refusal(what, found)))
}

fn verdict_of(code: ErrorCode) -> Verdict {
    match code {
        ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Verdict::Written,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => Verdict::OutOfOrder,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Verdict::TooLarge,
        code if code.is_retriable() => Verdict::Again,
        _ => Verdict::Never,
    }
}

fn refusal(what: String, found: &PartitionProduceResponse) -> ClientError {
    ClientError::Refused { what, code: found.error_code, message: found.error_message.clone() }
}

/// The same error for one of the batches that shared the request.
fn repeat(error: &ClientError, what: String) -> ClientError {
    let again = |address: &str, text: String| ClientError::Lost {
        address: address.to_owned(),
        source: std::io::Error::other(text),
    };
    match error {
        ClientError::Timeout { address, limit, .. } => {
            ClientError::Timeout { address: address.clone(), api: ApiKey::Produce, limit: *limit }
        }
        ClientError::Lost { address, source } => again(address, format!("{what}: {source}")),
        other => again("its leader", format!("{what}: {other}")),
    }
}

/// A connection that somebody waits for.
pub(super) type Opened = (i32, Result<Arc<Connection>>);
