//! ApiVersions: just what is implemented, so that clients come down to it.

use broker_wire::ApiKey;
use broker_wire::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};

use crate::server::dispatch::{Answer, Cx, OFFERED};

/// librdkafka silently stops compressing if the lowest Produce version is not 0, so 0 is what is listed; a client that
/// really sends a version below 3 is refused (KAFKA-18659).
const LISTED_PRODUCE_MIN: i16 = 0;

pub fn handle(_: &Cx, _: ApiVersionsRequest) -> Answer<ApiVersionsResponse> {
    Answer::Now(offered())
}

/// What the broker offers. There are no features to speak of: they belong to the second protocol of transactions (KIP-890) and the
/// newer group protocol.
pub fn offered() -> ApiVersionsResponse {
    let api_keys = OFFERED.iter().map(|key| ApiVersion {
        api_key: *key as i16,
        min_version: if *key == ApiKey::Produce { LISTED_PRODUCE_MIN } else { *key.versions().start() },
        max_version: *key.versions().end(),
    });
    ApiVersionsResponse { api_keys: api_keys.collect(), ..ApiVersionsResponse::default() }
}
