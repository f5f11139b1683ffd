//! Content on its way: the body of a request, and how the request is signed for it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::file::Content;

/// A body that can be sent again.
pub(super) fn body_of(content: &Content) -> ByteStream {
    let content = content.clone();
    let body = move || SdkBody::from_body_1_x(Pieces { content: content.clone(), sent: 0, left: content.len() as u64 });
    ByteStream::new(SdkBody::retryable(body))
}

/// Gives one piece after the other.
struct Pieces {
    content: Content,
    sent: usize,
    left: u64,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.content.pieces().get(self.sent).cloned();
        self.sent += 1;
        self.left -= next.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Signs a request with what it says of its content, which the client would otherwise have to see in one piece.
#[derive(Debug)]
pub(super) struct SignedAs(PayloadSigningOverride);

impl SignedAs {
    /// With the SHA-256 of the content, or with nothing of it.
    pub fn of(content: &Content, with_content: bool) -> SignedAs {
        SignedAs(match with_content {
            true => PayloadSigningOverride::Precomputed(content.sha256()),
            false => PayloadSigningOverride::UnsignedPayload,
        })
    }
}

impl Intercept for SignedAs {
    fn name(&self) -> &'static str {
        "SignedAs"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(self.0.clone());
        Ok(())
    }
}
