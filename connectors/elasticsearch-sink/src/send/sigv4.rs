//! Signatures for Amazon OpenSearch Service, by Amazon's version 4.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use connector_api::{Error, Result};
use reqwest::header::{HeaderName, HeaderValue};
use tokio::sync::Mutex;

use crate::config::Aws;

/// How long before they end credentials are asked for anew.
const MARGIN: Duration = Duration::from_secs(300);

/// How long credentials are used that name no end, so that changed files are seen.
const LIFE: Duration = Duration::from_secs(900);

/// Signs requests.
pub struct Signer {
    settings: Aws,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    provider: Option<SharedCredentialsProvider>,
    /// Credentials, and until when they are used.
    current: Option<(Credentials, SystemTime)>,
}

impl Signer {
    /// With credentials that are found when they are needed first.
    pub fn new(settings: Aws) -> Signer {
        Signer { settings, state: Mutex::default() }
    }

    /// Adds the signature to a request whose headers are complete but for those of the connection.
    pub async fn sign(&self, request: &mut reqwest::Request) -> Result<()> {
        let credentials = self.credentials(SystemTime::now()).await?;
        let place = Place { region: &self.settings.region, service: &self.settings.service };
        let headers = signature(request, &place, credentials, SystemTime::now())?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    async fn credentials(&self, now: SystemTime) -> Result<Credentials> {
        let mut state = self.state.lock().await;
        if let Some((credentials, until)) = &state.current
            && now < *until
        {
            return Ok(credentials.clone());
        }
        let provider = match &state.provider {
            Some(provider) => provider.clone(),
            None => provider(&self.settings).await?,
        };
        state.provider = Some(provider.clone());
        match provider.provide_credentials().await {
            Ok(found) => {
                let until = found.expiry().and_then(|end| end.checked_sub(MARGIN)).unwrap_or(now + LIFE);
                state.current = Some((found.clone(), until));
                Ok(found)
            }
            // The last ones hold for a while yet.
            Err(why) => match state.current.as_ref().filter(|(last, _)| last.expiry().is_some_and(|end| now < end)) {
                Some((last, _)) => Ok(last.clone()),
                None => Err(no_credentials().caused_by(why)),
            },
        }
    }
}

async fn provider(settings: &Aws) -> Result<SharedCredentialsProvider> {
    if let Some((id, secret, token)) = &settings.keys {
        let token = token.as_ref().map(|token| token.reveal().trim().to_owned());
        let keys = Credentials::new(id, secret.reveal().trim(), token, None, "configuration");
        return Ok(SharedCredentialsProvider::new(keys));
    }
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).build_https();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).region(Region::new(settings.region.clone()));
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await.credentials_provider().ok_or_else(no_credentials)
}

fn no_credentials() -> Error {
    Error::fail("there are no AWS credentials to sign requests with").remedy(
        "Set `aws.access.key.id` and `aws.secret.access.key`, or `aws.profile`, or give the worker a role; the task starts again \
         by itself.",
    )
}

/// For whom a signature holds.
struct Place<'a> {
    region: &'a str,
    service: &'a str,
}

/// The headers that sign a request made at that time. Pure.
fn signature(
    request: &reqwest::Request,
    place: &Place<'_>,
    credentials: Credentials,
    time: SystemTime,
) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let cannot = |why: String| Error::fatal(format!("a request cannot be signed: {why}"));
    let mut settings = SigningSettings::default();
    // Serverless collections ask for it, domains take it.
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(place.region)
        .name(place.service)
        .time(time)
        .settings(settings)
        .build()
        .map_err(|why| cannot(why.to_string()))?
        .into();
    let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let signable =
        SignableRequest::new(request.method().as_str(), request.url().as_str(), headers, SignableBody::Bytes(body))
            .map_err(|why| cannot(why.to_string()))?;
    let (instructions, _) = sign(signable, &params).map_err(|why| cannot(why.to_string()))?.into_parts();
    instructions
        .headers()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|why| cannot(why.to_string()))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                Error::bad_config("aws.session.token", "The AWS credentials hold letters that no request can carry.")
            })?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::{Method, Url};

    /// A request of Amazon's own suite of test cases, with a signed body, and the signature that it names.
    #[test]
    fn amazon_s_own_example_is_signed_as_amazon_signs_it() {
        let mut request = reqwest::Request::new(Method::POST, Url::parse("https://example.amazonaws.com/").unwrap());
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.headers_mut().insert("content-length", HeaderValue::from_static("13"));
        *request.body_mut() = Some("Param1=value1".into());
        let keys = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let place = Place { region: "us-east-1", service: "service" };
        let headers = signature(&request, &place, keys, time).unwrap();
        let of = |name: &str| headers.iter().find(|header| header.0 == name).unwrap().1.to_str().unwrap();
        assert_eq!(of("x-amz-date"), "20150830T123600Z");
        assert_eq!(of("x-amz-content-sha256"), "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e");
        assert_eq!(
            of("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-length;content-type;host;x-amz-content-sha256;x-amz-date, \
             Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
        );
    }
}
