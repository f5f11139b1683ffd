//! Requests to brokers and what their answers mean.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use broker_wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use broker_wire::{ApiKey, ErrorCode, ProduceAround};

use super::queue::Verdict;
use super::topics::TopicState;
use crate::connection::Connection;
use crate::error::{ClientError, Result};

/// The newest version that names topics by name. Later ones use ids, which say nothing more here.
const NEWEST: i16 = 12;
/// The newest version for parts of transactions. A later one says that the producer follows the second protocol of transactions
/// (KIP-890), which this one does not.
const NEWEST_TRANSACTIONAL: i16 = 11;

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
}

/// How requests are sent.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    pub connection: &'a Connection,
    pub acks: i16,
    pub timeout: Duration,
    pub transactional_id: Option<&'a str>,
}

impl Filled {
    pub fn add(&mut self, placed: Placed, bytes: usize) {
        self.bytes += bytes;
        self.placed.push(placed);
    }

    /// Sends the request; it is on its way when this returns.
    pub fn send(&self, topics: &mut [TopicState], sending: Sending<'_>) -> Reply {
        match self.placed[..] {
            [placed] => sending.alone(placed, &mut topics[placed.topic]),
            _ => sending.together(&self.placed, topics),
        }
    }
}

/// What the broker will say.
pub(super) type Reply = Pin<Box<dyn Future<Output = Result<ProduceResponse>> + Send>>;

impl Sending<'_> {
    /// One batch: the request is written around it.
    fn alone(self, placed: Placed, topic: &mut TopicState) -> Reply {
        let Some(batch) = topic.partitions[placed.partition].queue.sent(placed.sequence) else {
            return Box::pin(async { Err(ClientError::Missing("batch that is to be sent".to_owned())) });
        };
        let around = ProduceAround {
            transactional_id: self.transactional_id,
            acks: self.acks,
            timeout_ms: self.timeout.as_millis() as i32,
            topic: &topic.name,
            partition: placed.partition as i32,
        };
        let mut frame = |version, id, client: Option<&str>| batch.bytes.framed(&around, (version, id, client));
        Box::pin(self.connection.call_framed::<ProduceRequest>(self.newest(), self.timeout, &mut frame))
    }

    fn together(self, placed: &[Placed], topics: &mut [TopicState]) -> Reply {
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        for placed in placed {
            let topic = &mut topics[placed.topic];
            let Some(batch) = topic.partitions[placed.partition].queue.sent(placed.sequence) else { continue };
            let data = PartitionProduceData { index: placed.partition as i32, records: Some(batch.bytes.plain()) };
            match topic_data.last_mut().filter(|last| *last.name == *topic.name) {
                Some(last) => last.partition_data.push(data),
                None => topic_data.push(TopicProduceData { name: topic.name.to_string(), partition_data: vec![data] }),
            }
        }
        let timeout_ms = self.timeout.as_millis() as i32;
        let transactional_id = self.transactional_id.map(str::to_owned);
        let request = ProduceRequest { transactional_id, acks: self.acks, timeout_ms, topic_data };
        Box::pin(self.connection.call_up_to(&request, self.newest(), self.timeout))
    }

    fn newest(&self) -> i16 {
        if self.transactional_id.is_some() { NEWEST_TRANSACTIONAL } else { NEWEST }
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
