//! What went wrong, and what it means.

use std::error::Error as _;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::error::display::DisplayErrorContext;
use connector_api::Error;

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It may pass: no answer, too busy, a conflict with another request.
    Passing,
    /// What was asked for is not there.
    Missing,
    /// A condition of the request does not hold.
    Condition,
    /// The server does not know such a request.
    Unknown,
    /// The bucket is not there.
    NoBucket,
    /// Not allowed, or credentials that do not hold.
    Denied,
    /// The bucket is elsewhere.
    Region,
    /// Another task has the partition.
    TakenOver,
    /// Anything else: repeating it will not help.
    Refused,
}

/// An answer other than the one that was asked for, or none.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// What kind.
    pub kind: Kind,
    /// What was tried and what was answered.
    pub text: String,
}

impl Fault {
    /// Reads what the client reports. `what` says what was tried, as in "cannot <what>".
    pub fn of<E>(what: &str, error: SdkError<E>) -> Fault
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = match &error {
            SdkError::ServiceError(service) => kind(service.err().code().unwrap_or_default(), status.unwrap_or(0)),
            SdkError::ConstructionFailure(_) => Kind::Refused,
            SdkError::DispatchFailure(failure) if failure.is_user() => Kind::Refused,
            SdkError::DispatchFailure(_) if mentions_credentials(&error) => Kind::Denied,
            SdkError::ResponseError(_) => status.map_or(Kind::Passing, |status| kind("", status)),
            _ => Kind::Passing,
        };
        let answer = match (error.as_service_error(), status) {
            (Some(service), Some(status)) => {
                let code = service.code().unwrap_or("no code");
                let message = service.message().unwrap_or("no message");
                format!("the server answered {status} {code}: {message}")
            }
            _ => format!("{}", DisplayErrorContext(&error)),
        };
        Fault { kind, text: format!("cannot {what}: {answer}") }
    }

    /// A fault that the sink itself found.
    pub fn own(kind: Kind, text: impl Into<String>) -> Fault {
        Fault { kind, text: text.into() }
    }

    /// Whether the same request may work later.
    pub fn may_pass(&self) -> bool {
        self.kind == Kind::Passing
    }

    /// As an error with its decision and remedy. Credentials and buckets can be put right without touching the
    /// connector, so the task fails in the way that a later start may heal.
    pub fn into_error(self) -> Error {
        let text = self.text;
        match self.kind {
            Kind::Passing => Error::retry(text),
            Kind::NoBucket => Error::fail(text)
                .remedy("Make the bucket, or correct `s3.bucket.name`, `s3.region` or `store.url`; the task then goes on."),
            Kind::Denied => Error::fail(text).remedy(
                "Are the credentials right, valid still, and allowed to list, get and put in this bucket? Correct \
                 `aws.access.key.id` and `aws.secret.access.key`, the environment or the profile, or the bucket's policy.",
            ),
            Kind::Region => Error::bad_config("s3.region", text).remedy("Set `s3.region` to the bucket's region."),
            Kind::Unknown => Error::fatal(text)
                .remedy("The server lacks what is needed; with `exactly.once` set to `false` less is."),
            Kind::TakenOver => Error::fail(text)
                .remedy("If this repeats, another connector has the same name, bucket and `journal.dir`: change one."),
            Kind::Missing | Kind::Condition | Kind::Refused => Error::fail(text),
        }
    }
}

fn mentions_credentials<E: std::error::Error + 'static>(error: &SdkError<E>) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.to_string().contains("credential") {
            return true;
        }
        cause = inner.source();
    }
    false
}

fn kind(code: &str, status: u16) -> Kind {
    match code {
        "SlowDown"
        | "InternalError"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "RequestTimeTooSkewed"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "Throttling"
        | "TooManyRequests" => Kind::Passing,
        "NoSuchBucket" => Kind::NoBucket,
        "PreconditionFailed" => Kind::Condition,
        "NoSuchKey" | "NoSuchUpload" | "NotFound" => Kind::Missing,
        "NotImplemented" | "MethodNotAllowed" => Kind::Unknown,
        "ExpiredToken"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "AccessDenied"
        | "InvalidToken"
        | "TokenRefreshRequired" => Kind::Denied,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "TemporaryRedirect" => Kind::Region,
        _ => match status {
            408 | 409 | 429 | 500 | 502..=599 => Kind::Passing,
            404 => Kind::Missing,
            412 => Kind::Condition,
            401 | 403 => Kind::Denied,
            301 | 307 => Kind::Region,
            405 | 501 => Kind::Unknown,
            _ => Kind::Refused,
        },
    }
}

/// A body that cannot be read whole.
pub(super) async fn collected(what: &str, body: ByteStream) -> Result<bytes::Bytes, Fault> {
    let read = body.collect().await;
    read.map(|bytes| bytes.into_bytes()).map_err(|why| Fault::own(Kind::Passing, format!("cannot {what}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_decisions() {
        assert_eq!(kind("SlowDown", 503), Kind::Passing);
        assert_eq!(kind("", 502), Kind::Passing);
        assert_eq!(kind("ExpiredToken", 400), Kind::Denied);
        assert_eq!(kind("NotImplemented", 501), Kind::Unknown);
        assert_eq!(kind("SomethingNew", 400), Kind::Refused);
        assert_eq!(kind("ConditionalRequestConflict", 409), Kind::Passing);
        let error = Fault::own(Kind::NoBucket, "cannot put `a`").into_error();
        assert!(error.may_heal() && error.to_string().contains("Make the bucket"));
    }
}
