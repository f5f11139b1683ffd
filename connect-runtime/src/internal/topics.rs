//! Making the worker's own topics, and checking those that are there.

use broker_client::admin::{NewTopic, create_topics, topic_config};
use broker_client::{Client, ClientError, bridged};

use crate::config::InternalTopicConfig;

/// Makes those of the worker's own topics, or the one in which a connector keeps its positions, that are not there, and checks
/// those that are: they must be compacted, or what they hold would be forgotten, and the config topic must have one partition, or
/// its order would be lost.
pub async fn ensure<const N: usize>(client: &Client, topics: [&InternalTopicConfig; N]) -> Result<(), String> {
    let wanted = topics.map(|topic: &InternalTopicConfig| NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.settings.clone(),
    });
    let made = bridged(|| create_topics(client, &wanted)).await;
    let made = made.map_err(|why| format!("Cannot make the worker's topics: {why}."))?;
    for (topic, made) in topics.iter().zip(made) {
        match made {
            Ok(true) => {}
            Ok(false) => check(client, topic).await?,
            Err(why) => return Err(hint(&why)),
        }
    }
    Ok(())
}

fn hint(why: &ClientError) -> String {
    let remedy = match why.code() {
        Some(broker_wire::ErrorCode::INVALID_REPLICATION_FACTOR) => {
            " Set `config.storage.replication.factor`, `offset.storage.replication.factor` and \
             `status.storage.replication.factor` to at most the number of brokers."
        }
        _ => "",
    };
    format!("{why}.{remedy}")
}

async fn check(client: &Client, topic: &InternalTopicConfig) -> Result<(), String> {
    let name = &topic.name;
    let settings = bridged(|| topic_config(client, name)).await.map_err(|why| format!("{why}."))?;
    if let Some(policy) = settings.as_ref().and_then(|settings| settings.get("cleanup.policy"))
        && policy != "compact"
    {
        return Err(format!(
            "The topic {name} has cleanup.policy={policy}, so what the worker keeps there would be deleted. Set it to \
             compact, or name another topic in the configuration."
        ));
    }
    let known = bridged(|| client.settled_partitions(name)).await;
    let count = known.map_err(|why| format!("{why}."))?.leaders.len();
    if topic.partitions == 1 && count != 1 {
        return Err(format!("The topic {name} has {count} partitions; the config topic must have exactly one."));
    }
    Ok(())
}
