//! The cluster that a log is moved to: what is there, and making topics.

use std::collections::BTreeMap;
use std::time::Duration;

use broker_client::admin::{NewTopic, OffsetAt, create_topics, offsets_at};
use broker_client::{Backoff, Client, ClientError, Purpose};
use broker_wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use broker_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use broker_wire::{ApiKey, ErrorCode, Uuid};

use super::failure::{Failure, Result};
use super::plan::TargetTopic;
use super::settings::Described;

const TOPIC: i8 = 2;
const SET: i8 = 0;
const DELETE: i8 = 1;

/// How many topics one request makes.
const TOPICS_AT_ONCE: usize = 50;

/// How often a question is asked again that a cluster cannot answer yet: some 15 s.
const ATTEMPTS: u32 = 20;

/// Asks again for a while what a cluster that is starting, electing or loading cannot answer yet.
pub async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, ClientError> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    loop {
        match ask().await {
            Err(why) if why.is_retriable() && backoff.attempts() < ATTEMPTS => {
                tokio::time::sleep(backoff.next_delay()).await
            }
            answer => return answer,
        }
    }
}

/// The cluster's id, once it has been asked; `None` if it has none.
pub async fn cluster_id(client: &Client) -> Result<Option<String>, ClientError> {
    patiently(|| client.topic_names()).await?;
    Ok(client.cluster_id())
}

/// Those of the topics that are there.
pub async fn topics<'a>(
    client: &Client,
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, TargetTopic>, ClientError> {
    let there: std::collections::BTreeSet<String> = client.topic_names().await?.into_iter().collect();
    let mut topics = BTreeMap::new();
    for name in names.filter(|name| there.contains(*name)) {
        topics.insert(name.clone(), topic(client, name).await?);
    }
    Ok(topics)
}

async fn topic(client: &Client, name: &str) -> Result<TargetTopic, ClientError> {
    let known = client.settled_partitions(name).await?;
    let partitions: Vec<i32> = (0..known.leaders.len() as i32).collect();
    let ends = offsets_at(client, name, &partitions, OffsetAt::Latest).await?;
    let id = (known.id != Uuid::ZERO).then(|| known.id.to_string());
    Ok(TargetTopic { id, ends: ends.into_values().collect() })
}

/// Makes topics that are not there.
pub async fn make(client: &Client, topics: &[NewTopic]) -> Result<()> {
    for some in topics.chunks(TOPICS_AT_ONCE) {
        let made = patiently(|| create_topics(client, some)).await?;
        for (topic, made) in some.iter().zip(made) {
            made.map_err(|why| cannot_make(&why))?;
            client.settled_partitions(&topic.name).await?;
        }
    }
    Ok(())
}

fn cannot_make(why: &ClientError) -> Failure {
    let remedy = match why.code() {
        Some(ErrorCode::INVALID_REPLICATION_FACTOR) => {
            " Set `--replication-factor` to at most the number of its brokers."
        }
        _ => " Put that right, then run the same command again.",
    };
    Failure::running(format!("{why}.{remedy}"))
}

/// The settings of a topic, and which of them were set for it.
pub async fn described(client: &Client, topic: &str) -> Result<Vec<Described>, ClientError> {
    let resource =
        DescribeConfigsResource { resource_type: TOPIC, resource_name: topic.to_owned(), configuration_keys: None };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let answer = client.any(Purpose::Control).await?.call(&request).await?;
    let found =
        answer.results.into_iter().next().ok_or_else(|| ClientError::Missing(format!("settings of topic {topic}")))?;
    ClientError::check(found.error_code, || format!("cannot describe topic {topic}"))?;
    let own = |source: i8| source == 1;
    Ok(found.configs.into_iter().filter_map(|one| Some((one.name, one.value?, own(one.config_source)))).collect())
}

/// Whether it lets settings of topics be changed.
pub async fn can_alter(client: &Client) -> Result<bool, ClientError> {
    Ok(client.any(Purpose::Control).await?.version(ApiKey::IncrementalAlterConfigs, i16::MAX).is_ok())
}

/// Changes settings of a topic; `None` leaves a setting to the cluster.
pub async fn alter(
    client: &Client,
    topic: &str,
    settings: &BTreeMap<String, Option<String>>,
) -> Result<(), ClientError> {
    let change = |(name, value): (&String, &Option<String>)| AlterableConfig {
        name: name.clone(),
        config_operation: if value.is_some() { SET } else { DELETE },
        value: value.clone(),
    };
    let configs = settings.iter().map(change).collect();
    let resource = AlterConfigsResource { resource_type: TOPIC, resource_name: topic.to_owned(), configs };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let altered = || async {
        let answer = client.any(Purpose::Control).await?.call(&request).await?;
        let found = answer.responses.first().map(|found| (found.error_code, found.error_message.clone()));
        match found {
            Some((ErrorCode::NONE, _)) => Ok(()),
            Some((code, message)) => {
                Err(ClientError::Refused { what: format!("cannot change settings of topic {topic}"), code, message })
            }
            None => Err(ClientError::Missing(format!("answer for topic {topic}"))),
        }
    };
    patiently(altered).await
}
