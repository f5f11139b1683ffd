//! The messages: one file per API, request and response together. Names are those of Kafka's schemas.

use crate::api_key::ApiKey;
use crate::primitives::{EncodeError, Field, Layout};
use crate::reader::{DecodeError, Reader};

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_topics;
pub mod describe_acls;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_transactions;
pub mod end_txn;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod list_offsets;
pub mod list_transactions;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod sync_group;
pub mod txn_offset_commit;

/// One direction of an API.
pub trait Message: Field {
    /// Kafka's name of the message.
    const NAME: &'static str;
    /// The API that it belongs to.
    const KEY: ApiKey;

    /// Writes the message in the layout of `version`. Fields that the version does not have are left out.
    ///
    /// # Errors
    /// The version is not in [`ApiKey::versions`], a null stands where the version has none, or a field is too long.
    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if !Self::KEY.supports(version) {
            return Err(EncodeError::Version { message: Self::NAME, version });
        }
        out.reserve(self.bulk() + 256);
        self.write(out, layout(Self::KEY, version))
    }

    /// Reads a message in the layout of `version`. Fields that the version does not have keep their defaults; bytes
    /// after the message are left in `input`.
    ///
    /// # Errors
    /// The bytes are not this message in this version.
    fn decode(input: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::KEY.supports(version) {
            return Err(DecodeError::Version { message: Self::NAME, version });
        }
        Self::read(input, layout(Self::KEY, version))
    }
}

/// A message that asks; its answer has the same version.
pub trait Request: Message {
    /// The answer.
    type Response: Message;
}

fn layout(key: ApiKey, version: i16) -> Layout {
    Layout { version, flexible: key.is_flexible(version) }
}

macro_rules! api {
    ($key:ident, $request:ident, $response:ident) => {
        impl $crate::messages::Message for $request {
            const NAME: &'static str = stringify!($request);
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
        }

        impl $crate::messages::Message for $response {
            const NAME: &'static str = stringify!($response);
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
        }

        impl $crate::messages::Request for $request {
            type Response = $response;
        }
    };
}
use api;
