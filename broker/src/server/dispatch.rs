//! From a frame to its handler and back to a frame.

use std::pin::Pin;
use std::sync::Arc;

use broker_wire::messages::api_versions::ApiVersionsResponse;
use broker_wire::messages::{Message, Request};
use broker_wire::{ApiKey, DecodeError, ErrorCode, Reader, RequestHeader, encode_response_into, response_capacity};
use bytes::Bytes;
use thiserror::Error;

use super::session::{Pending, Session};
use crate::broker::Shared;
use crate::buffers::Buffers;
use crate::config::Address;
use crate::handlers;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This is the answer.
    Frame(Bytes),
    /// The client wants no answer.
    Silent,
    /// There should be an answer, but it cannot be given: the connection has to end.
    Broken,
}

/// A request that cannot be carried out at all: the connection has to end, because nothing after it can be answered in
/// order.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The bytes are not the request that they claim to be.
    #[error("{api} version {version}: {error}")]
    Malformed {
        /// The API, or its number.
        api: String,
        /// The version.
        version: i16,
        /// What is wrong.
        error: DecodeError,
    },
    /// The broker does not offer this.
    #[error("{api} version {version} is not offered")]
    NotOffered {
        /// The API, or its number.
        api: String,
        /// The version.
        version: i16,
    },
    /// The request names too many partitions.
    #[error("{api} names {count} partitions, over max.partitions.per.request={limit}")]
    TooMany {
        /// The API.
        api: String,
        /// Partitions that it names.
        count: usize,
        /// The limit in force.
        limit: usize,
    },
}

/// What a handler knows besides the request.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    /// The broker.
    pub shared: Arc<Shared>,
    /// Where the client is.
    pub peer: Arc<str>,
    /// Address that the client is told.
    pub address: Address,
    /// Name that the client gives itself.
    pub client_id: Option<String>,
    /// Version of the request.
    pub version: i16,
}

/// A handler's answer.
pub(crate) enum Answer<R> {
    /// At once.
    Now(R),
    /// After a wait.
    Later(Pin<Box<dyn Future<Output = R> + Send>>),
    /// The client wants none.
    Never,
}

impl<R> Answer<R> {
    /// After a wait.
    pub fn later(future: impl Future<Output = R> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

/// The APIs that the broker offers; ApiVersions lists just these.
pub(crate) const OFFERED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::DescribeAcls,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
    ApiKey::OffsetDelete,
    ApiKey::DescribeCluster,
    ApiKey::DescribeProducers,
    ApiKey::DescribeTransactions,
    ApiKey::ListTransactions,
];

/// Carries out the request in `frame`.
pub(crate) fn dispatch(session: &Session, frame: Bytes) -> Result<Pending, Refusal> {
    let mut input = Reader::new(frame);
    let header = RequestHeader::decode(&mut input).map_err(|error| Refusal::Malformed {
        api: "a request header".to_owned(),
        version: -1,
        error,
    })?;
    let version = header.api_version;
    let not_offered = || Refusal::NotOffered { api: api_name(&header), version };
    let key = header.key().filter(|key| OFFERED.contains(key)).ok_or_else(not_offered)?;
    let call = Call { session, header: &header, input };
    if key == ApiKey::ApiVersions && !key.supports(version) {
        return Ok(call.unknown_api_versions());
    }
    if !key.supports(version) {
        return Err(not_offered());
    }
    match key {
        ApiKey::Produce => {
            call.serve_counted(handlers::produce::handle, |r| sum(&r.topic_data, |t| t.partition_data.len()))
        }
        ApiKey::Fetch => call.serve_counted(handlers::fetch::handle, |r| sum(&r.topics, |t| t.partitions.len())),
        ApiKey::ListOffsets => {
            call.serve_counted(handlers::list_offsets::handle, |r| sum(&r.topics, |t| t.partitions.len()))
        }
        ApiKey::Metadata => call.serve(handlers::metadata::handle),
        ApiKey::OffsetCommit => {
            call.serve_counted(handlers::offset_commit::handle, |r| sum(&r.topics, |t| t.partitions.len()))
        }
        ApiKey::OffsetFetch => call.serve(handlers::offset_fetch::handle),
        ApiKey::FindCoordinator => call.serve(handlers::find_coordinator::handle),
        ApiKey::JoinGroup => call.serve(handlers::join_group::handle),
        ApiKey::Heartbeat => call.serve(handlers::heartbeat::handle),
        ApiKey::LeaveGroup => call.serve(handlers::leave_group::handle),
        ApiKey::SyncGroup => call.serve(handlers::sync_group::handle),
        ApiKey::DescribeGroups => call.serve(handlers::describe_groups::handle),
        ApiKey::ListGroups => call.serve(handlers::list_groups::handle),
        ApiKey::ApiVersions => call.serve(handlers::api_versions::handle),
        ApiKey::CreateTopics => call.serve(handlers::create_topics::handle),
        ApiKey::DeleteTopics => call.serve(handlers::delete_topics::handle),
        ApiKey::InitProducerId => call.serve(handlers::init_producer_id::handle),
        ApiKey::OffsetForLeaderEpoch => call.serve(handlers::offset_for_leader_epoch::handle),
        ApiKey::AddPartitionsToTxn => {
            call.serve_counted(handlers::add_partitions_to_txn::handle, |r| sum(&r.topics, |t| t.partitions.len()))
        }
        ApiKey::AddOffsetsToTxn => call.serve(handlers::add_offsets_to_txn::handle),
        ApiKey::EndTxn => call.serve(handlers::end_txn::handle),
        ApiKey::TxnOffsetCommit => {
            call.serve_counted(handlers::txn_offset_commit::handle, |r| sum(&r.topics, |t| t.partitions.len()))
        }
        ApiKey::DescribeAcls => call.serve(handlers::describe_acls::handle),
        ApiKey::DescribeConfigs => call.serve(handlers::describe_configs::handle),
        ApiKey::DescribeLogDirs => call.serve(handlers::describe_log_dirs::handle),
        ApiKey::CreatePartitions => call.serve(handlers::create_partitions::handle),
        ApiKey::DeleteGroups => call.serve(handlers::delete_groups::handle),
        ApiKey::OffsetDelete => call.serve(handlers::offset_delete::handle),
        ApiKey::DescribeCluster => call.serve(handlers::describe_cluster::handle),
        ApiKey::DescribeProducers => {
            call.serve_counted(handlers::describe_producers::handle, |r| sum(&r.topics, |t| t.partition_indexes.len()))
        }
        ApiKey::DescribeTransactions => {
            call.serve_counted(handlers::describe_transactions::handle, |r| r.transactional_ids.len())
        }
        ApiKey::ListTransactions => call.serve(handlers::list_transactions::handle),
        _ => Err(not_offered()),
    }
}

fn api_name(header: &RequestHeader) -> String {
    header.key().map_or_else(|| format!("API {}", header.api_key), |key| format!("{key:?}"))
}

/// A request on its way to its handler.
struct Call<'a> {
    session: &'a Session,
    header: &'a RequestHeader,
    input: Reader,
}

