//! One request: the page, or the decision that the answer's status stands for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use connector_api::{Decision, Error, Result};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::page::Page;
use crate::settings::Settings;

/// The API.
#[derive(Clone)]
pub struct Api {
    client: Client,
    settings: Arc<Settings>,
}

impl Api {
    /// A client with these settings; nothing is asked yet.
    pub fn new(settings: Settings) -> Result<Api> {
        let client = Client::builder()
            .timeout(settings.timeout)
            .default_headers(settings.headers.clone())
            // Headers with tokens must not go where a redirect points, nor to a proxy that only the environment names.
            .redirect(Policy::none())
            .no_proxy()
            .build();
        let client = client.map_err(|why| Error::fail("cannot make an HTTP client").caused_by(why.without_url()))?;
        Ok(Api { client, settings: Arc::new(settings) })
    }

    /// What the user wants.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The page behind a cursor.
    pub async fn page(&self, after: Option<&str>) -> Result<Page> {
        let lost = |why: reqwest::Error| {
            Error::retry(format!("no answer from {}", self.settings.shown)).caused_by(why.without_url())
        };
        let response = self.client.get(self.address(after)).send().await.map_err(lost)?;
        if !response.status().is_success() {
            return Err(self.refusal(&response));
        }
        let body = self.body(response).await?;
        Page::read(&body, &self.settings).map_err(|why| self.odd(after, &why))
    }

    fn address(&self, after: Option<&str>) -> Url {
        let mut url = self.settings.url.clone();
        let limit = self.settings.page_size.to_string();
        url.query_pairs_mut().append_pair(&self.settings.limit_parameter, &limit);
        if let Some(after) = after {
            url.query_pairs_mut().append_pair(&self.settings.cursor_parameter, after);
        }
        url
    }

    /// The whole body, never more of it than is allowed.
    async fn body(&self, mut response: Response) -> Result<Bytes> {
        let Settings { shown, max_bytes, .. } = &*self.settings;
        let mut body = BytesMut::new();
        let lost =
            |why: reqwest::Error| Error::retry(format!("half an answer from {shown}")).caused_by(why.without_url());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > *max_bytes {
                return Err(Error::fatal(format!("an answer from {shown} has more than {max_bytes} bytes"))
                    .remedy("Lower `page.size`, or raise `response.max.bytes`."));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn refusal(&self, response: &Response) -> Error {
        let message = format!("{} answers {}", self.settings.shown, response.status());
        let fatal = |remedy: &str| Error::fatal(&message).remedy(remedy);
        match response.status().as_u16() {
            429 | 503 => Error::new(Decision::Retry { after: self.asked_to_wait(response) }, message),
            408 | 500..=599 => Error::retry(message),
            401 | 403 => fatal("Check the token in `headers.*`, and what it is allowed to read."),
            404 | 410 => fatal("Check `url`; if it is right, the cursor may be too old for the API."),
            300..=399 => fatal("Redirects are not followed; put the address that it points to into `url`."),
            _ => fatal(
                "Compare `url`, `cursor.parameter`, `limit.parameter` and `page.size` with the API's documentation.",
            ),
        }
    }

    /// `Retry-After`, in seconds or as a date.
    fn asked_to_wait(&self, response: &Response) -> Option<Duration> {
        let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
        let until = |date: SystemTime| date.duration_since(SystemTime::now()).unwrap_or_default();
        let seconds = text.parse().map(Duration::from_secs).ok();
        let asked = seconds.or_else(|| httpdate::parse_http_date(text).ok().map(until))?;
        Some(asked.min(self.settings.retry_after_max))
    }

    /// The answer is not what was agreed. A fresh start asks again.
    pub fn odd(&self, after: Option<&str>, why: &str) -> Error {
        let at = after.map_or_else(|| "the first page".to_owned(), |after| format!("the page at cursor `{after}`"));
        Error::fail(format!("{at} of {} is not as expected: {why}", self.settings.shown))
            .remedy("Compare `items.field`, `next.field` and `key.field` with what the API answers.")
    }
}
