//! ApiVersions: what the broker offers. Its response header never has tagged fields, so that any client can read it. KIP-35, KIP-511 (v3), KIP-584.

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(ApiVersions, ApiVersionsRequest, ApiVersionsResponse);

message! {
    /// Who asks.
    pub struct ApiVersionsRequest {
        /// Name of the client library.
        client_software_name: String [3..],
        /// Version of the client library.
        client_software_version: String [3..],
    }

    /// The answer.
    pub struct ApiVersionsResponse {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// What the broker offers.
        api_keys: Vec<ApiVersion> [0..],
        /// How long in ms the client shall wait before it asks again.
        throttle_time_ms: i32 [1..],
        /// Feature levels that the broker can do.
        supported_features: Vec<SupportedFeatureKey> [3.., tag 0],
        /// Grows with each change of the levels in force; -1 if unknown.
        finalized_features_epoch: i64 [3.., tag 1] = -1,
        /// Feature levels in force.
        finalized_features: Vec<FinalizedFeatureKey> [3.., tag 2],
        /// Used while moving off ZooKeeper.
        zk_migration_ready: bool [3.., tag 3],
    }

    /// The versions of one API.
    pub struct ApiVersion {
        /// Number of the API.
        api_key: i16 [0..],
        /// Lowest version.
        min_version: i16 [0..],
        /// Highest version.
        max_version: i16 [0..],
    }

    /// A feature level that is possible.
    pub struct SupportedFeatureKey {
        /// Name of the feature.
        name: String [3..],
        /// Lowest version.
        min_version: i16 [3..],
        /// Highest version.
        max_version: i16 [3..],
    }

    /// A feature level in force.
    pub struct FinalizedFeatureKey {
        /// Name of the feature.
        name: String [3..],
        /// Highest level.
        max_version_level: i16 [3..],
        /// Lowest level.
        min_version_level: i16 [3..],
    }
}
