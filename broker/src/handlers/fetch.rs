//! Fetch: read whole batches below the high watermark, waiting for them if asked to. Readers of committed records get those below
//! the last stable offset, and the list of transactions among them that were aborted.
//!
//! Fetch sessions (KIP-227) are answered with session id 0: clients then name all partitions each time, which is legal
//! and right for the few partitions that one reader has here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_wire::ErrorCode;
use broker_wire::messages::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
};
use bytes::Bytes;

use crate::broker::Shared;
use crate::log::aborted::AbortedTransaction as Aborted;
use crate::log::partition::{LEADER_EPOCH, PartitionLog};
use crate::log::reading::{Limits, ReadError};
use crate::log::waiters::{Wait, Waiters};
use crate::server::dispatch::{Answer, Cx};
use crate::topics::{PartitionState, Topic};

/// The first version that names topics by id.
const IDS_SINCE: i16 = 13;
/// The isolation level of who reads only what was committed.
const READ_COMMITTED: i8 = 1;
/// Longest wait that a client gets, in ms.
const MAX_WAIT_MS: u64 = 5 * 60 * 1000;

pub fn handle(cx: &Cx, request: FetchRequest) -> Answer<FetchResponse> {
    if request.replica_id >= 0 || request.replica_state.replica_id >= 0 {
        let error_code = ErrorCode::INVALID_REQUEST;
        return Answer::Now(FetchResponse { error_code, ..FetchResponse::default() });
    }
    let wait_ms = u64::try_from(request.max_wait_ms).unwrap_or(0).min(MAX_WAIT_MS);
    let deadline = Instant::now() + Duration::from_millis(wait_ms);
    let fetch = Fetch { shared: cx.shared.clone(), by_id: cx.version >= IDS_SINCE, request };
    Answer::later(async move { fetch.answer(deadline).await })
}

struct Fetch {
    shared: Arc<Shared>,
    by_id: bool,
    request: FetchRequest,
}

/// What one pass over the partitions gave.
struct Pass {
    response: FetchResponse,
    bytes: usize,
    errors: bool,
}

impl Fetch {
    /// Reads; if that is too little, waits until a partition grows and reads again, until the deadline.
    async fn answer(self, deadline: Instant) -> FetchResponse {
        let min_bytes = usize::try_from(self.request.min_bytes).unwrap_or(0);
        let enough = |pass: &Pass| pass.bytes >= min_bytes || pass.errors || Instant::now() >= deadline;
        let pass = self.read();
        if enough(&pass) {
            return pass.response;
        }
        let wait = Wait::at(self.logs());
        let mut due = std::pin::pin!({
            let _timers = self.shared.runtime.enter();
            tokio::time::sleep_until(deadline.into())
        });
        loop {
            let pass = self.read();
            if enough(&pass) {
                return pass.response;
            }
            tokio::select! { () = wait.grown() => {}, () = &mut due => return self.read().response }
        }
    }

    fn topic(&self, wanted: &FetchTopic) -> Option<Arc<Topic>> {
        match self.by_id {
            true => self.shared.registry.get_by_id(wanted.topic_id),
            false => self.shared.registry.get(&wanted.topic),
        }
    }

    fn logs(&self) -> Vec<Waiting> {
        let mut logs = Vec::new();
        for wanted in &self.request.topics {
            let Some(topic) = self.topic(wanted) else { continue };
            let found = wanted.partitions.iter().filter_map(|wanted| topic.partition(wanted.partition)?.online());
            logs.extend(found.cloned().map(Waiting));
        }
        logs
    }

    fn read(&self) -> Pass {
        let asked = usize::try_from(self.request.max_bytes).unwrap_or(0);
        let mut left = asked.min(self.shared.config.fetch_max_bytes);
        let mut pass = Pass { response: FetchResponse::default(), bytes: 0, errors: false };
        for wanted in &self.request.topics {
            let topic = self.topic(wanted);
            let mut partitions = Vec::with_capacity(wanted.partitions.len());
            for partition in &wanted.partitions {
                let data = self.read_partition(topic.as_deref(), partition, left, pass.bytes == 0);
                let bytes = data.records.as_ref().map_or(0, Bytes::len);
                left = left.saturating_sub(bytes);
                pass.bytes += bytes;
                pass.errors |= !data.error_code.is_none();
                partitions.push(data);
            }
            let (topic, topic_id) = (wanted.topic.clone(), wanted.topic_id);
            pass.response.responses.push(FetchableTopicResponse { topic, topic_id, partitions });
        }
        pass
    }

    /// `left` bytes may still be read; one whole batch comes even if it is larger, if it is the first of the answer.
    fn read_partition(
        &self,
        topic: Option<&Topic>,
        wanted: &FetchPartition,
        left: usize,
        at_least_one: bool,
    ) -> PartitionData {
        let answer = |error_code| PartitionData {
            partition_index: wanted.partition,
            error_code,
            high_watermark: -1,
            records: Some(Bytes::new()),
            ..PartitionData::default()
        };
        let Some(topic) = topic else {
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            return answer(if self.by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { unknown });
        };
        let log = match topic.partition(wanted.partition) {
            Some(PartitionState::Online(log)) => log,
            Some(PartitionState::Offline(_)) => return answer(ErrorCode::KAFKA_STORAGE_ERROR),
            None => return answer(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        };
        if wanted.current_leader_epoch > LEADER_EPOCH {
            return answer(ErrorCode::UNKNOWN_LEADER_EPOCH);
        }
        let max_bytes = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(left);
        let read = self.read_log(log, wanted.fetch_offset, Limits { max_bytes, at_least_one });
        let (error_code, (records, aborted_transactions)) = match read {
            Ok(read) => (ErrorCode::NONE, read),
            Err(ReadError::OutOfRange { .. }) if log.is_deleted() => {
                (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Read::default())
            }
            Err(ReadError::OutOfRange { .. }) => (ErrorCode::OFFSET_OUT_OF_RANGE, Read::default()),
            Err(error) => {
                tracing::error!(partition = log.name(), offset = wanted.fetch_offset, %error, "read failed");
                (ErrorCode::KAFKA_STORAGE_ERROR, Read::default())
            }
        };
        PartitionData {
            high_watermark: log.high_watermark(),
            last_stable_offset: log.last_stable_offset(),
            log_start_offset: log.start_offset(),
            aborted_transactions,
            records: Some(records),
            ..answer(error_code)
        }
    }
}

/// Whole batches, and for readers of committed records the transactions among them that were aborted.
type Read = (Bytes, Option<Vec<AbortedTransaction>>);

impl Fetch {
    fn read_log(&self, log: &PartitionLog, offset: i64, limits: Limits) -> Result<Read, ReadError> {
        if self.request.isolation_level != READ_COMMITTED {
            return Ok((log.read(offset, limits)?, None));
        }
        let records = log.read_below(log.last_stable_offset(), offset, limits)?;
        let aborted = if records.is_empty() { Vec::new() } else { log.aborted(offset, &records)? };
        let entry =
            |entry: Aborted| AbortedTransaction { producer_id: entry.producer_id, first_offset: entry.first_offset };
        Ok((records, Some(aborted.into_iter().map(entry).collect())))
    }
}

/// A partition that is waited at.
struct Waiting(Arc<PartitionLog>);

impl AsRef<Waiters> for Waiting {
    fn as_ref(&self) -> &Waiters {
        (*self.0).as_ref()
    }
}
