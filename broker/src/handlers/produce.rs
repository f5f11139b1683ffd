//! Produce: check, append, answer when it is safe.

use broker_wire::ErrorCode;
use broker_wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use broker_wire::records::{BatchHeader, Compression, RecordError, TimestampType, check_batch};

use crate::log::append::AppendError;
use crate::log::committer::Ticket;
use crate::log::producers::SequenceError;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::{PartitionState, Topic};

/// The first version that knows zstd (KIP-110).
const ZSTD_SINCE: i16 = 7;
/// The first version that can be told to abort a transaction (KIP-890).
const ABORTABLE_SINCE: i16 = 11;

/// A refused batch: the code, and the reason in words.
type Refused = (ErrorCode, String);

pub fn handle(cx: &Cx, request: ProduceRequest) -> Answer<ProduceResponse> {
    let (mut responses, mut tickets) = (Vec::new(), Vec::new());
    for topic_data in request.topic_data {
        let topic = cx.shared.registry.get(&topic_data.name);
        let mut partition_responses = Vec::new();
        for data in topic_data.partition_data {
            let index = data.index;
            let appended = match request.acks {
                -1..=1 => append(cx, topic.as_deref(), data),
                _ => Err((ErrorCode::INVALID_REQUIRED_ACKS, "acks must be -1, 0 or 1".to_owned())),
            };
            partition_responses.push(match appended {
                Ok((response, ticket)) => {
                    tickets.push(ticket);
                    response
                }
                Err(refused) => refuse(index, refused),
            });
        }
        responses.push(TopicProduceResponse { name: topic_data.name, partition_responses });
    }
    let response = ProduceResponse { responses, ..ProduceResponse::default() };
    match request.acks {
        0 => Answer::Never,
        -1 if !tickets.iter().all(Ticket::is_done) => Answer::later(when_safe(response, tickets)),
        _ => Answer::Now(response),
    }
}

/// acks=-1 is answered when everything of the request is durable.
async fn when_safe(mut response: ProduceResponse, tickets: Vec<Ticket>) -> ProduceResponse {
    for ticket in tickets {
        if ticket.durable().await.is_err() {
            let accepted = |partition: &&mut PartitionProduceResponse| partition.error_code.is_none();
            let partitions = response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
            for partition in partitions.filter(accepted) {
                let reason = "the log folder failed before the records were safe; they may or may not be there";
                *partition = refuse(partition.index, (ErrorCode::KAFKA_STORAGE_ERROR, reason.to_owned()));
            }
            break;
        }
    }
    response
}

fn append(
    cx: &Cx,
    topic: Option<&Topic>,
    data: PartitionProduceData,
) -> Result<(PartitionProduceResponse, Ticket), Refused> {
    let unknown = || (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there is no such partition".to_owned());
    let topic = topic.ok_or_else(unknown)?;
    if topic.is_internal() {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, "this topic is the broker's own".to_owned()));
    }
    let log = match topic.partition(data.index).ok_or_else(unknown)? {
        PartitionState::Online(log) => log,
        PartitionState::Offline(reason) => return Err((ErrorCode::KAFKA_STORAGE_ERROR, reason.to_string())),
    };
    let batch = data.records.unwrap_or_default();
    let header = check(&batch, cx.version)?;
    let appended =
        log.append(&batch, &header, cx.shared.clock.wall_ms()).map_err(|error| append_refused(error, cx.version))?;
    let response = PartitionProduceResponse {
        index: data.index,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time.unwrap_or(-1),
        log_start_offset: log.start_offset(),
        ..PartitionProduceResponse::default()
    };
    Ok((response, appended.ticket))
}

/// What a batch from a producer has to be: one, whole, sound, dense, and nothing that only a broker writes.
fn check(batch: &[u8], version: i16) -> Result<BatchHeader, Refused> {
    let header = check_batch(batch).map_err(|error| match error {
        RecordError::Magic(_) => (ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, error.to_string()),
        _ => (ErrorCode::CORRUPT_MESSAGE, error.to_string()),
    })?;
    let invalid = |reason: &str| Err((ErrorCode::INVALID_RECORD, reason.to_owned()));
    if header.size() != batch.len() {
        return invalid("there must be one record batch for each partition");
    }
    if !header.is_dense() {
        return invalid("the number of records does not fit the last offset delta");
    }
    if header.is_control() {
        return invalid("producers write no control batches");
    }
    if header.timestamp_type() != TimestampType::CreateTime {
        return Err((ErrorCode::INVALID_TIMESTAMP, "the broker sets LogAppendTime, not the producer".to_owned()));
    }
    if header.is_transactional() && !header.has_producer() {
        return invalid("a transaction has a producer id");
    }
    if header.has_producer() && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return invalid("a producer id comes with an epoch and a sequence");
    }
    match header.compression() {
        Ok(Compression::Zstd) if version < ZSTD_SINCE => {
            Err((ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "zstd needs Produce version 7 or later".to_owned()))
        }
        Ok(_) => Ok(header),
        Err(error) => Err((ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, error.to_string())),
    }
}

fn append_refused(error: AppendError, version: i16) -> Refused {
    let code = match &error {
        AppendError::TooLarge { .. } => ErrorCode::MESSAGE_TOO_LARGE,
        AppendError::Sequence(SequenceError::Epoch { .. }) => ErrorCode::INVALID_PRODUCER_EPOCH,
        AppendError::Sequence(SequenceError::OutOfOrder { .. }) => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        AppendError::Sequence(SequenceError::NoTransaction { .. } | SequenceError::InTransaction { .. }) => {
            if version >= ABORTABLE_SINCE { ErrorCode::TRANSACTION_ABORTABLE } else { ErrorCode::INVALID_TXN_STATE }
        }
        AppendError::Full { .. } | AppendError::Failed(_) | AppendError::Offline(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        AppendError::Deleted => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        AppendError::Stopping => ErrorCode::NOT_LEADER_OR_FOLLOWER,
    };
    (code, error.to_string())
}

fn refuse(index: i32, (error_code, reason): Refused) -> PartitionProduceResponse {
    tracing::debug!(partition = index, %error_code, reason, "batch refused");
    let error_message = Some(reason);
    PartitionProduceResponse { index, error_code, base_offset: -1, error_message, ..Default::default() }
}
