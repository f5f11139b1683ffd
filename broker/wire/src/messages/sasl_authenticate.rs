//! SaslAuthenticate: one step of the SASL exchange. KIP-152, KIP-368 (v1).

use bytes::Bytes;

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(SaslAuthenticate, SaslAuthenticateRequest, SaslAuthenticateResponse);

message! {
    /// The client's step.
    pub struct SaslAuthenticateRequest {
        /// Bytes of the SASL mechanism.
        auth_bytes: Bytes [0..],
    }

    /// The answer.
    pub struct SaslAuthenticateResponse {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The error in words.
        error_message: Option<String> [0..],
        /// Bytes of the SASL mechanism.
        auth_bytes: Bytes [0..],
        /// Time in ms after which the client must authenticate again, 0 for never.
        session_lifetime_ms: i64 [1..],
    }
}