impl Call<'_> {
    fn serve<R: Request>(self, handler: fn(&Cx, R) -> Answer<R::Response>) -> Result<Pending, Refusal>
    where
        R::Response: Send + 'static,
    {
        self.serve_counted(handler, |_| 0)
    }

    /// As [`serve`](Self::serve), for a request that names as many partitions as `count` says.
    fn serve_counted<R: Request>(
        mut self,
        handler: fn(&Cx, R) -> Answer<R::Response>,
        count: fn(&R) -> usize,
    ) -> Result<Pending, Refusal>
    where
        R::Response: Send + 'static,
    {
        let (version, correlation_id) = (self.header.api_version, self.header.correlation_id);
        let malformed = |error| Refusal::Malformed { api: api_name(self.header), version, error };
        let request = R::decode(&mut self.input, version).map_err(malformed)?;
        let (count, limit) = (count(&request), self.session.shared.config.max_partitions_per_request);
        if count > limit {
            return Err(Refusal::TooMany { api: api_name(self.header), count, limit });
        }
        let buffers = self.session.shared.folder.buffers().clone();
        Ok(match handler(&self.cx(), request) {
            Answer::Now(response) => Pending::Ready(encode(&buffers, &response, version, correlation_id)),
            Answer::Later(response) => {
                Pending::Waiting(Box::pin(async move { encode(&buffers, &response.await, version, correlation_id) }))
            }
            Answer::Never => Pending::Ready(Outcome::Silent),
        })
    }

    fn cx(&self) -> Cx {
        Cx {
            shared: self.session.shared.clone(),
            peer: self.session.peer.clone(),
            address: self.session.address.clone(),
            client_id: self.header.client_id.clone(),
            version: self.header.api_version,
        }
    }

    /// A client that is newer than the broker is answered in version 0, with all that is offered, so that it can come
    /// down (KIP-511).
    fn unknown_api_versions(self) -> Pending {
        let offered = handlers::api_versions::offered();
        let response = ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..offered };
        Pending::Ready(encode(self.session.shared.folder.buffers(), &response, 0, self.header.correlation_id))
    }
}

fn encode<M: Message>(buffers: &Arc<Buffers>, response: &M, version: i16, correlation_id: i32) -> Outcome {
    let mut frame = buffers.take(response_capacity(response));
    match encode_response_into(response, version, correlation_id, &mut frame) {
        Ok(()) => Outcome::Frame(buffers.lend(frame)),
        Err(error) => {
            tracing::error!(message = M::NAME, version, %error, "answer could not be written");
            Outcome::Broken
        }
    }
}

fn sum<T>(topics: &[T], partitions: fn(&T) -> usize) -> usize {
    topics.iter().map(partitions).sum()
}
