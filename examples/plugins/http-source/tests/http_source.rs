//! The source against a small API.
#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

mod api;

use std::path::Path;
use std::time::{Duration, Instant};

use api::{Api, TOKEN, answer};
use connector_api::config::RawConfig;
use connector_api::conformance::{SourceWorld, check_readme, check_source};
use connector_api::data::Payload;
use connector_api::*;
use http_source::{HttpPollSource, HttpPollTask};

struct Feed(Api);

impl SourceWorld for Feed {
    fn plugin(&self) -> Plugin {
        Plugin::source(HttpPollSource)
    }
    fn config(&self) -> RawConfig {
        config(&self.0, &[])
    }
    async fn happen(&mut self, count: usize) -> Vec<String> {
        let items = &mut self.0.state().items;
        let new = items.len()..items.len() + count;
        items.extend(new.clone().map(|n| format!("{{\"id\": {n}, \"text\": \"n\\u00e4{n}\"}}")));
        new.map(|n| n.to_string()).collect()
    }
    fn identify(&self, record: &SourceRecord) -> Option<String> {
        let value: serde_json::Value = serde_json::from_slice(record.value.as_bytes()?).ok()?;
        let id = value["id"].to_string();
        assert_eq!(record.key, Payload::text(id.as_str()));
        Some(id)
    }
}

fn config(api: &Api, more: &[(&str, &str)]) -> RawConfig {
    let url = api.url();
    let own = [
        ("url", url.as_str()),
        ("topic", "items"),
        ("key.field", "id"),
        ("page.size", "10"),
        ("poll.interval.ms", "20"),
        ("headers.Authorization", TOKEN),
    ];
    own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const LIMITS: PollLimits = PollLimits { max_records: 100, max_bytes: 1 << 20, wait: Duration::from_secs(20) };

async fn started(raw: &RawConfig) -> HttpPollTask {
    let config = HttpPollSource.definition().config.check(raw).into_result().unwrap();
    let mut task = HttpPollSource.task();
    let context = SourceContext { task: TaskContext::alone("test"), positions: Vec::new() };
    task.start(context, &config).await.unwrap();
    task
}

async fn issues(raw: &RawConfig) -> Vec<connector_api::config::Issue> {
    let config = HttpPollSource.definition().config.check(raw).into_result().unwrap();
    HttpPollSource.validate(&config).await
}

/// The error of the first poll, after that answer.
async fn error_after(reply: String, more: &[(&str, &str)]) -> Error {
    let api = Api::start();
    api.state().canned.push_back(reply);
    started(&config(&api, more)).await.poll(LIMITS).await.unwrap_err()
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    check_source(&mut Feed(Api::start())).await;
}

#[tokio::test]
async fn it_passes_the_conformance_suite_with_a_cursor_behind_the_last_page() {
    let api = Api::start();
    api.state().always_next = true;
    check_source(&mut Feed(api)).await;
}

#[test]
fn the_readme_has_the_keys() {
    check_readme(Path::new(env!("CARGO_MANIFEST_DIR")), &HttpPollSource.definition().config);
}

#[tokio::test]
async fn an_item_is_passed_on_as_it_is() {
    let api = Api::start();
    let item = r#"{ "id":"a","n":12345678901234567890.10,"text":"\u00e4" }"#;
    api.state().items.push(item.to_owned());
    let batch = started(&config(&api, &[])).await.poll(LIMITS).await.unwrap().unwrap();
    assert_eq!(batch.records[0].value, Payload::Json(item.into()));
    assert_eq!(batch.records[0].key, Payload::text("a"));
}

#[tokio::test]
async fn an_api_that_is_busy_is_left_alone_for_as_long_as_it_asks() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let error = error_after(answer(status, "Retry-After: 7\r\n", ""), &[]).await;
        assert_eq!(error.decision(), &Decision::Retry { after: Some(Duration::from_secs(7)) }, "{error}");
    }
    let error = error_after(answer("429 Busy", "Retry-After: 999999\r\n", ""), &[("retry.after.max.ms", "1000")]).await;
    assert_eq!(error.decision(), &Decision::Retry { after: Some(Duration::from_secs(1)) }, "{error}");
    let past = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    let error = error_after(answer("429 Busy", past, ""), &[]).await;
    assert_eq!(error.decision(), &Decision::Retry { after: Some(Duration::ZERO) }, "{error}");
}

