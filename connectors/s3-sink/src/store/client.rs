//! The client, and one method for each request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ObjectCannedAcl, ServerSideEncryption, Tag,
};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use bytes::Bytes;
use connector_api::{Host, Result as Decided};

use super::body::{SignedAs, body_of};
use super::error::{Fault, Kind, collected};
use super::repeats::Repeats;
use crate::config::{Access, Signing, Tagging};
use crate::file::Content;

/// Under which name objects carry who decided their cut.
pub(super) const WRITER: &str = "naru-writer";

/// A bucket and how to reach it. Clones share connections.
#[derive(Clone)]
pub(crate) struct Store {
    pub(super) client: Client,
    pub(super) bucket: String,
    access: Access,
    /// Whether signatures cover what objects hold.
    signs_content: bool,
    host: Option<Arc<dyn Host>>,
    /// The server takes no tags, and the user does not mind.
    untagged: Arc<AtomicBool>,
}

/// What an object's tags say, where they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tags {
    /// The first offset.
    pub start: i64,
    /// The last offset, and how many records there are, once that is known.
    pub end: Option<(i64, u64)>,
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

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Store {
    /// Builds the client; nothing is sent yet, except to find credentials where none are configured. Requests are counted
    /// with the host, and wait as it says.
    pub async fn connect(access: &Access, host: Option<Arc<dyn Host>>) -> Store {
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
        if let Some(host) = &host {
            config = config.interceptor(Repeats(host.clone()));
        }
        let signs_content = match access.signing {
            Signing::Always => true,
            Signing::Never => false,
            Signing::WithoutTls => plain,
        };
        let (client, bucket, access) = (Client::from_conf(config.build()), access.bucket.clone(), access.clone());
        Store { client, bucket, access, signs_content, host, untagged: Arc::default() }
    }

    /// Waits until a request may be sent.
    pub(super) async fn turn(&self) {
        if let Some(host) = &self.host {
            let wait = host.request();
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Whether the bucket is there and ours to use.
    pub async fn find_bucket(&self) -> Decided<()> {
        let what = format!("reach the bucket `{}`", self.bucket);
        self.turn().await;
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
        self.turn().await;
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
        self.turn().await;
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
        self.turn().await;
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => Ok(Some(found.metadata.and_then(|mut all| all.remove(WRITER)).unwrap_or_default())),
            Err(error) => match Fault::of(&format!("look at `{key}`"), error) {
                fault if fault.kind == Kind::Missing => Ok(None),
                fault => Err(fault),
            },
        }
    }

    /// Stores an object in one request.
    pub async fn put(&self, key: &str, writer: &str, tags: Tags, content: &Content) -> Result<(), Fault> {
        let what = format!("store `{key}`");
        let send = async |tags: Option<String>| {
            self.turn().await;
            let request = self.client.put_object().bucket(&self.bucket).key(key).body(body_of(content));
            let request = request
                .metadata(WRITER, writer)
                .set_server_side_encryption(self.encryption())
                .set_ssekms_key_id(self.access.kms_key.clone())
                .set_acl(self.acl())
                .set_tagging(tags)
                .checksum_crc32(content.crc32())
                .customize()
                .interceptor(SignedAs::of(content, self.signs_content));
            request.send().await.map(|_| ()).map_err(|error| Fault::of(&what, error))
        };
        self.with_tags(tags, send).await
    }

    /// Begins an object of several parts.
    pub async fn create(&self, key: &str, writer: &str, tags: Tags) -> Result<String, Fault> {
        let what = format!("begin `{key}`");
        let send = async |tags: Option<String>| {
            self.turn().await;
            let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key);
            // Parts carry this sum, and strict servers want to know of it before.
            let request = request
                .checksum_algorithm(ChecksumAlgorithm::Crc32)
                .metadata(WRITER, writer)
                .set_server_side_encryption(self.encryption())
                .set_ssekms_key_id(self.access.kms_key.clone())
                .set_acl(self.acl())
                .set_tagging(tags);
            let begun = request.send().await.map_err(|error| Fault::of(&what, error))?;
            begun.upload_id.ok_or_else(|| Fault::own(Kind::Refused, format!("`{key}` was begun without an upload id")))
        };
        self.with_tags(tags, send).await
    }

    /// Sends a part, counted from 1.
    pub async fn part(&self, key: &str, id: &str, number: i32, content: &Content) -> Result<CompletedPart, Fault> {
        self.turn().await;
        let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(id).part_number(number);
        let request = request.body(body_of(content)).checksum_crc32(content.crc32());
        let sent = request.customize().interceptor(SignedAs::of(content, self.signs_content)).send().await;
        let sent = sent.map_err(|error| Fault::of(&format!("send part {number} of `{key}`"), error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    /// Makes an object of its parts.
    pub async fn complete(&self, key: &str, id: &str, parts: Vec<CompletedPart>) -> Result<(), Fault> {
        self.turn().await;
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
        let done = request.multipart_upload(upload).send().await;
        done.map(|_| ()).map_err(|error| Fault::of(&format!("complete `{key}`"), error))
    }

    /// Throws the parts of an unfinished object away.
    pub async fn abort(&self, key: &str, id: &str) -> Result<(), Fault> {
        self.turn().await;
        let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
        request.send().await.map(|_| ()).map_err(|error| Fault::of(&format!("abort the upload of `{key}`"), error))
    }

    /// Tags an object of several parts, whose end was not known when it was begun. Nothing where tags are not wanted.
    pub async fn tag(&self, key: &str, tags: Tags) -> Result<(), Fault> {
        let Some(tagging) = self.tagging() else { return Ok(()) };
        let tag = |(name, value): (String, String)| Tag::builder().key(name).value(value).build().ok();
        let set = tagging.of(tags).into_iter().filter_map(tag).collect();
        self.turn().await;
        let request = self.client.put_object_tagging().bucket(&self.bucket).key(key);
        let request = request.set_tagging(aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(set)).build().ok());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match Fault::of(&format!("tag `{key}`"), error) {
                fault if tagging.ignore_errors && !fault.may_pass() => {
                    self.no_tags(&fault);
                    Ok(())
                }
                fault => Err(fault),
            },
        }
    }

    /// Sends a request with its tags, and without where it does not work with them and the user does not mind.
    async fn with_tags<T>(
        &self,
        tags: Tags,
        send: impl AsyncFn(Option<String>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(tagging) = self.tagging() else { return send(None).await };
        match send(Some(tagging.header(tags))).await {
            Err(fault) if tagging.ignore_errors && !fault.may_pass() => {
                let done = send(None).await?;
                self.no_tags(&fault);
                Ok(done)
            }
            other => other,
        }
    }

    fn tagging(&self) -> Option<&Tagging> {
        self.access.tagging.as_ref().filter(|_| !self.untagged.load(Ordering::Relaxed))
    }

    fn no_tags(&self, fault: &Fault) {
        self.untagged.store(true, Ordering::Relaxed);
        if let Some(host) = &self.host {
            host.warn(&format!("objects are stored without tags from now on: {}", fault.text));
        }
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.access.encryption.as_deref().map(ServerSideEncryption::from)
    }

    fn acl(&self) -> Option<ObjectCannedAcl> {
        self.access.acl.as_deref().map(ObjectCannedAcl::from)
    }
}
