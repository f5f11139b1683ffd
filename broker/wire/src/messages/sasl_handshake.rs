//! SaslHandshake: choose the SASL mechanism. KIP-43, KIP-152 (v1: what follows travels in SaslAuthenticate).

use crate::ErrorCode;
use crate::message::message;
use crate::messages::api;

api!(SaslHandshake, SaslHandshakeRequest, SaslHandshakeResponse);

message! {
    /// The mechanism wanted.
    pub struct SaslHandshakeRequest {
        /// The SASL mechanism.
        mechanism: String [0..],
    }

    /// The answer.
    pub struct SaslHandshakeResponse {
        /// What went wrong, if anything did.
        error_code: ErrorCode [0..],
        /// The SASL mechanisms that the broker offers.
        mechanisms: Vec<String> [0..],
    }
}
