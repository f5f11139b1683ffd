//! The client, and one method for each request.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, ObjectCannedAcl, ServerSideEncryption};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use bytes::Bytes;
use connector_api::Result as Decided;

use super::error::{Fault, Kind, collected};
use crate::config::Access;

/// Under which name objects carry who decided their cut.
pub(super) const WRITER: &str = "naru-writer";

/// A bucket and how to reach it. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(super) client: Client,
    pub(super) bucket: String,
    access: Access,
}

/// What must hold for a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// There is no such object.
    Absent,
    /// It is this version.
    Is(String),
}

/// What a conditional write came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is written, as this version.
    As(String),
    /// The condition does not hold.
    Not,
}

/// A small object that was read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// Its version.
    pub etag: String,
    /// Its content.
    pub bytes: Bytes,
}

impl Store {
    /// Builds the client; nothing is sent yet, except to find credentials where none are configured.
    pub async fn connect(access: &Access) -> Store {
        let plain = access.url.as_deref().is_some_and(|url| url.starts_with("http://"));
        let http = aws_smithy_http_client::Builder::new();
        let http = match plain {
            true => http.build_http(),
            false => http.tls_provider(Provider::rustls(CryptoMode::Ring)).build_https(),
        };
        let attempts =
            RetryConfig::standard().with_max_attempts(access.retries + 1).with_initial_backoff(access.backoff);
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(access.timeout).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(access.region.clone()))
            .retry_config(attempts)
            .timeout_config(timeouts);
        if let Some((id, secret, token)) = &access.keys {
            let token = token.as_ref().map(|token| token.reveal().trim().to_owned()).filter(|token| !token.is_empty());
            loader =
                loader.credentials_provider(Credentials::new(id, secret.reveal().trim(), token, None, "configuration"));
        }
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        let shared = loader.load().await;
        let mut config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(access.path_style);
        if let Some(url) = &access.url {
            config = config.endpoint_url(url);
        }
        Store { client: Client::from_conf(config.build()), bucket: access.bucket.clone(), access: access.clone() }
    }

    /// Whether the bucket is there and ours to use.
    pub async fn find_bucket(&self) -> Decided<()> {
        let what = format!("reach the bucket `{}`", self.bucket);
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let mut fault = Fault::of(&what, error);
                if fault.kind == Kind::Missing {
                    fault = Fault::own(Kind::NoBucket, format!("there is no bucket `{}`", self.bucket));
                }
                Err(fault.into_error())
            }
        }
    }

    /// Reads a small object; `None` if it is not there.
    pub async fn get(&self, key: &str) -> Result<Option<Read>, Fault> {
        let what = format!("read `{key}`");
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => {
                let etag = found.e_tag.unwrap_or_default();
                Ok(Some(Read { etag, bytes: collected(&what, found.body).await? }))
            }
            Err(error) => match Fault::of(&what, error) {
                fault if fault.kind == Kind::Missing => Ok(None),
                fault => Err(fault),
            },
        }
    }

    /// Writes a small object if the condition holds.
    pub async fn put_if(&self, key: &str, bytes: Bytes, condition: &Precondition) -> Result<Written, Fault> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        let request = match condition {
            Precondition::Absent => request.if_none_match("*"),
            Precondition::Is(etag) => request.if_match(etag),
        };
        let request =
            request.set_server_side_encryption(self.encryption()).set_ssekms_key_id(self.access.kms_key.clone());
        match request.content_type("application/json").send().await {
            Ok(done) => Ok(Written::As(done.e_tag.unwrap_or_default())),
            Err(error) => match Fault::of(&format!("write `{key}`"), error) {
                fault if matches!(fault.kind, Kind::Condition | Kind::Missing) => Ok(Written::Not),
                fault => Err(fault),
            },
        }
    }

    /// Who decided the cut of an object; empty if it does not say, `None` if it is not there.
    pub async fn writer_of(&self, key: &str) -> Result<Option<String>, Fault> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => Ok(Some(found.metadata.and_then(|mut all| all.remove(WRITER)).unwrap_or_default())),
            Err(error) => match Fault::of(&format!("look at `{key}`"), error) {
                fault if fault.kind == Kind::Missing => Ok(None),
                fault => Err(fault),
            },
        }
    }

    /// Stores an object in one request.
    pub async fn put(&self, key: &str, writer: &str, bytes: Bytes) -> Result<(), Fault> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        let request = request
            .metadata(WRITER, writer)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.access.kms_key.clone())
            .set_acl(self.acl());
        request.send().await.map(|_| ()).map_err(|error| Fault::of(&format!("store `{key}`"), error))
    }

    /// Begins an object of several parts.
    pub async fn create(&self, key: &str, writer: &str) -> Result<String, Fault> {
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key);
        let request = request
            .metadata(WRITER, writer)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.access.kms_key.clone())
            .set_acl(self.acl());
        let begun = request.send().await.map_err(|error| Fault::of(&format!("begin `{key}`"), error))?;
        begun.upload_id.ok_or_else(|| Fault::own(Kind::Refused, format!("`{key}` was begun without an upload id")))
    }

    /// Sends a part, counted from 1.
    pub async fn part(&self, key: &str, id: &str, number: i32, bytes: Bytes) -> Result<CompletedPart, Fault> {
        let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(id).part_number(number);
        let sent = request.body(ByteStream::from(bytes)).send().await;
        let sent = sent.map_err(|error| Fault::of(&format!("send part {number} of `{key}`"), error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    /// Makes an object of its parts.
    pub async fn complete(&self, key: &str, id: &str, parts: Vec<CompletedPart>) -> Result<(), Fault> {
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
        let done = request.multipart_upload(upload).send().await;
        done.map(|_| ()).map_err(|error| Fault::of(&format!("complete `{key}`"), error))
    }

    /// Throws the parts of an unfinished object away.
    pub async fn abort(&self, key: &str, id: &str) -> Result<(), Fault> {
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
        request.send().await.map(|_| ()).map_err(|error| Fault::of(&format!("abort the upload of `{key}`"), error))
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.access.encryption.as_deref().map(ServerSideEncryption::from)
    }

    fn acl(&self) -> Option<ObjectCannedAcl> {
        self.access.acl.as_deref().map(ObjectCannedAcl::from)
    }
}