#[tokio::test]
async fn passing_trouble_is_retried_and_costs_no_item() {
    let api = Api::start();
    api.state().items.push("{\"id\":1}".to_owned());
    api.state().canned.push_back(answer("500 Oops", "", ""));
    api.state().canned.push_back("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":".to_owned());
    let mut task = started(&config(&api, &[])).await;
    for _ in 0..2 {
        let error = task.poll(LIMITS).await.unwrap_err();
        assert_eq!(error.decision(), &Decision::Retry { after: None }, "{error}");
    }
    assert_eq!(task.poll(LIMITS).await.unwrap().unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_slow_api_is_timed_out_and_never_holds_a_poll() {
    let api = Api::start();
    api.state().slow = Duration::from_millis(1500);
    api.state().items.push("{\"id\":1}".to_owned());
    let mut task = started(&config(&api, &[])).await;
    let (since, short) = (Instant::now(), PollLimits { wait: Duration::from_millis(50), ..LIMITS });
    assert!(task.poll(short).await.unwrap().is_none());
    assert!(since.elapsed() < api.state().slow, "{:?}", since.elapsed());
    assert_eq!(task.poll(LIMITS).await.unwrap().unwrap().records.len(), 1);
    assert_eq!(api.state().asked.len(), 1, "the request of the first poll was not given up");
    let hasty = config(&api, &[("request.timeout.ms", "100")]);
    let error = started(&hasty).await.poll(LIMITS).await.unwrap_err();
    assert_eq!(error.decision(), &Decision::Retry { after: None }, "{error}");
    let found = issues(&hasty).await;
    assert!(!found[0].is_error(), "an API that is slow now may be faster when the connector runs: {found:?}");
}

#[tokio::test]
async fn a_wrong_token_shows_when_the_connector_is_made_and_never_in_the_error() {
    let api = Api::start();
    api.state().guarded = true;
    assert_eq!(issues(&config(&api, &[])).await, []);
    let wrong = config(&api, &[("headers.Authorization", "Bearer canary-9999")]);
    let found = issues(&wrong).await;
    assert!(found[0].is_error() && found[0].message.contains("401"), "{found:?}");
    let error = started(&wrong).await.poll(LIMITS).await.unwrap_err();
    assert_eq!(error.decision(), &Decision::Fatal);
    assert!(error.to_string().contains("Check the token in `headers.*`"), "{error}");
    assert!(!format!("{error:?} {found:?}").contains("canary"), "{error:?} {found:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_as_agreed_is_named_by_address_and_cursor() {
    let bad = ["{\"items\": [1,}", "[]", "{}", "{\"items\": 5}", "{\"items\": [], \"next\": {}}", "{\"items\": [{}]}"];
    for body in bad {
        let api = Api::start();
        api.state().items.extend((0..11).map(|n| format!("{{\"id\": {n}}}")));
        let mut task = started(&config(&api, &[])).await;
        task.poll(LIMITS).await.unwrap();
        api.state().canned.push_back(answer("200 OK", "", body));
        let error = task.poll(LIMITS).await.unwrap_err();
        assert_eq!(error.decision(), &Decision::Fail, "{body}: {error}");
        assert!(error.to_string().contains(&format!("the page at cursor `10` of {}", api.url())), "{error}");
    }
}

#[tokio::test]
async fn a_large_answer_is_not_read_to_its_end() {
    let body = "x".repeat(5000);
    let error = error_after(answer("200 OK", "", &body), &[("response.max.bytes", "4999")]).await;
    assert_eq!(error.decision(), &Decision::Fatal);
    assert!(error.to_string().contains("raise `response.max.bytes`"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_wrong_address_is_final() {
    let error = error_after(answer("302 Found", "Location: http://127.0.0.1:1/\r\n", ""), &[]).await;
    assert!(error.to_string().contains("Redirects are not followed"), "{error}");
    let error = error_after(answer("404 Not Found", "", ""), &[]).await;
    assert_eq!(error.decision(), &Decision::Fatal, "{error}");
}

#[tokio::test]
async fn secrets_in_an_address_never_show() {
    let api = Api::start();
    let host = api.url().replace("http://", "");
    let found = issues(&config(&api, &[("url", &format!("http://me:canary-1@{host}"))])).await;
    assert!(found[0].is_error() && found[0].key == "url" && !found[0].message.contains("canary"), "{found:?}");
    let error = started(&config(&api, &[("url", "http://127.0.0.1:1/x?key=canary-2")])).await.poll(LIMITS).await;
    let error = error.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_page_that_has_lost_items_is_not_read_past() {
    let api = Api::start();
    api.state().items.extend((0..5).map(|n| format!("{{\"id\": {n}}}")));
    let mut task = started(&config(&api, &[])).await;
    assert_eq!(task.poll(LIMITS).await.unwrap().unwrap().records.len(), 5);
    api.state().items.truncate(3);
    let error = task.poll(LIMITS).await.unwrap_err();
    assert_eq!(error.decision(), &Decision::Fatal);
    assert!(error.to_string().contains("has 3 items, of which 5 were read before"), "{error}");
}

#[tokio::test]
async fn a_page_larger_than_a_batch_comes_in_parts() {
    let api = Api::start();
    api.state().items.extend((0..10).map(|n| format!("{{\"id\": {n}, \"pad\": \"{}\"}}", "x".repeat(1000))));
    let mut task = started(&config(&api, &[])).await;
    let sizes = [
        PollLimits { max_records: 3, ..LIMITS },
        PollLimits { max_bytes: 2600, ..LIMITS },
        PollLimits { max_bytes: 1, ..LIMITS },
        LIMITS,
    ];
    for (limits, expected) in sizes.into_iter().zip([3, 2, 1, 4]) {
        assert_eq!(task.poll(limits).await.unwrap().unwrap().records.len(), expected);
    }
    assert_eq!(api.state().asked.len(), 1);
}
