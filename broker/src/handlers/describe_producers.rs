//! DescribeProducers: what partitions remember of producers, and where their open transactions begin.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_producers::{
    DescribeProducersPartitionResponse, DescribeProducersRequest, DescribeProducersResponse,
    DescribeProducersTopicResponse, ProducerState,
};

use crate::log::partition::PartitionLog;
use crate::log::producers::Producer;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::PartitionState;

/// Most producers in one answer.
const MAX_LISTED: usize = 100_000;

pub fn handle(cx: &Cx, request: DescribeProducersRequest) -> Answer<DescribeProducersResponse> {
    let mut left = MAX_LISTED;
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = cx.shared.registry.get(&wanted.name);
        let one = |partition_index| {
            let answer = |error_code, reason: Option<&str>, active_producers| DescribeProducersPartitionResponse {
                partition_index,
                error_code,
                error_message: reason.map(str::to_owned),
                active_producers,
            };
            match topic.as_ref().and_then(|topic| topic.partition(partition_index)) {
                Some(PartitionState::Online(log)) => match producers(log, left) {
                    Some(producers) => {
                        left -= producers.len();
                        answer(ErrorCode::NONE, None, producers)
                    }
                    None => {
                        let reason = "too many producers for one answer: ask for fewer partitions at a time";
                        answer(ErrorCode::INVALID_REQUEST, Some(reason), Vec::new())
                    }
                },
                Some(PartitionState::Offline(reason)) => {
                    answer(ErrorCode::KAFKA_STORAGE_ERROR, Some(reason), Vec::new())
                }
                None => answer(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some("there is no such partition"), Vec::new()),
            }
        };
        let partitions = wanted.partition_indexes.into_iter().map(one).collect();
        DescribeProducersTopicResponse { partitions, name: wanted.name }
    });
    Answer::Now(DescribeProducersResponse { topics: topics.collect(), ..DescribeProducersResponse::default() })
}

/// The producers, if they are not more than `most`.
fn producers(log: &PartitionLog, most: usize) -> Option<Vec<ProducerState>> {
    let row = |(producer_id, producer): (i64, &Producer)| ProducerState {
        producer_id,
        producer_epoch: i32::from(producer.epoch),
        last_sequence: producer.batches.back().map_or(-1, |batch| batch.last_sequence),
        last_timestamp: producer.batches.back().map_or(-1, |batch| batch.timestamp),
        current_txn_start_offset: producer.transaction.unwrap_or(-1),
        ..ProducerState::default()
    };
    log.with_state(|state| {
        (state.producers.len() <= most).then(|| state.producers.all().into_iter().map(row).collect())
    })
}
