//! Request and response headers, and whole frames without their length prefix.
//!
//! Request header v1: key, version, correlation id, nullable client id; v2 (flexible requests) adds tagged fields, the
//! client id stays in the plain layout. Response header v0 is the correlation id, v1 adds tagged fields; the response of
//! ApiVersions always has v0, so that a client can read it before it knows the broker (KIP-511).

use bytes::{BufMut, Bytes};

use crate::api_key::ApiKey;
use crate::messages::{Message, Request};
use crate::primitives::{EncodeError, Field, Layout, put_unsigned_varint};
use crate::reader::{DecodeError, Reader};

const PLAIN: Layout = Layout { version: 0, flexible: false };

/// What stands before every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Number of the API, which may be one that this crate does not know.
    pub api_key: i16,
    /// Version of the request, which may be one that this crate does not know.
    pub api_version: i16,
    /// Chosen by the client, repeated in the answer.
    pub correlation_id: i32,
    /// Name that the client gives itself.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// The API, if this crate knows it.
    pub fn key(&self) -> Option<ApiKey> {
        ApiKey::from_i16(self.api_key)
    }

    /// Reads a header, up to the first byte of the request. Of an unknown API the tagged fields, if any, are left.
    ///
    /// # Errors
    /// The frame is too short, or its client id is not a string.
    pub fn decode(input: &mut Reader) -> Result<Self, DecodeError> {
        let (api_key, api_version, correlation_id) = (input.i16()?, input.i16()?, input.i32()?);
        let client_id = Field::read(input, PLAIN)?;
        if ApiKey::from_i16(api_key).is_some_and(|key| key.is_flexible(api_version)) {
            skip_tags(input)?;
        }
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }
}

/// The frame of a request, without length prefix.
///
/// # Errors
/// As [`Message::encode`], or the client id is longer than 32 767 bytes.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(request.bulk() + 256);
    out.put_i16(R::KEY as i16);
    out.put_i16(version);
    out.put_i32(correlation_id);
    client_id.map(str::to_owned).write(&mut out, PLAIN)?;
    if R::KEY.is_flexible(version) {
        put_unsigned_varint(&mut out, 0);
    }
    request.encode(version, &mut out)?;
    Ok(Bytes::from(out))
}

/// The frame of a response, without length prefix.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_response<M: Message>(response: &M, version: i16, correlation_id: i32) -> Result<Bytes, EncodeError> {
    let mut out = Vec::with_capacity(response_capacity(response));
    encode_response_into(response, version, correlation_id, &mut out)?;
    Ok(Bytes::from(out))
}

/// Room that [`encode_response_into`] likes to have.
pub fn response_capacity<M: Message>(response: &M) -> usize {
    response.bulk() + 512
}

/// As [`encode_response`], into a buffer of the caller's.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_response_into<M: Message>(
    response: &M,
    version: i16,
    correlation_id: i32,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    out.put_i32(correlation_id);
    if has_tagged_response_header(M::KEY, version) {
        put_unsigned_varint(out, 0);
    }
    response.encode(version, out)
}

/// Reads the answer to a request of type `R` that was sent in `version`; gives its correlation id too.
///
/// # Errors
/// The bytes are not that answer.
pub fn decode_response<R: Request>(frame: Bytes, version: i16) -> Result<(i32, R::Response), DecodeError> {
    let mut input = Reader::new(frame);
    let correlation_id = input.i32()?;
    if has_tagged_response_header(R::KEY, version) {
        skip_tags(&mut input)?;
    }
    Ok((correlation_id, R::Response::decode(&mut input, version)?))
}

/// The correlation id of a request frame, if the frame is long enough to have one.
pub fn request_correlation_id(frame: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(frame.get(4..8)?.try_into().ok()?))
}

/// The correlation id of a response frame, if the frame is long enough to have one.
pub fn response_correlation_id(frame: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(frame.get(..4)?.try_into().ok()?))
}

fn has_tagged_response_header(key: ApiKey, version: i16) -> bool {
    key.is_flexible(version) && key != ApiKey::ApiVersions
}

fn skip_tags(input: &mut Reader) -> Result<(), DecodeError> {
    for _ in 0..input.unsigned_varint()? {
        input.tagged()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::messages::heartbeat::HeartbeatRequest;

    #[test]
    fn a_request_header_reads_back_in_both_layouts() {
        for version in 0..=4 {
            let frame = encode_request(&HeartbeatRequest::default(), version, 7, Some("c")).unwrap();
            let mut input = Reader::new(frame.clone());
            let header = RequestHeader::decode(&mut input).unwrap();
            assert_eq!((header.key(), header.api_version), (Some(ApiKey::Heartbeat), version));
            assert_eq!((header.correlation_id, header.client_id.as_deref()), (7, Some("c")));
            HeartbeatRequest::decode(&mut input, version).unwrap();
            assert_eq!(input.remaining(), 0);
            assert_eq!(request_correlation_id(&frame), Some(7));
        }
    }

    #[test]
    fn the_answer_of_api_versions_has_no_tags_in_its_header() {
        let frame = encode_response(&ApiVersionsResponse::default(), 4, 9).unwrap();
        assert_eq!(&frame[..6], &[0, 0, 0, 9, 0, 0]);
        assert_eq!(decode_response::<ApiVersionsRequest>(frame, 4).unwrap().0, 9);
    }

    #[test]
    fn an_unknown_api_still_has_a_readable_header() {
        let mut input = Reader::new(Bytes::from_static(&[3, 231, 0, 1, 0, 0, 0, 5, 255, 255]));
        let header = RequestHeader::decode(&mut input).unwrap();
        assert_eq!((header.key(), header.correlation_id, header.client_id), (None, 5, None));
    }
}
