//! What is said of a wrong configuration.

use connector_api::config::{Issue, RawConfig};
use connector_api::conformance::free_port;
use connector_api::{Decision, SinkConnector};
use elasticsearch_sink::ElasticsearchSink;

use crate::shared::{SERVER, config, put, record, start, try_start};

async fn issues(raw: &RawConfig) -> Vec<Issue> {
    let config = ElasticsearchSink.definition().config.check(raw).into_result().unwrap();
    ElasticsearchSink.validate(&config).await
}

/// An address at which nothing listens.
fn silent() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

#[tokio::test]
async fn a_server_that_answers_is_fine() {
    assert_eq!(issues(&SERVER.config()).await, []);
}

#[tokio::test]
async fn an_address_where_nothing_answers_is_named() {
    let raw = config(&SERVER, &[("connection.url", &silent())]);
    let found = issues(&raw).await;
    assert!(found[0].is_error() && found[0].key == "connection.url", "{found:?}");
    assert!(found[0].message.contains("127.0.0.1") && found[0].message.contains("refused"), "{found:?}");
    let error = try_start(&raw).await.err().unwrap();
    assert_eq!(*error.decision(), Decision::Fail, "the server may come back: {error}");
}

#[tokio::test]
async fn an_address_of_something_else_is_named() {
    let raw = config(&SERVER, &[("connection.url", &format!("{}/some/path", SERVER.url()))]);
    let found = issues(&raw).await;
    assert!(found[0].message.contains("not as Elasticsearch or OpenSearch"), "{found:?}");
}

#[tokio::test]
async fn one_address_of_several_is_enough_and_the_others_are_warned_of() {
    let urls = format!("{},{},{}", silent(), SERVER.url(), silent());
    let raw = config(&SERVER, &[("connection.url", &urls)]);
    let found = issues(&raw).await;
    assert!(found.len() == 2 && found.iter().all(|issue| !issue.is_error()), "{found:?}");
    let mut task = start(&raw).await;
    for offset in 0..5 {
        put(&mut task, &[record("several", offset, &offset.to_string(), "{}")]).await;
    }
    assert_eq!(SERVER.documents("several").len(), 5);
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_named_at_their_key() {
    let raw = config(
        &SERVER,
        &[("connection.url", "https://localhost:1"), ("elastic.https.ssl.truststore.location", "/nowhere.pem")],
    );
    let found = issues(&raw).await;
    assert_eq!(found[0].key, "elastic.https.ssl.truststore.location", "{found:?}");
}
